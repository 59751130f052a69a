"""Inverted lists: each vector lies in the list of the centre nearest to it, and a query looks into the nearest few.

Centres are found by k-means (Jegou, Douze and Schmid, Product Quantization for Nearest Neighbor Search, 2011).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.index.store import Vectors

_PER_LIST = 48  # vectors that a centre is trained with
_ROUNDS = 8  # of k-means
_QUERIES = 128  # by which the lists that a search needs are counted
_RECALL = 0.995  # part of the true ten nearest of these that must be found; more than is promised, for what comes later
_NEAREST = 10
_SPARE = 4  # times as many lists are looked into as these queries need: questions lie farther from texts than they do


@dataclass(frozen=True, slots=True)
class Lists:
    """The centres that all files of one index share.

    Attributes:
        centres: shape (lists, dimension).
        probes: lists that a search looks into.
        trained: vectors that there were when the centres were made; 0: there is one list, and search is exact.
    """

    centres: Vectors
    probes: int
    trained: int

    @property
    def exact(self) -> bool:
        """True where every search looks at every vector."""
        return self.trained == 0

    def order(self, queries: Vectors) -> NDArray[np.int64]:
        """The lists for each query, the nearest first, shape (n, lists)."""
        return np.argsort(-products(queries, self.centres), axis=1, kind="stable").astype(np.int64)

    def assign(self, vectors: Vectors) -> NDArray[np.int64]:
        """The list of each vector."""
        nearest: NDArray[np.int64] = np.argmax(vectors @ self.centres.T, axis=1).astype(np.int64)
        return nearest


def products(queries: Vectors, vectors: Vectors) -> NDArray[np.float32]:
    """Inner products of few queries with some vectors, shape (queries, vectors), in this thread alone.

    A product of matrices would be spread over threads that spin for a while when it is done, and so cost twice the
    processor time of a search; for few queries it is no faster.
    """
    found: NDArray[np.float32] = np.einsum("ij,kj->ik", queries, vectors)
    return found


def single(dimension: int) -> Lists:
    """One list that holds everything."""
    return Lists(np.zeros((1, dimension), np.float32), 1, 0)


def sample_size(count: int) -> int:
    """How many of so many vectors centres are trained with."""
    return min(count, _PER_LIST * _number(count))


def _number(count: int) -> int:
    return max(1, round(2 * math.sqrt(count)))


def train(faiss: Any, sample: Vectors, count: int) -> Lists:
    """Centres for so many vectors, from a sample of them; how many lists a search needs is still to be counted."""
    number = min(_number(count), len(sample))
    means = faiss.Kmeans(
        sample.shape[1], number, niter=_ROUNDS, spherical=True, seed=1, min_points_per_centroid=1, verbose=False
    )
    means.train(np.ascontiguousarray(sample, np.float32))
    return Lists(np.asarray(means.centroids, np.float32).reshape(number, -1), number, count)


class Probing:
    """Counts how many lists a search has to look into, while the vectors pass by.

    For each query the true nearest and the lists they lie in are kept; a nearest vector is found where its list is
    among those looked into. So the recall of any number of lists is known without a search.

    Args:
        sample: vectors, of which neighbouring pairs make the queries: questions lie among texts, not on them.
    """

    def __init__(self, lists: Lists, sample: Vectors) -> None:
        step = max(1, len(sample) // (2 * _QUERIES))
        some = sample[::step][: 2 * _QUERIES]
        half = len(some) // 2
        queries = some[:half] + some[half : 2 * half]
        self._queries = queries / np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-9)
        self._lists = lists
        self._best = np.full((half, 0), 0, np.float32)
        self._where = np.full((half, 0), 0, np.int64)

    def see(self, vectors: Vectors, lists: NDArray[np.int64]) -> None:
        """Takes note of some of the vectors and the lists they lie in."""
        scores = np.hstack([self._best, self._queries @ vectors.T])
        where = np.hstack([self._where, np.broadcast_to(lists, (len(self._queries), len(lists)))])
        kept = min(_NEAREST, scores.shape[1])
        places = np.argpartition(-scores, kept - 1, axis=1)[:, :kept]
        self._best = np.take_along_axis(scores, places, axis=1)
        self._where = np.take_along_axis(where, places, axis=1)

    def probes(self) -> int:
        """How many lists to look into, by all vectors seen."""
        number = len(self._lists.centres)
        if not self._where.size:
            return number
        order = self._lists.order(self._queries)
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(order.shape[1], dtype=np.int64)[None], axis=1)
        needed = np.sort(np.take_along_axis(rank, self._where, axis=1).ravel())
        fewest = int(needed[math.ceil(_RECALL * len(needed)) - 1]) + 1
        return min(number, _SPARE * fewest)
