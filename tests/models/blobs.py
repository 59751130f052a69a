"""An object engine without a model: it finds what has a bright colour. Stands in where tracking is tested, not finding.

It comes in as engines of other packages do: ``plugged_in`` announces it as an entry point.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import numpy as np
import pytest

from vagent.configs import Settings
from vagent.tools import engines
from vagent.tools.engines import Status
from vagent.tools.objects import Detection, Image

COLOURS = {"red": (30, 30, 220), "green": (40, 200, 40), "blue": (220, 60, 30)}  # BGR


class BlobObjects:
    """Finds patches of bright colour and calls them red, green or blue; finds "a red umbrella" where red is."""

    name: ClassVar[str] = "blobs"
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notices: list[str] = []
        self.batches: list[int] = []

    @property
    def revision(self) -> str:
        return "blobs 1"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        return Status(True, "needs no model")

    @property
    def detects(self) -> bool:
        return True

    @property
    def finds(self) -> Status:
        return Status(True, "looks for colours")

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        self.batches.append(len(images))
        return [[one for label in COLOURS for one in self._patches(image, label, label)] for image in images]

    def find(self, images: Sequence[Image], descriptions: Sequence[str]) -> list[list[Detection]]:
        wanted = [(one, label) for one in descriptions for label in COLOURS if label in one]
        return [[one for text, label in wanted for one in self._patches(image, label, text)] for image in images]

    @staticmethod
    def _patches(image: Image, colour: str, label: str) -> Iterator[Detection]:
        import cv2

        away = np.abs(image.astype(np.int16) - np.array(COLOURS[colour])).max(axis=-1)
        _, _, patches, _ = cv2.connectedComponentsWithStats((away < 60).astype(np.uint8))
        height, width = image.shape[:2]
        for left, top, across, down, area in patches[1:].tolist():
            if area > 0.002 * height * width:
                box = left / width, top / height, (left + across) / width, (top + down) / height
                yield Detection(label, box, 0.9)


@contextmanager
def plugged_in(patch: pytest.MonkeyPatch, target: str = f"{__name__}:BlobObjects") -> Iterator[None]:
    """Announces the engine as an installed package would."""
    point = EntryPoint("objects.blobs", target, engines.ENTRY_POINTS)

    def announced(**query: Any) -> list[EntryPoint]:
        return [point]

    with patch.context() as within:
        within.setattr(engines, "entry_points", announced)
        engines._table.cache_clear()
        try:
            yield
        finally:
            engines._table.cache_clear()
