"""When a decoded picture is shown."""

from __future__ import annotations

from typing import Any

from vagent.tools.media import MediaInfo, Track

_NUDGE = 0.001  # seconds by which a picture follows one that claims the same time
_STRAY = 0.5  # seconds that a stamp may lie behind the picture before it; further back it says nothing
_BEYOND = 60.0  # seconds after the end that the header states from which a stamp says nothing
_LEAP = 600.0  # seconds after the last picture from which a stamp says nothing, where the header states no end
_STEP = 0.04  # seconds between pictures where the file says nothing at all


class FrameClock:
    """Times of the pictures of one track, in seconds from the start of the video, strictly rising.

    A picture's time is its presentation stamp. Files exist whose presentation stamps are wrong and whose decoding
    stamps are right (VC-1 in ASF, some AVI): whichever has fallen back less often is taken, as FFmpeg's own
    programs do. A stamp that makes no sense gives the time of the picture before and one step.
    """

    def __init__(self, info: MediaInfo, track: Track, joined: bool = False) -> None:
        self._offset = info.offset
        self._limit = info.duration + _BEYOND if info.duration and not joined else float("inf")
        self._step = 1 / track.frame_rate if track.frame_rate and track.frame_rate > 1 else _STEP
        self._last: float | None = None
        self._faults = [0, 0]  # presentation stamps, decoding stamps that fell back
        self._stamps: list[int | None] = [None, None]

    def time(self, frame: Any, base: float) -> float:
        """When ``frame`` is shown; ``base`` is the length of its track's ticks in seconds."""
        stamp = self._best(frame.pts, frame.dts)
        last = self._last
        found = stamp * base - self._offset if stamp is not None and base else None
        limit = self._limit if self._limit < float("inf") else (last or 0.0) + _LEAP
        if found is None or found > limit or (last is not None and found < last - _STRAY):
            found = 0.0 if last is None else last + self._step
        found = max(0.0, round(found, 6))
        if last is not None and found <= last:
            found = round(last + _NUDGE, 6)
        self._last = found
        return found

    def _best(self, *stamps: int | None) -> int | None:
        for number, stamp in enumerate(stamps):
            before = self._stamps[number]
            if stamp is not None:
                if before is not None and stamp <= before:
                    self._faults[number] += 1
                self._stamps[number] = stamp
        shown, decoded = stamps
        return shown if shown is not None and (decoded is None or self._faults[0] <= self._faults[1]) else decoded
