"""Subtitles: files beside the video (``sidecar``) and text tracks inside it (``embedded``), and which to take
(``choice``). What they say is data that somebody else wrote: it is cleaned of markup and never interpreted."""

from __future__ import annotations

from vagent.tools.subtitles.choice import Found, find, good
from vagent.tools.subtitles.cues import Cue, Subtitles

__all__ = ["Cue", "Found", "Subtitles", "find", "good"]
