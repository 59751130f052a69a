"""Text detection from coarse to fine: the network sees a small picture first, and a larger one only where the small one
shows that something may be written.

The network is one of Liao et al., "Real-time scene text detection with differentiable binarization", AAAI 2020,
arXiv:1911.08947. What it makes of a picture of half the size tells where text is long before it tells where its lines
begin and end, and costs a quarter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vagent.tools.text import Box, Image, Places
from vagent.tools.text.layout import inside
from vagent.tools.text.network import Network

_STEP = 32  # the network takes pictures whose sides are multiples of so many pixels
_LEAST_FIRST = 320  # pixels of the longer side of the first, small picture, at least
_WORTH_IT = 0.75  # part of the second picture's side that the first one's may be; else the second is seen at once
_MAYBE = 0.1  # probability from which something may be written in a place of the small picture
_ROOM = 48, 16  # pixels of the second picture that are looked at beside and above such places, at least
_MOST = 0.75  # part of the second picture from which on all of it is looked at
_SAME = 0.2  # part of one of two boxes that the other holds, from which both are of the same text
_EDGE = 3  # pixels from the edge of a part within which a line is taken to go on beyond it, ...
_WIDER = 0.5, 64  # ... which then gets so much of its side more there, and so many pixels at least ...
_ATTEMPTS = 3  # ... and is looked at again, but in all no more often than this
_MOST_ENLARGED = 3.0  # times that a small picture is enlarged, at most
_USUAL = 1 << 19  # pixels of a picture that is not seen finely, at most, at any preset

_BOXES = {"thresh": 0.3, "box_thresh": 0.5, "max_candidates": 1000, "unclip_ratio": 1.6, "use_dilation": True}

Map = NDArray[np.float32]
Size = tuple[int, int]
"""Pixels of width and height."""

Area = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are behind the last."""

Edges = tuple[bool, bool, bool, bool]
"""Left, top, right and bottom, each of them or not."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a picture: what the network is shown of it, and what of that counts."""

    shown: Area
    counts: Area


