"""What changed between two frames: whether to look again at all, and whether one line is still there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vagent.tools.text import Box, Image, Places

_SIZE = 320, 180  # pixels of the small picture that frames are compared in
_BLOCK = 10  # pixels of its blocks
_ANOTHER = 0.5  # correlation of the blocks of two frames below which they show something else
_ROW = 32  # pixels of height of a patch
_LONGEST = 960  # pixels of width of a patch, at most
_FLAT = 12  # grey levels that an edge rises, at least
_STILL = 0.85  # part of the strokes that must be where they were ...
_LETTER = 16  # ... and in every stretch of so many pixels, about a letter, ...
_SOME = 24  # ... that has at least so many pixels of strokes, ...
_SHADE = 0.12  # ... they may differ by this part of the line's contrast


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One line as it looks: its grey levels, and True in ``strokes`` where the picture has an edge."""

    gray: NDArray[np.uint8]
    strokes: NDArray[np.bool_]

    @classmethod
    def of(cls, gray: NDArray[np.uint8]) -> Patch | None:
        """The patch with these grey levels; None where nothing in it stands out."""
        import cv2

        rise = cv2.morphologyEx(gray, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        strokes: NDArray[np.bool_] = rise >= max(_FLAT, float(np.percentile(rise, 80)))
        return cls(gray, strokes) if strokes.any() else None


class FrameGate:
    """Says where a frame, small as ``shrunk`` makes it, differs from what was read last.

    Args:
        change: mean grey-level change of some block (a thirty-second of the picture's width) that counts.

    Attributes:
        last: what the next frame is compared with: in each place the last frame that had changed there.
    """

    def __init__(self, change: float) -> None:
        self._change = change
        self.last: NDArray[np.uint8] | None = None

    def reset(self) -> None:
        """Forget the last frame: the next one counts as changed."""
        self.last = None

    def changes(self, frame: NDArray[np.uint8]) -> Places:
        """Which blocks differ, all of them for the first frame; from now on these are compared with this frame."""
        import cv2

        if self.last is None:
            self.last = frame
            return np.ones((_SIZE[1] // _BLOCK, _SIZE[0] // _BLOCK), np.bool_)
        found: Places = _blocks(cv2.absdiff(frame, self.last)) >= self._change
        if found.any():
            self.last = np.where(spread(found), frame, self.last)
        return found

    def changed(self, image: Image) -> bool:
        """True for the first picture and for one that differs somewhere; all of it is then what to compare with."""
        frame = shrunk(image)
        differs = bool(self.changes(frame).any())
        self.last = frame if differs else self.last
        return differs

    def another(self, frame: NDArray[np.uint8]) -> bool:
        """True where a frame has little in common with the one to compare with: after a cut, or a fast pan."""
        return self.last is None or _correlation(frame, self.last) < _ANOTHER


def shrunk(image: Image) -> NDArray[np.uint8]:
    """The picture small and grey, as the gate compares it."""
    import cv2

    small = cv2.resize(image, _SIZE, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def spread(blocks: Places) -> Places:
    """Blocks as the pixels of a small picture."""
    return blocks.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)


def news(changed: Places | None, known: Sequence[Box], wanted: Sequence[Box]) -> Places:
    """Where a frame may show text that is not known yet.

    Args:
        changed: the blocks that changed; what is around them counts too. None: all may have.
        known: lines that are as they were.
        wanted: places that are to be looked at in any case.
    """
    import cv2

    if changed is None:
        found = np.ones((_SIZE[1], _SIZE[0]), np.bool_)
    else:
        found = spread(cv2.dilate(changed.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_))
    for boxes, value in ((known, False), (wanted, True)):
        for left, top, right, bottom in boxes:
            rows = slice(int(top * _SIZE[1]), math.ceil(bottom * _SIZE[1]))
            found[rows, int(left * _SIZE[0]) : math.ceil(right * _SIZE[0])] = value
    return found


def _blocks(small: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean of each block of a small picture."""
    height, width = small.shape
    blocks = small.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float64)


def _correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """How alike the blocks of two small pictures lie, whatever their light: 1 for the same, 0 where nothing is."""
    a, b = (_blocks(small).ravel() for small in (one, other))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else float(np.array_equal(a, b))


def patch(image: Image, box: Box) -> Patch | None:
    """The picture within a box; None where the box has no size or nothing in it stands out."""
    import cv2

    height, width = image.shape[:2]
    left, right = (min(width, max(0, round(x * width))) for x in (box[0], box[2]))
    top, bottom = (min(height, max(0, round(y * height))) for y in (box[1], box[3]))
    if right - left < 3 or bottom - top < 3:
        return None
    size = max(8, min(_LONGEST, round((right - left) * _ROW / (bottom - top)))), _ROW
    how = cv2.INTER_AREA if bottom - top > _ROW else cv2.INTER_LINEAR
    gray: NDArray[np.uint8] = cv2.cvtColor(
        cv2.resize(image[top:bottom, left:right], size, interpolation=how), cv2.COLOR_BGR2GRAY
    )
    return Patch.of(gray)


def still(before: Patch | None, now: Patch | None) -> bool:
    """True where a line is as it was: its strokes where they were, a pixel more or less, and every letter as bright or
    dark as it was, so that "ITEM 1" is not "ITEM 2".
    """
    if before is None or now is None or before.gray.shape != now.gray.shape:
        return False
    covered = min(_covered(before.strokes, now.strokes), _covered(now.strokes, before.strokes))
    return covered > _STILL and _shade(before, now) < _SHADE


def _covered(strokes: NDArray[np.bool_], by: NDArray[np.bool_]) -> float:
    import cv2

    wide = cv2.dilate(by.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return float((strokes & wide).sum()) / max(1, int(strokes.sum()))


def _shade(a: Patch, b: Patch) -> float:
    """How much the strokes of the letter that differs most differ, as a part of the line's contrast."""
    either = a.strokes | b.strokes
    difference = np.abs(a.gray.astype(np.float32) - b.gray) * either
    window = np.ones(_LETTER)
    total, strokes = (np.convolve(part.sum(axis=0), window, "same") for part in (difference, either))
    low, high = np.percentile(a.gray, (5, 95))
    enough = strokes >= _SOME
    return float((total[enough] / strokes[enough]).max(initial=0.0)) / (float(high - low) + 1.0)
