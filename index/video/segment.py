"""Cuts a video into shots and into clips, the units of retrieval."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from vagent.configs import ClipSettings
from vagent.index.records import Clip, Shot
from vagent.tools.shots import Boundary
from vagent.tools.time import Span

# What an edge of a clip costs, by what lies there. A length that is off by a half costs about as much as one edge.
_AT_BOUNDARY = 0.0
_AT_PAUSE = 0.5  # a pause of a second or more; twice as much where one utterance follows at once
_ANYWHERE = 1.0
_IN_SPEECH = 1000.0  # more than any length: only where nothing else is left
_TOO_SHORT = 6.0  # a clip of no length
_TOO_LONG = 6.0  # a clip of the longest length allowed
_CLOSEST = 0.25  # of several possible edges in so many seconds one is enough
_ROUNDING = 1e-9  # seconds


def shots(duration: float, boundaries: Sequence[Boundary]) -> list[Shot]:
    """Shots that cover ``duration`` seconds without gap or overlap; boundaries outside or repeated are left out."""
    if not duration > 0:
        return []
    kinds = {b.time: b.kind for b in sorted(boundaries, key=lambda b: b.time) if 0 < b.time < duration}
    starts = [0.0, *kinds]
    ends = [*kinds, duration]
    return [Shot(Span(s, e), kinds.get(s, "start")) for s, e in zip(starts, ends, strict=True)]


def clips(
    duration: float, boundaries: Sequence[float], utterances: Sequence[Span], settings: ClipSettings
) -> list[Clip]:
    """Clips that cover ``duration`` seconds without gap or overlap, none longer than ``settings.longest``.

    An edge lies at a shot boundary, else in a pause between utterances, else on the grid of ``settings.window``
    seconds; within an utterance only where it cannot be helped. Of all ways the cheapest is taken: clips are about a
    window long, and longer ones are better than short ones.

    Args:
        duration: seconds; nothing to cut where it is not positive.
        boundaries: times of shot boundaries, in any order.
        utterances: what is said, or subtitles; in any order, may overlap.
        settings: lengths; a window longer than the longest clip counts as that.
    """
    if not duration > 0:
        return []
    window = min(settings.window, settings.longest)
    closest = min(_CLOSEST, window / 8)
    # A step of the grid, an edge moved by thinning included, must not be longer than the longest clip.
    step = window if window + closest <= settings.longest else window / 2
    candidates = _candidates(duration, boundaries, _merged(utterances, duration), step)
    edges = [(0.0, 0.0), *_thinned(candidates, duration, closest), (duration, 0.0)]
    return [Clip(Span(start, end)) for start, end in pairwise(_cheapest(edges, window, settings.longest))]


def _merged(utterances: Sequence[Span], duration: float) -> list[Span]:
    """The utterances in order, those that overlap joined; those that only touch stay apart."""
    merged: list[Span] = []
    for span in sorted(utterances):
        if span.start >= duration:
            break
        if merged and span.start < merged[-1].end:
            merged[-1] = merged[-1].union(span)
        elif span.duration > 0:
            merged.append(span)
    return merged


def _candidates(
    duration: float, boundaries: Sequence[float], speech: Sequence[Span], step: float
) -> Iterator[tuple[float, float]]:
    """Possible edges and what each costs, in no order."""
    starts = [s.start for s in speech]

    def cost(time: float, outside: float) -> float:
        after = bisect_left(starts, time)
        return outside + _IN_SPEECH if after and time < speech[after - 1].end else outside

    for time in boundaries:
        yield time, cost(time, _AT_BOUNDARY)
    for before, after in pairwise(speech):
        yield (before.end + after.start) / 2, _AT_PAUSE * (2 - min(1.0, before.gap(after)))
        # The middle of a long pause may be too far away from the edge before.
        yield before.end, _ANYWHERE
        yield after.start, _ANYWHERE
    for edge in (speech[0].start, speech[-1].end) if speech else ():
        yield edge, _AT_PAUSE
    for number in range(1, math.ceil(duration / step)):
        yield number * step, cost(number * step, _ANYWHERE)


def _thinned(candidates: Iterator[tuple[float, float]], duration: float, closest: float) -> list[tuple[float, float]]:
    """The cheapest candidate in every ``closest`` seconds, in order of time; those outside the video are dropped."""
    best: dict[int, tuple[float, float]] = {}
    for time, cost in candidates:
        place = int(time / closest)
        if 0 < time < duration and (place not in best or (cost, time) < best[place]):
            best[place] = (cost, time)
    return sorted((time, cost) for cost, time in best.values())


def _cheapest(edges: Sequence[tuple[float, float]], window: float, longest: float) -> list[float]:
    """The way from the first edge to the last that costs least, in steps no longer than ``longest``."""
    totals, previous = [0.0], [0]
    first = 0
    for i in range(1, len(edges)):
        time, cost = edges[i]
        while time - edges[first][0] > longest + _ROUNDING:
            first += 1
        total, back = min((totals[j] + _length_cost(time - edges[j][0], window, longest), j) for j in range(first, i))
        totals.append(total + cost)
        previous.append(back)
    way = [len(edges) - 1]
    while way[-1] > 0:
        way.append(previous[way[-1]])
    return [edges[i][0] for i in reversed(way)]


def _length_cost(length: float, window: float, longest: float) -> float:
    if length <= window:
        return _TOO_SHORT * (1 - length / window) ** 2
    return _TOO_LONG * ((length - window) / max(longest - window, _ROUNDING)) ** 2
