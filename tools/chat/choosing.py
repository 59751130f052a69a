"""Choosing a tool by JSON: for models that were not made for tools, and servers that do not take them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from vagent.errors import EngineFailed
from vagent.prompts import fill
from vagent.tools.chat import Message, Reply, Tool, ToolCall
from vagent.tools.chat.calls import call_id, json_in, name_and_arguments, object_of, written


def choice_schema(tools: Sequence[Tool]) -> dict[str, Any]:
    """The JSON schema of one call: the name of a tool and an object of its arguments."""
    shared: dict[str, Any] = {}
    ways = []
    for tool in tools:
        parameters = dict(tool.parameters) or {"type": "object", "properties": {}, "additionalProperties": False}
        # A reference reads from the root of the whole, so what is defined in a part moves there under a longer name.
        for name, definition in parameters.pop("$defs", {}).items():
            shared[f"{tool.name}.{name}"] = _moved(definition, tool.name)
        ways.append(
            {
                "type": "object",
                "properties": {"tool": {"enum": [tool.name]}, "arguments": _moved(parameters, tool.name)},
                "required": ["tool", "arguments"],
                "additionalProperties": False,
            }
        )
    whole: dict[str, Any] = {"anyOf": ways} if len(ways) != 1 else ways[0]
    return {**whole, "$defs": shared} if shared else whole


def choosing(messages: Sequence[Message], tools: Sequence[Tool]) -> list[Message]:
    """A talk for a model that does not know of tools: told about them in words, their calls and results as text."""
    manual = "\n\n".join(_told(tool) for tool in tools)
    names = {call.id: call.name for message in messages for call in message.calls}
    talk = [_in_words(message, names) for message in messages]
    return _merged(_instructed(talk, fill("call_by_json", tools=manual)))


def shaped(messages: Sequence[Message], schema: Mapping[str, Any]) -> list[Message]:
    """A talk whose next message is to be JSON of a schema."""
    return _merged(_instructed(messages, fill("reply_in_json", schema=json.dumps(schema, ensure_ascii=False))))


def chosen(text: str, number: int) -> ToolCall | None:
    """The call that a model wrote as JSON, as the ``number``-th of its talk; None where it wrote none."""
    found = json_in(text)
    if not isinstance(found, dict):
        return None
    name, arguments = name_and_arguments(found)
    return ToolCall(call_id(number), name, arguments) if name else None


def settled(reply: Reply, *, tools: bool, schema: bool, by_json: bool, first: int) -> Reply:
    """A reply in the one form that all models give: calls as calls, JSON as JSON.

    Args:
        by_json: the model was asked to choose by JSON.
        first: number of the reply's first call in its talk.

    Raises:
        EngineFailed: JSON was asked for, and something else came.
    """
    if tools and not reply.calls:
        if by_json:
            call = chosen(reply.text, first)
            return replace(reply, text="", calls=(call,)) if call else reply
        text, calls = written(reply.text, first)
        return replace(reply, text=text, calls=calls)
    return replace(reply, text=_json_of(reply)) if schema else reply


def _json_of(reply: Reply) -> str:
    try:
        found = json.loads(reply.text)
    except (ValueError, RecursionError) as error:
        found = json_in(reply.text)
        if found is None:
            what = "the model's JSON was cut off" if reply.cut else "the model did not answer in JSON"
            hint = "raise chat.tokens" if reply.cut else "take another chat.model"
            raise EngineFailed(what, reply.text[:400], hint=hint) from error
    return json.dumps(found, ensure_ascii=False)


def _moved(schema: Any, tool: str) -> Any:
    if isinstance(schema, Mapping):
        return {
            key: f"#/$defs/{tool}.{value.removeprefix('#/$defs/')}"
            if key == "$ref" and isinstance(value, str)
            else _moved(value, tool)
            for key, value in schema.items()
        }
    return [_moved(one, tool) for one in schema] if isinstance(schema, list | tuple) else schema


def _told(tool: Tool) -> str:
    return f"{tool.name}: {tool.description}\n{json.dumps(tool.parameters, ensure_ascii=False)}"


def _in_words(message: Message, names: Mapping[str, str]) -> Message:
    if message.role == "tool":
        text = fill("call_result", tool=names.get(message.call or "", "a tool"), result=message.text)
        return Message("user", text.rstrip("\n"))
    calls = [
        json.dumps({"tool": c.name, "arguments": object_of(c.arguments)}, ensure_ascii=False) for c in message.calls
    ]
    return replace(message, text="\n".join(filter(None, [message.text, *calls])), calls=())


def _instructed(messages: Sequence[Message], instructions: str) -> Iterator[Message]:
    """The messages with instructions at the end of the system's own, which come first."""
    system = [message for message in messages if message.role == "system"]
    yield Message("system", "\n\n".join([*(message.text for message in system), instructions.strip()]))
    yield from (message for message in messages if message.role != "system")


def _merged(messages: Iterator[Message]) -> list[Message]:
    """Messages of the same role one after the other made one: many templates take user and assistant only by turns."""
    return [
        Message(role, "\n\n".join(message.text for message in group))
        for role, group in groupby(messages, key=lambda message: message.role)
    ]
