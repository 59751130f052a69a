"""When something appeared between two samples, told from the small signatures of the frames in between."""

from __future__ import annotations

from collections import deque
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from vagent.tools.text import Box

_STEP = 0.06  # seconds between the signatures kept
_MOST = 4000  # signatures kept, at most: a few minutes
_VISIBLE = 3.0  # mean grey-level change below which nothing can be told
_CLEARLY = 0.6  # the change must be so much nearer to one side to count


class Moments:
    """Keeps signatures of recent frames. ``watch`` may run in the decoding thread while ``changed`` runs in another."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, NDArray[np.uint8]]] = deque(maxlen=_MOST)
        self._lock = Lock()

    def watch(self, time: float, signature: NDArray[np.uint8]) -> None:
        """Take one frame's signature (``Frame.signature``, 3 x h x w) shown from ``time`` seconds on, in order."""
        with self._lock:
            if not self._kept or time >= self._kept[-1][0] + _STEP:
                self._kept.append((time, signature[0]))

    def forget(self, before: float) -> None:
        """Drop what lies before ``before`` seconds, but the frame shown then."""
        with self._lock:
            while len(self._kept) > 1 and self._kept[1][0] <= before + 1e-6:
                self._kept.popleft()

    @property
    def earliest(self) -> float | None:
        """The time of the oldest signature kept, in seconds; None where there is none."""
        with self._lock:
            return self._kept[0][0] if self._kept else None

    def changed(self, box: Box, after: float, until: float) -> float:
        """The time in (after, until], in seconds, from which on the picture within ``box`` looks as it does at
        ``until`` and no longer as it did at ``after``; ``until`` where that cannot be told.
        """
        with self._lock:
            kept = [(t, s) for t, s in self._kept if after - _STEP <= t <= until + 1e-6]
        if len(kept) < 3 or kept[0][0] > after + _STEP:
            return until
        cuts = np.stack([_cut(s, box) for _, s in kept]).astype(np.float32)
        to_first = np.abs(cuts - cuts[0]).mean(axis=(1, 2))
        to_last = np.abs(cuts - cuts[-1]).mean(axis=(1, 2))
        if to_first[-1] < _VISIBLE:
            return until
        as_at_end = to_last < _CLEARLY * to_first
        later = np.flatnonzero(~as_at_end)
        first = int(later[-1]) + 1 if len(later) else 0
        return min(until, kept[first][0]) if 0 < first < len(kept) and kept[first][0] > after else until


def _cut(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    height, width = picture.shape
    left, top = min(width - 1, int(box[0] * width)), min(height - 1, int(box[1] * height))
    right, bottom = max(left + 1, round(box[2] * width)), max(top + 1, round(box[3] * height))
    return picture[top:bottom, left:right]
