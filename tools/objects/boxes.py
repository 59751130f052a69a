"""Boxes: how much two of them share, and which detections of a picture are the same thing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from vagent.tools.objects import Box, Detection

_SAME = 0.6  # intersection over union from which two boxes of one label are one thing
_EITHER = 0.9  # ... and two boxes whatever their labels: a model that cannot tell a car from a truck says both


def overlaps(a: Sequence[Box], b: Sequence[Box]) -> NDArray[np.float64]:
    """Intersection over union of each box of ``a`` with each of ``b``, shape (len(a), len(b)), 0..1."""
    one = np.asarray(a, np.float64).reshape(-1, 1, 4)
    other = np.asarray(b, np.float64).reshape(1, -1, 4)
    low, high = np.maximum(one[..., :2], other[..., :2]), np.minimum(one[..., 2:], other[..., 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    union = _areas(one) + _areas(other) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    return float(overlaps([a], [b])[0, 0])


def clipped(corners: Iterable[float], width: float, height: float) -> Box | None:
    """Pixels left, top, right, bottom as parts of the picture; None where nothing of the box lies in it."""
    left, top, right, bottom = (float(v) for v in corners)
    box = (
        min(max(left / width, 0.0), 1.0),
        min(max(top / height, 0.0), 1.0),
        min(max(right / width, 0.0), 1.0),
        min(max(bottom / height, 0.0), 1.0),
    )
    # Written so that a number that is none (NaN) fails it too.
    return box if box[0] < box[2] and box[1] < box[3] else None


def distinct(found: Iterable[Detection], *, either: bool = True) -> list[Detection]:
    """One detection a thing, surest first.

    Args:
        either: also take two boxes in one place with different labels for one thing: right for one model's detections,
            wrong for those of two models, where both "umbrella" and "a red umbrella" are wanted.
    """
    ranked = sorted(found, key=lambda d: (-d.confidence, d.label, d.box))
    shared = overlaps([d.box for d in ranked], [d.box for d in ranked])
    kept: list[int] = []
    for row, one in enumerate(ranked):
        same = (
            shared[row, other] >= (_SAME if one.label == ranked[other].label else _EITHER if either else 2.0)
            for other in kept
        )
        if not any(same):
            kept.append(row)
    return [ranked[row] for row in kept]


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1))
