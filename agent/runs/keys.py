"""What a call of a model is known by: a hash of everything that its output depends on.

Two calls have one key exactly when the same engine was asked the same: a tuple or a list, the order in which a mapping
was written, a view of an array or a copy of it make no difference; any other change does. The time, chance, and how
long we were ready to wait are no part of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np

_FORMAT = 1  # counts up when keys or the recorded form of outputs change: what was kept before is then not found again
_ELSEWHERE = frozenset({"key", "timeout"})  # settings of a model that do not change what it says
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WITHHELD = "(withheld)"


def digest(value: Any) -> str:
    """SHA-256, as hex, of a value made of JSON values, bytes, arrays, dataclasses, mappings and sequences.

    Raises:
        TypeError: a value of any other type, whose encoding nobody has thought about.
    """
    encoded = json.dumps(_plain(value), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(encoded.encode("ascii")).hexdigest()


def call_key(engine: str, method: str, settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """The key of one call.

    Args:
        engine: name and revision.
        settings: those that change what the model says; see ``shaping``.
        inputs: the method's arguments by name.
    """
    return digest([_FORMAT, engine, method, settings, inputs])


def shaping(section: Any, device: str) -> dict[str, Any]:
    """The settings of a model that change what it says.

    Args:
        section: its section of the settings; None where it has none.
        device: where it runs, which decides how exactly it calculates.
    """
    if section is None:
        return {"device": device}
    values = without_secrets(section.model_dump(mode="json"))
    kept = {name: value for name, value in values.items() if name not in _ELSEWHERE}
    if kept.get("model") is not None:
        kept.pop("endpoint", None)  # a model that has a name may move to another server
    return kept | {"device": device}


def without_secrets(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that may be written down: user, password and query of addresses are left out, and so is a key that
    stands where the name of its environment variable should."""
    return {name: _public(name, value) for name, value in settings.items()}


def _public(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_secrets(value)
    if name == "key" and isinstance(value, str) and not _VARIABLE.fullmatch(value):
        return _WITHHELD
    return _address(value) if isinstance(value, str) and _URL.match(value.strip()) else value


def _address(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:  # no address after all
        return _WITHHELD


def _plain(value: Any) -> Any:
    """JSON in which every container says what it is, so that no value can be written to look like another."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return float(value) + 0.0  # minus nought equals nought
        case bytes() | bytearray() | memoryview():
            return ["bytes", hashlib.sha256(value).hexdigest()]
        case np.ndarray():
            return _array(value)
        case np.generic():
            return _plain(value.item())
        case Mapping():
            return ["map", [[name, _plain(value[name])] for name in sorted(map(_name, value))]]
        case Sequence():
            return ["list", [_plain(item) for item in value]]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return ["record", type(value).__name__, _plain(fields)]
    raise TypeError(f"a call cannot be known by a value of type {type(value).__name__}")


def _array(value: np.ndarray[Any, Any]) -> list[Any]:
    if value.dtype.hasobject:
        raise TypeError("a call cannot be known by an array of objects")
    content = np.ascontiguousarray(value)
    return ["array", value.dtype.str, list(value.shape), hashlib.sha256(content.tobytes()).hexdigest()]


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a call cannot be known by a mapping with keys of type {type(key).__name__}")
    return key
