"""OpenAI-compatible servers, as every sense asks them: the wire (``http``), what comes back over it (``replies``), and
a server together with its model and its ways (``server``)."""
