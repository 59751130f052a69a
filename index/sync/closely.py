"""A close look at a stretch of a new film: does it show, at the very moments, each picture that is kept of an old one?

Hashes once a second tell where to look. They are too coarse to prove anything, and where two films lie over each other
by a part of a second they are of other moments. So the stretch is decoded, and every kept picture has to be found there
in each of its parts, all of them at one offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import MediaError
from vagent.index.pictures import Pictures, parts
from vagent.index.sync.prints import LEVEL_STEP, Print, distance
from vagent.index.sync.sampling import frames
from vagent.tools.media import MediaInfo, Track
from vagent.tools.media.frames import unjpeg
from vagent.tools.time import Span

DIFFERS = 14
"""Grey levels by which any part of a picture may differ: codecs at low bit rates make up to 13."""

_ANCHORS = 3  # pictures of a stretch that are looked for in all of the new film
_NEAR = 0.25  # part of the bits in which these may differ ...
_LIKE = 0.3  # ... and those of the stretch on average, to be worth a close look; of other films' nearly half differ
_PLACES = 3  # places that are looked at closely
_SHIFTS = 7  # tenths of a second by which a place may be wrong that was found by pictures
_EXACT = 0.15  # seconds by which it may be wrong that the sound gave
_STEP = 0.01  # seconds between two offsets that are tried
_REACH = 0.06  # seconds by which frame rates and time stamps may move a picture
_SAME = 0.9  # correlation of the loudness
_FLOOR = 50.0  # level of silence: what is softer is an encoder's noise
_TELLING = 4.0  # standard deviation of levels from which a stretch is no silence and no hum
_APART = 15.0  # levels by which two silences, or hums, may differ: 6 decibels
_CHANGES = 3  # changes between kept pictures that prove a stretch without sound
_FRAMES = 1000.0  # samples a second: every frame has its picture


def places(stretch: Span, old: Print, new: Print, likely: float | None) -> list[float]:
    """Offsets at which a new film may show a stretch of an old one, right to half a second, the likeliest first.

    Args:
        stretch: seconds of the old film.
        old, new: the hashes of their pictures.
        likely: the offset of the stretch before.
    """
    first, last = (int(np.ceil((time - old.start) / old.step)) for time in (stretch.start, stretch.end))
    numbers = np.arange(max(0, first), min(last, len(old.values)))
    numbers = numbers[old.values[numbers] != 0]
    if len(numbers) < 2 or not len(new.values):
        return []
    hashes = old.values[numbers].astype(np.uint64)
    times = old.start + numbers * old.step
    chosen = np.unique(np.linspace(0, len(numbers) - 1, _ANCHORS).round().astype(int))
    away = distance(hashes[chosen][:, None], new.values.astype(np.uint64)[None])
    which, where = np.nonzero(away <= _NEAR)
    offsets = np.unique(np.round(new.start + where * new.step - times[chosen[which]]))
    if likely is not None:
        offsets = np.unique([likely, *offsets])
    near, there = _nearness(hashes, times, new, offsets)
    order = sorted(np.flatnonzero(near <= _LIKE).tolist(), key=lambda i: (offsets[i] != likely, near[i] + there[i]))
    found: list[float] = []
    for offset in (float(offsets[i]) for i in order):
        if all(abs(offset - other) > 1.5 for other in found):
            found.append(offset)
    return found[:_PLACES]


def _nearness(
    hashes: NDArray[np.uint64], times: NDArray[np.float64], new: Print, offsets: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each offset, how far the pictures are on average from the nearest that is shown within a second, and from the
    one that is shown then."""
    places = np.round((times[None] + offsets[:, None] - new.start) / new.step).astype(int)
    away = []
    for beside in (0, -1, 1):
        index = places + beside
        there = (index >= 0) & (index < len(new.values))
        values = new.values[np.clip(index, 0, len(new.values) - 1)].astype(np.uint64)
        away.append(np.where(there, distance(hashes[None], values), 1.0))
    return np.min(away, axis=0).mean(axis=1), away[0].mean(axis=1)


