"""Summaries of whole videos: scenes, chapters and the whole, made once and kept as evidence of kind ``summary``.

A summary points to moments and proves nothing: search leaves summaries out unless they are asked for by kind, and an
answer quotes the evidence that they rest on (``extra["from"]``). ``extra["level"]`` is ``scene``, ``chapter`` or
``video``, ``extra["title"]`` a few words, and the engine says whether it quotes the video or a model wrote it. Where
some are not what was asked for, ``extra["notice"]`` of the whole says why.
"""

from vagent.index.summaries.extract import telling
from vagent.index.summaries.keep import Summarised, fingerprint, refresh, summarise, up_to_date

__all__ = ["Summarised", "fingerprint", "refresh", "summarise", "telling", "up_to_date"]
