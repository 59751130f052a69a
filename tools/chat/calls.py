"""Calls of tools as models write them: ids, arguments, and the marks of the usual formats in a text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from vagent.tools.chat import ToolCall

_TRIED = 50  # beginnings of JSON that are looked at in one text
_HERMES = re.compile(r"<tool_call>\s*(\{.*?)\s*(?:</tool_call>|(?=<tool_call>)|\Z)", re.S)
_FUNCTION = re.compile(r"<function=([^>\s]{1,100})>(.*?)(?:</function>|(?=<function=)|\Z)", re.S)
_PARAMETER = re.compile(r"<parameter=([^>\s]{1,100})>\n?(.*?)\n?(?:</parameter>|(?=<parameter=)|\Z)", re.S)
_MISTRAL = re.compile(r"\[TOOL_CALLS\]\s*(\[.*|\w[\w.-]{0,99}\s*(?:\[ARGS\])?\s*\{.*)", re.S)
_NAMED = re.compile(r"(\w[\w.-]{0,99})\s*(?:\[ARGS\])?\s*(?=\{)")
_PYTHON = re.compile(r"<\|python_tag\|>\s*(\{.*)", re.S)
_WRAPPING = re.compile(r"</?tool_call>")


def call_id(number: int) -> str:
    """An id for the ``number``-th call of a talk: nine letters and digits, as Mistral's models want them."""
    return f"call{number:05d}"


def read(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return _JSON.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def write(value: Any) -> str:
    """A value as JSON that can be printed and sent anywhere."""
    return json.dumps(value, ensure_ascii=False).encode(errors="replace").decode()  # half a surrogate pair cannot


def object_of(arguments: str) -> dict[str, Any]:
    """Arguments as an object. Servers and templates that read them back break on anything else."""
    try:
        found = read(arguments) if arguments.strip() else {}
    except ValueError:
        found = arguments
    return found if isinstance(found, dict) else {"not_an_object": found}


def json_in(text: str) -> str | None:
    """The first JSON object that stands in a text, alone, in a fence or between words; None where there is none."""
    at = -1
    for _ in range(_TRIED):
        at = text.find("{", at + 1)
        if at < 0:
            return None
        end = _end(text, at)
        if end is not None:
            return text[at:end]
    return None


def _end(text: str, at: int) -> int | None:
    """Where the JSON ends that begins at ``at``; None where none does."""
    try:
        return _JSON.raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        return None


def _finite(number: str) -> float | str:
    found = float(number)
    return found if math.isfinite(found) else number


_JSON = json.JSONDecoder(parse_float=_finite, parse_constant=str)
"""Reads what no JSON can say, an endless number for instance, as text."""


def name_and_arguments(found: Mapping[str, Any]) -> tuple[str, str]:
    """What an object calls and with what, under the names that models use; an empty name where it calls nothing."""
    inner = found.get("function")
    if isinstance(inner, dict):
        return name_and_arguments(inner)
    name: str = next((found[key] for key in ("name", "tool", "function") if isinstance(found.get(key), str)), "")
    given: Any = next((found[key] for key in ("arguments", "parameters") if key in found), {})
    return name, given if isinstance(given, str) else write(given)


def written(text: str, first: int) -> tuple[str, tuple[ToolCall, ...]]:
    """The calls that a text holds in one of the formats that models were taught, and the text without them.

    Hermes and Qwen write ``<tool_call>{...}</tool_call>``, Qwen's coders ``<function=name>``, Mistral
    ``[TOOL_CALLS] [...]`` or ``[TOOL_CALLS]name{...}``, Llama 3 an object after ``<|python_tag|>`` or nothing else.

    Args:
        first: number of the first call in its talk, for the ids.
    """
    for form in (_function_calls, _hermes_calls, _mistral_calls, _llama_calls):
        rest, pairs = form(text)
        if pairs:
            calls = tuple(ToolCall(call_id(first + i), name, made) for i, (name, made) in enumerate(pairs))
            return rest.strip(), calls
    return text, ()


_Found = tuple[str, list[tuple[str, str]]]
"""A text without its calls, and their names and arguments."""


def _hermes_calls(text: str) -> _Found:
    blocks = _HERMES.findall(text)
    return _HERMES.sub("", text), [_pair(block) for block in blocks]


def _function_calls(text: str) -> _Found:
    pairs = []
    for name, body in _FUNCTION.findall(text):
        given = {key: _value(value) for key, value in _PARAMETER.findall(body)}
        pairs.append((name, write(given)))
    return _WRAPPING.sub("", _FUNCTION.sub("", text)), pairs


def _mistral_calls(text: str) -> _Found:
    rest = _MISTRAL.sub("", text)
    pairs: list[tuple[str, str]] = []
    for body in _MISTRAL.findall(text):
        if body.startswith("["):
            pairs += _listed(body)
        else:
            pairs += _one_after_another(body)
    return rest, pairs


def _listed(body: str) -> Iterator[tuple[str, str]]:
    end = _end(body, 0)
    found = read(body[:end]) if end else None
    if not isinstance(found, list):
        yield _pair(body)
        return
    for one in found:
        yield _pair(write(one))


def _one_after_another(body: str) -> Iterator[tuple[str, str]]:
    at = 0
    while named := _NAMED.search(body, at):
        begin, end = named.end(), _end(body, named.end())
        yield named[1], body[begin:end]
        if end is None:  # cut off: whoever carries it out says so
            return
        at = end


def _llama_calls(text: str) -> _Found:
    """An object of its own is a call only where nothing else was said: it may be quoted from anywhere."""
    tagged = _PYTHON.search(text)
    body = tagged[1] if tagged else text.strip()
    if not body.startswith("{"):
        return text, []
    pairs, at = [], 0
    while at < len(body):
        end = _end(body, at)
        found = read(body[at:end]) if end else None
        if end is None or not _is_call(found):
            return text, []
        pairs.append(name_and_arguments(found))
        at = end + len(body[end:]) - len(body[end:].lstrip("; \n"))
    return text[: tagged.start()] if tagged else "", pairs


def _is_call(found: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a value is a call and nothing else."""
    return isinstance(found, dict) and "name" in found and bool({"parameters", "arguments"} & found.keys())


def _pair(block: str) -> tuple[str, str]:
    """Name and arguments of what is meant to be a call; where it is no object, it stands in the arguments as it is."""
    found = json_in(block)
    return name_and_arguments(read(found)) if found else ("", block)


def _value(text: str) -> Any:
    """A parameter that is written as it stands: a number or a list where it is JSON, else text."""
    try:
        return read(text)
    except ValueError:
        return text
