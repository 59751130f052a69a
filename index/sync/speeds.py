"""Whether a film runs at another speed all along, or only seems to since something was cut out of it.

At 25 pictures a second instead of 24 a film of eighty seconds is three seconds shorter, and so it is without a scene
of three seconds. Then the pictures of long scenes, and sentences that repeat, lie near enough to where the other speed
puts them. What tells the two apart is how far single moments lie from there: at another speed all lie on one line along
the film, and after a cut on two, with a step between them, each of which runs at the usual speed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vagent.index.sync.matching import Match
from vagent.index.sync.prints import LEVEL_STEP, Levels, Print
from vagent.index.sync.verifying import FLOOR, STEP, TELLING, WINDOW, correlations, deviations

CUTS = 24
"""Cuts that are looked for to prove a speed."""

_LAGS = np.arange(-25, 26)  # tenths of a second around its place within which each stretch of sound is looked for
_NEARER = 0.001  # by how much a tenth nearer has to be less alike: of sounds that repeat the nearest counts
_SOUNDS = 0.7  # correlation of the loudness of one stretch from which its place is known
_PARTS = 3  # of a film, in each of which there has to be evidence
_IN_EACH = 3  # moments
_ON = 0.12  # seconds by which a moment may lie beside the line
_MOST = 0.85  # part of the moments that have to lie on it
_ELSEWHERE = 0.25  # part of the cuts of a silent film from which it has lost or gained seconds
_BETTER = 0.5  # how much nearer to the line they have to be than to the two pieces
_SPLITS = 64  # places of a cut that are tried


def by_sound(levels: Levels, stored: Print, found: Match) -> bool | None:
    """Whether the sound keeps the speed; None where too little is heard to tell.

    Args:
        levels: all of the new film's.
        stored: levels of the old film.
        found: how the new film lies over the old one, right to a second or two.
    """
    if len(levels) < WINDOW or not len(stored.values):
        return None
    times, lags = _heard(levels, stored, found)
    return keeps(times, lags, found.rate, len(levels) * LEVEL_STEP)


def by_cuts(cuts: Sequence[tuple[float, float]], found: Match, duration: float) -> bool | None:
    """Whether the cuts keep the speed; None where there are too few to tell.

    Args:
        cuts: where they are in the old film and in the new one, seconds.
        found: how the new film lies over the old one.
        duration: of the new film, seconds.
    """
    old, new = np.array(cuts, np.float64).reshape(-1, 2).T
    return keeps(new, new - found.rate * old - found.offset, found.rate, duration)


def in_pieces(cuts: Sequence[tuple[float, float]]) -> bool:
    """Whether a film at the usual speed has lost or gained seconds, as its cuts tell: two in a row lie elsewhere, or
    two and a quarter of all.

    Args:
        cuts: where they are in the old film and in the new one, seconds, in order.
    """
    if len(cuts) < _IN_EACH:
        return False
    old, new = np.array(cuts, np.float64).T
    beside = np.abs(new - old - np.median(new - old)) > _ON
    return bool((beside[1:] & beside[:-1]).any() or (beside.sum() >= 2 and beside.mean() > _ELSEWHERE))


def keeps(times: NDArray[np.float64], lags: NDArray[np.float64], rate: float, duration: float) -> bool | None:
    """Whether moments of a film lie on one line: most very near, and nearer than to two pieces at the usual speed.

    Args:
        times: of the moments in the new film, in order.
        lags: by how many seconds each is later than the speed says.
        rate: seconds of the new film in a second of the old.
        duration: of the new film, seconds.

    Returns:
        None where a third of the film has too few moments to tell.
    """
    part = np.clip((times * _PARTS / duration).astype(int), 0, _PARTS - 1)
    if np.bincount(part, minlength=_PARTS).min() < _IN_EACH:
        return None
    beside = np.abs(lags - np.median(lags))
    usual = lags + (rate - 1.0) / rate * times  # the same at the usual speed, but for a constant
    cuts = np.unique(np.linspace(1, len(times) - 1, _SPLITS).astype(int))
    pieces = min(_spread(usual[:cut], usual[cut:]) for cut in cuts)
    return bool((beside <= _ON).mean() >= _MOST and np.median(beside) <= _BETTER * pieces)


def _spread(*pieces: NDArray[np.float64]) -> float:
    """How far the values of some pieces are from the middle of each, by the median: a few may be anywhere."""
    return float(np.median(np.concatenate([np.abs(piece - np.median(piece)) for piece in pieces])))


def _heard(levels: Levels, stored: Print, found: Match) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middles of the stretches of sound whose place in the old film is known, and how late each is, seconds."""
    new = np.maximum(levels.astype(np.float64), FLOOR)
    old = np.maximum(stored.values.astype(np.float64), FLOOR)
    known = (np.arange(len(old)) + 0.5) * stored.step + stored.start
    times = (np.arange(len(new)) + 0.5) * LEVEL_STEP - found.offset
    curves = []
    for lag in _LAGS:
        there = np.interp((times - lag * LEVEL_STEP) / found.rate, known, old, left=np.nan, right=np.nan)
        curves.append(np.nan_to_num(correlations(new, there), nan=-1.0))
    curve = np.stack(curves)
    peak = np.argmax(curve - _NEARER * np.abs(_LAGS)[:, None], axis=0)
    number = np.arange(curve.shape[1])
    sure = (deviations(new) >= TELLING) & (curve[peak, number] >= _SOUNDS) & (peak > 0) & (peak < len(_LAGS) - 1)
    peak, number = peak[sure], number[sure]
    left, top, right = (curve[peak + beside, number] for beside in (-1, 0, 1))
    between = np.clip(0.5 * (left - right) / np.minimum(left - 2 * top + right, -1e-9), -0.5, 0.5)
    return (number * STEP + WINDOW / 2) * LEVEL_STEP, (_LAGS[peak] + between) * LEVEL_STEP
