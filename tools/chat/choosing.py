"""Choosing a tool by JSON: for models that were not made for tools, and servers that do not take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from vagent.errors import EngineFailed
from vagent.prompts import fill
from vagent.tools.chat import Message, Reply, Tool, ToolCall
from vagent.tools.chat.calls import call_id, json_in, name_and_arguments, object_of, read, write, written


def choice_schema(tools: Sequence[Tool]) -> dict[str, Any]:
    """The JSON schema of one call: the name of a tool and an object of its arguments."""
    shared: dict[str, Any] = {}
    ways = []
    for tool in tools:
        parameters = {"type": "object", "properties": {}, "additionalProperties": False, **tool.parameters}
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


def in_words(messages: Sequence[Message]) -> list[Message]:
    """A talk for a model that does not know of tools: calls and their results as text.

    Messages of the same role one after the other are made one: many templates take user and assistant only by turns.
    """
    names = {call.id: call.name for message in messages for call in message.calls}
    talk = [_in_words(message, names) for message in messages]
    return [
        Message(role, "\n\n".join(message.text for message in group))
        for role, group in groupby(talk, key=lambda message: message.role)
    ]


def choosing(messages: Sequence[Message], tools: Sequence[Tool]) -> list[Message]:
    """A talk in words whose next message is to be a call by JSON: the system tells which tools there are."""
    manual = "\n\n".join(_told(tool) for tool in tools)
    return _instructed(messages, fill("call_by_json", tools=manual))


def shaped(messages: Sequence[Message], schema: Mapping[str, Any]) -> list[Message]:
    """A talk in words whose next message is to be JSON of a schema."""
    return _instructed(messages, fill("reply_in_json", schema=write(schema)))


def chosen(text: str, number: int) -> ToolCall | None:
    """The call that a model wrote as JSON, as the ``number``-th of its talk; None where it wrote none."""
    found = json_in(text)
    if found is None:
        return None
    name, arguments = name_and_arguments(read(found))
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
        read(reply.text)
    except ValueError as error:
        found = json_in(reply.text)
        if found is None:
            what = "the model's JSON was cut off" if reply.cut else "the model did not answer in JSON"
            hint = "raise chat.tokens" if reply.cut else "take another chat.model"
            raise EngineFailed(what, reply.text[:400], hint=hint) from error
        return found
    return reply.text


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
    return f"{tool.name}: {tool.description}\n{write(tool.parameters)}"


def _in_words(message: Message, names: Mapping[str, str]) -> Message:
    if message.role == "tool":
        text = fill("call_result", tool=names.get(message.call or "", "a tool"), result=message.text)
        return Message("user", text.rstrip("\n"))
    calls = [write({"tool": call.name, "arguments": object_of(call.arguments)}) for call in message.calls]
    return replace(message, text="\n".join(filter(None, [message.text, *calls])), calls=())


def _instructed(messages: Sequence[Message], instructions: str) -> list[Message]:
    """The talk in words, with instructions at the end of the system's own, which come first."""
    system = [*(message.text for message in messages if message.role == "system"), instructions.strip()]
    others = [message for message in messages if message.role != "system"]
    return [Message("system", "\n\n".join(system)), *in_words(others)]
