"""Whether a film that was found by samples is the same all the way: a short stretch that was replaced is told.

All key frames are compared, and all of the sound. The old film's pictures are known once a second; a key frame of a
scene that moves lies between two of them and may resemble neither. So wherever some in a row do not fit, the stretch is
decoded, and what the new film shows at the very seconds of the old one's print is compared. Of a film of two hours that
takes a minute or two, and only films that were found by samples get so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.index.sync.matching import ALIKE, Match, nearest, scenes
from vagent.index.sync.prints import LEVEL_STEP, Levels, Print, distance, picture_bits
from vagent.index.sync.sampling import DECODED, Looks, all_key_frames, frames
from vagent.tools.media import MediaInfo, Track
from vagent.tools.time import Span

WINDOW, STEP = 80, 20
"""Levels of a stretch of sound that is compared, and from one to the next."""
FLOOR = 50.0
"""Level of silence: what is softer is an encoder's noise."""
TELLING = 8.0
"""Standard deviation of levels from which a stretch is no silence and no hum."""

_DOUBT = 6.0  # seconds between two key frames that fit from which what lies between them is looked at
_GAP = 20.0  # seconds without a key frame that are looked at
_MOST = 900.0  # seconds of a film that are decoded, the longest stretches first
_APART = 3  # seconds in a row whose pictures differ, at least, in a stretch that was replaced
_NEAR = 0.06  # seconds by which an offset may be wrong that sound or cuts gave ...
_FAR = 0.5  # ... and one that was found by pictures alone
_LAGS = range(-3, 4)  # levels by which it may lie elsewhere
_BEFORE = 2.0  # seconds for which a picture is shown that began before
_SOUNDS = 0.5  # correlation below which two stretches do not sound alike
_ROW = 3  # stretches in a row that do not, at least


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a close look at two films gave.

    Attributes:
        share: part of the pictures compared that are the same.
        scenes: how many different ones are among these, up to the number that is enough.
        apart: stretches of the new film that show or sound otherwise than the old one.
    """

    share: float
    scenes: int
    apart: tuple[Span, ...] = ()


def verify_pictures(
    info: MediaInfo, track: Track, settings: Settings, stored: Print, found: Match, *, exact: bool
) -> Verdict:
    """Compare the pictures of two films.

    Args:
        info, track: the new film and its pictures.
        stored: pictures of the old film.
        found: how the new film lies over the old one.
        exact: its offset is known to a few hundredths of a second.

    Raises:
        SourceError, MediaError: the file cannot be opened any more.
    """
    duration = info.duration or 0.0
    reach = _NEAR if exact else _FAR
    if duration <= DECODED:
        return _by_seconds(info, track, settings, stored, found, Span(0.0, duration), reach)
    keys = all_key_frames(info, track)
    near, counted = nearest(keys, stored, found.rate, found.offset)
    fits = near <= ALIKE
    same = fits | ~counted
    apart: list[Span] = []
    for stretch in _doubtful(keys, same, duration):
        seen = _by_seconds(info, track, settings, stored, found, stretch, reach)
        apart += seen.apart
        if not seen.apart:
            same |= (keys.times >= stretch.start) & (keys.times <= stretch.end)
    share = float(same[counted].mean()) if counted.any() else 0.0
    return Verdict(share, scenes(keys.hashes[fits & counted]), tuple(sorted(apart)))


def _doubtful(keys: Looks, same: NDArray[np.bool_], duration: float) -> list[Span]:
    """Stretches between key frames that fit with others between them, or with none for long."""
    edges = [0.0, *keys.times[same].tolist(), duration]
    wrong = keys.times[~same]
    inside = np.searchsorted(wrong, edges[1:]) - np.searchsorted(wrong, edges[:-1])
    found = [
        Span(start, end)
        for (start, end), missing in zip(pairwise(edges), inside, strict=True)
        if end - start >= (_DOUBT if missing else _GAP)
    ]
    left, chosen = _MOST, []
    for span in sorted(found, key=lambda span: -span.duration):
        if span.duration <= left:
            chosen.append(span)
            left -= span.duration
    return sorted(chosen)


def _by_seconds(
    info: MediaInfo, track: Track, settings: Settings, stored: Print, found: Match, stretch: Span, reach: float
) -> Verdict:
    """Compare what the new film shows in a stretch at each second of the old one's print."""
    numbers = [
        number
        for number, value in enumerate(stored.values)
        if value and stretch.start <= _moment(stored, found, number) < stretch.end
    ]
    times = [_moment(stored, found, number) for number in numbers]
    shown = list(_shown(info, track, settings, times, reach))
    told = [(time, number, bits) for time, number, bits in zip(times, numbers, shown, strict=True) if len(bits.times)]
    fits = []
    for _, number, bits in told:
        wanted = np.full(len(bits.times), stored.values[number], np.uint64)
        fits.append(bool(distance(bits.hashes, wanted, bits.sure).min() <= ALIKE))
    hashes = np.array([stored.values[number] for (_, number, _), fit in zip(told, fits, strict=True) if fit], np.uint64)
    share = sum(fits) / len(fits) if fits else 0.0
    return Verdict(share, scenes(hashes), tuple(_runs([time for time, _, _ in told], fits)))


