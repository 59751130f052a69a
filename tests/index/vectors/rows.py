"""Vectors to be found, in a library of a test's own."""

from __future__ import annotations

import numpy as np

from vagent.index.records import Evidence
from vagent.index.store import Ids, Store, Vectors
from vagent.tools.time import Span

MODEL = "all-MiniLM-L6-v2 53aa5117"
LENGTH = 16


def unit(count: int, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((count, LENGTH)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clustered(count: int, seed: int = 3) -> Vectors:
    """As embeddings lie: in clusters, not evenly."""
    chance = np.random.default_rng(seed)
    noise = chance.standard_normal((count, LENGTH)).astype(np.float32)
    vectors = unit(40, seed=7)[chance.integers(40, size=count)] + 0.15 * noise
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def put(store: Store, vectors: Vectors, name: str = "a", model: str = MODEL) -> list[int]:
    video = store.add_video(name, f"/{name}.mp4", 1, 1, 1e6, {}).id
    with store.transaction():
        ids = store.add_evidence(
            [Evidence(video, Span(i, i + 1), "subtitle", f"line {i}") for i in range(len(vectors))]
        )
        store.put_vectors(model, ids, vectors)
    return ids


def expected(vectors: Vectors, ids: list[int], queries: Vectors, k: int) -> Ids:
    stored = vectors.astype(np.float16).astype(np.float32)
    return np.array(ids)[np.argsort(-(queries @ stored.T), axis=1, kind="stable")[:, :k]]
