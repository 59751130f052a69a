"""Calls of tools as models write them: ids, arguments, and the marks of the usual formats in a text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from vagent.tools.chat import ToolCall

_TRIED = 50  # beginnings of JSON that are looked at in one text
_JSON = json.JSONDecoder()
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


def object_of(arguments: str) -> dict[str, Any]:
    """Arguments as an object. Servers and templates that read them back break on anything else."""
    try:
        found = json.loads(arguments) if arguments.strip() else {}
    except (ValueError, RecursionError):
        found = arguments
    return found if isinstance(found, dict) else {"not_an_object": found}


def json_in(text: str) -> Any:
    """The first JSON object that stands in a text, alone, in a fence or between words; None where there is none."""
    at = -1
    for _ in range(_TRIED):
        at = text.find("{", at + 1)
        if at < 0:
            return None
        try:
            return _JSON.raw_decode(text, at)[0]
        except (ValueError, RecursionError):
            continue
    return None


def name_and_arguments(found: Mapping[str, Any]) -> tuple[str, str]:
    """What an object calls and with what, under the names that models use; an empty name where it calls nothing."""
    inner = found.get("function")
    if isinstance(inner, dict):
        return name_and_arguments(inner)
    name: str = next((found[key] for key in ("name", "tool", "function") if isinstance(found.get(key), str)), "")
    given: Any = next((found[key] for key in ("arguments", "parameters") if key in found), {})
    return name, given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


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
    return _HERMES.sub("", text), [_pair(json_in(block), block) for block in blocks]


def _function_calls(text: str) -> _Found:
    pairs = []
    for name, body in _FUNCTION.findall(text):
        given = {key: _value(value) for key, value in _PARAMETER.findall(body)}
        pairs.append((name, json.dumps(given, ensure_ascii=False)))
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
    try:
        found, _ = _JSON.raw_decode(body)
    except (ValueError, RecursionError):
        found = [json_in(body)]
    for one in found if isinstance(found, list) else []:
        yield _pair(one, body)


def _one_after_another(body: str) -> Iterator[tuple[str, str]]:
    at = 0
    while named := _NAMED.search(body, at):
        try:
            found, at = _JSON.raw_decode(body, named.end())
        except (ValueError, RecursionError):
            yield named[1], body[named.end() :]  # cut off: whoever carries it out says so
            return
        yield named[1], json.dumps(found, ensure_ascii=False)


def _llama_calls(text: str) -> _Found:
    """An object of its own is a call only where nothing else was said: it may be quoted from anywhere."""
    tagged = _PYTHON.search(text)
    body = tagged[1] if tagged else text.strip()
    if not body.startswith("{"):
        return text, []
    pairs, at = [], 0
    while at < len(body):
        try:
            found, at = _JSON.raw_decode(body, at)
        except (ValueError, RecursionError):
            return text, []
        if not _is_call(found):
            return text, []
        pairs.append(_pair(found, ""))
        at += len(body[at:]) - len(body[at:].lstrip("; \n"))
    return text[: tagged.start()] if tagged else "", pairs


def _is_call(found: Any) -> bool:
    return (
        isinstance(found, dict) and isinstance(found.get("name"), str) and bool({"parameters", "arguments"} & {*found})
    )


def _pair(found: Any, block: str) -> tuple[str, str]:
    """Name and arguments of what is meant to be a call; where it is no object, it stands in the arguments as it is."""
    return name_and_arguments(found) if isinstance(found, dict) else ("", block)


def _value(text: str) -> Any:
    """A parameter that is written as it stands: a number or a list where it is JSON, else text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
