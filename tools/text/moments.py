"""When something appeared between two samples, told from the small signatures of the frames in between."""

from __future__ import annotations

from collections import deque
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from vagent.tools.text import Box

_STEP = 0.03  # seconds between the signatures kept
_MOST = 4000  # signatures kept, at most: two minutes and more
_VISIBLE = 3.0  # mean grey-level change below which nothing can be told
_BEYOND = 0.5  # a picture counts as lying at most so far outside of the two that it is compared with
_CLEAR = 0.95  # part of what differs that a step has to explain to be looked for behind another step


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
        """The time in (after, until], in seconds, from which on the picture within ``box`` looks more like it does at
        ``until`` than like it did at ``after``; ``until`` where that cannot be told.

        A cut may lie before: of several steps it is the last clear one.
        """
        with self._lock:
            kept = [(t, s) for t, s in self._kept if after - _STEP <= t <= until + 1e-6]
        if len(kept) < 3 or kept[0][0] > after + _STEP:
            return until
        cuts = np.stack([_cut(s, box).ravel() for _, s in kept]).astype(np.float32)
        found, _ = _step(cuts)
        while found:
            more, clear = _step(cuts[found:])
            if not more or clear < _CLEAR:
                return min(until, kept[found][0])
            found += more
        return until


def _step(pictures: NDArray[np.float32]) -> tuple[int, float]:
    """Where the first picture turns into the last at once, as far as that can be said (0: not at all), and how much of
    the differences that explains.

    Each picture is placed on the line from the first to the last, and the step is where it fits best (least squares):
    what moves behind a text adds little along that line.
    """
    change = pictures[0] - pictures[-1]
    if len(pictures) < 3 or np.abs(change).mean() < _VISIBLE:
        return 0, 0.0
    places = np.clip((pictures - pictures[-1]) @ change / (change @ change), -_BEYOND, 1 + _BEYOND)
    errors = np.cumsum((places - 1) ** 2)[:-1] + np.cumsum(places[::-1] ** 2)[::-1][1:]
    best = int(np.argmin(errors))
    return best + 1, 1.0 - float(errors[best]) / float(((places - places.mean()) ** 2).sum())


def _cut(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    height, width = picture.shape
    left, top = min(width - 1, int(box[0] * width)), min(height - 1, int(box[1] * height))
    right, bottom = max(left + 1, round(box[2] * width)), max(top + 1, round(box[3] * height))
    return picture[top:bottom, left:right]
