"""The exact offset between two encodings of a film, by where the cuts of one lie in the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from vagent.configs import Settings
from vagent.index.sync.matching import Match
from vagent.index.sync.sampling import frames, seekable
from vagent.tools.media import MediaInfo, Track
from vagent.tools.media.probe import pick

CUTS = 9
"""Cuts that are looked for to know an offset."""

_AROUND = 1.2  # seconds before and after the place where a cut is expected
_FAR = 4.0  # the same where more is asked for
_SUDDEN = 4.0  # times the usual change from one frame to the next
_CHANGE = 8.0  # grey levels
_AGREE = 0.06  # seconds by which cuts of one film may differ: a frame and a half at 25 a second
_ENOUGH = 3  # cuts that have to agree


def by_cuts(found: Sequence[tuple[float, float]], guess: Match) -> float | None:
    """The offset that most cuts agree on; None where too few do.

    Args:
        found: what ``cuts_found`` gave.
        guess: how the new film lies over the old one.
    """
    if not found:
        return None
    offsets = [there - guess.rate * at for at, there in found]
    near = [offset for offset in offsets if abs(offset - float(np.median(offsets))) <= _AGREE]
    return float(np.mean(near)) if len(near) >= max(_ENOUGH, len(offsets) / 2) else None


def cuts_found(
    info: MediaInfo, settings: Settings, cuts: Sequence[float], guess: Match, most: int = CUTS, *, far: bool = False
) -> list[tuple[float, float]]:
    """Where some cuts are in the old film and in the new one, seconds.

    Args:
        info: the new file.
        cuts: where the old film has cuts, seconds.
        guess: how the new film lies over the old one, right to about a second.
        most: how many are looked for, spread over the film.
        far: only those that have no other cut near, but seconds away too.
    """
    track = pick(info, "video", index=settings.media.video_track)
    if track is None or info.duration is None or not seekable(info):
        return []
    apart = np.diff(cuts, prepend=-math.inf, append=math.inf) / 2  # half the way to the cuts beside each
    alone = np.minimum(np.minimum(apart[:-1], apart[1:]), _FAR).tolist() if far else [_AROUND] * len(cuts)
    inside = [
        (at, around)
        for at, around in zip(cuts, alone, strict=True)
        if around >= _AROUND and _AROUND < guess.rate * at + guess.offset < info.duration - _AROUND
    ]
    if len(inside) > most:
        inside = [inside[i] for i in np.linspace(0, len(inside) - 1, most).round().astype(int)]
    places = ((at, _cut_near(info, track, settings, guess.rate * at + guess.offset, around)) for at, around in inside)
    return [(at, there) for at, there in places if there is not None]


def _cut_near(info: MediaInfo, track: Track, settings: Settings, expected: float, around: float) -> float | None:
    """When the picture changes most suddenly around a time; None where it does not."""
    times, pictures = [], []
    for frame in frames(info, track, settings, expected - around, expected + around):
        times.append(frame.time)
        pictures.append(frame.signature[0].astype(np.int16))
    if len(times) < 3:
        return None
    changes = np.array([np.abs(b - a).mean() for a, b in pairwise(pictures)])
    most = int(changes.argmax())
    usual = float(np.median(changes))
    return times[most + 1] if changes[most] >= max(_CHANGE, _SUDDEN * usual) else None