def heard_alike(stretch: Span, old: Print | None, new: Print | None, offset: float) -> tuple[bool, float] | None:
    """Whether a stretch of the old film sounds the same in the new one.

    Args:
        offset: right to half a second.

    Returns:
        None where it does not; else whether the sound proves it (silence proves nothing), and the offset, which then is
        right to a few hundredths of a second.
    """
    if old is None and new is None:
        return False, offset
    if old is None or new is None:
        return None
    times = np.arange(stretch.start, stretch.end, LEVEL_STEP)
    before = _levels(old, times)
    lags = LEVEL_STEP * np.arange(-_SHIFTS, _SHIFTS + 1)
    after = [_levels(new, times + offset + lag) for lag in lags]
    if before.std() < _TELLING:
        quiet = [levels for levels in after if levels.std() < _TELLING and np.abs(before - levels).mean() <= _APART]
        return (False, offset) if quiet else None
    curve = np.array([_correlation(before, levels) for levels in after])
    peak = int(curve.argmax())
    if not 0 < peak < len(lags) - 1:
        return None
    left, top, right = curve[peak - 1 : peak + 2]
    exact = offset + lags[peak] + LEVEL_STEP * 0.5 * (left - right) / min(left - 2 * top + right, -1e-9)
    same = _correlation(before, _levels(new, times + exact)) >= _SAME
    return (True, float(exact)) if same else None


def _levels(one: Print, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """How loud it is at some times; before and behind all sound there is silence."""
    known = (np.arange(len(one.values)) + 0.5) * one.step + one.start
    values = np.maximum(one.values.astype(np.float64), _FLOOR)
    return np.interp(times, known, values, left=_FLOOR, right=_FLOOR) if len(values) else np.full(len(times), _FLOOR)


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if min(one.std(), other.std()) < _TELLING / 2:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


@dataclass(frozen=True, slots=True)
class Kept:
    """The pictures that are kept of a stretch of an old film: their times, and each in parts."""

    times: NDArray[np.float64]
    parts: NDArray[np.int16]

    @classmethod
    def of(cls, pictures: Pictures, times: Sequence[float]) -> Kept | None:
        """The pictures of some times; None where one of them is lost or damaged."""
        found = pictures.nearest(times)
        try:
            small = [parts(unjpeg(jpeg)) for _, jpeg in found]
        except MediaError:
            return None
        return cls(np.array(times), np.stack(small)) if small and len(small) == len(times) else None

    @property
    def changes(self) -> int:
        """How often something visible changes from one picture to the next."""
        return int((np.abs(np.diff(self.parts, axis=0)).max(axis=(1, 2, 3), initial=0) > 2 * DIFFERS).sum())


def seen_alike(
    info: MediaInfo, track: Track, settings: Settings, kept: Kept, offset: float, *, sound: bool
) -> float | None:
    """The offset at which a new film shows all of some pictures; None where it does not.

    Args:
        offset: right to half a second, or to a few hundredths where ``sound`` gave it.
        sound: it is also proved by its sound; without, the pictures have to change often enough to prove it alone.

    Raises:
        SourceError, MediaError: the file cannot be opened any more.
    """
    if not sound and kept.changes < _CHANGES:
        return None
    slack = _EXACT if sound else _SHIFTS * LEVEL_STEP
    expected = kept.times + offset
    media = settings.media.model_copy(update={"sample_fps": _FRAMES, "decode": "all", "image_width": 448})
    every = settings.model_copy(update={"media": media})
    around = slack + _REACH + 1.0  # a picture from before may still be shown
    shown = list(_shown(info, track, every, expected[0] - around, expected[-1] + slack + _REACH, expected, around))
    if not shown:
        return None
    times = np.array([time for time, _ in shown])
    away = np.array([np.abs(kept.parts - small[None]).max(axis=(1, 2, 3)) for _, small in shown]).T
    shifts = np.arange(-slack, slack + _STEP / 2, _STEP)
    worst = np.array([_differences(away, times, expected + shift) for shift in shifts])
    good = worst.max(axis=1) <= DIFFERS
    if not good.any():
        return None
    total = np.where(good, worst.mean(axis=1), np.inf)
    best = shifts[total <= total.min() + 0.25]
    return float(offset + best[np.abs(best - np.median(best)).argmin()])


def _shown(
    info: MediaInfo,
    track: Track,
    settings: Settings,
    start: float,
    end: float,
    expected: NDArray[np.float64],
    around: float,
) -> Iterator[tuple[float, NDArray[np.int16]]]:
    for frame in frames(info, track, settings, start, end):
        if frame.image is not None and float(np.abs(expected - frame.time).min()) <= around:
            yield frame.time, parts(frame.image)


def _differences(
    away: NDArray[np.int16], times: NDArray[np.float64], expected: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each kept picture is from the nearest that is shown when it is expected."""
    first = np.maximum(np.searchsorted(times, expected - _REACH, side="right") - 1, 0)
    last = np.searchsorted(times, expected + _REACH, side="right")
    return np.array(
        [away[row, a:b].min() if b > a else 255 for row, (a, b) in enumerate(zip(first, last, strict=True))]
    )
