"""LangGraph imported without what it brings along and vagent does not use: half of its time otherwise.

LangGraph imports LangSmith's tracing client and its own client of a server, and each of these imports several hundred
modules of types that only their users need.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

UNUSED = ("langsmith.types", "langgraph_sdk")
"""Packages of which something small is imported, whose ``__init__`` imports everything in them."""

_lock = RLock()
_running: set[str] = set()


class _PutOff(ModuleType):
    """A package whose ``__init__`` runs when something is asked of it that is not there; its modules can be imported
    before that."""

    def __getattr__(self, name: str) -> Any:
        with _lock:
            spec = self.__spec__
            if type(self) is _PutOff and spec is not None and spec.loader is not None:
                if self.__name__ in _running:  # it is importing itself, and looks whether this is there yet
                    raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
                _running.add(self.__name__)
                try:
                    spec.loader.exec_module(self)
                    self.__class__ = ModuleType  # type: ignore[assignment]
                finally:
                    _running.discard(self.__name__)
        return getattr(self, name)


def put_off() -> None:
    """Let LangGraph be imported lightly; call it before. Whoever else uses these packages notices nothing."""
    for name in UNUSED:
        with _lock:
            if name in sys.modules:
                continue
            try:
                spec = find_spec(name)
            except ModuleNotFoundError:
                continue
            if spec is None or spec.submodule_search_locations is None:
                continue  # another version, without such a package
            package = module_from_spec(spec)
            package.__class__ = _PutOff
            sys.modules[name] = package
            parent, _, own = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], own, package)
