"""What a device can do at most, measured: multiplications of large matrices, and copies; and what a model asks of it.

A roofline (Williams et al., "Roofline: an insightful visual performance model", 2009) from the same run is fairer than
one from a data sheet: cards are throttled, shared, or sold in variants of one name.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Roofline:
    """``flops``: operations a second in a number type, a multiplication and an addition being two; ``bandwidth``: bytes
    a second that are read or written."""

    flops: float
    bandwidth: float

    def computing(self, operations: float, seconds: float) -> float:
        """The part of what is possible that so many operations in so many seconds are, 0..1."""
        return operations / seconds / self.flops

    def reading(self, size: float, seconds: float) -> float:
        """The part of what is possible that so many bytes in so many seconds are, 0..1."""
        return size / seconds / self.bandwidth


def roofline(where: Any, number: Any, tiny: bool) -> Roofline:
    """The limits of a torch device in a number type.

    Args:
        tiny: with matrices that fit any machine, for a first impression.
    """
    import torch

    large = where.type == "cuda" and not tiny
    side, size = (8192, 1 << 30) if large else (1024, 1 << 26)
    one, other = (torch.randn(side, side, device=where).to(number) for _ in range(2))
    whole = torch.empty(size, dtype=torch.uint8, device=where)
    into = torch.empty_like(whole)
    multiplying = median(lambda: torch.mm(one, other), where)
    copying = median(lambda: into.copy_(whole), where)
    return Roofline(2 * side**3 / multiplying, 2 * size / copying)


def median(act: Callable[[], Any], where: Any) -> float:
    """Seconds that something takes on a device, the median of several times, after one that does not count."""
    act()
    return statistics.median(seconds(act, where) for _ in range(_ROUNDS))


def quickest(act: Callable[[], Any], where: Any) -> float:
    """Seconds that something takes on a device, the less of two times."""
    return min(seconds(act, where) for _ in range(2))


def seconds(act: Callable[[], Any], where: Any) -> float:
    """Seconds that something takes, until the device has done it."""
    import torch

    wait = torch.cuda.synchronize if where.type == "cuda" else lambda: None
    wait()
    begun = perf_counter()
    act()
    wait()
    return perf_counter() - begun


def operations(act: Callable[[], Any]) -> int:
    """How many operations torch does meanwhile, in products of matrices, convolutions and attention."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        act()
    return int(counter.get_total_flops())
