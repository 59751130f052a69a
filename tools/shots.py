"""Where one shot ends and the next begins, found from picture signatures alone.

Each signature (see ``vagent.tools.media.Frame``) is averaged to a coarse grid of cells, so that grain, small motion and
captions hardly count. Three things are looked for:

- a *cut*: a change that is large, larger than the changes around it, to a picture of another structure that was not
  there half a second before and is not gone half a second later (so that a camera flash is none);
- a *dissolve*: two pictures 1.5 s apart differ, and those between are mixtures of the two (a pan or a zoom is none);
- a *fade*: a blank stretch, black or white, between two pictures.

Limits are in seconds and grey levels, not in frames: 1 to 60 frames a second and variable rates are treated alike.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

CONTEXT = 5.0
"""Seconds of frames before a point that a new detector needs to find the same boundaries from that point on."""

Cells = NDArray[np.float32]
"""Weighted means of 18 x 32 cells of each plane, so that a sum of absolute differences is in grey levels."""

_ROWS, _COLUMNS = 18, 32  # cells a plane
_LUMA = _ROWS * _COLUMNS
# Colour varies less than brightness, so it counts double.
_WEIGHTS: Cells = np.repeat(np.array([1.0, 2.0], np.float32), [_LUMA, 2 * _LUMA]) / np.float32(_LUMA)
_REPEATED = 0.15  # below this change a frame repeats the one before (film in a faster container), grey levels

_CUT_CHANGE = 12.0  # grey levels; less is no cut, whatever surrounds it
_CUT_SIMILARITY = 0.9  # of the structure; motion and changes of light keep it
_CUT_RATIO = 2.0  # times the changes around it
_CUT_SCORE = 1.4  # ratio x (1 - similarity)
_CUT_REACH = 0.5  # how far the changes around it are looked for, seconds; more where frames are further apart
_UNEVEN = 1.5  # times as long as another is an interval in which frames were left out; less is how stamps are rounded
_DOUBT = 0.75  # times these limits there may be a cut between two pictures that are no neighbours
_MIXED, _ADDS_UP = 0.1, 0.93  # a mixture lasts so many seconds; its two changes add up to the whole
_LONGEST_INTERVAL = 1.1  # a picture that is shown longer than this stands still, seconds
_SHORTEST = 0.5  # of several cuts within so many seconds the largest stays
_FLASH = 0.5  # what lasts less long is a flash or a blink, seconds
_RETURN = 0.5  # part of the change below which two pictures are the same one again

_HALF = 0.75  # half the distance of the pictures that are compared for a dissolve, seconds
_STEP = 0.1  # they are compared so often, seconds
_DISSOLVE_CHANGE = 18.0  # grey levels
_DISSOLVE_SIMILARITY = 0.8
_MIX_PICTURES = 8  # with fewer a dissolve cannot be told from a pan
_MIX_LEVEL, _MIX_AREA = 8.0, 0.75  # the part of the picture that must change by more than so many grey levels
_MIX_STRUCTURE = 0.5  # part of the change that must not be one of overall brightness and tint
_MIX_ERROR = 0.42  # what a mixture may leave unexplained in any picture, as a part of the change
_MIX_JUMP = 0.55  # a larger part of the change from one picture to the next is no dissolve

_BLANK_SPREAD = 7.0  # standard deviation of the cells of a blank picture, grey levels
_DARK, _LIGHT = 34.0, 222.0  # its mean brightness
_BLACK, _WHITE = 24.0, 230.0  # brightness of cells that show nothing
_AT_ONCE = 0.5  # part of the change beside a blank stretch in one frame that makes it a cut
_LONG_BLANK = 2.0  # a blank stretch of so many seconds is a shot by itself

_LAG = 2 * _HALF  # seconds that a picture is followed before it is decided


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where a new shot begins: the time of its first frame; of a dissolve, where the new picture prevails."""

    time: float
    kind: Literal["cut", "fade", "dissolve"]


