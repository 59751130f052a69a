"""Where lines stand on the screen: reading order with columns, and which lines belong to one block.

All functions take boxes as ``tools.text.Box`` and the picture's aspect (width / height), because distances are compared
with heights of type.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from statistics import median

from vagent.tools.text import Box

_COLUMN_GAP = 0.8  # heights of type between two columns, at least
_ROW_GAP = 0.6  # heights of type above a new section, at least ...
_ROW_GAP_RATIO = 1.4  # ... and so many times the usual gap between rows
_NEAR_BELOW = 2.5  # heights of type between lines of one block, at most
_NEAR_BESIDE = 1.5  # heights of type between pieces of one row of a block, at most
_SAME_ROW = 0.6  # part of the lower height that two boxes of one row share, at least
_NEAR_PICTURE = 0.2  # part of the picture's height that lines of one block may be apart in any case


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    shared = _shared(a[0], a[2], b[0], b[2]) * _shared(a[1], a[3], b[1], b[3])
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0


def inside(a: Box, b: Box) -> float:
    """The part of ``a`` that lies in ``b``, 0..1."""
    shared = _shared(a[0], a[2], b[0], b[2]) * _shared(a[1], a[3], b[1], b[3])
    return shared / area(a) if area(a) > 0 else 0.0


def area(box: Box) -> float:
    """Part of the picture that the box covers."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds all of them; at least one is needed."""
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def apart(a: Box, b: Box, aspect: float) -> float:
    """Distance between two boxes, in parts of the picture's height."""
    one, other = _square(a, aspect), _square(b, aspect)
    return max(_apart(one[0], one[2], other[0], other[2]), _apart(one[1], one[3], other[1], other[3]))


def reading_order(boxes: Sequence[Box], aspect: float) -> list[int]:
    """Indices of the boxes as a person reads them: from the top, columns one after the other, tables row by row."""
    square = [_square(b, aspect) for b in boxes]
    return _order(list(range(len(boxes))), square)


def blocks(boxes: Sequence[Box], aspect: float) -> list[list[int]]:
    """Groups of boxes that belong together, each in reading order: a slide is one group, a far-off logo another."""
    square = [_square(b, aspect) for b in boxes]
    groups: list[list[int]] = []
    for i in range(len(boxes)):
        joined = [g for g in groups if any(_near(square[i], square[j]) for j in g)]
        groups = [g for g in groups if g not in joined] + [[i, *(j for g in joined for j in g)]]
    ordered = [_order(sorted(g), square) for g in groups]
    return sorted(ordered, key=lambda g: (min(square[i][1] for i in g), min(square[i][0] for i in g)))


def _square(box: Box, aspect: float) -> Box:
    """The box in units of the picture's height both ways."""
    return box[0] * aspect, box[1], box[2] * aspect, box[3]


def _shared(a0: float, a1: float, b0: float, b1: float) -> float:
    return max(0.0, min(a1, b1) - max(a0, b0))


def _apart(a0: float, a1: float, b0: float, b1: float) -> float:
    return max(0.0, max(a0, b0) - min(a1, b1))


def _near(a: Box, b: Box) -> bool:
    height = max(a[3] - a[1], b[3] - b[1])
    below, beside = _apart(a[1], a[3], b[1], b[3]), _apart(a[0], a[2], b[0], b[2])
    if beside == 0:
        return below <= max(_NEAR_BELOW * height, _NEAR_PICTURE)
    lower = min(a[3] - a[1], b[3] - b[1])
    same_row = _shared(a[1], a[3], b[1], b[3]) > 0.5 * lower
    return beside <= max((_NEAR_BESIDE if same_row else 1.0) * height, _NEAR_PICTURE) and below <= height


