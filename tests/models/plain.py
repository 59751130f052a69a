"""Engines of every sense that find what is plain to see or hear and need no weights, each with a version to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest

from vagent.configs import Settings
from vagent.tools import engines
from vagent.tools.engines import Status
from vagent.tools.objects import Detection
from vagent.tools.speech import Utterance
from vagent.tools.text import Region, TextLine
from vagent.tools.time import Span
from vagent.tools.videollm import Frames, VideoLanguageModel
from vagent.tools.visual import Sought

SENSES = ("speech", "text", "objects", "sounds", "embeddings", "visual", "videollm")

VERSIONS: dict[str, int] = dict.fromkeys(SENSES, 1)
"""The version of each engine now; ``installed`` sets them back."""


class Plain:
    """What all of them share."""

    name: ClassVar[str] = "plain"
    sense: ClassVar[str]
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def revision(self) -> str:
        return f"plain {self.sense} {VERSIONS[self.sense]}"

    @property
    def model(self) -> str:
        return self.revision

    @property
    def dimension(self) -> int:
        return 4

    @classmethod
    def check(cls, settings: Settings) -> Status:
        return Status(True, "it needs nothing")


class Speech(Plain):
    """Says how long it was spoken."""

    sense = "speech"

    def transcribe(self, samples: np.ndarray, start: float) -> list[Utterance]:
        seconds = len(samples) / 16_000
        return [Utterance(Span(start, start + seconds), f"spoken for {seconds:.1f} seconds")]


class Text(Plain):
    """Reads how bright the upper left corner is."""

    sense = "text"

    def detect(self, image: np.ndarray, *, fine: bool = False, where: np.ndarray | None = None) -> list[Region]:
        return [Region.upright((0.0, 0.0, 0.2, 0.2))]

    def recognise(self, image: np.ndarray, regions: Sequence[Region]) -> list[list[TextLine]]:
        return [[TextLine(one.box, f"LEVEL {int(image[:9, :9].mean())}", 0.9)] for one in regions]


class Objects(Plain):
    """Finds one thing that fills the picture."""

    sense = "objects"
    detects = True
    finds = Status(True, "it needs nothing")

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Detection]]:
        return [[Detection("thing", (0.1, 0.1, 0.9, 0.9), 0.9)] for _ in images]

    def find(self, images: Sequence[np.ndarray], descriptions: Sequence[str]) -> list[list[Detection]]:
        return [[] for _ in images]


class Sounds(Plain):
    """Hears noise in everything."""

    sense = "sounds"

    def tag(self, windows: Sequence[np.ndarray]) -> list[Mapping[str, float]]:
        return [{"Noise": 0.9} for _ in windows]


class Embeddings(Plain):
    """A text is how long it is."""

    sense = "embeddings"

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.array([[1, len(text), len(text) % 7, len(text.split())] for text in texts], np.float32).reshape(-1, 4)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    embed_query = embed


class Visual(Embeddings):
    """A picture is how bright its corners are."""

    sense = "visual"

    def embed_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        corners = [[i[:9, :9], i[:9, -9:], i[-9:, :9], i[-9:, -9:]] for i in images]
        rows = np.array([[1 + part.mean() for part in four] for four in corners], np.float32).reshape(-1, 4)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self.embed(texts)

    def seek(self, text: str) -> Sought:
        return Sought(self.embed([text])[0], 20.0, -10.0)


class Describer(VideoLanguageModel):
    """Says how bright a clip is."""

    name = "plain"

    @property
    def revision(self) -> str:
        return f"plain videollm {VERSIONS['videollm']}"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        return Status(True, "it needs nothing")

    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        return f"A field of {int(np.mean([image.mean() for _, image in frames]))}."


_CLASSES: Mapping[str, str] = {
    "speech": "Speech",
    "text": "Text",
    "objects": "Objects",
    "sounds": "Sounds",
    "embeddings": "Embeddings",
    "visual": "Visual",
    "videollm": "Describer",
}


@contextmanager
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine ``plain`` in every sense, best of all."""
    for sense, name in _CLASSES.items():
        table: Any = {"plain": f"{__name__}:{name}", **engines.ENGINES[sense]}  # type: ignore[index]
        monkeypatch.setitem(engines.ENGINES, sense, table)  # type: ignore[arg-type]
    engines._table.cache_clear()
    VERSIONS.update(dict.fromkeys(SENSES, 1))
    yield
    engines._table.cache_clear()
