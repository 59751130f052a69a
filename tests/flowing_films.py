"""H.264 films of pictures that flow into one another, with cuts where they are asked for, and what is read of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.media_files import write_video
from vagent import configs
from vagent.tools.media import Frame
from vagent.tools.media.probe import pick, probe
from vagent.tools.media.reader import read
from vagent.tools.shots import Boundary, ShotDetector

ONE_REFERENCE = {"preset": "veryfast", "crf": "26"}  # a P picture is predicted from one other, no B picture
SEVERAL = {"preset": "medium", "crf": "30", "refs": "3"}  # from three, B pictures among them


def film(
    path: Path,
    options: Mapping[str, str],
    *,
    count: int = 72,
    cuts: Sequence[int] = (),
    fps: int = 24,
    b_frames: int = 3,
    **given: Any,
) -> Path:
    """Something that moves under grain; from each of the pictures ``cuts`` on, something else."""
    random = np.random.default_rng(1)
    small = [random.uniform(40, 200, (6, 30, 3)) for _ in range(len(cuts) + 1)]
    grounds = [cv2.resize(ground, (480, 96), interpolation=cv2.INTER_CUBIC) for ground in small]
    grain = [random.normal(0, 6, (96, 160, 1)) for _ in range(5)]

    def picture(number: int) -> np.ndarray:
        ground = grounds[sum(number >= cut for cut in cuts)]
        first = number % (ground.shape[1] - 160)
        return np.clip(ground[:, first : first + 160] + grain[number % 5], 0, 255).astype(np.uint8)

    return write_video(path, picture, count=count, fps=fps, b_frames=b_frames, options=options, **({"gop": 36} | given))


def decoding(settings: configs.Settings, decode: str, **media: Any) -> configs.Settings:
    """The settings with another way of decoding."""
    changed = settings.media.model_copy(update={"decode": decode, **media})
    return settings.model_copy(update={"media": changed})


def frames(
    path: Path, settings: configs.Settings, decode: str, start: float = 0.0, sample_fps: float = 60.0
) -> list[Frame]:
    """The pictures that a pass gives, as a rule each of them a sample."""
    info = probe(path)
    given = decoding(settings, decode, sample_fps=sample_fps)
    items = read(info, given, video=pick(info, "video"), audio=None, start=start)
    return [item for item in items if isinstance(item, Frame)]


def boundaries(found: Sequence[Frame]) -> list[Boundary]:
    """Where shots begin in what was read."""
    detector = ShotDetector()
    told = [boundary for frame in found for boundary in detector.feed(frame.time, frame.signature)]
    return told + detector.finish(found[-1].time + 1)
