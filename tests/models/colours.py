"""A visual engine that knows four colours: what can be said exactly of a picture's vector, without any weights."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from typing import ClassVar

import numpy as np
import pytest

from vagent.configs import Settings
from vagent.tools import engines
from vagent.tools.engines import Status
from vagent.tools.visual import Image, Sought

COLOURS = {"red": (40, 40, 220), "green": (40, 200, 40), "blue": (220, 60, 40), "yellow": (40, 220, 230)}  # BGR


class Colours:
    """A picture is how much of it has each colour, a text which colours it names."""

    name: ClassVar[str] = "colours"
    weak: ClassVar[bool] = False
    version: ClassVar[str] = "1"
    made: ClassVar[list[int]] = []  # sizes of the batches of pictures
    fails_after: ClassVar[int | None] = None  # batches after which it breaks

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def revision(self) -> str:
        return f"{self.name} {self.model}"

    @property
    def model(self) -> str:
        return f"four colours {self.version}"

    @property
    def dimension(self) -> int:
        return len(COLOURS) + 1

    @classmethod
    def check(cls, settings: Settings) -> Status:
        return Status(True, "it needs nothing")

    def embed_images(self, images: Sequence[Image]) -> np.ndarray:
        if self.fails_after is not None and len(self.made) >= self.fails_after:
            raise InterruptedError("cut off")
        self.made.append(len(images))
        rows = np.full((len(images), self.dimension), 0.05, np.float32)
        for row, image in zip(rows, images, strict=True):
            for number, colour in enumerate(COLOURS.values()):
                row[number] += (np.abs(image.astype(int) - colour).max(axis=2) < 60).mean()
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:-1] = [colour in text.lower().split() for colour in COLOURS]
            row[-1] = 0 if row.any() else 1  # no colour at all
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def seek(self, text: str) -> Sought:
        return Sought(self.embed_texts([text])[0], 20.0, -10.0)


def install(monkeypatch: pytest.MonkeyPatch) -> type[Colours]:
    """Colours as an engine of another package."""
    point = EntryPoint("visual.colours", "tests.models.colours:Colours", engines.ENTRY_POINTS)
    monkeypatch.setattr(engines, "entry_points", lambda group: [point] if group == engines.ENTRY_POINTS else [])
    engines._table.cache_clear()
    monkeypatch.setattr(Colours, "made", [])
    return Colours
