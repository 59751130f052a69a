"""Films whose truth is known, as hard to decode as real ones: pans with grain, cuts, slides, burned lines, speech.

Every scene is a pan over a picture of its own; a quarter of them are slides that stand still, every other one
has a line burned into its lower part. Each written line holds words that no other has. Half the time somebody speaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from tests.media_files import AudioTrack, Image, write_video
from tests.sounds import RATE, silence, speech

FPS = 24.0

_SCENES = (5.0, 3.5, 6.5, 4.0, 8.0, 2.5, 5.5, 7.0)  # seconds, one after the other
_PAN = 40.0  # pixels a second, at 720 lines
_GRAIN = 6.0  # grey levels; about 2 megabits a second at 720 lines
_GRAINS = 5  # pictures of grain, in turn
_THINGS = 60  # in one picture
_SYLLABLES = tuple(c + v for c in "bdfgklmnprstvz" for v in "aeiou")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is written on the screen from ``start`` to ``end`` seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Film:
    """A film and what is true of it: where scenes begin but for the first, what is written, what is said (seconds).

    Attributes:
        made: whether that is known; of a film that somebody brings it is not.
    """

    path: Path
    seconds: float
    cuts: tuple[float, ...] = ()
    written: tuple[Line, ...] = ()
    said: tuple[Line, ...] = ()
    made: bool = True


@dataclass(frozen=True, slots=True)
class _Scene:
    start: float
    end: float
    ground: Image  # larger than the picture where it is panned over
    lines: tuple[str, ...]

    @property
    def slide(self) -> bool:
        return len(self.lines) > 1


def make(path: Path, seconds: float, height: int, seed: int = 0) -> Film:
    """Writes a film of so many seconds and lines, 16:9, H.264 as x264's preset veryfast makes it, and its sidecar
    subtitles beside it. A film that is there is not written again: its name is to say what it is.
    """
    random = np.random.default_rng(seed)
    size = height * 16 // 9, height
    scenes = list(_scenes(seconds, size, random))
    grain = [random.normal(0, _GRAIN, (size[1], size[0], 1)).astype(np.int16) for _ in range(_GRAINS)]
    overlays = {scene.start: _overlay(scene.lines, size, slide=scene.slide) for scene in scenes if scene.lines}
    sound, said = _sound(seconds)

    def picture(number: int) -> Image:
        time = number / FPS
        scene = next(s for s in scenes if time < s.end)
        if scene.slide:
            return overlays[scene.start][0]
        moved = _panned(scene.ground, size, time - scene.start)
        noisy = np.asarray(np.clip(moved + grain[number % _GRAINS], 0, 255), np.uint8)
        if not scene.lines:
            return noisy
        ink, mask = overlays[scene.start]
        return np.asarray(np.where(mask, ink, noisy), np.uint8)

    options = {"preset": "veryfast", "crf": "23"}
    count = round(seconds * FPS)
    audio = AudioTrack(sound, codec="aac")
    if not path.exists():
        half = path.with_suffix(".half.mp4")
        write_video(half, picture, count=count, fps=FPS, gop=250, b_frames=3, audio=audio, options=options)
        half.replace(path)
    path.with_suffix(".srt").write_text(_srt(said), encoding="utf-8")
    written = tuple(Line(s.start, s.end, line) for s in scenes for line in s.lines)
    return Film(path, seconds, tuple(s.start for s in scenes[1:]), written, tuple(said))


def _scenes(seconds: float, size: tuple[int, int], random: np.random.Generator) -> Iterator[_Scene]:
    starts = [0.0, *accumulate(_SCENES[i % len(_SCENES)] for i in range(int(seconds)))]
    starts = [start for start in starts if start < seconds - 1]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], seconds], strict=True)):
        slide = number % 4 == 2
        lines = 5 if slide else number % 2
        words = [" ".join(_word(random) for _ in range(4)) for _ in range(lines)]
        yield _Scene(start, end, np.zeros((1, 1, 3), np.uint8) if slide else _ground(size, random), tuple(words))


def _word(random: np.random.Generator) -> str:
    return "".join(random.choice(_SYLLABLES) for _ in range(3)).capitalize()


def _ground(size: tuple[int, int], random: np.random.Generator) -> Image:
    """A picture of things with edges on a ground with texture, half as wide again as the screen."""
    width, height = size[0] * 3 // 2, size[1]
    picture: NDArray[np.float32] = np.full((height, width, 3), random.integers(60, 200, 3), np.float32)
    for step, strength in ((height // 4, 25), (height // 60, 12)):
        coarse = random.normal(0, strength, (height // step + 2, width // step + 2, 3)).astype(np.float32)
        picture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(_THINGS):
        place = tuple(int(random.integers(0, side)) for side in (width, height))
        colour = tuple(float(random.integers(20, 235)) for _ in range(3))
        half = tuple(int(random.integers(height // 40, height // 8)) for _ in range(2))
        cv2.ellipse(picture, place, half, float(random.integers(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def _panned(ground: Image, size: tuple[int, int], passed: float) -> Image:
    left = round(passed * _PAN * size[1] / 720) % (ground.shape[1] - size[0])
    return ground[:, left : left + size[0]]


def _overlay(lines: Sequence[str], size: tuple[int, int], *, slide: bool) -> tuple[Image, NDArray[np.bool_]]:
    """The lines and where their ink is: a page of them, or the last one below with an outline."""
    picture = Pictures.new("RGB", size, (244, 240, 230) if slide else (0, 0, 0))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size[1] // 20)
    mask = Pictures.new("L", size, 0)
    for number, line in enumerate(lines):
        if slide:
            draw.text((size[0] // 10, size[1] * (2 + 2 * number) // 15), line, fill=(20, 30, 60), font=font)
        else:
            place, outline = (size[0] // 2, size[1] * 9 // 10), size[1] // 360
            draw.text(place, line, fill="white", font=font, anchor="mm", stroke_width=outline, stroke_fill="black")
            ImageDraw.Draw(mask).text(place, line, fill=255, font=font, anchor="mm", stroke_width=outline)
    return np.asarray(picture)[:, :, ::-1].copy(), np.asarray(mask)[:, :, None] > 127


def _sound(seconds: float) -> tuple[NDArray[np.int16], list[Line]]:
    """Two sentences again and again, with as long a pause after them."""
    from tests.sounds import SENTENCES

    once = speech()
    turn = 2 * len(once) / RATE
    sound = silence(seconds)
    said: list[Line] = []
    for begin in np.arange(1.0, seconds - 1, turn):
        part = sound[round(begin * RATE) :][: len(once)]
        part[:] = once[: len(part)]
        said += [Line(begin + start, begin + end, text) for start, end, text in SENTENCES if begin + end < seconds]
    return sound, said


def _srt(cues: Sequence[Line]) -> str:
    def clock(time: float) -> str:
        whole = round(time * 1000)
        return f"{whole // 3_600_000:02}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02},{whole % 1000:03}"

    parts = [f"{n}\n{clock(c.start)} --> {clock(c.end)}\n{c.text}\n" for n, c in enumerate(cues, 1)]
    return "\n".join(parts)
