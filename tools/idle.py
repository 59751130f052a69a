"""Letting go of models that nobody has used for a while: the engine stays, and loads its model again when used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import isfunction, isgeneratorfunction
from threading import Lock, Timer
from typing import Any
from weakref import WeakMethod, ref

_NO_USE = frozenset({"check", "close"})


class Use:
    """Counts the calls of one engine that run, and knows when the last one ended.

    The engine's public methods are replaced, in this object alone, by ones that are counted; its class stays as it is.

    Args:
        engine: an object whose ``close`` lets go of what it holds, which the next call loads again.
        ended: a method that is called when no call runs any more.
    """

    def __init__(self, engine: Any, ended: Callable[[], object]) -> None:
        # Neither is kept alive from here: a model goes with its engine, at once and not when cycles are collected.
        self._engine = ref(engine)
        self._ended = WeakMethod(ended)
        self._lock = Lock()
        self._running = 0
        self._since = time.monotonic()
        self._loaded = False
        kind = type(engine)
        for name in dir(kind):
            method = getattr(kind, name)
            if isfunction(method) and not name.startswith("_") and name not in _NO_USE:
                counted = self._stream if isgeneratorfunction(method) else self._call
                setattr(engine, name, partial(counted, name))

    def left(self, seconds: float) -> float | None:
        """In how many seconds it will have gone unused for ``seconds``; None where it holds nothing or is in use."""
        with self._lock:
            return None if self._running or not self._loaded else self._since + seconds - time.monotonic()

    def release(self, seconds: float) -> bool:
        """Close the engine where nobody has used it for ``seconds``; whether it was.

        A call that begins meanwhile waits for its turn, as engines take turns, and loads the model again.
        """
        left, engine = self.left(seconds), self._engine()
        if left is None or left > 0 or engine is None:
            return False
        with self._lock:
            self._loaded = False
        engine.close()
        return True

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._running += 1
            self._loaded = True
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._since = time.monotonic()
                quiet = not self._running
            if quiet and (ended := self._ended()) is not None:
                ended()

    def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        engine = self._engine()
        with self._counted():
            return getattr(type(engine), name)(engine, *arguments, **named)

    def _stream(self, name: str, *arguments: Any, **named: Any) -> Iterator[Any]:
        engine = self._engine()
        with self._counted():
            yield from getattr(type(engine), name)(engine, *arguments, **named)


class Alarm:
    """Calls a function once, so many seconds from now; asked again before that, it goes by the earlier of the two."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act
        self._lock = Lock()
        self._timer: Timer | None = None
        self._at = 0.0

    def set(self, seconds: float) -> None:
        """Call it in ``seconds``, unless it will be called before."""
        at = time.monotonic() + seconds
        with self._lock:
            if self._timer is not None:
                if self._at <= at:
                    return
                self._timer.cancel()
            self._timer = Timer(seconds, self._ring)
            self._timer.daemon = True  # no program waits with its end for a model to go unused
            self._timer.name = "vagent-idle"
            self._at = at
            self._timer.start()

    def stop(self) -> None:
        """Do not call it."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
        self._act()
