"""A chat model with a queue of replies and a history of what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vagent.agent.ask import ask
from vagent.agent.drivers.llm import LLM
from vagent.agent.evidence.index import Index
from vagent.agent.records import Answer
from vagent.configs import load
from vagent.tools.chat import ChatModel, Message, Reply, Tool, ToolCall
from vagent.tools.engines import Status


@dataclass(frozen=True)
class Asked:
    """One request."""

    messages: list[Message]
    tools: list[Tool]
    tokens: int | None
    seconds: float | None

    @property
    def offered(self) -> list[str]:
        """Names of the tools."""
        return [tool.name for tool in self.tools]

    @property
    def last(self) -> str:
        """The text of the last message."""
        return self.messages[-1].text


SETTINGS = load({}, env={})
Scripted = Reply | Exception | Callable[[Asked], Reply]


class Script(ChatModel):
    """Gives its replies in order, the last one again and again. An exception is raised, a function is asked."""

    name = "scripted"

    def __init__(self, *replies: Scripted, billions: float | None = None) -> None:
        super().__init__(SETTINGS)
        self.replies = list(replies)
        self.asked: list[Asked] = []
        self._billions = billions

    @property
    def revision(self) -> str:
        return "scripted 1"

    @property
    def billions(self) -> float | None:
        return self._billions

    @classmethod
    def check(cls, settings: Any) -> Status:
        return Status(True, "is a test")

    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        schema: Mapping[str, Any] | None = None,
        tokens: int | None = None,
        seconds: float | None = None,
    ) -> Reply:
        asked = Asked(list(messages), list(tools), tokens, seconds)
        self.asked.append(asked)
        whole(asked.messages)
        given = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(given, Exception):
            raise given
        return given if isinstance(given, Reply) else given(asked)


def whole(messages: Sequence[Message]) -> None:
    """What servers check of a conversation: every call is answered right after it, and nothing else is."""
    assert messages[0].role == "system" and messages[1].role == "user"
    open_calls: list[str] = []
    taken: set[str] = set()
    for message in messages[2:]:
        if message.role == "tool":
            assert message.call in open_calls, f"{message.call!r} was not called, or was answered already"
            open_calls.remove(message.call)
            continue
        assert not open_calls, f"no answer to {open_calls}"
        assert message.role in ("user", "assistant")
        assert message.text or message.calls
        open_calls = [call.id for call in message.calls]
        assert all(open_calls) and len({*open_calls} | taken) == len(open_calls) + len(taken), "ids twice"
        taken |= {*open_calls}
    assert not open_calls, f"no answer to {open_calls}"


def call(name: str, arguments: Mapping[str, Any] | str | None = None, **named: Any) -> Reply:
    """A reply that calls one tool. Arguments as a text are given as they stand."""
    written = arguments if isinstance(arguments, str) else json.dumps({**(arguments or {}), **named})
    return Reply("", (ToolCall("", name, written),), read=100, written=10)


def calls(*replies: Reply) -> Reply:
    """A reply that calls the tools of several at once."""
    made = tuple(ToolCall(f"id{i}", one.calls[0].name, one.calls[0].arguments) for i, one in enumerate(replies))
    return Reply("", made, read=100, written=10)


def finish(answer: str = "", *evidence: str, **named: Any) -> Reply:
    """A reply that finishes."""
    return call("finish", answer=answer, evidence=list(evidence), **named)


def words(text: str, *, cut: bool = False) -> Reply:
    """A reply without a call."""
    return Reply(text, read=100, written=10, cut=cut)


def asking(index: Index, question: str, model: Script, *, videos: Sequence[int] = (1,), **named: Any) -> Answer:
    """The answer with a chat model that chooses the steps."""
    return ask(index, question, videos=videos, chat=model, driver=LLM(), **named)
