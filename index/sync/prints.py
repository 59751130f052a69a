"""What a film looks and sounds like in a few kilobytes, whatever its container, codec, resolution and bit rate.

The look is a hash of 64 bits of the picture shown at each second: the signs of its coarsest cosine waves, bars around
the picture left out. Two encodings of a picture differ in few of the bits, two pictures in about half of them. The
sound is its loudness ten times a second.

Of a picture that is looked for it is also known which of its bits are sure: those whose wave is far from the median,
where an encoder's noise turns none. Only they are compared, as with the reliability of bits in Haitsma and Kalker, "A
Highly Robust Audio Fingerprinting System" (ISMIR 2002). Of a dozen films at half their size and in another codec 99.7 %
of the pictures were known by all bits, all of them by the surest forty, and no more pictures of others.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vagent.errors import LibraryCorruptError
from vagent.tools.speech import RATE

Kind = Literal["pictures", "loudness"]
Hashes = NDArray[np.uint64]
Levels = NDArray[np.uint8]

STAGES: Mapping[Kind, str] = {"pictures": "print of pictures", "loudness": "print of sound"}
"""The stage that makes each kind of print."""

PICTURE_STEP = 1.0
"""Seconds between two pictures of a print."""
LEVEL_STEP = 0.1
"""Seconds of sound of one level."""

_SIDE, _WAVES = 32, 8  # the picture is looked at in 32 x 32 cells, of whose waves the 8 x 8 coarsest count
_VALID = np.uint64(1)  # the lowest bit would say how bright the picture is; it says instead that there is one
_BAR = 30.0  # brightness of bars beside the picture, at most; black is 16, or 0
_LEAST_SHOWN = 0.4  # part of the height and width that has to be picture
_SURE = 40  # bits of a picture that are compared
_SPREAD = 6.0  # standard deviation of a picture that shows something, grey levels
_HEADER = struct.Struct("<Bdd")
_FORMAT = 1
_LEVELS_A_DECIBEL = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """Values at even times: number ``k`` belongs to ``start + k * step`` seconds.

    Attributes:
        values: hashes (uint64; 0 where nothing can be told) or levels (uint8).
    """

    start: float
    step: float
    values: NDArray[np.uint64] | NDArray[np.uint8]

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return _HEADER.pack(_FORMAT, self.start, self.step) + self.values.tobytes()

    @classmethod
    def from_bytes(cls, kind: Kind, data: bytes) -> Print:
        """What ``to_bytes`` gave.

        Raises:
            LibraryCorruptError: it is damaged.
        """
        if len(data) < _HEADER.size or data[0] != _FORMAT:
            raise _damaged()
        _, start, step = _HEADER.unpack_from(data)
        return cls(start, step, of_bytes(kind, data[_HEADER.size :]))

    def moved(self, rate: float, offset: float) -> Print:
        """The same where second ``t`` has become second ``rate * t + offset``."""
        return Print(self.start * rate + offset, self.step * rate, self.values)


def of_bytes(kind: Kind, data: bytes) -> Hashes | Levels:
    """The values that bytes hold.

    Raises:
        LibraryCorruptError: they end within a value.
    """
    if kind == "loudness":
        return np.frombuffer(data, np.uint8)
    if len(data) % 8:
        raise _damaged()
    return np.frombuffer(data, np.uint64)


def _damaged() -> LibraryCorruptError:
    return LibraryCorruptError("a stored fingerprint of a film is damaged", hint="index the video again")


def picture_hash(signature: NDArray[np.uint8], rotation: int = 0) -> np.uint64:
    """The hash of a picture; 0 where it shows nothing that another would not show too.

    Args:
        signature: of the frame, see ``vagent.tools.media.Frame``.
        rotation: degrees clockwise that the stored picture is turned for display.
    """
    return picture_bits(signature, rotation)[0]


def picture_bits(signature: NDArray[np.uint8], rotation: int = 0) -> tuple[np.uint64, np.uint64]:
    """The hash of a picture, as ``picture_hash``, and which of its bits are sure."""
    import cv2

    luma = _inside_bars(signature[0])
    if luma is None or float(luma.std()) < _SPREAD:
        return np.uint64(0), np.uint64(0)
    luma = np.ascontiguousarray(np.rot90(luma, -rotation // 90))
    cells = cv2.resize(luma, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(cells)[:_WAVES, :_WAVES].ravel()
    above = waves - np.median(waves[1:])
    bits = above > 0
    bits[0] = True
    far = np.abs(above)
    far[0] = -1.0  # it tells nothing of the picture
    sure = far >= np.partition(far, -_SURE)[-_SURE]
    return _packed(bits), _packed(sure)


def _packed(bits: NDArray[np.bool_]) -> np.uint64:
    return np.uint64(np.packbits(bits, bitorder="little").view(np.uint64)[0])


def _inside_bars(luma: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The part of a picture within black bars; None where that is too little to tell anything."""
    bright = luma > _BAR
    rows, columns = np.flatnonzero(bright.mean(axis=1) > 0.02), np.flatnonzero(bright.mean(axis=0) > 0.02)
    if not len(rows) or not len(columns):
        return None
    inner = luma[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = inner.shape
    return inner if height >= _LEAST_SHOWN * luma.shape[0] and width >= _LEAST_SHOWN * luma.shape[1] else None


def levels(samples: NDArray[np.int16]) -> Levels:
    """The loudness of each tenth of a second of sound, 0 for silence; what is left at the end is dropped.

    Args:
        samples: mono, 16 kHz.
    """
    block = round(RATE * LEVEL_STEP)
    count = len(samples) // block
    power = np.square(samples[: count * block].reshape(count, block).astype(np.float32)).mean(axis=1)
    return np.asarray(np.minimum(np.round(power_levels(power)), 255), np.uint8)


def power_levels(power: NDArray[Any]) -> NDArray[Any]:
    """Levels from the mean of the squared samples, not rounded."""
    return _LEVELS_A_DECIBEL * (10.0 * np.log10(1.0 + power))


def distance(one: Hashes, other: Hashes, sure: Hashes | None = None) -> NDArray[np.float32]:
    """Which part of the bits differs; 1 where either of the two tells nothing.

    Args:
        sure: the bits that count; None: all.
    """
    different = np.bitwise_count((one ^ other) if sure is None else (one ^ other) & sure)
    counted = np.float32(63) if sure is None else np.maximum(np.bitwise_count(sure), 1).astype(np.float32)
    telling = (one & _VALID) & (other & _VALID)
    return np.where(telling, different / counted, 1.0).astype(np.float32)
