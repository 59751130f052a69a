"""One ranking from several by reciprocal rank fusion, and rankings in which no video crowds out the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum


@dataclass(frozen=True, slots=True)
class Fused:
    """One row of the common ranking: its score and the rank, from 1, that each channel gave it."""

    id: int
    score: float
    ranks: Mapping[str, int]


def fuse(rankings: Mapping[str, Sequence[int]], k: int, weights: Mapping[int, float] | None = None) -> list[Fused]:
    """The common ranking, best first; equal scores go by row number, so that the result is always the same.

    A row scores ``1 / (k + rank)`` in every ranking that has it (Cormack, Clarke and Buettcher, SIGIR 2009).

    Args:
        rankings: per channel the row numbers, best first, without repeats.
        k: how much the first ranks count above the rest; smaller is steeper.
        weights: factors for some rows' scores; 1 for all others.
    """
    ranks: dict[int, dict[str, int]] = {}
    for channel, ids in rankings.items():
        for rank, number in enumerate(ids, 1):
            ranks.setdefault(number, {})[channel] = rank
    factors = weights or {}
    fused = [
        Fused(number, factors.get(number, 1.0) * fsum(1 / (k + rank) for rank in found.values()), found)
        for number, found in ranks.items()
    ]
    return sorted(fused, key=lambda row: (-row.score, row.id))


def spread(owners: Sequence[int], most: int, limit: int) -> list[int]:
    """The places of a ranking that stay when no video may hold more than ``most`` of ``limit``, in their order.

    Where the others do not fill what is left, those that were left out do: a video gives way to others, not to nothing.

    Args:
        owners: the video of each place, best first.
    """
    seen: Counter[int] = Counter()
    within: list[int] = []
    beyond: list[int] = []
    for place, video in enumerate(owners):
        seen[video] += 1
        (within if seen[video] <= most else beyond).append(place)
    within = within[:limit]
    return sorted([*within, *beyond[: limit - len(within)]])