def _order(group: list[int], boxes: Sequence[Box]) -> list[int]:
    if len(group) < 2:
        return group
    height = median(boxes[i][3] - boxes[i][1] for i in group)
    rows = _runs(group, boxes, 1, -0.4 * height)
    columns = _columns(group, boxes, height)
    if columns is None:
        return [i for band in _bands(rows, boxes, height) for i in band]
    if _is_table(columns, rows):
        return [i for row in rows for i in _row(row, boxes)]
    sections = _sections(rows, columns, boxes, height)
    if len(sections) > 1:
        return [i for section in sections for i in _order(section, boxes)]
    return [i for column in columns for i in _order(column, boxes)]


def _bands(rows: list[list[int]], boxes: Sequence[Box], height: float) -> list[list[int]]:
    """Rows in order; a run of rows that has columns (under a title across them) is read column by column."""
    bands: list[list[int]] = []
    first = 0
    while first < len(rows):
        for end in range(len(rows), first + 1, -1):
            run = [i for row in rows[first:end] for i in row]
            if _columns(run, boxes, height) is not None:
                bands.append(_order(run, boxes))
                first = end
                break
        else:
            bands.append(_row(rows[first], boxes))
            first += 1
    return bands


def _row(group: list[int], boxes: Sequence[Box]) -> list[int]:
    """One row from the left; lines set so tight that they seem one row stand above each other, and are read so."""
    stacked = any(
        _shared(boxes[i][0], boxes[i][2], boxes[j][0], boxes[j][2])
        > 0.5 * min(boxes[i][2] - boxes[i][0], boxes[j][2] - boxes[j][0])
        for i, j in combinations(group, 2)
    )
    return sorted(group, key=lambda i: boxes[i][1] + boxes[i][3] if stacked else boxes[i][0])


def _runs(group: Sequence[int], boxes: Sequence[Box], axis: int, gap: float) -> list[list[int]]:
    """The group cut wherever more than ``gap`` lies between its boxes along one axis (0 across, 1 down)."""
    runs: list[list[int]] = []
    reach = 0.0
    for i in sorted(group, key=lambda i: (boxes[i][axis], boxes[i][axis + 2])):
        if not runs or boxes[i][axis] - reach > gap:
            runs.append([i])
            reach = boxes[i][axis + 2]
        else:
            runs[-1].append(i)
            reach = max(reach, boxes[i][axis + 2])
    return runs


def _columns(group: list[int], boxes: Sequence[Box], height: float) -> list[list[int]] | None:
    """The group's columns; None where it has none: a column has at least two rows and stands beside another."""
    columns = _runs(group, boxes, 0, _COLUMN_GAP * height)
    return columns if len(columns) > 1 and sum(len(c) > 1 for c in columns) > 1 else None


def _from_top(group: list[int], boxes: Sequence[Box]) -> list[int]:
    return sorted(group, key=lambda i: boxes[i][1])


def _is_table(columns: list[list[int]], rows: list[list[int]]) -> bool:
    """Every row has something in every column; cells that stand close may count as one column."""
    return all(not set(row).isdisjoint(column) for row in rows for column in columns)


def beside(a: Box, b: Box) -> bool:
    """Whether ``b`` stands in the same row as ``a``, to its right."""
    lower = min(a[3] - a[1], b[3] - b[1])
    return _shared(a[1], a[3], b[1], b[3]) > _SAME_ROW * lower and b[0] >= (a[0] + a[2]) / 2


def _sections(rows: list[list[int]], columns: list[list[int]], boxes: Sequence[Box], height: float) -> list[list[int]]:
    """Rows cut where the gap is clearly wider than the columns have it, so that a title is read before what is under
    it.
    """
    inside = [boxes[low][1] - boxes[high][3] for c in columns for high, low in pairwise(_from_top(c, boxes))]
    usual = max(0.0, median(inside)) if inside else 0.0
    sections = [list(rows[0])]
    for above, row in pairwise(rows):
        gap = min(boxes[i][1] for i in row) - max(boxes[i][3] for i in above)
        if gap > max(_ROW_GAP * height, _ROW_GAP_RATIO * usual):
            sections.append(list(row))
        else:
            sections[-1] += row
    return sections
