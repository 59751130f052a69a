"""Video and audio files, read with PyAV. Every time is a presentation time with the container's start offset removed.

``probe`` (probe.py) says what a file holds, ``pick`` (probe.py) chooses tracks, ``read`` (reader.py) gives sampled
frames, picture signatures and audio from one demux pass, ``frame_at`` (reader.py) gives the frame shown at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vagent.tools.time import Span

TrackKind = Literal["video", "audio", "subtitle", "other"]


@dataclass(frozen=True, slots=True)
class Track:
    """One stream of a file.

    Attributes:
        index: number of the stream in the container, as ffprobe prints it.
        language: ISO 639 code as the file says it (``en``, ``eng``), or None.
        width, height: pixels as shown: pixel aspect ratio and rotation applied; 0 where there is no picture.
        rotation: degrees that the stored picture is turned clockwise for display: 0, 90, 180 or 270.
        attached_picture: cover art and the like, which is not video.
        bitmap: subtitles that are pictures (PGS, DVD): not readable as text.
        frame_rate: average, frames a second, for information only; never used to compute a time.
    """

    index: int
    kind: TrackKind
    codec: str
    language: str | None = None
    title: str = ""
    default: bool = False
    forced: bool = False
    hearing_impaired: bool = False
    commentary: bool = False
    attached_picture: bool = False
    bitmap: bool = False
    width: int = 0
    height: int = 0
    rotation: int = 0
    interlaced: bool = False
    frame_rate: float | None = None
    sample_rate: int = 0
    channels: int = 0


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter as the file marks it: seconds, and its title, which may be empty."""

    start: float
    end: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file holds.

    Attributes:
        duration: seconds as the header says, or None (live-style files); the truth comes from decoding.
        offset: the container's start time in seconds, which ``read`` subtracts from every time.
        chapters: what the file marks, in order of time.
        title, made: the container's tags for what the film is called and when it was made, as they stand there.
    """

    path: Path
    container: str
    size: int
    duration: float | None
    offset: float
    tracks: tuple[Track, ...]
    chapters: tuple[Chapter, ...] = ()
    title: str = ""
    made: str = ""

    def of(self, kind: TrackKind) -> tuple[Track, ...]:
        """Tracks of one kind, attached pictures left out."""
        return tuple(t for t in self.tracks if t.kind == kind and not t.attached_picture)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded video frame.

    Attributes:
        time: seconds; the frame is shown from here until the next frame's time.
        signature: uint8, 3 x h x w (about 90 x 160): the Y, U and V planes thinned out, for shot detection.
        image: uint8, height x width x 3, BGR, upright and with square pixels; None when this frame is not a sample.
        key: the file marks it as decodable by itself.
        lasts: seconds for which the file says that it is shown, or None.
    """

    time: float
    signature: NDArray[np.uint8]
    image: NDArray[np.uint8] | None
    key: bool
    lasts: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Consecutive audio: int16, mono, 16 kHz, beginning at ``time`` seconds.

    Silence is filled in where the file has holes, so that sample number and time never drift apart.
    """

    time: float
    samples: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch that could not be decoded, and why."""

    span: Span
    reason: str


Item = Frame | Audio | Gap
"""What ``read`` yields, roughly in order of time."""
