"""On-screen text: lines read from single frames (one engine a file) and merged over time (``tracks``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.tools.engines import Engine

Image = NDArray[np.uint8]
"""A picture: height x width x 3, BGR."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as parts of the picture's width and height, 0..1."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text in one frame."""

    box: Box
    text: str
    confidence: float


class TextEngine(Engine, Protocol):
    """Reads the text in a picture in two steps, so that a line that is still there is not read twice."""

    def detect(self, image: Image) -> Sequence[Box]:
        """Boxes of the lines of text, in reading order."""
        ...

    def recognise(self, image: Image, boxes: Sequence[Box]) -> Sequence[TextLine | None]:
        """The text in each box; None where nothing readable is."""
        ...
