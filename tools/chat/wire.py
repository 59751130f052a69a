"""Messages, tools and replies as OpenAI's protocol writes them; no two servers write replies quite the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vagent.tools.chat import Message, Reply, Tool, ToolCall
from vagent.tools.chat.calls import call_id, json_in, object_of
from vagent.tools.endpoint import replies
from vagent.tools.thoughts import without_thoughts

_MARKS = re.compile(
    r"<[|｜][^|｜<>\s]{1,40}[|｜]>|</?(?:tool_call|tool_response|think|s|start_of_turn|end_of_turn)>"
    r"|\[/?(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)\]|<(?:function|parameter)="
)
"""Control tokens of the usual models: many servers take them for what they are wherever they stand."""


def harmless(text: str) -> str:
    """Text in which no control token of the usual models stands: a space behind the first character breaks each."""
    text = text.encode(errors="replace").decode()  # servers choke on half a surrogate pair
    while _MARKS.search(text):
        text = _MARKS.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
    return text


def messages_to(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as a request holds them."""
    return [_message(message) for message in messages]


def tools_to(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools as a request holds them."""
    return [
        {
            "type": "function",
            "function": {"name": t.name, "description": t.description, "parameters": dict(t.parameters)},
        }
        for t in tools
    ]


def _message(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = {"role": message.role, "content": harmless(message.text)}
    if message.calls:
        made["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": harmless(call.name), "arguments": harmless(json.dumps(object_of(call.arguments)))},
            }
            for call in message.calls
        ]
    if message.role == "tool":
        made["tool_call_id"] = message.call or ""
    return made


@dataclass
class _Call:
    """A call that is still coming."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass
class Incoming:
    """A reply that is gathered from its events.

    Attributes:
        most: characters that are gathered; what comes after them is dropped.
        first: number of the first call in its talk, for calls without an id.
    """

    most: int
    first: int
    _text: list[str] = field(default_factory=list)
    _calls: list[_Call] = field(default_factory=list)
    _at: dict[object, _Call] = field(default_factory=dict)
    _size: int = 0
    _read: int = 0
    _written: int = 0
    _finish: str | None = None

    @property
    def full(self) -> bool:
        """Whether more would be too much."""
        return self._size > self.most

    @property
    def complete(self) -> bool:
        """Whether the server said that this is all."""
        return self._finish is not None

    def add(self, event: Any) -> None:
        """One event of the stream, or a whole reply.

        Raises:
            EngineFailed: it is malformed, or an error.
        """
        if isinstance(event, dict):
            self._count(event.get("usage"))
            if event.get("choices") == [] and "error" not in event:
                return
        found = replies.choice(event)
        piece: Any = found["delta"] if "delta" in found else found.get("message")
        said = replies.text(piece)
        if isinstance(piece.get("refusal"), str):
            said += piece["refusal"]
        if said:
            self._text.append(said)
            self._size += len(said)
        for call in _list(piece.get("tool_calls")):
            self._add_call(call.get("index"), call.get("id"), call.get("function"))
        if isinstance(piece.get("function_call"), dict):
            self._add_call(None, None, piece["function_call"])
        if found.get("finish_reason") is not None or "delta" not in found:
            self._finish = str(found.get("finish_reason"))

    def reply(self) -> Reply:
        """What was gathered."""
        calls: list[ToolCall] = []
        for call in self._calls:
            taken = {other.id for other in calls}
            own = call.id if call.id and call.id not in taken else call_id(self.first + len(calls))
            calls.append(ToolCall(own, _clean(call.name), _clean(call.arguments[: self.most])))
        return Reply(
            without_thoughts("".join(self._text)[: self.most]),
            tuple(calls),
            read=self._read,
            written=self._written,
            cut=self._finish == "length" or not self.complete,
        )

    def _add_call(self, index: object, given: object, function: Any) -> None:
        if not isinstance(function, dict):
            return
        name: str = function["name"] if isinstance(function.get("name"), str) else ""
        arguments: Any = function.get("arguments", "")
        if not isinstance(arguments, str):
            # An object, as in Ollama's own protocol, or nothing.
            arguments = "" if arguments is None else json.dumps(arguments, ensure_ascii=False)
        key = index if isinstance(index, int) else None
        call = self._at.get(key)
        if call is None or _is_next(call, given, name):
            call = self._at[key] = _Call()
            self._calls.append(call)
            self._size += 20  # even an empty one takes room
        call.id = call.id or (given.strip() if isinstance(given, str) else "")
        call.name = call.name or name
        call.arguments += arguments
        self._size += len(name) + len(arguments)

    def _count(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self._read = _number(usage.get("prompt_tokens")) or self._read
            self._written = _number(usage.get("completion_tokens")) or self._written


def _is_next(call: _Call, given: object, name: str) -> bool:
    """Whether a piece begins another call than the one that has its place: some servers number none of them, or give
    all the same number."""
    if isinstance(given, str) and given.strip() and call.id:
        return given.strip() != call.id
    if not name or not call.name:
        return False
    return name != call.name or json_in(call.arguments) is not None


def _list(found: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(found, list):
        yield from (one for one in found if isinstance(one, dict))


def _number(found: Any) -> int:
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def _clean(text: str) -> str:
    return text.encode(errors="replace").decode()
