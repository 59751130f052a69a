"""Filters over vectors, and vectors that are looked at one and all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vagent.index.store import Ids, Vectors
from vagent.index.vectors import Scores
from vagent.index.vectors.segments import Batch


def mask(allowed: Ids | None) -> NDArray[np.bool_] | None:
    """What is allowed, as a mask over ids."""
    if allowed is None:
        return None
    chosen = np.zeros(int(allowed.max()) + 1, bool)
    chosen[allowed] = True
    return chosen


def inside(chosen: NDArray[np.bool_], ids: Ids) -> NDArray[np.bool_]:
    """The mask for some ids, which may lie beyond its end."""
    return np.asarray(chosen[np.minimum(ids, len(chosen) - 1)] & (ids < len(chosen)), bool)


def exactly(query: Vectors, batch: Batch, chosen: NDArray[np.bool_] | None) -> tuple[Scores, Ids, Ids]:
    """All of a batch that is held in memory: scores, evidence ids and row numbers, each (n, rows)."""
    rows, evidence, vectors = batch
    scores = query @ vectors.T
    if chosen is not None:
        scores[:, ~inside(chosen, evidence)] = -np.inf
    return scores, np.broadcast_to(evidence, scores.shape), np.broadcast_to(rows, scores.shape)
