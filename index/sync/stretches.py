"""Which stretches of a new file show what a film of the library shows, by the samples that were taken of it.

A film that was cut again lies over the old one in pieces, each at an offset of its own. This is where to look; what is
taken over is proved anew, utterance by utterance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.index.sync.matching import ALIKE, nearest, reach
from vagent.index.sync.prints import Print
from vagent.index.sync.sampling import Looks
from vagent.tools.time import Span

_STEP = 0.5  # seconds between two offsets that are tried
_LEAST = 8  # pictures in a row, at least
_MISSES = 2  # pictures in a row that may be missing: of scenes that move within a second
_PIECES = 8  # pieces of a film, at most
_TOGETHER = 64  # offsets tried at once


@dataclass(frozen=True, slots=True)
class Known:
    """A stretch of a new file that shows what a video of the library shows.

    Attributes:
        video: fingerprint of the video.
        offset: seconds by which it is later in the new file, right to about a second.
        span: the stretch, in seconds of the new file.
    """

    video: str
    offset: float
    span: Span

    def to_list(self) -> list[str | float]:
        """As JSON values."""
        return [self.video, self.offset, self.span.start, self.span.end]

    @classmethod
    def from_list(cls, values: Sequence[str | float]) -> Known:
        """What ``to_list`` gave."""
        video, offset, start, end = values
        return cls(str(video), float(offset), Span(float(start), float(end)))


def same_stretches(found: Looks, duration: float, stored: Print) -> list[tuple[float, Span]]:
    """Offsets and the stretches of a new file that a film shows at them, the longest first.

    Args:
        found: pictures of the new file.
        duration: of the new file, seconds.
        stored: pictures of the film.
    """
    steps = round(reach(duration) / _STEP)
    offsets = _STEP * np.arange(-steps, steps + 1)
    parts = [offsets[first : first + _TOGETHER] for first in range(0, len(offsets), _TOGETHER)]
    alike = np.concatenate([_alike(found, stored, part) for part in parts])
    every = alike.copy()
    pieces: list[tuple[float, Span]] = []
    while len(pieces) < _PIECES:
        runs = [(number, run) for number, row in enumerate(alike) for run in _runs(row)]
        if not runs:
            break
        number, run = max(runs, key=lambda one: (float(alike[one[0], one[1]].sum()), -abs(offsets[one[0]])))
        # A picture that stands still is found at many offsets: it belongs to the pieces on both sides.
        whole = next(one for one in _runs(every[number]) if one[0] <= run[0] <= one[-1])
        pieces.append((float(offsets[number]), Span(float(found.times[whole[0]]), float(found.times[whole[-1]]))))
        alike[:, run[0] : run[-1] + 1] = 0.0
    return pieces


def _alike(found: Looks, stored: Print, offsets: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """How like each picture is to what the film shows at each offset, from 0 (another) to 1."""
    near, counted = nearest(found, stored, 1.0, offsets[:, None])
    return np.where(counted & (near <= ALIKE), np.maximum(1.0 - near / ALIKE, 0.05), 0.0)


def _runs(alike: NDArray[np.float64]) -> Iterator[Sequence[int]]:
    """Numbers of the pictures that are found, in runs of so many at least."""
    there = np.flatnonzero(alike)
    if len(there) < _LEAST:
        return
    for run in np.split(there, np.flatnonzero(np.diff(there) > _MISSES + 1) + 1):
        if len(run) >= _LEAST:
            yield run.tolist()
