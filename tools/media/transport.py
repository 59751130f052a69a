"""Whether a stretch of an MPEG transport stream is whole: every packet begins with its mark, none is missing.

FFmpeg searches for the next mark and goes on, and says nothing of what it passed over. A stretch in which no picture is
stored looks the same from outside; inside, its packets follow one another as they should.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_MARK = 0x47  # the first byte of every packet
_SIZES = (188, 192, 204)  # bytes from one packet to the next: plain, with a time stamp, with a checksum
_HEAD = 204 * 64  # bytes from which the size is known
_MOST = 64 << 20  # bytes of a stretch that are looked at


def whole(path: Path, start: int, end: int, track: int) -> bool:
    """Whether nothing is damaged or missing between two places of a file.

    Args:
        path: the file.
        start, end: bytes; a packet begins at each, and both are looked at.
        track: identifier (PID) of the packets that are counted.

    Raises:
        OSError: the file cannot be read any more.
    """
    rows = _packets(path, start, min(end - start, _MOST))
    if len(rows) and not (rows[:, 0] == _MARK).all():
        return False
    own = rows[(rows[:, 1] & 0x1F).astype(int) << 8 | rows[:, 2] == track]
    # A packet that carries something has the number after the one before, or the same if it is that again.
    steps = np.diff(own[own[:, 3] & 0x10 != 0][:, 3] & 0x0F) & 0x0F
    return bool((own[:, 1] & 0x80 == 0).all() and (steps <= 1).all())


def _packets(path: Path, start: int, length: int) -> NDArray[np.uint8]:
    """The first four bytes of each packet of a stretch and of the one behind it, one a row."""
    head = np.fromfile(path, np.uint8, _HEAD)
    marked = {size: _rows(head, size) for size in _SIZES}
    size = max(_SIZES, key=lambda size: float((marked[size][:, 0] == _MARK).mean()) if len(marked[size]) else 0.0)
    return _rows(np.fromfile(path, np.uint8, length + size, offset=start), size)


def _rows(data: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Bytes in rows of one packet each, beginning at the place where most marks stand."""
    rows = data[: len(data) // size * size].reshape(-1, size)
    if not len(rows):
        return rows
    first = int((rows == _MARK).sum(axis=0).argmax())
    moved = data[first:]
    return moved[: len(moved) // size * size].reshape(-1, size)[:, :4]