@dataclass(slots=True, eq=False)
class _Picture:
    time: float
    cells: Cells
    change: float  # from the picture before
    interval: float  # since the frame before, seconds
    reach: float  # how far away comparable changes are looked for, seconds
    blank: bool
    cut: bool | None = None  # None: not looked at yet
    twin: float = 0.0  # difference of the pictures before and after, where they were compared


@dataclass(slots=True, eq=False)
class _Blank:
    """A blank stretch: its first picture and the picture half a second before, if there was one."""

    first: _Picture
    before: Cells | None
    told: bool = False  # its start was reported as a boundary


class ShotDetector:
    """Finds shot boundaries in a stream of signatures.

    ``feed`` reports a boundary at most ``CONTEXT`` seconds after it. To go on in the middle of a video, make a new
    detector, feed it the frames of the ``CONTEXT`` seconds before that point, and drop the boundaries before it.
    """

    def __init__(self) -> None:
        self._pictures: list[_Picture] = []
        self._times: list[float] = []
        self._decided = 0  # pictures before this one are decided
        self._compared = 0  # pictures before this one have their twin comparison
        self._newest = -math.inf  # time of the last frame, repeats included
        self._blank: _Blank | None = None
        self._dissolved = -math.inf  # time of the last dissolve
        self._faded = -math.inf  # time of the last end of a blank stretch

    def feed(self, time: float, signature: NDArray[np.uint8]) -> list[Boundary]:
        """Boundaries that this frame settles, in order of time.

        Args:
            time: seconds; a frame that is not later than the one before is left out.
            signature: uint8, 3 x h x w, of one size throughout.
        """
        if time <= self._newest:
            return []
        interval = min(time - self._newest, _LONGEST_INTERVAL)
        self._newest = time
        looks = cells(signature)
        change = change_between(self._pictures[-1].cells, looks) if self._pictures else 0.0
        if not self._pictures or change >= _REPEATED:
            reach = max(_CUT_REACH, 2.2 * interval)
            self._pictures.append(_Picture(time, looks, change, interval, reach, _is_blank(looks)))
            self._times.append(time)
        found = self._settle(time)
        self._forget()
        return found

    def finish(self, end: float) -> list[Boundary]:
        """The boundaries still open when the video ends at ``end`` seconds."""
        return [b for b in self._settle(math.inf) if b.time < end]

    def _settle(self, now: float) -> list[Boundary]:
        while self._compared < len(self._pictures) and self._times[self._compared] + _HALF <= now:
            self._compare(self._compared)
            self._compared += 1
        found: list[Boundary] = []
        while self._decided < len(self._pictures):
            picture = self._pictures[self._decided]
            if picture.time + max(_LAG, picture.reach) > now:
                break
            found += self._decide(self._decided)
            self._decided += 1
        return found + self._long_blank(now)

    def _decide(self, index: int) -> list[Boundary]:
        picture = self._pictures[index]
        if picture.blank:
            if self._blank is None:
                before = self._shown(picture.time - _FLASH).cells if index else None
                self._blank = _Blank(picture, before)
            return []
        if self._blank is not None:
            blank, self._blank = self._blank, None
            return self._after_blank(blank, index)
        if self._is_cut(index):
            return [Boundary(picture.time, "cut")] if self._is_largest(index) else []
        return self._dissolve(index)

    def _long_blank(self, now: float) -> list[Boundary]:
        blank = self._blank
        if blank is None or blank.told or blank.before is None:
            return []
        length = min(now - max(_LAG, blank.first.reach), self._newest) - blank.first.time
        change = change_between(blank.before, blank.first.cells)
        if length < _LONG_BLANK or change < _CUT_CHANGE:
            return []
        blank.told = True
        return [Boundary(blank.first.time, "cut" if blank.first.change >= _AT_ONCE * change else "fade")]

    def _is_cut(self, index: int) -> bool:
        picture = self._pictures[index]
        if picture.cut is None:
            picture.cut = self._changes_suddenly(index) and not self._flashes(index)
        return picture.cut

    def _changes_suddenly(self, index: int) -> bool:
        picture = self._pictures[index]
        if index == 0 or picture.change < _CUT_CHANGE:
            return False
        before = self._pictures[index - 1]
        if picture.blank or before.blank:
            return False
        near = [
            self._pictures[i].change * _share(picture.interval, self._pictures[i].interval)
            for i in range(max(1, index - 2), min(index + 3, len(self._pictures)))
            if i != index and abs(self._times[i] - picture.time) <= picture.reach and not self._is_one_step(i, index)
        ]
        ratio = picture.change / (sum(near) / max(2, len(near)) + 1.0)
        similarity = _similarity(before.cells, picture.cells)
        return similarity < _CUT_SIMILARITY and ratio >= _CUT_RATIO and ratio * (1 - similarity) >= _CUT_SCORE

    def _is_one_step(self, one: int, other: int) -> bool:
        """Whether two changes are one cut: converted rates leave a mixture of both pictures between them."""
        first, second = min(one, other), max(one, other)
        if second - first > 1 or self._times[second] - self._times[first] > _MIXED:
            return False
        both = self._pictures[first].change + self._pictures[second].change
        return change_between(self._pictures[first - 1].cells, self._pictures[second].cells) > _ADDS_UP * both

    def _flashes(self, index: int) -> bool:
        """Whether what was there before comes back, or what comes now was there a moment ago."""
        picture, before = self._pictures[index], self._pictures[index - 1]
        limit = _RETURN * picture.change
        later = self._pictures[index + 1 : bisect_right(self._times, picture.time + _FLASH)]
        first = max(0, bisect_right(self._times, picture.time - _FLASH) - 1)
        earlier = self._pictures[first : index - 1]
        return any(change_between(before.cells, p.cells) < limit for p in later) or any(
            change_between(picture.cells, p.cells) < limit for p in earlier
        )

    def _is_largest(self, index: int) -> bool:
        picture = self._pictures[index]
        first = bisect_left(self._times, picture.time - _SHORTEST)
        last = bisect_right(self._times, picture.time + _SHORTEST)
        rivals = [j for j in range(first, last) if j != index and self._pictures[j].change >= picture.change]
        return not any(self._is_cut(j) and (self._pictures[j].change > picture.change or j < index) for j in rivals)

    def _after_blank(self, blank: _Blank, index: int) -> list[Boundary]:
        picture = self._pictures[index]
        length = picture.time - blank.first.time
        after = self._shown(picture.time + _FLASH).cells
        if blank.before is None and length < _LONG_BLANK:
            return []
        change = change_between(self._pictures[index - 1].cells, after)
        if not blank.told and change < _CUT_CHANGE:
            return []
        if picture.time < self._faded + _SHORTEST:
            return []
        if blank.before is not None and length < _FLASH and _is_same(blank.before, after):
            return []
        self._faded = picture.time
        return [Boundary(picture.time, "cut" if picture.change >= _AT_ONCE * change else "fade")]

    def _compare(self, index: int) -> None:
        time = self._times[index]
        if index and int(time / _STEP) != int(self._times[index - 1] / _STEP):
            before, after = self._shown(time - _HALF), self._shown(time + _HALF)
            self._pictures[index].twin = change_between(before.cells, after.cells)

    def _dissolve(self, index: int) -> list[Boundary]:
        picture = self._pictures[index]
        if picture.twin < _DISSOLVE_CHANGE or picture.time < self._dissolved + 2 * _HALF:
            return []
        first = bisect_left(self._times, picture.time - _HALF)
        last = bisect_right(self._times, picture.time + _HALF)
        if any(p.twin > picture.twin for p in self._pictures[first:last]):
            return []
        run = range(self._index(picture.time - _HALF), self._index(picture.time + _HALF) + 1)
        if any(self._pictures[i].blank for i in run) or any(self._is_cut(i) for i in run[1:]):
            return []
        middle = _mixture([self._pictures[i].cells for i in run])
        if middle is None:
            return []
        self._dissolved = self._times[run[middle]]
        return [Boundary(self._dissolved, "dissolve")]

    def _index(self, time: float) -> int:
        return max(0, bisect_right(self._times, time) - 1)

    def _shown(self, time: float) -> _Picture:
        return self._pictures[self._index(time)]

    def _forget(self) -> None:
        """Drop what no decision needs any more, in larger steps."""
        if self._decided < 256:
            return
        old = self._index(self._times[self._decided - 1] - CONTEXT)
        del self._pictures[:old], self._times[:old]
        self._decided -= old
        self._compared -= old


