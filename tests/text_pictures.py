"""Pictures with text whose truth is known: drawn with Pillow, or patterns that a scripted engine "reads"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from vagent.configs import Settings
from vagent.tools.engines import Status
from vagent.tools.text import Box, Image, Places, Region, TextLine
from vagent.tools.text.moments import Moments
from vagent.tools.text.spans import TextSpan, fold
from vagent.tools.text.tracks import TextReader

Placed = tuple[str, tuple[int, int], int]
"""A text, its left top corner in pixels and the size of its type."""


def page(
    texts: Sequence[Placed],
    size: tuple[int, int] = (640, 360),
    ink: tuple[int, int, int] = (245, 245, 245),
    ground: tuple[int, int, int] = (40, 60, 30),
    turned: float = 0.0,
) -> Image:
    """A plain picture with texts on it, BGR; ``turned`` degrees counter-clockwise about its middle."""
    picture = Pictures.new("RGB", size, ground)
    draw = ImageDraw.Draw(picture)
    for text, place, height in texts:
        draw.text(place, text, fill=ink, font=ImageFont.load_default(height))
    if turned:
        picture = picture.rotate(turned, resample=Pictures.Resampling.BICUBIC, fillcolor=ground)
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])


def signature(image: Image) -> NDArray[np.uint8]:
    """What the reader of media gives beside a frame: thinned planes, here the luma three times."""
    small = image.mean(axis=2).astype(np.uint8)
    rows = np.linspace(0, small.shape[0] - 1, 90).astype(int)
    columns = np.linspace(0, small.shape[1] - 1, 160).astype(int)
    return np.stack([small[np.ix_(rows, columns)]] * 3)


class ScriptedEngine:
    """Finds the lines that a picture made by ``frame`` stands for, and remembers what it was asked.

    Args:
        readings: what is read instead of a line's true text, one reading after the other.
    """

    name: ClassVar[str] = "scripted"
    weak: ClassVar[bool] = False
    revision = "scripted 1"

    def __init__(self, readings: Mapping[str, Sequence[tuple[str, float]]] | None = None) -> None:
        self.frames: list[tuple[TextLine, ...]] = []
        self.readings = {text: list(given) for text, given in (readings or {}).items()}
        self.detected: list[bool] = []
        self.asked: list[Places | None] = []
        self.recognised: list[str] = []

    @classmethod
    def check(cls, settings: Settings) -> Status:
        return Status(True, "scripted")

    def frame(self, lines: Sequence[TextLine], found: Sequence[TextLine] | None = None) -> Image:
        """A picture of these lines, each letter a pattern of its own; ``found``: what is detected there instead."""
        picture = np.full((180, 320, 3), 90, np.uint8)
        for line in lines:
            left, top, right, bottom = (round(v * s) for v, s in zip(line.box, (320, 180, 320, 180), strict=True))
            edges = np.linspace(left, right, len(line.text) + 1).round().astype(int)
            for letter, begin, end in zip(line.text, edges, edges[1:], strict=False):
                noise = np.random.default_rng(crc32(letter.encode())).integers(0, 2, (bottom - top, end - begin, 1))
                picture[top:bottom, begin:end] = 255 * noise
        picture[0, 0] = *divmod(len(self.frames), 256), 0
        self.frames.append(tuple(lines if found is None else found))
        return picture

    def detect(self, image: Image, *, fine: bool = False, where: Places | None = None) -> Sequence[Region]:
        self.detected.append(fine)
        self.asked.append(where)
        return [Region.upright(line.box) for line in self._lines(image)]

    def recognise(self, image: Image, regions: Sequence[Region]) -> Sequence[Sequence[TextLine]]:
        known = {line.box: line for line in self._lines(image)}
        return [[self._read(known[region.box])] for region in regions]

    def _lines(self, image: Image) -> tuple[TextLine, ...]:
        high, low, _ = (int(v) for v in image[0, 0])
        return self.frames[high * 256 + low]

    def _read(self, line: TextLine) -> TextLine:
        self.recognised.append(line.text)
        scripted = self.readings.get(line.text)
        text, confidence = scripted.pop(0) if scripted else (line.text, line.confidence)
        return TextLine(line.box, text, confidence)


def line(text: str, box: Box, confidence: float = 0.99) -> TextLine:
    return TextLine(box, text, confidence)


def read_all(
    reader: TextReader,
    pictures: Sequence[tuple[float, Image]],
    end: float,
    interval: float = 1.0,
    moments: Moments | None = None,
) -> list[TextSpan]:
    """Feed all pictures to ``moments`` and those on the grid of samples to the reader; the folded spans."""
    spans: list[TextSpan] = []
    wanted = 0.0
    for time, image in pictures:
        if moments is not None:
            moments.watch(time, signature(image))
        if time + 1e-6 >= wanted:
            spans += reader.feed(time, image)
            wanted = (int((time + 1e-6) / interval) + 1) * interval
    return fold(spans + reader.finish(end))
