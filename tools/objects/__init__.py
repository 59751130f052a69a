"""Things in the picture: found in single pictures (one engine a file) and followed over time (``tracks``).

An engine may know a fixed list of things (``detect``), look for whatever is described to it (``find``), or both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import EngineUnavailable
from vagent.tools.engines import Engine, Status, choose

Image = NDArray[np.uint8]
"""A picture: height x width x 3, BGR."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as parts of the picture's width and height, 0..1."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing in one picture.

    Attributes:
        label: what it is: a name that the model knows, or the description that was looked for.
        confidence: 0..1.
    """

    label: str
    box: Box
    confidence: float


class ObjectEngine(Engine, Protocol):
    """Finds things in pictures. The settings say from which confidence on a detection is given.

    ``notices`` has what the user of a video that was searched should know: a licence, a part that could not run.
    """

    notices: Sequence[str]

    @property
    def detects(self) -> bool:
        """Whether there is a model that knows things by itself."""
        ...

    @property
    def finds(self) -> Status:
        """Whether there is a model that looks for descriptions, and what would help where there is none."""
        ...

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The things that the model knows in each picture, surest first; nothing where ``detects`` is False.

        Raises:
            EngineFailed: the model broke.
        """
        ...

    def find(self, images: Sequence[Image], descriptions: Sequence[str]) -> list[list[Detection]]:
        """What is described, in each picture, surest first; a thing that fits several descriptions has the best one's
        label. Nothing where nothing is described.

        Raises:
            EngineUnavailable: ``finds`` is not ready; the message says what would make it work.
            EngineFailed: the model broke.
        """
        ...


def check_find(settings: Settings) -> None:
    """Find out whether what the settings describe can be looked for: descriptions are as good as naming an engine.

    Raises:
        EngineUnavailable: nothing here can do so; the message says what could.
    """
    find = settings.objects.find
    if not find or settings.engines.objects == "off":
        return
    choice = choose("objects", settings)
    if choice.engine is not None:
        status: Status = choice.engine(settings).finds
    else:
        status = next(iter(choice.passed_over.values()), Status(False, "no engine is known"))
    if not status.ready:
        raise EngineUnavailable(f"descriptions cannot be looked for: {status.reason}", ", ".join(find), hint=status.fix)
