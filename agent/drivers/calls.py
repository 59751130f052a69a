"""Calls as a chat model wrote them, as calls that can be carried out; or what is wrong with them, told so that it can
do better. Only what cannot be meant otherwise is repaired.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from vagent.agent.state import Call
from vagent.tools.chat import ToolCall
from vagent.tools.safe import safe

LONGEST = 8000
"""Characters of the arguments of one call, at most."""

_NAME = 60  # characters of a name that are kept
_FENCE = re.compile(r"\A```[\w-]*\s*(.*?)\s*```\Z", re.S)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.S)
_TRAILING = re.compile(r",(?=\s*[}\]])")


def call_of(written: ToolCall) -> Call:
    """The call that a model means; with a ``problem`` where its arguments cannot be read."""
    name = safe(written.name)[:_NAME]
    try:
        return Call(name, arguments(written.arguments), written.id)
    except ValueError as error:
        return Call(name, {}, written.id, f"the arguments of {name or 'the call'} cannot be read: {error}")


def arguments(text: str) -> dict[str, Any]:
    """Arguments written as JSON.

    A fence around them, commas at the end of a list, and an object that was written as a string are put right.

    Raises:
        ValueError: they are no JSON object, or too long; the message says why.
    """
    if len(text) > LONGEST:
        raise ValueError(f"they are {len(text)} characters long; at most {LONGEST} are allowed")
    text = text.strip()
    if fenced := _FENCE.match(text):
        text = fenced[1]
    if not text:
        return {}
    found = _read(text)
    if isinstance(found, str):
        found = _read(found)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"they are {_KINDS.get(type(found), 'no object')}, not a JSON object such as {{}}")
    return found


_KINDS = {list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number"}


def _read(text: str) -> Any:
    try:
        return _json(text)
    except json.JSONDecodeError as error:
        repaired = _without_trailing_commas(text)
        if repaired == text:
            raise ValueError(f"not JSON ({error.msg} at character {error.pos})") from error
        try:
            return _json(repaired)
        except json.JSONDecodeError:
            raise ValueError(f"not JSON ({error.msg} at character {error.pos})") from error
    except RecursionError as error:
        raise ValueError("they are nested too deeply") from error


def _json(text: str) -> Any:
    return _whole(json.loads(text, object_pairs_hook=_object, parse_float=_float, parse_constant=_constant))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"{safe(twice)[:_NAME]!r} stands there twice")
    return found


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _whole(value: Any) -> Any:
    """The value without halves of surrogate pairs, which JSON can write and nothing can store or print."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_whole(key): _whole(one) for key, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value


def _without_trailing_commas(text: str) -> str:
    """Commas before a closing bracket taken out, but not in strings."""
    parts, place = [], 0
    for string in _STRING.finditer(text):
        parts += [_TRAILING.sub("", text[place : string.start()]), string.group()]
        place = string.end()
    return "".join([*parts, _TRAILING.sub("", text[place:])])
