"""Sound for tests: two spoken sentences that lie beside them, files read whole, and sounds that are no speech."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.int16]
RATE = 16_000

SENTENCES = (
    (0.5, 5.2, "the lighthouse at port ellen was built in the year eighteen ninety two"),
    (6.7, 10.0, "the ferry carries forty passengers to the island"),
)
"""What speech.flac says, and when; see data/speech.txt."""


@cache
def load(path: Path) -> Sound:
    """The first audio track of a file: int16, mono, 16 kHz."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        frames = [r for frame in container.decode(audio=0) for r in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]).astype(np.int16)


def speech() -> Sound:
    """speech.flac: two sentences with a pause between them."""
    return load(Path(__file__).parent / "data" / "speech.flac")


def _times(seconds: float) -> NDArray[np.float64]:
    return np.arange(round(seconds * RATE)) / RATE


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.int16)


def sine(seconds: float) -> Sound:
    return (8000 * np.sin(2 * np.pi * 440 * _times(seconds))).astype(np.int16)


def noise(seconds: float) -> Sound:
    return np.random.default_rng(0).normal(0, 3000, round(seconds * RATE)).astype(np.int16)


def chords(seconds: float) -> Sound:
    """Three notes at once with overtones, struck twice a second and dying away."""
    times = _times(seconds)
    roots = np.array([220.0, 261.6, 196.0, 246.9])[(times * 2).astype(int) % 4]
    notes = sum(np.sin(2 * np.pi * roots * f * times) / f for f in (1, 1.25, 1.5, 2, 3, 4))
    return np.asarray(2500 * notes * np.exp(-3 * (times % 0.5))).astype(np.int16)


def drums(seconds: float) -> Sound:
    """Bursts of noise four times a second."""
    return (noise(seconds) * np.exp(-30 * (_times(seconds) % 0.25))).astype(np.int16)


NO_SPEECH: dict[str, Callable[[float], Sound]] = {
    "silence": silence,
    "sine": sine,
    "noise": noise,
    "chords": chords,
    "drums": drums,
}
