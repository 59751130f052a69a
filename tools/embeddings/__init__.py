"""Sentence embeddings, one engine a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.tools.engines import Engine

Vectors = NDArray[np.float32]


class EmbeddingEngine(Engine, Protocol):
    """Turns texts into unit vectors whose inner product is their similarity."""

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
