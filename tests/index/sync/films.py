"""Little films of textured scenes with sound, and what may happen to a film's file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from tests.media_files import SubtitleTrack, write_video
from vagent import configs
from vagent.index.library import VideoLibrary

FPS = 10
SIZE = (240, 136)
RATE = 16_000


@dataclass(frozen=True)
class Scene:
    """A textured picture that is slowly panned over, with a sound of its own; both follow from the seed."""

    seed: int
    seconds: float


def scenes(first: int, count: int) -> list[Scene]:
    """Scenes of 1.5 to 3.5 seconds, all different."""
    return [Scene(1000 * first + i, 1.5 + (7 * i + first) % 5 * 0.5) for i in range(count)]


def length(film: Sequence[Scene]) -> float:
    return sum(scene.seconds for scene in film)


def pictures(film: Sequence[Scene], size: tuple[int, int] = SIZE, bars: int = 0) -> list[np.ndarray]:
    """The frames of a film; with ``bars`` that many black rows above and below the picture."""
    found = [shown for scene in film for shown in _views(scene, size)]
    return [cv2.copyMakeBorder(shown, bars, bars, 0, 0, cv2.BORDER_CONSTANT) for shown in found]


@lru_cache(maxsize=24)
def _views(scene: Scene, size: tuple[int, int]) -> list[np.ndarray]:
    """The frames of one scene; the films of a test file share most of theirs."""
    noise = np.random.default_rng(scene.seed).integers(0, 256, (9, 16, 3)).astype(np.uint8)
    large = cv2.resize(noise, (480, 272), interpolation=cv2.INTER_CUBIC)
    views = [large[: 272 - 20, number : 480 - 60 + number] for number in range(round(scene.seconds * FPS))]
    return [cv2.resize(view, size, interpolation=cv2.INTER_AREA) for view in views]


def sound(film: Sequence[Scene]) -> np.ndarray:
    """Noise that is louder and softer, differently in every scene."""
    parts = []
    for scene in film:
        random = np.random.default_rng(scene.seed + 7)
        steps = random.uniform(0.02, 0.6, round(scene.seconds * 5))
        envelope = np.repeat(steps, RATE // 5)
        parts.append(random.uniform(-1, 1, len(envelope)) * envelope * 20_000)
    return np.concatenate(parts).astype(np.int16)


def write(path: Path, film: Sequence[Scene], *, bars: int = 0, mute: bool = False, **options: Any) -> Path:
    """A film as a file, with a line of subtitles for each scene of it."""
    begins = np.cumsum([0.0, *(scene.seconds for scene in film)]).tolist()
    cues = [(begins[i] + 0.2, begins[i] + 1.2, f"scene number {scene.seed}") for i, scene in enumerate(film)]
    size = options.pop("size", SIZE)
    return write_video(
        path,
        pictures(film, size, bars),
        fps=FPS,
        audio=None if mute else sound(film),
        subtitles=SubtitleTrack(cues, language="eng") if options.pop("subtitles", True) else (),
        **options,
    )


def remux(source: Path, target: Path) -> Path:
    """The same packets in another container."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        tracks = [t for t in before.streams if t.type in ("video", "audio")]
        streams = {track.index: after.add_stream_from_template(track) for track in tracks}
        for packet in before.demux(*tracks):
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                after.mux(packet)
    return target


QUICK = {
    "engines": dict.fromkeys(("text", "speech", "objects", "sounds", "visual", "embeddings"), "off"),
    "index": {"settle": 0},
    "threads": 1,
}


@contextmanager
def library(folder: Path, **overrides: Any) -> Iterator[VideoLibrary]:
    """A library that reads subtitles and looks at pictures, and needs no model."""
    opened = VideoLibrary(configs.load({"library": str(folder), **QUICK, **overrides}, env={}))
    try:
        yield opened
    finally:
        opened.close()


def rows(opened: VideoLibrary, video: int) -> list[tuple[str, float, float, str]]:
    """The evidence of a video: kind, times and text."""
    return [(r.kind, r.span.start, r.span.end, r.text) for r in opened.evidence(video)]
