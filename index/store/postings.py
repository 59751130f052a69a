"""What full-text search found for single words, kept for the next query.

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

_MOST = 4_000_000  # rows of all words together that are kept, 20 bytes each
_SPARSE = 16  # so many times more rows than words stand in: sorting takes less time than a place for each row
_SCATTERED = 256  # so many times more rows than are compared: looking each up takes less time than a table of all

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Posting:
    """The rows that hold a word, ascending, and what it counts for in each.

    Attributes:
        counts: how often it stands in each; None: not known, and the posting is true of one state alone.
        last: the highest id that there was.
    """

    ids: NDArray[np.int64]
    scores: Scores
    counts: NDArray[np.int32] | None = None
    last: int = 0


class Postings:
    """Keeps postings, those used most lately. May be used from several threads."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[Hashable, Posting]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, word: str, state: Hashable, find: Callable[[str, Posting | None], Posting]) -> Posting:
        """The posting of a word.

        Args:
            state: names the state of the evidence.
            find: makes what is not kept of this state, of the word and what was kept of another state.
        """
        with self._lock:
            of, kept = self._kept.get(word, (None, None))
            if kept is not None:
                self._kept.move_to_end(word)
                if of == state:
                    return kept
        found = find(word, kept)
        with self._lock:
            _, before = self._kept.pop(word, (None, None))
            self._size -= 0 if before is None else len(before.ids)
            if len(found.ids) <= self._most:
                self._kept[word] = state, found
                self._size += len(found.ids)
            while self._size > self._most:
                _, (_, gone) = self._kept.popitem(last=False)
                self._size -= len(gone.ids)
        return found


def best(postings: Sequence[Posting], limit: int, allowed: NDArray[np.int64] | None = None) -> list[tuple[int, float]]:
    """The rows with the highest sums, and these; equal ones by row number.

    Args:
        allowed: only these rows, ascending.
    """
    rows, found = _summed(postings)
    if allowed is not None:
        inside = np.flatnonzero(_among(rows, allowed))
        rows, found = rows[inside], found[inside]
    if len(rows) > limit:
        least = np.partition(found, len(rows) - limit)[len(rows) - limit]
        high = np.flatnonzero(found >= least)
        rows, found = rows[high], found[high]
    order = np.lexsort((rows, -found))[:limit]
    return list(zip(rows[order].tolist(), found[order].tolist(), strict=True))


def _summed(postings: Sequence[Posting]) -> tuple[NDArray[np.int64], Scores]:
    """All rows, ascending, with their sums, which are added up in the order of the words as SQLite does."""
    if len(postings) == 1:
        return postings[0].ids, postings[0].scores
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
    rows = np.flatnonzero(sums != 0.0)  # five times as fast as looking through the numbers themselves
    return rows, sums[rows]


def _among(rows: NDArray[np.int64], allowed: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of some rows are allowed; both ascending."""
    if not len(rows) or not len(allowed):
        return np.zeros(len(rows), bool)
    highest = int(max(rows[-1], allowed[-1]))
    if _SCATTERED * (len(rows) + len(allowed)) < highest:
        places = np.minimum(np.searchsorted(allowed, rows), len(allowed) - 1)
        return np.asarray(allowed[places] == rows, bool)
    table = np.zeros(highest + 1, bool)
    table[allowed] = True
    return np.asarray(table[rows], bool)
