"""What the index holds and what search returns. All times are seconds from the video's start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from vagent.tools.time import Span

Kind = Literal["subtitle", "speech", "screen_text", "objects", "caption", "sound", "summary", "visual"]
"""The sense an evidence row comes from."""

KINDS: tuple[Kind, ...] = get_args(Kind)
SPOKEN: frozenset[Kind] = frozenset({"subtitle", "speech"})
"""Kinds that hold what is said."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A run of frames between two boundaries. ``start_kind`` says how it begins."""

    span: Span
    start_kind: Literal["start", "cut", "fade", "dissolve"] = "start"


@dataclass(frozen=True, slots=True)
class Clip:
    """The retrieval unit: clips cover a video without gap or overlap, each at most ``clips.longest`` seconds long."""

    span: Span
    id: int = 0  # row number in the library; 0 before it is stored


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that one sense found in one video, with its time.

    Attributes:
        video: row number of the video in the library.
        kind: the sense.
        text: what was said, written, seen.
        confidence: 0..1 as the engine gave it, 1.0 for subtitles; None where the engine has no usable number.
        weak: True when the engine is known to be unreliable; an answer must not rest on weak evidence alone.
        engine: name and revision, ``"rapidocr 3.10.0"``.
        extra: boxes, words with times, speaker, language ... JSON values only.
    """

    video: int
    span: Span
    kind: Kind
    text: str
    confidence: float | None = None
    weak: bool = False
    engine: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0  # row number in the library; 0 before it is stored


@dataclass(frozen=True, slots=True)
class Video:
    """One content, whatever paths it lies at.

    Attributes:
        fingerprint: hash of the content: a rename, a move or a copy is the same video.
        path: where it was last seen.
        duration: seconds that decode (not what the header claims), once indexed; the header's before.
        info: what probing found (container, tracks, size ...), JSON values only.
        gaps: stretches that could not be decoded.
        complete: every stage that the settings ask for has finished.
        missing: since when its file is gone, ISO 8601; None while it is there.
        title, year, language: of the film, where they are known; the language as ISO 639.
    """

    id: int
    fingerprint: str
    path: str
    duration: float
    info: Mapping[str, Any] = field(default_factory=dict)
    gaps: tuple[Span, ...] = ()
    complete: bool = False
    missing: str | None = None
    title: str | None = None
    year: int | None = None
    language: str | None = None


class Film(NamedTuple):
    """What a video is chosen by; the same as of ``Video``, and a tenth of the work to read."""

    id: int
    path: str
    duration: float
    title: str | None
    year: int | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One evidence row found by search, with its fused score and the rank (from 1) each channel gave it."""

    evidence: Evidence
    score: float
    ranks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of one video that answers a query, best evidence first."""

    video: Video
    span: Span
    score: float
    hits: tuple[Hit, ...] = ()