def may_part(one: Cells, other: Cells, flow: float) -> bool:
    """Whether there may be a boundary among the pictures between two, which nobody has seen.

    Args:
        flow: mean change from picture to picture just before ``one``, grey levels.
    """
    change = change_between(one, other)
    if change < _DOUBT * _CUT_CHANGE:
        return False
    if _is_blank(one) != _is_blank(other):
        return True
    # What follows may stand still, so that the changes around are half of those before.
    ratio, difference = change / (flow / 2 + 1.0), 1 - _similarity(one, other)
    return (
        difference > 1 - _CUT_SIMILARITY and ratio >= _DOUBT * _CUT_RATIO and ratio * difference >= _DOUBT * _CUT_SCORE
    )


def cells(signature: NDArray[np.uint8]) -> Cells:
    """What is compared of a picture.

    Args:
        signature: uint8, 3 x h x w.
    """
    import cv2

    _, height, width = signature.shape
    # Whole cells only: averaging is several times as fast then, and the last few rows do not matter.
    rows, columns = max(1, height // _ROWS), max(1, width // _COLUMNS)
    inner = signature[:, : rows * _ROWS, : columns * _COLUMNS]
    planes = [cv2.resize(plane, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA) for plane in inner]
    return np.concatenate(planes, axis=None) * _WEIGHTS


def change_between(one: Cells, other: Cells) -> float:
    """Mean difference of two pictures in grey levels, colour counted double."""
    return float(np.abs(one - other).sum())


def _share(interval: float, other: float) -> float:
    """How much of a change over ``other`` seconds comes in ``interval`` of them, where frames were left out."""
    return interval / other if other > _UNEVEN * interval else 1.0


def _similarity(one: Cells, other: Cells) -> float:
    """Correlation of the brightness of two pictures: 1 for the same structure whatever the light, about 0 for others.

    Cells that are black in both or white in both are left out: bars beside the picture and paper are no structure.
    """
    a, b = one[:_LUMA] * _LUMA, other[:_LUMA] * _LUMA
    counts = (np.maximum(a, b) > _BLACK) & (np.minimum(a, b) < _WHITE)
    if np.count_nonzero(counts) < 2:
        return 1.0
    a, b = a[counts], b[counts]
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0


def _is_same(one: Cells, other: Cells) -> bool:
    return change_between(one, other) < _CUT_CHANGE or _similarity(one, other) > _DISSOLVE_SIMILARITY


def _is_blank(cells: Cells) -> bool:
    luma = cells[:_LUMA]
    return not _DARK < luma.sum() < _LIGHT and float(luma.std()) * _LUMA < _BLANK_SPREAD


def _mixture(run: list[Cells]) -> int | None:
    """Where the last picture prevails over the first, when those between are mixtures of the two; else None."""
    if len(run) < _MIX_PICTURES or _similarity(run[0], run[-1]) > _DISSOLVE_SIMILARITY:
        return None
    pictures = np.stack(run)
    change = pictures[-1] - pictures[0]
    total = np.abs(change).sum()
    # Something that moves through the picture changes a part of it; the camera's exposure changes all of it alike.
    area = np.mean(np.abs(change[:_LUMA]) * _LUMA > _MIX_LEVEL)
    structure = np.abs(change - change.reshape(3, -1).mean(axis=1).repeat(_LUMA)).sum()
    if area < _MIX_AREA or structure < _MIX_STRUCTURE * total:
        return None
    rest = pictures - pictures[0]
    share = rest @ change / (change @ change)
    error = np.abs(rest - share[:, None] * change).sum(axis=1).max() / total
    between = np.count_nonzero((share > 0.15) & (share < 0.85))
    if error > _MIX_ERROR or np.diff(share).max() > _MIX_JUMP or between < 2:
        return None
    return int(np.argmax(share >= 0.5))
