"""One line of text while it is on the screen, and how what is known of such lines is written down to go on later."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.tools.text import Box, TextLine
from vagent.tools.text.gate import Patch
from vagent.tools.text.likeness import key

_DISTINCT = 12  # different readings of one line that take part in the vote
_LARGEST = 1 << 20  # bytes of a picture that is read back, at most


@dataclass(slots=True, eq=False)
class LineTrack:
    """One line of text while it is on the screen; one without text is a place where nothing was readable."""

    box: Box
    patch: Patch | None
    start: float
    samples: int = 1
    attempts: int = 1
    missed: float | None = None  # when it was found to be gone ...
    end: float = 0.0  # ... and since when it is
    replaced: bool = False  # other text stands in its place
    readings: dict[str, tuple[float, float]] = field(default_factory=dict)  # text -> weight, best confidence
    beside: tuple[LineTrack, ...] = ()  # the lines of its block, itself among them, when it was most complete

    def read(self, text: str, confidence: float) -> None:
        """Take one more reading into the vote."""
        weight, best = self.readings.get(text, (0.0, 0.0))
        if text in self.readings or len(self.readings) < _DISTINCT:
            # The fourth power: one sure reading outweighs several unsure ones.
            self.readings[text] = weight + confidence**4, max(best, confidence)

    def line(self) -> TextLine | None:
        """The reading that won: of the key with most weight the spelling with most weight."""
        if not self.readings:
            return None
        weights: Counter[str] = Counter()
        for text, (weight, _) in self.readings.items():
            weights[key(text)] += weight  # type: ignore[assignment]
        text = max(self.readings, key=lambda t: (weights[key(t)], self.readings[t][0], len(t), t))
        return TextLine(self.box, text, self.readings[text][1])

    def part(self) -> None:
        """Let go of what is of no use any more once the line has been told: others may remember it for long."""
        self.patch, self.beside = None, ()


def pack(tracks: Sequence[LineTrack]) -> list[dict[str, Any]]:
    """The tracks as JSON values, in order, and after them those that are only remembered as having stood beside one."""
    known = list(tracks)
    numbers = {id(track): number for number, track in enumerate(known)}
    for track in tracks:
        for other in track.beside:
            if id(other) not in numbers:
                numbers[id(other)] = len(known)
                known.append(other)
    return [
        {
            "box": track.box,
            "patch": None if track.patch is None or number >= len(tracks) else pack_picture(track.patch.gray),
            "times": [track.start, track.missed, track.end],
            "counts": [track.samples, track.attempts],
            "replaced": track.replaced,
            "readings": [[text, *votes] for text, votes in track.readings.items()],
            "beside": [numbers[id(other)] for other in track.beside] if number < len(tracks) else [],
        }
        for number, track in enumerate(known)
    ]


def unpack(values: Sequence[Mapping[str, Any]]) -> list[LineTrack]:
    """The tracks that ``pack`` was given, and those beside them.

    Raises:
        ValueError, TypeError, KeyError, IndexError: they are not what ``pack`` makes.
    """
    tracks = [_track(value) for value in values]
    for track, value in zip(tracks, values, strict=True):
        track.beside = tuple(tracks[int(number)] for number in value["beside"])
    return tracks


def pack_picture(gray: NDArray[np.uint8]) -> list[Any]:
    """A picture of grey levels as JSON values: its height, and its rows one after the other, compressed."""
    return [gray.shape[0], b64encode(zlib.compress(gray.tobytes(), 1)).decode("ascii")]


def unpack_picture(value: Sequence[Any]) -> NDArray[np.uint8]:
    """The picture that ``pack_picture`` was given.

    Raises:
        ValueError, TypeError: it is not one.
    """
    height, text = value
    try:
        flat = zlib.decompressobj().decompress(b64decode(text, validate=True), _LARGEST)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    return np.frombuffer(flat, np.uint8).reshape(int(height), -1)


def _track(value: Mapping[str, Any]) -> LineTrack:
    left, top, right, bottom = (float(v) for v in value["box"])
    start, missed, end = value["times"]
    samples, attempts = value["counts"]
    return LineTrack(
        box=(left, top, right, bottom),
        patch=None if value["patch"] is None else Patch.of(unpack_picture(value["patch"])),
        start=float(start),
        samples=int(samples),
        attempts=int(attempts),
        missed=None if missed is None else float(missed),
        end=float(end),
        replaced=bool(value["replaced"]),
        readings={str(text): (float(weight), float(best)) for text, weight, best in value["readings"]},
    )
