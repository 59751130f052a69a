"""How long the call of a model may take: set by whoever asks, heeded by whoever works.

It reaches the engine through whatever lies between the two, as far as that stays in one thread.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_UNTIL: ContextVar[float | None] = ContextVar("vagent_deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is called inside has so many seconds; a deadline around it holds all the same."""
    around, until = _UNTIL.get(), time.monotonic() + seconds
    token = _UNTIL.set(until if around is None else min(around, until))
    try:
        yield
    finally:
        _UNTIL.reset(token)


def left() -> float | None:
    """Seconds that are left, 0 or less when they are over; None where nobody has set a deadline."""
    until = _UNTIL.get()
    return None if until is None else until - time.monotonic()


def over() -> bool:
    """Whether there was a deadline that has passed."""
    rest = left()
    return rest is not None and rest <= 0
