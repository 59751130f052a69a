"""Filters over vectors, and vectors that are looked at one and all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vagent.index.store import Ids, Vectors
from vagent.index.vectors import Scores
from vagent.index.vectors.lists import products
from vagent.index.vectors.segments import Batch, Segment

_COUNTED = 100_000  # allowed vectors that are counted one by one
_SAMPLED = 7  # of more, one in so many is counted
_FEW = 20  # times fewer rows than there are, which are looked up one by one


class Filter:
    """What a search may find: some ids of evidence.

    Attributes:
        ids: these, ascending.
        masks: which positions of each segment are allowed.
        held: about how many of them each list holds; exactly where they are few.
        known: whether lists that hold none by ``held`` hold none for certain.
    """

    def __init__(self, ids: Ids, segments: Sequence[Segment], lists: int) -> None:
        self.ids = ids
        self._table: NDArray[np.bool_] | None = None
        self.masks = [self.among(segment.evidence, segment.rising) for segment in segments]
        self.held = np.zeros(lists, np.int64)
        step = 1 if len(ids) <= _COUNTED else _SAMPLED
        self.known = step == 1
        for segment, mask in zip(segments, self.masks, strict=True):
            # Three times as fast as lists[mask], where what is allowed and what is not lies mixed.
            held = segment.lists.take(np.flatnonzero(mask)[::step])
            self.held += step * np.bincount(held, minlength=lists)

    def among(self, evidence: Ids, rising: bool = False) -> NDArray[np.bool_]:
        """Which of some rows' evidence is allowed.

        Args:
            rising: whether that evidence is ascending.
        """
        if rising and _FEW * len(self.ids) < len(evidence):
            chosen = np.zeros(len(evidence), bool)
            places = np.searchsorted(evidence, self.ids)
            inside = places < len(evidence)
            places, sought = places[inside], self.ids[inside]
            chosen[places[evidence[places] == sought]] = True
            return chosen
        highest = int(evidence.max(initial=0))
        if self._table is None or len(self._table) <= highest:
            self._table = np.zeros(max(highest, int(self.ids[-1])) + 1, bool)
            self._table[self.ids] = True
        return np.asarray(self._table[evidence], bool)


def exactly(query: Vectors, batch: Batch, chosen: Filter | None) -> tuple[Scores, Ids, Ids]:
    """All of a batch that is held in memory: scores, evidence ids and row numbers, each (n, rows)."""
    rows, evidence, vectors = batch
    scores = products(query, vectors)
    if chosen is not None:
        scores[:, ~chosen.among(evidence)] = -np.inf
    return scores, np.broadcast_to(evidence, scores.shape), np.broadcast_to(rows, scores.shape)
