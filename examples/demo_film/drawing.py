"""A small drawing kit for the demo film: soft-edged shapes, gradients, text, sea, clouds and birds.

Coordinates are in pixels of the finished picture (854 x 480). Everything is drawn three times as large and averaged
down, which gives soft edges. Colours are ``"#rrggbb"``; ``alpha`` runs from 0 (nothing) to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

WIDTH, HEIGHT = 854, 480
_SCALE = 3  # drawn this many times larger, then averaged down

NAVY, INK, CREAM, CORAL, AMBER, WHITE = "#14233c", "#22304a", "#f7ecd8", "#dd4f3d", "#f4b23e", "#ffffff"

Point = tuple[float, float]
Scene = Callable[[float], Image.Image]
"""Draws one shot: seconds since it began -> the picture."""


@cache
def _colour(name: str) -> tuple[int, int, int]:
    red, green, blue = ImageColor.getrgb(name)[:3]
    return red, green, blue


@cache
def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size * _SCALE)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise SystemExit("this Pillow has no FreeType: pip install --upgrade pillow")
    return font


def ease(value: float) -> float:
    """0..1 with a soft start and end; values outside are clamped."""
    value = min(max(value, 0.0), 1.0)
    return value * value * (3 - 2 * value)


def noise(seed: int) -> float:
    """A fixed number in 0..1 for every seed: scattered things lie the same in every run."""
    return (math.sin(seed * 127.1 + 311.7) * 43758.5453) % 1


class Canvas:
    """A picture to draw on, in the coordinates of the finished picture."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self._draw = ImageDraw.Draw(image, "RGBA")

    @classmethod
    def gradient(cls, *stops: tuple[float, str]) -> Canvas:
        """A sky: colours at heights (0 = top, 1 = bottom), blended in between."""
        rows = np.linspace(0, 1, HEIGHT * _SCALE)
        places = [place for place, _ in stops]
        column = np.stack(
            [np.interp(rows, places, [_colour(name)[channel] for _, name in stops]) for channel in range(3)], axis=1
        )
        pixels = np.repeat(np.round(column).astype(np.uint8)[:, None], WIDTH * _SCALE, axis=1)
        return cls(Image.fromarray(pixels))

    def copy(self) -> Canvas:
        """The same picture again, to draw the moving things on."""
        return Canvas(self.image.copy())

    def finished(self) -> Image.Image:
        """The picture in its final size, with soft edges."""
        return self.image.reduce(_SCALE)

    def polygon(self, points: Sequence[Point], fill: str, alpha: float = 1) -> None:
        """A filled outline."""
        self._draw.polygon([(x * _SCALE, y * _SCALE) for x, y in points], fill=_paint(fill, alpha))

    def box(
        self, left: float, top: float, right: float, bottom: float, fill: str, alpha: float = 1, radius: float = 0
    ) -> None:
        """A rectangle, its corners rounded by ``radius``."""
        edges = (left * _SCALE, top * _SCALE, right * _SCALE, bottom * _SCALE)
        self._draw.rounded_rectangle(edges, radius * _SCALE, fill=_paint(fill, alpha))

    def oval(self, x: float, y: float, across: float, down: float, fill: str, alpha: float = 1) -> None:
        """An ellipse around a centre; ``across`` and ``down`` are its radii."""
        edges = ((x - across) * _SCALE, (y - down) * _SCALE, (x + across) * _SCALE, (y + down) * _SCALE)
        self._draw.ellipse(edges, fill=_paint(fill, alpha))

    def line(self, points: Sequence[Point], fill: str, width: float, alpha: float = 1) -> None:
        """A line through points."""
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        self._draw.line(scaled, fill=_paint(fill, alpha), width=round(width * _SCALE), joint="curve")

    def glow(self, x: float, y: float, radius: float, fill: str, alpha: float) -> None:
        """Light that fades out towards ``radius``; ``alpha`` is its strength in the middle."""
        rings = 24
        for ring in range(rings, 0, -1):
            self.oval(x, y, radius * ring / rings, radius * ring / rings, fill, alpha / rings * 2 * (1 - ring / rings))

    def milky_way(self, start: Point, end: Point, width: float, fill: str, strength: float) -> None:
        """A band of faint, uneven light between two points."""
        down, across = np.mgrid[0 : HEIGHT * _SCALE, 0 : WIDTH * _SCALE].astype(np.float32) / _SCALE
        (x0, y0), (x1, y1) = start, end
        length = math.hypot(x1 - x0, y1 - y0)
        along = ((across - x0) * (x1 - x0) + (down - y0) * (y1 - y0)) / length
        aside = ((across - x0) * (y1 - y0) - (down - y0) * (x1 - x0)) / length
        uneven = 0.72 + 0.16 * np.sin(along / 37 + aside / 19) + 0.12 * np.sin(along / 17 - aside / 11 + 2)
        light = np.exp(-((aside / width) ** 2)) * uneven * strength
        pixels = np.asarray(self.image, dtype=np.float32)
        mixed = pixels + (np.array(_colour(fill), dtype=np.float32) - pixels) * light[..., None]
        self.image.paste(Image.fromarray(np.round(mixed).astype(np.uint8)))

    def text(
        self,
        place: Point,
        text: str,
        size: float,
        fill: str,
        *,
        alpha: float = 1,
        anchor: str = "ls",
        weight: float = 0,
        spacing: float = 0,
    ) -> None:
        """One line of text. ``anchor`` as in Pillow; ``weight`` thickens it; ``spacing`` pixels between letters."""
        font, thick = _font(size), weight * _SCALE
        x, y = place[0] * _SCALE, place[1] * _SCALE
        if not spacing:
            self._letters((x, y), text, font, fill, alpha, anchor, thick)
            return
        gap = spacing * _SCALE
        width = sum(font.getlength(letter) + gap for letter in text) - gap
        x -= {"l": 0.0, "m": width / 2, "r": width}[anchor[0]]
        for letter in text:
            self._letters((x, y), letter, font, fill, alpha, "l" + anchor[1], thick)
            x += font.getlength(letter) + gap

    def _letters(
        self,
        place: Point,
        text: str,
        font: ImageFont.FreeTypeFont,
        fill: str,
        alpha: float,
        anchor: str,
        thick: float,
    ) -> None:
        # Through a mask of its own: Pillow draws half-transparent text opaque where it has a stroke.
        box = self._draw.textbbox(place, text, font=font, anchor=anchor, stroke_width=thick)
        left, top = math.floor(box[0]), math.floor(box[1])
        mask = Image.new("L", (math.ceil(box[2]) - left + 2, math.ceil(box[3]) - top + 2))
        ink = round(255 * min(max(alpha, 0.0), 1.0))
        inside = (place[0] - left, place[1] - top)
        ImageDraw.Draw(mask).text(inside, text, font=font, fill=ink, anchor=anchor, stroke_width=thick)
        self.image.paste(_colour(fill), (left, top), mask)


