"""What work costs: time on the clock, and processor time in all threads and processes that take part."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass(slots=True)
class Cost:
    """What some work has cost so far.

    Attributes:
        wall: seconds on the clock that it was at work.
        cpu: seconds of processor time; of one stage beside others those of its own thread.
        media: seconds of video that were worked through.
        steps: blocks of work that it came in.
        first: seconds on the clock that the first of them took, which may have loaded a model.
    """

    wall: float = 0.0
    cpu: float = 0.0
    media: float = 0.0
    steps: int = 0
    first: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add what a block of this thread costs; that of a block that fails too."""
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            passed = time.perf_counter() - wall
            self.first = passed if self.steps == 0 else self.first
            self.wall += passed
            self.steps += 1
            self.cpu += time.thread_time() - cpu


def processor_seconds() -> float:
    """Processor time of this process so far, and of the processes it has started."""
    import psutil

    this = psutil.Process()
    spent = sum(this.cpu_times()[:4])  # its own, and that of children that have ended
    for child in this.children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
            spent += sum(child.cpu_times()[:2])
    return float(spent)
