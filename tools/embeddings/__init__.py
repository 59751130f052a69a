"""Sentence embeddings, one engine a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.tools.engines import Engine

Vectors = NDArray[np.float32]


class EmbeddingEngine(Engine, Protocol):
    """Turns texts into unit vectors whose inner product is their similarity.

    An engine that takes its time to load may have a method ``warm``, which begins that in the background.
    """

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def model(self) -> str:
        """Name and hash of the model as the library records it; a query made with another model is refused."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text, float32, shape (len(texts), dimension); also for no text at all."""
        ...

    def embed_query(self, texts: Sequence[str]) -> Vectors:
        """The same for texts that are looked for among those of ``embed``; some models take a prompt for that."""
        ...


def unit(vectors: NDArray[Any]) -> Vectors:
    """Rows of length one, as float32. A row without any direction, of a text without a single token, gets one that is
    as far from everything as another."""
    rows = np.array(vectors, np.float32)
    rows[~np.isfinite(rows).all(axis=1)] = 0
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows[lengths[:, 0] == 0] = 1
    lengths[lengths == 0] = np.sqrt(rows.shape[1])
    return np.asarray(rows / lengths, np.float32)


def readable(text: str) -> str:
    """A text that every tokenizer takes: half a surrogate pair cannot be tokenised."""
    return text.encode("utf-8", "replace").decode("utf-8")
