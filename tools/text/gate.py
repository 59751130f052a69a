"""What changed between two frames: whether to look again at all, and whether one line is still there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vagent.tools.text import Box, Image

Patch = NDArray[np.bool_]
"""The strokes of one line: True where the picture has an edge."""

_SIZE = 320, 180  # pixels of the small picture that frames are compared in
_BLOCK = 10  # pixels of its blocks
_ROW = 24  # pixels of height of a patch
_LONGEST = 720  # pixels of width of a patch, at most
_FLAT = 12  # grey levels that an edge rises, at least
_STILL = 0.85  # part of the strokes that must be where they were


class FrameGate:
    """Says whether a frame differs from the last one that was read.

    Args:
        change: mean grey-level change of some block (a thirty-second of the picture's width) that counts.
    """

    def __init__(self, change: float) -> None:
        self._change = change
        self._last: NDArray[np.float32] | None = None

    def reset(self) -> None:
        """Forget the last frame: the next one counts as changed."""
        self._last = None

    def changed(self, image: Image) -> bool:
        """True for the first frame and for one that differs somewhere; that frame is then the one to compare with."""
        import cv2

        small = cv2.cvtColor(cv2.resize(image, _SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        current = small.astype(np.float32)
        if self._last is not None:
            difference = np.abs(current - self._last)
            height, width = difference.shape
            blocks = difference.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).mean(axis=(1, 3))
            if float(blocks.max()) < self._change:
                return False
        self._last = current
        return True


def strokes(image: Image, box: Box) -> Patch | None:
    """The strokes within a box; None where the box has no size or nothing in it stands out."""
    import cv2

    height, width = image.shape[:2]
    left, right = (min(width, max(0, round(x * width))) for x in (box[0], box[2]))
    top, bottom = (min(height, max(0, round(y * height))) for y in (box[1], box[3]))
    if right - left < 3 or bottom - top < 3:
        return None
    size = max(8, min(_LONGEST, round((right - left) * _ROW / (bottom - top)))), _ROW
    gray = cv2.cvtColor(cv2.resize(image[top:bottom, left:right], size), cv2.COLOR_BGR2GRAY)
    rise = cv2.morphologyEx(gray, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    edges: Patch = rise >= max(_FLAT, float(np.percentile(rise, 80)))
    return edges if edges.any() else None


def still(before: Patch | None, now: Patch | None) -> bool:
    """True where the strokes are where they were, a pixel more or less."""
    if before is None or now is None or before.shape != now.shape:
        return False
    return min(_covered(before, now), _covered(now, before)) > _STILL


def _covered(strokes: Patch, by: Patch) -> float:
    import cv2

    wide = cv2.dilate(by.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return float((strokes & wide).sum()) / max(1, int(strokes.sum()))
