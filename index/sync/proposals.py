"""A new file that looks like a video of the library, the same film in another encoding; it waits for the user's word.

The proposal is kept in the ``info`` of the new file's row, so that the next run need not find it out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vagent.index.records import Video
from vagent.index.video.pipeline import Report
from vagent.tools.time import format_time

KEY = "looks_like"

_SAME = 0.15  # seconds


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a new file resembles a video of the library.

    Attributes:
        video: number of the video.
        rate, offset: second ``t`` of the video is second ``rate * t + offset`` of the new file.
        share: part of the new file's pictures that the video has at these times.
        sound: correlation of the loudness; None where there is too little sound to compare.
    """

    video: int
    rate: float
    offset: float
    share: float
    sound: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @property
    def moves(self) -> bool:
        """Whether any time is another in the new file."""
        return self.rate != 1.0 or self.offset != 0.0

    @property
    def one_clock(self) -> bool:
        """Whether the times are so near that they may stand for both files: containers begin a little earlier or later
        with the delay of an encoder."""
        return self.rate == 1.0 and abs(self.offset) <= _SAME

    @property
    def shift(self) -> str:
        """How the times differ, in words."""
        speed = "" if self.rate == 1.0 else f" and {self.rate:.4f} times as long"
        return f"at offset {self.offset:+.1f} s{speed}"


def proposed(video: Video) -> Likeness | None:
    """What a video that has no index waits for; None where it does not."""
    found: Mapping[str, Any] | None = video.info.get(KEY)
    return None if found is None or video.complete else Likeness(**found)


def waits(video: Video, like: Likeness, old: Video | None) -> Report | None:
    """The report of a file that waits; None where what it looked like is in the library no more."""
    if old is None or not old.complete:
        return None
    gone = f" (missing since {old.missing[:10]})" if old.missing else ""
    notice = (
        f"looks like {old.path}{gone} {like.shift}; `vagent index --relink` gives it that index,"
        " `vagent index --no-relink` indexes it as a video of its own"
    )
    return Report(video.path, "alike", video, notices=(notice,))


def leftover(like: Likeness, old: Video, duration: float) -> str | None:
    """What of the new file the old index does not cover, in words."""
    head, tail = like.offset, duration - like.rate * old.duration - like.offset
    parts = [f"the first {head:.1f} s"] if head >= 1.0 else []
    parts += [f"{format_time(duration - tail)} to the end"] if tail >= 1.0 else []
    return f"{' and '.join(parts)} were not in the old file, and are not indexed" if parts else None