def _paint(fill: str, alpha: float) -> tuple[int, int, int, int]:
    return *_colour(fill), round(255 * min(max(alpha, 0.0), 1.0))


def sea(canvas: Canvas, t: float, top: float, colours: Sequence[str], height: float = 5) -> None:
    """Rows of waves from ``top`` to the bottom edge; nearer rows are larger and faster."""
    rows = len(colours)
    for row, colour in enumerate(colours):
        near = row / max(rows - 1, 1)
        base = top + (HEIGHT - top) * (near**1.4) * 0.82
        swell, length = height * (0.35 + near), 60 + 130 * near
        crest = [
            (
                x,
                base
                + swell * math.sin(2 * math.pi * (x / length + t * (0.12 + 0.1 * near) + row * 0.37))
                + swell * 0.4 * math.sin(2 * math.pi * (x / length * 2.3 - t * 0.21 + row * 0.71)),
            )
            for x in range(-8, WIDTH + 9, 8)
        ]
        canvas.polygon([*crest, (WIDTH + 8, HEIGHT), (-8, HEIGHT)], colour)


def cloud(canvas: Canvas, x: float, y: float, size: float, fill: str = "#ffffff", alpha: float = 1) -> None:
    """A flat-bottomed cloud."""
    for shift, lift, radius in ((-1.1, 0, 0.55), (-0.4, 0.35, 0.75), (0.45, 0.2, 0.68), (1.1, 0, 0.5)):
        canvas.oval(x + shift * size, y - lift * size, radius * size, radius * size, fill, alpha)
    canvas.box(x - 1.6 * size, y + 0.02 * size, x + 1.55 * size, y + 0.55 * size, fill, alpha, radius=size * 0.26)


def gull(canvas: Canvas, x: float, y: float, size: float, t: float, fill: str) -> None:
    """A bird far away, its wings beating."""
    lift = size * (0.35 + 0.3 * math.sin(t * 5))
    wings = [
        (x - size, y - lift),
        (x - size * 0.45, y - lift * 1.15),
        (x, y),
        (x + size * 0.45, y - lift * 1.15),
        (x + size, y - lift),
    ]
    canvas.line(wings, fill, max(size * 0.14, 1.2))


def hills(canvas: Canvas, base: float, rise: float, length: float, shift: float, fill: str) -> None:
    """A row of rounded hills that stands on the bottom edge."""
    ridge = [
        (
            x,
            base
            - rise * (0.5 + 0.5 * math.sin(2 * math.pi * (x / length + shift)))
            - rise * 0.35 * math.sin(2 * math.pi * (x / length * 2.7 + shift * 3)),
        )
        for x in range(-6, WIDTH + 7, 6)
    ]
    canvas.polygon([*ridge, (WIDTH + 6, HEIGHT), (-6, HEIGHT)], fill)


def place_tag(canvas: Canvas, t: float, clock: str, place: str) -> None:
    """The hour and the place in the upper left corner, for the first seconds of a shot."""
    shown = ease((t - 0.6) / 0.6) * ease((5.6 - t) / 0.6)
    if shown <= 0:
        return
    canvas.box(28, 26, 122 + _font(19).getlength(place) / _SCALE, 58, NAVY, 0.88 * shown, radius=6)
    canvas.text((42, 42), clock, 19, "#ffd27a", alpha=shown, anchor="lm", weight=0.4)
    canvas.text((106, 42), place, 19, WHITE, alpha=shown, anchor="lm", weight=0.4)
