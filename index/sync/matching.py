"""Whether two films are one: the pictures of one are looked for in the other, at every offset and at known speeds.

A film that was encoded again shows all its pictures at one offset. One that was cut differently does so only up to the
place of the cut: a long run of pictures that are not there tells it, however many others are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.index.sync.prints import LEVEL_STEP, Levels, Print, distance
from vagent.index.sync.sampling import Looks

RATES = (1.0, 1.001, 1 / 1.001, 24 / 25, 25 / 24, 24 / 25.025, 25.025 / 24)
"""Speeds at which films are sold: seconds of the new file in a second of the old. Film runs at 24 pictures a second, or
at 23.976; European television shows it at 25."""

SHARE = 0.75
"""Part of the pictures that have to be there for two films to be one. Of one film encoded anew 84 to 100 % were, as
measured over a dozen; the others are of scenes that move much within a second."""
SURE_SHARE = 0.85
"""The same where there is no sound to compare, or the speed differs: films of long scenes look alike at many speeds."""
RELATED = 0.3
"""Part from which two films have something to do with each other."""

ALIKE = 0.2
"""Part of the sure bits in which the hashes of one picture may differ; those of two pictures differ in about half."""

_STEP = 0.5  # seconds between two offsets that are tried
_LONGEST_RUN = 4  # pictures in a row that may be missing
_LEAST = 8  # pictures compared; fewer prove nothing
_SCENES = 4  # different pictures among those found
_DIFFERENT = 20  # bits from which two pictures of a film are different ones
# What either film may have more at an end: a part of it, at most and at least seconds.
_PART, _MOST, _LITTLE = 0.1, 120.0, 5.0
_SCREENED = 48  # pictures by which most films are ruled out
_BETTER = 0.03  # by how much the share has to be better for another speed than the usual one to be believed
_LAGS = 20  # tenths of a second around an offset within which the sound is looked for
_SOUNDS = 0.75  # correlation of the loudness from which the sound is the same
_FLAT = 4.0  # standard deviation of the levels of a stretch that is too even to tell anything
_STRETCH = 50  # levels of a stretch that are known on both sides, at least


@dataclass(frozen=True, slots=True)
class Match:
    """How a new film lies over an old one: second ``t`` of the old is second ``rate * t + offset`` of the new.

    Attributes:
        share: part of the new film's pictures that were found where they should be.
        whole: nothing else stands between them, and enough different ones were seen.
        scenes: how many different pictures were found, up to the number that is enough.
    """

    rate: float
    offset: float
    share: float
    whole: bool
    scenes: int = 0

    def moved(self, offset: float) -> Match:
        """The same with an offset that is known better."""
        return replace(self, offset=offset)


def reach(duration: float) -> float:
    """Seconds that one film may have more than the other at either end."""
    return min(max(_PART * duration, _LITTLE), _MOST)


def rates(new: float, old: float) -> list[float]:
    """The speeds at which a film of ``old`` seconds can have become one of ``new`` seconds."""
    return [rate for rate in RATES if abs(new - rate * old) <= 2 * reach(new)]


def matches(found: Looks, duration: float, stored: Print, old: float) -> list[Match]:
    """The ways to lay a new film over an old one, one for each speed, the best first; none where they have nothing to
    do with each other. Films of long scenes look alike at many speeds.

    Args:
        found: pictures of the new film.
        duration: of the new film, seconds.
        stored: pictures of the old film.
        old: duration of the old film, seconds.
    """
    if len(found.times) < _LEAST or len(stored.values) < _LEAST:
        return []
    few = found.some(_SCREENED)
    laid = [
        _match(found, duration, stored, rate)
        for rate in rates(duration, old)
        if _best_offset(few, duration, stored, rate)[1] >= RELATED / 2
    ]
    related = [one for one in laid if one is not None and one.share >= RELATED]
    return sorted(related, key=lambda one: (not one.whole, -one.share - _BETTER * (one.rate == 1.0)))


def _match(found: Looks, duration: float, stored: Print, rate: float) -> Match | None:
    offset, _ = _best_offset(found, duration, stored, rate)
    near, counted = nearest(found, stored, rate, offset)
    near, hashes = near[counted], found.hashes[counted]
    if len(near) < _LEAST:
        return None
    there = near <= ALIKE
    longest = max((sum(1 for _ in run) for same, run in groupby(there) if not same), default=0)
    share = float(there.mean())
    different = scenes(hashes[there])
    compared = len(near) / len(found.times)
    whole = share >= (SHARE if rate == 1.0 else SURE_SHARE) and longest <= _LONGEST_RUN and compared >= SHARE
    return Match(rate, offset, share, whole, different)


def proves_alone(share: float, scenes: int) -> bool:
    """Whether the pictures alone prove that two films are one: those of a camera that never moves do not.

    Args:
        share: part of the pictures that are the same.
        scenes: how many different ones are among them.
    """
    return scenes >= _SCENES and share >= SURE_SHARE


def _best_offset(found: Looks, duration: float, stored: Print, rate: float) -> tuple[float, float]:
    """The offset at which most pictures are found, and their part of all that can be compared."""
    steps = round(reach(duration) / _STEP)
    offsets = _STEP * np.arange(-steps, steps + 1)
    near, counted = nearest(found, stored, rate, offsets[:, None])
    alike = counted & (near <= ALIKE)
    number = alike.sum(axis=1)
    # Where several offsets find as many, that with the nearest pictures, then the smallest one.
    bits = np.where(alike, near, 0).sum(axis=1) / (len(found.times) + 1.0)
    best = int(np.lexsort((np.abs(offsets), bits - number))[0])
    return float(offsets[best]), float(number[best]) / max(1, int(counted[best].sum()))


def nearest(
    found: Looks, stored: Print, rate: float, offset: float | NDArray[np.floating[Any]]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """How far each picture is from what the old film shows at that time, and which can be compared at all; see
    ``distance``."""
    places = ((found.times - offset) / rate - stored.start) / stored.step
    before = np.floor(places).astype(int)
    last = len(stored.values) - 1
    one = np.asarray(stored.values[np.clip(before, 0, last)], np.uint64)
    other = np.asarray(stored.values[np.clip(before + 1, 0, last)], np.uint64)
    near = np.minimum(distance(found.hashes, one, found.sure), distance(found.hashes, other, found.sure))
    return near, (before >= 0) & (before <= last) & ((one != 0) | (other != 0))


def scenes(hashes: NDArray[np.uint64]) -> int:
    """How many different pictures there are, up to the number that is enough."""
    chosen: list[np.uint64] = []
    for value in hashes:
        if all(int(np.bitwise_count(value ^ other)) >= _DIFFERENT for other in chosen):
            chosen.append(value)
        if len(chosen) >= _SCENES:
            break
    return len(chosen)


def sound_offset(found: list[tuple[float, Levels]], stored: Print, guess: Match) -> tuple[float, float] | None:
    """Where the sound says that the offset is, near a guess, and how alike it is there (a correlation, at most 1).

    Args:
        found: stretches of the new film's sound.
        stored: levels of the old film's.

    Returns:
        None where there is too little sound to tell.
    """
    lags = np.arange(-_LAGS, _LAGS + 1)
    curves, weights = [], []
    for start, heard in found:
        curve = _correlations(start, heard, stored, guess, lags)
        if curve is not None:
            curves.append(curve)
            weights.append(len(heard))
    if not curves:
        return None
    together = np.average(np.stack(curves), axis=0, weights=weights)
    peak = int(together.argmax())
    return guess.offset + (float(lags[peak]) + _between(together, peak)) * LEVEL_STEP, float(together[peak])


def sounds_alike(correlation: float) -> bool:
    """Whether a correlation is that of one sound, encoded twice."""
    return correlation >= _SOUNDS


def _correlations(
    start: float, heard: Levels, stored: Print, guess: Match, lags: NDArray[np.int_]
) -> NDArray[np.float64] | None:
    """The correlation at each lag; None for a stretch that tells nothing."""
    if len(heard) < _STRETCH or float(heard.std()) < _FLAT:
        return None
    values = heard.astype(np.float64)
    times = start + LEVEL_STEP * (np.arange(len(heard)) + 0.5)
    known = (np.arange(len(stored.values)) + 0.5) * stored.step + stored.start
    curve = np.zeros(len(lags))
    for number, lag in enumerate(lags):
        places = (times - guess.offset - lag * LEVEL_STEP) / guess.rate
        inside = (places >= stored.start) & (places <= stored.start + stored.step * len(stored.values))
        if inside.sum() >= _STRETCH:
            curve[number] = _correlation(values[inside], np.interp(places[inside], known, stored.values))
    return curve


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale > 0 else 0.0


def _between(curve: NDArray[np.float64], peak: int) -> float:
    """Where between its neighbours a peak really lies, by the parabola through the three."""
    if not 0 < peak < len(curve) - 1:
        return 0.0
    left, top, right = curve[peak - 1 : peak + 2]
    bend = left - 2 * top + right
    return float(0.5 * (left - right) / bend) if bend < 0 else 0.0
