"""On-screen text: lines read from single frames (one engine a file) and followed over time (``tracks``).

``layout`` orders and groups lines, ``likeness`` says when two readings are one text, ``gate`` tells what changed
between two frames, ``detector`` looks at a picture coarsely first, ``moments`` finds between two samples when something
appeared.
"""

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

Places = NDArray[np.bool_]
"""Which places of a picture are meant: True for those, rows x columns, of any size, laid over all of the picture."""

Point = tuple[float, float]
"""x and y as parts of the picture's width and height, 0..1."""


@dataclass(frozen=True, slots=True)
class Region:
    """Where a line of text is: its four corners, clockwise from the text's own top left; tilted text keeps its tilt."""

    corners: tuple[Point, Point, Point, Point]

    @classmethod
    def upright(cls, box: Box) -> Region:
        """The region of a line that is not tilted."""
        left, top, right, bottom = box
        return cls(((left, top), (right, top), (right, bottom), (left, bottom)))

    @property
    def box(self) -> Box:
        """The upright box around the corners."""
        across, down = zip(*self.corners, strict=True)
        return min(across), min(down), max(across), max(down)


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text in one frame."""

    box: Box
    text: str
    confidence: float


class TextEngine(Engine, Protocol):
    """Reads the text in a picture in two steps, so that a line that is still there is not read twice."""

    def detect(self, image: Image, *, fine: bool = False, where: Places | None = None) -> Sequence[Region]:
        """Where lines of text are, in reading order; ``fine`` asks for small type too, at a higher cost. Only what lies
        in ``where`` is asked for: an engine may leave out the rest, and need not.

        Raises:
            EngineFailed: the detector broke.
        """
        ...

    def recognise(self, image: Image, regions: Sequence[Region]) -> Sequence[Sequence[TextLine]]:
        """What is written in each region: mostly one line, two where the detector took two lines for one, none where
        nothing is readable. Text is NFC, without line breaks; unsure readings come too, with their confidence.

        Raises:
            EngineFailed: the recogniser broke.
        """
        ...