def _moment(stored: Print, found: Match, number: int) -> float:
    """When the new film shows what a value of the old one's print is of."""
    return found.rate * (stored.start + stored.step * number) + found.offset


def _shown(info: MediaInfo, track: Track, settings: Settings, times: Sequence[float], reach: float) -> Iterator[Looks]:
    """The pictures that are shown around each of some times."""
    if not times:
        return
    held: list[tuple[float, tuple[np.uint64, np.uint64]]] = []
    source = frames(info, track, settings, times[0] - reach - _BEFORE, times[-1] + reach)
    ended = False
    for time in times:
        while not ended and (not held or held[-1][0] <= time + reach):
            frame = next(source, None)
            if frame is None:
                ended = True
            else:
                held.append((frame.time, picture_bits(frame.signature, track.rotation)))
        # The last one from before the window is still shown when it begins.
        before = [index for index, one in enumerate(held) if one[0] <= time - reach]
        held = held[before[-1] :] if before else held
        yield Looks.of([one for one in held if one[0] <= time + reach])


def _runs(times: Sequence[float], fits: Sequence[bool]) -> Iterator[Span]:
    """Stretches of at least so many seconds in a row whose pictures differ."""
    run: list[float] = []
    for time, fit in [*zip(times, fits, strict=True), (0.0, True)]:
        if not fit:
            run.append(time)
            continue
        if len(run) >= _APART:
            yield Span(run[0], run[-1] + 1.0)
        run = []


def verify_sound(levels: Levels, stored: Print, found: Match) -> tuple[Span, ...]:
    """Stretches of the new film that do not sound like the old one.

    Args:
        levels: all of the new film's.
        stored: levels of the old film.
        found: how the new film lies over the old one, right to a few tenths of a second.
    """
    alike, telling = _agreement(levels, stored, found)
    return tuple(_differing(alike, telling))


def _agreement(levels: Levels, stored: Print, found: Match) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """For each window the best correlation of the loudness, and whether it tells anything."""
    new = np.maximum(levels.astype(np.float64), FLOOR)
    times = (np.arange(len(new)) + 0.5) * LEVEL_STEP
    known = (np.arange(len(stored.values)) + 0.5) * stored.step + stored.start
    old = np.maximum(stored.values.astype(np.float64), FLOOR)
    best: NDArray[np.float64] | None = None
    for lag in _LAGS:
        places = (times - lag * LEVEL_STEP - found.offset) / found.rate
        there = np.interp(places, known, old, left=np.nan, right=np.nan) if len(old) else np.full(len(new), np.nan)
        curve = correlations(new, there)
        best = curve if best is None else np.fmax(best, curve)
        if lag == 0:
            telling = np.fmax(deviations(new), deviations(there)) >= TELLING
    assert best is not None
    return best, telling & ~np.isnan(best)


def _windows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(values) < WINDOW:
        return np.zeros((0, WINDOW))
    return np.lib.stride_tricks.sliding_window_view(values, WINDOW)[::STEP]


def deviations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The standard deviation of the levels of each window."""
    return np.asarray(_windows(values).std(axis=1), np.float64)


def correlations(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each window; nothing (nan) where one of them does not know all of it, next to 0 where one is flat."""
    a, b = _windows(one), _windows(other)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    power = np.sqrt((np.square(a).sum(axis=1) + 1.0) * (np.square(b).sum(axis=1) + 1.0))
    return np.asarray((a * b).sum(axis=1) / power, np.float64)


def _differing(alike: NDArray[np.float64], telling: NDArray[np.bool_]) -> Iterator[Span]:
    """Stretches in which so many windows in a row that tell something do not sound alike."""
    run: list[int] = []
    for window in np.flatnonzero(telling).tolist():
        if alike[window] < _SOUNDS:
            run.append(window)
            continue
        yield from _stretch(run)
        run = []
    yield from _stretch(run)


def _stretch(run: Sequence[int]) -> Iterator[Span]:
    if len(run) >= _ROW:
        # The windows at the edges lie half in what is the same.
        half = WINDOW / 2
        yield Span((run[0] * STEP + half) * LEVEL_STEP, (run[-1] * STEP + half) * LEVEL_STEP)
