"""Power cuts, at a place of the test's choice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Crash(BaseException):
    """Stands for the power cut that no code expects."""


def crash_at(count: int, method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that works as often as that, and then crashes once."""
    calls = iter(range(10_000))

    def crashing(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == count:
            raise Crash
        return method(*args, **kwargs)

    return crashing
