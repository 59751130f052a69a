"""Stretches of speech put together into the windows of half a minute that Whisper listens to.

Whisper takes as long for two seconds as for thirty, and understands words better in company. Between two stretches
there is as much silence as there was in the video, but half a second at most; whoever reads times in a window asks it
where in the video they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vagent.tools.speech import RATE, Stretch
from vagent.tools.time import Span

LONGEST = 29.0  # seconds in a window; a stretch that is longer has one of its own
_SILENCE = 0.5  # seconds between two stretches, at most


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stretch lies in a window. ``offset`` and ``length`` are seconds there, ``start`` is seconds of the video;
    ``stretch`` is its number among those that were packed."""

    stretch: int
    offset: float
    length: float
    start: float

    @property
    def span(self) -> Span:
        """The stretch in the video."""
        return Span(self.start, self.start + self.length)

    def distance(self, moment: float) -> float:
        """Seconds from a moment of the window to this stretch; 0 within it."""
        return max(self.offset - moment, moment - self.offset - self.length, 0.0)

    def time(self, moment: float) -> float:
        """A moment of the window as a time of the video, moved into the stretch where it lies outside."""
        return self.start + min(max(moment - self.offset, 0.0), self.length)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Sound as Whisper takes it, -1..1 at 16 kHz, and the stretches in it."""

    sound: NDArray[np.float32]
    places: tuple[Place, ...]

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.sound) / RATE

    def place(self, start: float, end: float) -> Place:
        """The stretch that what lasts from ``start`` to ``end`` belongs to, seconds of the window."""
        return min(self.places, key=lambda place: place.distance((start + end) / 2))

    def alone(self, place: Place) -> Window:
        """A window with one of the stretches only."""
        first = round(place.offset * RATE)
        sound = self.sound[first : first + round(place.length * RATE)]
        return Window(sound, (Place(place.stretch, 0.0, place.length, place.start),))


def waveform(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """16-bit samples as Whisper takes them, -1..1."""
    return samples.astype(np.float32) / np.float32(32768)


def pack(stretches: Sequence[Stretch], numbers: Sequence[int], longest: float = LONGEST) -> list[Window]:
    """Windows of the stretches with these ``numbers``, in their order; with ``longest`` 0 each has its own."""
    windows: list[Window] = []
    sounds: list[NDArray[np.float32]] = []
    places: list[Place] = []
    filled = 0  # samples
    before = 0.0  # end of the last stretch, seconds of the video

    def close() -> None:
        nonlocal filled
        if places:
            windows.append(Window(np.concatenate(sounds), tuple(places)))
        sounds.clear()
        places.clear()
        filled = 0

    for number in numbers:
        samples, start = stretches[number]
        silence = round(min(max(start - before, 0.0), _SILENCE) * RATE)
        if filled + silence + len(samples) > longest * RATE:
            close()
        if places:
            sounds.append(np.zeros(silence, np.float32))
            filled += silence
        places.append(Place(number, filled / RATE, len(samples) / RATE, start))
        sounds.append(waveform(samples))
        filled += len(samples)
        before = start + len(samples) / RATE
    close()
    return windows
