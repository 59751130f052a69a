"""Films: scenes one after another with hard cuts between them, as real video files, and what is true of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.media_files import tone, write_video
from tests.world.scenes import Scene, draw
from vagent.tools.time import Span

RATE = 16_000


@dataclass(frozen=True)
class Shot:
    """A scene and when it is shown."""

    scene: Scene
    span: Span


@dataclass(frozen=True)
class Film:
    """A file and its shots in order."""

    path: Path
    shots: tuple[Shot, ...]

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.shots[-1].span.end


def film(path: Path, scenes: list[Scene], *, fps: float = 12.5, sound: bool = False) -> Film:
    """Write the scenes one after another.

    Args:
        fps: pictures a second; scenes are cut to whole pictures.
        sound: also write their tones; a scene without one is silent.
    """
    shots, start = [], 0.0
    for scene in scenes:
        end = round((start + scene.duration) * fps) / fps
        shots.append(Shot(scene, Span(start, end)))
        start = end

    def picture(number: int) -> NDArray[np.uint8]:
        time = (number + 0.01) / fps  # a hair inside, so that a picture at a cut belongs to one scene
        shot = next(s for s in shots if time < s.span.end)
        return draw(shot.scene, time - shot.span.start)

    audio = np.concatenate([_tone(shot) for shot in shots]) if sound else None
    options = {"crf": "20", "preset": "veryfast"}
    write_video(path, picture, count=round(start * fps), fps=fps, audio=audio, options=options)
    return Film(path, tuple(shots))


def _tone(shot: Shot) -> NDArray[np.int16]:
    seconds = round(shot.span.end * RATE) / RATE - round(shot.span.start * RATE) / RATE
    if shot.scene.tone is None:
        return np.zeros(round(seconds * RATE), np.int16)
    return tone(seconds, float(shot.scene.tone), RATE)


def different(scenes: list[Scene], least: float = 20.0) -> bool:
    """Whether each scene's ground is so many grey levels from the next one's that everybody sees the cut."""
    levels = [float(np.mean(scene.ground)) for scene in scenes]
    return all(abs(a - b) >= least for a, b in pairwise(levels))