class Detector:
    """The network in a file of weights, and its way from a large picture to boxes.

    Args:
        weights: the ONNX file.
        threads: that work on one picture.
    """

    def __init__(self, weights: Path, threads: int = 1) -> None:
        from rapidocr.ch_ppocr_det.utils import DBPostProcess

        self._network = Network(weights, threads=threads, usual=_USUAL)
        self._boxes = DBPostProcess(**_BOXES)

    def quads(self, image: Image, side: int, where: Places | None = None) -> NDArray[np.float64]:
        """Corners of what is written, n x 4 x 2, as parts of the picture's width and height.

        Args:
            side: pixels of the longer side of the picture that the network sees where something may be written.
            where: places to look at; others may be left out.
        """
        height, width = image.shape[:2]
        scale = min(side / max(height, width), _MOST_ENLARGED)
        size = max(_STEP, round(width * scale)), max(_STEP, round(height * scale))
        first = max(_LEAST_FIRST, max(size) // 2)
        if first > _WORTH_IT * max(size):
            return self._whole(image, size)
        shrunk = _fitting((size[0] * first / max(size), size[1] * first / max(size)))
        coarse = self._coarse(image, shrunk, where)
        seen = self._seen(image, size, parts(coarse >= _MAYBE, size, where))
        # Faint type shows where more of what is around it is seen: so all is looked at where the small picture shows a
        # line that a part does not.
        if seen is None or _missed(self._read(coarse, shrunk) / shrunk, seen, size):
            return self._whole(image, size)
        return np.concatenate([np.empty((0, 4, 2)), *seen.values()])

    def _seen(self, image: Image, size: Size, looked: list[Part] | None) -> dict[Part, NDArray[np.float64]] | None:
        """What is written in parts of a picture, each made wider where a line goes on beyond it; None where it is
        better to look at all of it.
        """
        seen: dict[Part, NDArray[np.float64]] = {}
        for _ in range(_ATTEMPTS):
            if looked is None:
                break
            seen = {part: seen[part] if part in seen else self._within(image, size, part) for part in looked}
            wider = [_wider(part.counts, _goes_on(quads * size, part, size), size) for part, quads in seen.items()]
            if wider == [part.counts for part in looked]:
                return seen
            looked = _parts(wider, size)
        return None

    def _coarse(self, image: Image, size: Size, where: Places | None) -> Map:
        """What the network makes of a picture of this size; 0 where nobody asks."""
        small = _resized(image, size)
        found = np.zeros((size[1], size[0]), np.float32)
        asked = np.flatnonzero(_laid_over(where, size).any(axis=1)) if where is not None else range(size[1])
        if len(asked):
            rows = slice(*_reach(max(0, asked[0] - _STEP // 2), min(size[1], asked[-1] + 1 + _STEP // 2), size[1]))
            found[rows] = self._map(small[rows])
        return found

    def _whole(self, image: Image, size: Size) -> NDArray[np.float64]:
        scaled = _resized(_resized(image, size), _fitting(size), linear=True)
        return self._quads(scaled, size) / size

    def _within(self, image: Image, size: Size, part: Part) -> NDArray[np.float64]:
        height, width = image.shape[:2]
        across, down = width / size[0], height / size[1]
        left, top, right, bottom = part.shown
        columns, rows = (
            slice(round(left * across), round(right * across)),
            slice(round(top * down), round(bottom * down)),
        )
        seen = right - left, bottom - top
        quads = self._quads(_resized(image[rows, columns], _fitting(seen)), seen)
        middles = quads.mean(axis=1) + np.array([left, top])
        quads = quads[((middles >= part.counts[:2]) & (middles < part.counts[2:])).all(axis=1)]
        share = (columns.stop - columns.start) / seen[0] / width, (rows.stop - rows.start) / seen[1] / height
        return np.asarray(quads * share + (columns.start / width, rows.start / height))

    def _quads(self, picture: Image, size: Size) -> NDArray[np.float64]:
        """Corners in a picture whose sides fit, in pixels of one of this size."""
        return self._read(self._map(picture), size)

    def _read(self, found: Map, size: Size) -> NDArray[np.float64]:
        quads, _ = self._boxes(found[None, None], (size[1], size[0]))
        return np.asarray(quads, np.float64).reshape(-1, 4, 2)

    def _map(self, picture: Image) -> Map:
        """How probable it is that something is written in each place of a picture whose sides fit."""
        found: Map = self._network(picture)[0, 0]
        return found


def parts(maybe: NDArray[np.bool_], size: Size, where: Places | None = None) -> list[Part] | None:
    """What to look at of a picture of this size, none of which overlap; None for all of it.

    Args:
        maybe: the small picture, True where something may be written.
        where: places to look at; others may be left out.
    """
    import cv2

    height, width = maybe.shape
    count, _, stats, _ = cv2.connectedComponentsWithStats(maybe.astype(np.uint8))
    if count < 2:
        return []
    scale = np.array([size[0] / width, size[1] / height])
    left, top, across, down = stats[1:, :4].T
    thick = np.minimum(across * scale[0], down * scale[1])  # in pixels of the large picture, as is _ROOM
    beside, above = np.maximum(_ROOM[0], 2 * thick) / scale[0], np.maximum(_ROOM[1], thick) / scale[1]
    roomy = np.stack([left - beside, top - above, left + across + beside, top + down + above], axis=1)
    roomy = np.clip(roomy.round().astype(int), 0, [width, height] * 2)
    near = np.zeros((height, width), np.uint8)
    for x0, y0, x1, y1 in roomy:
        near[y0:y1, x0:x1] = 1
    count, groups, stats, _ = cv2.connectedComponentsWithStats(near)
    asked = np.unique(groups[maybe if where is None else maybe & _laid_over(where, (width, height))])
    return _parts([_area(stats[group, :4], scale) for group in asked], size)


def _parts(areas: Sequence[Area], size: Size) -> list[Part] | None:
    found = [Part(_shown(area, size), area) for area in _apart(areas)]
    looked = sum((part.shown[2] - part.shown[0]) * (part.shown[3] - part.shown[1]) for part in found)
    return None if looked > _MOST * size[0] * size[1] else found


def _goes_on(quads: NDArray[np.float64], part: Part, size: Size) -> Edges:
    """Beyond which edges of what was shown (left, top, right, bottom) a line goes on, its corners in pixels; edges of
    the picture aside.
    """
    if not len(quads):
        return False, False, False, False
    left, top, right, bottom = part.shown
    low, high = quads.min(axis=(0, 1)), quads.max(axis=(0, 1))
    return (
        bool(left > 0 and low[0] < left + _EDGE),
        bool(top > 0 and low[1] < top + _EDGE),
        bool(right < size[0] and high[0] > right - _EDGE),
        bool(bottom < size[1] and high[1] > bottom - _EDGE),
    )


def _wider(area: Area, edges: Edges, size: Size) -> Area:
    """The area with more room beyond these edges."""
    left, top, right, bottom = area
    across, down = (max(_WIDER[1], round(_WIDER[0] * side)) for side in (right - left, bottom - top))
    return (
        max(0, left - across * edges[0]),
        max(0, top - down * edges[1]),
        min(size[0], right + across * edges[2]),
        min(size[1], bottom + down * edges[3]),
    )


def _missed(coarse: NDArray[np.float64], seen: Mapping[Part, NDArray[np.float64]], size: Size) -> bool:
    """Whether the small picture shows something in a part that was looked at, and nothing was found there."""
    boxes = [_box(quad) for quads in seen.values() for quad in quads]
    for quad in coarse:
        x, y = quad.mean(axis=0) * size
        within = any(p.counts[0] <= x < p.counts[2] and p.counts[1] <= y < p.counts[3] for p in seen)
        box = _box(quad)
        if within and not any(max(inside(box, other), inside(other, box)) > _SAME for other in boxes):
            return True
    return False


def _box(quad: NDArray[np.float64]) -> Box:
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _area(stats: NDArray[np.int32], scale: NDArray[np.float64]) -> Area:
    left, top, across, down = (int(value) for value in stats)
    right, bottom = np.ceil((left + across, top + down) * scale)
    return int(left * scale[0]), int(top * scale[1]), int(right), int(bottom)


def _apart(areas: Sequence[Area]) -> list[Area]:
    """Areas that overlap as one."""
    found: list[Area] = []
    for area in areas:
        while over := [one for one in found if _overlap(one, area)]:
            found = [one for one in found if one not in over]
            left, top, right, bottom = zip(area, *over, strict=True)
            area = min(left), min(top), max(right), max(bottom)
        found.append(area)
    return found


def _overlap(one: Area, other: Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _shown(area: Area, size: Size) -> Area:
    left, right = _reach(area[0], area[2], size[0])
    top, bottom = _reach(area[1], area[3], size[1])
    return left, top, right, bottom


def _reach(first: int, last: int, most: int) -> tuple[int, int]:
    """The range made as long as fits the network, or all from 0 to ``most``."""
    length = -(-(last - first) // _STEP) * _STEP
    if length >= most:
        return 0, most
    first = min(max(0, first - (length - (last - first)) // 2), most - length)
    return first, first + length


def _laid_over(where: Places, size: Size) -> NDArray[np.bool_]:
    import cv2

    return np.asarray(cv2.resize(where.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0)


def _fitting(size: tuple[float, float]) -> Size:
    return max(_STEP, round(size[0] / _STEP) * _STEP), max(_STEP, round(size[1] / _STEP) * _STEP)


def _resized(image: Image, size: Size, *, linear: bool = False) -> Image:
    import cv2

    if (image.shape[1], image.shape[0]) == size:
        return image
    how = cv2.INTER_CUBIC if size[0] > image.shape[1] else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR if linear else how), np.uint8)
