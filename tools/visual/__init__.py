"""Pictures and texts as vectors of one space, one engine a file: a text finds the pictures that show it.

An engine is the class of ``vagent.tools.engines.Engine`` with what ``VisualEngine`` asks for. Engines of other packages
come in through the entry-point group ``vagent.engines`` under a name such as ``visual.mine``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.tools.embeddings import Vectors
from vagent.tools.engines import Engine

Image = NDArray[np.uint8]
"""A picture: height x width x 3, BGR."""


@dataclass(frozen=True, slots=True, eq=False)
class Sought:
    """What pictures are compared with to find those that show a text.

    A cosine alone does not say whether a picture shows a text: with one model 0.1 is a match, with another 0.2 is none.
    So the engine says how an inner product becomes a chance: ``1 / (1 + exp(-(scale * product + bias)))``.

    Attributes:
        vector: float32, shape (dimension,); not of unit length in general.
        scale, bias: of the chance, for one picture among those of about an hour of video.
    """

    vector: NDArray[np.float32]
    scale: float
    bias: float

    def chances(self, products: NDArray[Any]) -> NDArray[np.float64]:
        """How likely it is, 0..1, that pictures with these inner products show what is sought."""
        odds = self.scale * np.asarray(products, np.float64) + self.bias
        return np.asarray(0.5 * (1 + np.tanh(odds / 2)), np.float64)


class VisualEngine(Engine, Protocol):
    """Turns pictures and texts into unit vectors; a picture's is near those of texts that describe it."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def model(self) -> str:
        """Name and hash of the model as the library records it; a query made with another finds no pictures."""
        ...

    def embed_images(self, images: Sequence[Image]) -> Vectors:
        """One unit vector a picture, float32, shape (len(images), dimension); also for no picture at all."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text, float32, shape (len(texts), dimension); also for no text at all."""
        ...

    def seek(self, text: str) -> Sought:
        """What to compare pictures with to find those that show ``text``."""
        ...
