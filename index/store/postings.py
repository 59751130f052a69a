"""What full-text search found for single words, kept while the evidence stays as it is.

The score of a row for several words (BM25) is the sum of its scores for each. So words that stand in tens of thousands
of rows are looked up once, and queries that share them are sums of arrays.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST = 4_000_000  # rows of all words together that are kept, 16 bytes each
_SPARSE = 32  # so many times more rows than words stand in: sorting takes less time than a place for each row

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Posting:
    """The rows that hold a word, ascending, and what it counts for in each."""

    ids: NDArray[np.int64]
    scores: Scores


class Postings:
    """Keeps postings of one state of the evidence; those used least recently go first. May be used from several
    threads."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._state: Hashable = None
        self._kept: OrderedDict[str, Posting] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, word: str, state: Hashable, find: Callable[[str], Posting]) -> Posting:
        """The posting of a word, found where it is not kept.

        Args:
            state: names the state of the evidence; what was kept of another is dropped.
        """
        with self._lock:
            if state != self._state:
                self._state, self._size = state, 0
                self._kept.clear()
            kept = self._kept.get(word)
            if kept is not None:
                self._kept.move_to_end(word)
                return kept
        found = find(word)
        with self._lock:
            if state == self._state and word not in self._kept and len(found.ids) <= self._most:
                self._kept[word] = found
                self._size += len(found.ids)
                while self._size > self._most:
                    _, gone = self._kept.popitem(last=False)
                    self._size -= len(gone.ids)
        return found


def best(postings: Sequence[Posting], limit: int, allowed: NDArray[np.int64] | None = None) -> list[tuple[int, float]]:
    """The rows with the highest sums, and these; equal ones by row number.

    Args:
        allowed: only these rows, ascending.
    """
    rows, found = _summed(postings)
    if allowed is not None:
        places = np.searchsorted(allowed, rows)
        inside = places < len(allowed)
        inside[inside] = allowed[places[inside]] == rows[inside]
        rows, found = rows[inside], found[inside]
    if len(rows) > limit:
        least = np.partition(found, len(rows) - limit)[len(rows) - limit]
        rows, found = rows[found >= least], found[found >= least]
    order = np.lexsort((rows, -found))[:limit]
    return list(zip(rows[order].tolist(), found[order].tolist(), strict=True))


def _summed(postings: Sequence[Posting]) -> tuple[NDArray[np.int64], Scores]:
    """All rows, ascending, with their sums, which are added up in the order of the words as SQLite does."""
    ids = np.concatenate([posting.ids for posting in postings])
    if not len(ids):
        return ids, np.empty(0)
    if _SPARSE * len(ids) < ids.max():
        rows, places = np.unique(ids, return_inverse=True)
        scores = np.concatenate([posting.scores for posting in postings])
        return rows, np.asarray(np.bincount(places, scores), np.float64)
    sums = np.zeros(int(ids.max()) + 1)
    for posting in postings:
        sums[posting.ids] += posting.scores
    rows = np.flatnonzero(sums > 0)
    return rows, sums[rows]
