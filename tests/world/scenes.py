"""A little world whose truth is known: coloured shapes that move, stand, appear one after another; words; tones.

A *scene* is one shot of 6 to 10 seconds. ``draw(scene, time)`` paints any moment of it, so that a model can be trained
without files; ``film`` in ``tests.world.films`` writes scenes one after another as a real video. Everything follows
from the seed alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""A picture: height x width x 3, BGR."""

WIDTH, HEIGHT = 256, 192

COLOURS: dict[str, tuple[int, int, int]] = {  # blue, green, red
    "red": (30, 30, 220),
    "green": (40, 190, 40),
    "blue": (225, 60, 25),
    "yellow": (30, 220, 235),
    "purple": (190, 30, 170),
    "white": (245, 245, 245),
}
SHAPES = ("circle", "square", "triangle", "cross")
DIRECTIONS: dict[str, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
WORDS = (
    "HARBOR", "GARDEN", "WINTER", "MUSEUM", "ORANGE", "PLANET", "SILVER", "TICKET", "VILLAGE", "LADDER",
    "BRIDGE", "CANDLE", "DRAGON", "FOREST", "ISLAND", "JACKET", "KITCHEN", "MARKET", "PENCIL", "ROCKET",
)  # fmt: skip
TONES = (330, 440, 660, 880)


@dataclass(frozen=True, slots=True)
class Thing:
    """A coloured shape. Places are pixels of its middle, times seconds of its scene."""

    colour: str
    shape: str
    motion: str  # "still" or a direction
    radius: float
    x: float  # where it is when it appears
    y: float
    vx: float  # pixels a second
    vy: float
    appears: float
    leaves: float
    ink: tuple[int, int, int]

    @property
    def name(self) -> str:
        """For instance "red circle"."""
        return f"{self.colour} {self.shape}"

    def seen(self, time: float) -> bool:
        """Whether it is in the picture at ``time``."""
        return self.appears <= time < self.leaves

    def place(self, time: float) -> tuple[float, float]:
        """Where its middle is at ``time``."""
        return self.x + self.vx * (time - self.appears), self.y + self.vy * (time - self.appears)

    def box(self, time: float) -> tuple[float, float, float, float]:
        """Left, top, right, bottom, pixels."""
        x, y = self.place(time)
        left, top, right, bottom = _extent(self.shape)
        r = self.radius
        return x + left * r, y + top * r, x + right * r, y + bottom * r


@dataclass(frozen=True, slots=True)
class Scene:
    """One shot. ``plot`` is "one", "two" or "order" (things appear one after another)."""

    seed: int
    plot: str
    duration: float
    things: tuple[Thing, ...]
    ground: tuple[int, int, int]
    slope: tuple[float, float]
    grain: float
    word: str | None
    tone: int | None

    @property
    def ordered(self) -> tuple[Thing, ...]:
        """Things in order of appearance; those that come together in order of colour and shape."""
        return tuple(sorted(self.things, key=lambda t: (t.appears, list(COLOURS).index(t.colour), t.shape)))

    def boxes(self, time: float) -> list[tuple[Thing, tuple[float, float, float, float]]]:
        """What is in the picture at ``time``, and where."""
        return [(thing, thing.box(time)) for thing in self.things if thing.seen(time)]


def _outline(shape: str) -> NDArray[np.float64]:
    """Corners for radius 1."""
    if shape == "square":
        return np.array([(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)])
    if shape == "triangle":
        return np.array([(0.0, -1.0), (1.0, 0.85), (-1.0, 0.85)])
    a, b = 0.32, 1.0
    return np.array(
        [(-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a), (a, b), (-a, b), (-a, a), (-b, a), (-b, -a), (-a, -a)]
    )


def _extent(shape: str) -> tuple[float, float, float, float]:
    if shape == "circle":
        return -1.0, -1.0, 1.0, 1.0
    corners = _outline(shape)
    return (*(float(v) for v in corners.min(0)), *(float(v) for v in corners.max(0)))


def scene(seed: int, *, plot: str | None = None, word: bool | None = None) -> Scene:
    """The scene of a seed.

    Args:
        plot: one, two or order; None: the seed says.
        word: whether a word is printed; None: the seed says, one in eight.
    """
    rng = np.random.default_rng(seed)
    drawn = str(rng.choice(["one", "two", "order"], p=[0.28, 0.36, 0.36]))
    plot = plot or drawn
    duration = float(np.round(rng.uniform(6, 10), 1))
    printed = bool(rng.random() < 0.125)
    level = rng.uniform(18, 105)
    ground = tuple(int(v) for v in np.clip(level + rng.uniform(-14, 14, 3), 5, 120))
    chosen = str(rng.choice(WORDS)) if (printed if word is None else word) else None
    for _ in range(500):
        things = _things(rng, plot, duration, HEIGHT - 44 if chosen else HEIGHT)
        if _apart(things, duration):
            break
    else:
        raise AssertionError(f"no room for the things of scene {seed}")
    return Scene(
        seed,
        plot,
        duration,
        things,
        (ground[0], ground[1], ground[2]),
        (float(rng.uniform(-18, 18)), float(rng.uniform(-18, 18))),
        float(rng.uniform(2, 7)),
        chosen,
        int(rng.choice(TONES)) if rng.random() < 0.5 else None,
    )


def _things(rng: np.random.Generator, plot: str, duration: float, height: int) -> tuple[Thing, ...]:
    count = 1 if plot == "one" else 2
    kinds = _kinds(rng, count)
    times = [(0.0, duration + 1.0)] * count
    moving = 0.65 if plot != "order" else 0.35
    if plot == "order":
        first = 0.0 if rng.random() < 0.6 else float(rng.uniform(1.1, 1.7))
        second = float(rng.uniform(max(0.42 * duration, first + 1.8), duration - 2.4))
        gone = second + float(rng.uniform(-0.6, 0.9)) if rng.random() < 0.35 else duration + 1.0
        times = [(first, gone), (second, duration + 1.0)]
    return tuple(_thing(rng, kind, time, moving, duration, height) for kind, time in zip(kinds, times, strict=True))


def _kinds(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """Different things; in three of four scenes with different colours and different shapes as well."""
    colours = [str(c) for c in rng.permutation(list(COLOURS))[:count]]
    shapes = [str(s) for s in rng.permutation(SHAPES)[:count]]
    if count == 2:
        draw_ = rng.random()
        if draw_ < 0.13:
            shapes[1] = shapes[0]
        elif draw_ < 0.26:
            colours[1] = colours[0]
    return list(zip(colours, shapes, strict=True))


def _thing(
    rng: np.random.Generator,
    kind: tuple[str, str],
    times: tuple[float, float],
    moving: float,
    duration: float,
    height: int,
) -> Thing:
    colour, shape = kind
    radius = float(rng.uniform(23, 32))
    motion = str(rng.choice(list(DIRECTIONS))) if rng.random() < moving else "still"
    stays = min(times[1], duration) - times[0]
    dx, dy = DIRECTIONS.get(motion, (0, 0))
    margin = radius + 3
    room = (WIDTH if dx else height) - 2 * margin
    way = min(room, float(rng.uniform(16, 26)) * stays) * float(rng.uniform(0.85, 1.0)) if dx or dy else 0.0
    low_x, high_x = margin + (way if dx < 0 else 0), WIDTH - margin - (way if dx > 0 else 0)
    low_y, high_y = margin + (way if dy < 0 else 0), height - margin - (way if dy > 0 else 0)
    ink = np.clip(np.array(COLOURS[colour]) + rng.uniform(-22, 22, 3), 0, 255)
    return Thing(
        colour,
        shape,
        motion,
        radius,
        float(rng.uniform(low_x, high_x)),
        float(rng.uniform(low_y, high_y)),
        dx * way / stays,
        dy * way / stays,
        times[0],
        times[1],
        (int(ink[0]), int(ink[1]), int(ink[2])),
    )


def _apart(things: tuple[Thing, ...], duration: float) -> bool:
    """Whether no two things touch at any moment."""
    for time in np.arange(0, duration + 0.1, 0.25):
        shown = [thing for thing in things if thing.seen(float(time))]
        for i, one in enumerate(shown):
            for other in shown[i + 1 :]:
                (x, y), (u, v) = one.place(float(time)), other.place(float(time))
                if np.hypot(x - u, y - v) < 1.25 * (one.radius + other.radius) + 2:
                    return False
    return True


@cache
def _noise() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((HEIGHT * 3, WIDTH * 3, 3)).astype(np.float32)


@cache
def _ramps() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return rows[..., None] / HEIGHT - 0.5, columns[..., None] / WIDTH - 0.5


def draw(scene: Scene, time: float) -> Image:
    """The picture of a moment, with noise of its own."""
    down, across = _ramps()
    plain = np.float32(scene.ground) + np.float32(scene.slope[0]) * down + np.float32(scene.slope[1]) * across
    image = np.ascontiguousarray(plain)
    for thing in scene.things:
        if thing.seen(time):
            _paint(image, thing, time)
    if scene.word:
        mask = np.zeros(image.shape[:2], np.uint8)  # only eight-bit pictures are drawn on with smooth edges
        cv2.putText(mask, scene.word, (14, HEIGHT - 14), cv2.FONT_HERSHEY_DUPLEX, 1.1, 235, 2, cv2.LINE_AA)
        np.maximum(image, mask[..., None], out=image)
    at = np.random.default_rng((scene.seed, round(time * 1000)))
    y, x = int(at.integers(2 * HEIGHT)), int(at.integers(2 * WIDTH))
    image += np.float32(scene.grain) * _noise()[y : y + HEIGHT, x : x + WIDTH]
    return np.clip(image, 0, 255).astype(np.uint8)


def _paint(image: NDArray[np.float32], thing: Thing, time: float) -> None:
    x, y = thing.place(time)
    mask = np.zeros(image.shape[:2], np.uint8)
    if thing.shape == "circle":
        cv2.circle(mask, (round(x * 16), round(y * 16)), round(thing.radius * 16), 255, -1, cv2.LINE_AA, 4)
    else:
        corners = (_outline(thing.shape) * thing.radius + (x, y)) * 16
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 255, cv2.LINE_AA, 4)
    r = thing.radius + 3
    top, bottom = max(0, int(y - r)), min(HEIGHT, int(y + r) + 1)
    left, right = max(0, int(x - r)), min(WIDTH, int(x + r) + 1)
    part = mask[top:bottom, left:right, None].astype(np.float32) / 255
    image[top:bottom, left:right] += part * (np.float32(thing.ink) - image[top:bottom, left:right])
