"""The product's clock: the only module that parses or prints times.

A time is a float of seconds from the start of the video, as a player shows it: the container's start offset is already
removed. A stretch of time is a ``Span``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from vagent.errors import TimeError

_ALLOWED = "seconds (95, 95.5), MM:SS or HH:MM:SS with optional decimals (1:35, 0:01:35.5), or 1h2m3s"
_CLOCK = re.compile(r"(?:(?P<h>\d{1,6}):)?(?P<m>\d{1,6}):(?P<s>\d{1,2}(?:[.,]\d{1,9})?)")
_PLAIN = re.compile(r"(?P<s>\d{1,9}(?:[.,]\d{1,9})?)\s*(?:s|sec|secs|seconds?)?")
_UNITS = re.compile(
    r"(?:(?P<h>\d{1,6})\s*h)?\s*(?:(?P<m>\d{1,6})\s*m(?:in)?)?\s*(?:(?P<s>\d{1,6}(?:[.,]\d{1,9})?)\s*s)?"
)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of time, in seconds from the video's start; ``start <= end``, both finite and not negative.

    Raises:
        TimeError: when the two numbers are not such a stretch.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end)) or self.start < 0 or self.end < self.start:
            raise TimeError(
                "not a span of time", f"{self.start} .. {self.end}", allowed="0 <= start <= end, in seconds"
            )

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start

    @property
    def middle(self) -> float:
        """The time half-way, in seconds."""
        return (self.start + self.end) / 2

    def overlap(self, other: Span) -> float:
        """Seconds that both share; 0 where they only touch."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))

    def touches(self, other: Span) -> bool:
        """True where they share a moment, a common edge included."""
        return self.start <= other.end and other.start <= self.end

    def gap(self, other: Span) -> float:
        """Seconds between the two; 0 where they touch."""
        return max(0.0, max(self.start, other.start) - min(self.end, other.end))

    def union(self, other: Span) -> Span:
        """The shortest span that holds both."""
        return Span(min(self.start, other.start), max(self.end, other.end))

    def clamp(self, limit: Span) -> Span:
        """This span cut to ``limit``; a span outside becomes an empty one at the nearer edge."""
        start = min(max(self.start, limit.start), limit.end)
        return Span(start, min(max(self.end, start), limit.end))

    def __str__(self) -> str:
        return f"{format_time(self.start)}-{format_time(self.end)}"


def parse_time(value: str | float) -> float:
    """Seconds from what a person writes: ``95``, ``"1:35"``, ``"0:01:35.5"``, ``"1h2m3s"``.

    Raises:
        TimeError: when it is none of these, negative or not finite.
    """
    if isinstance(value, int | float):
        seconds = float(value)
        if not math.isfinite(seconds) or seconds < 0:
            raise TimeError("not a time", value, allowed=_ALLOWED)
        return seconds
    if not isinstance(value, str):
        raise TimeError("not a time", value, allowed=_ALLOWED)
    text = value.strip().lower()
    match = _PLAIN.fullmatch(text) or _CLOCK.fullmatch(text) or (_UNITS.fullmatch(text) if text else None)
    if match is None:
        raise TimeError("not a time", value, allowed=_ALLOWED)
    parts = match.groupdict()
    hours, minutes = float(parts.get("h") or 0), float(parts.get("m") or 0)
    seconds = float((parts["s"] or "0").replace(",", "."))
    if ":" in text and (seconds >= 60 or (parts["h"] and minutes >= 60)):
        raise TimeError("not a time", value, allowed=_ALLOWED)
    return hours * 3600 + minutes * 60 + seconds


def format_time(seconds: float, decimals: int = 0) -> str:
    """``HH:MM:SS`` with ``decimals`` digits, rounded down so that a printed time is never after the moment it names.

    Raises:
        TimeError: when ``seconds`` is negative or not finite.
    """
    if not math.isfinite(seconds) or seconds < 0:
        raise TimeError("not a time", seconds, allowed=_ALLOWED)
    scale = 10**decimals
    # A hair is added so that 0.29 * 100 = 28.999... prints as the 29 that was meant.
    ticks = math.floor(seconds * scale + 1e-6)
    whole, fraction = divmod(ticks, scale)
    clock = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{clock}.{fraction:0{decimals}d}" if decimals else clock
