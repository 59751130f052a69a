"""Models that say what is in a script, and count what they are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from vagent.configs import Settings
from vagent.errors import EngineFailed
from vagent.tools.chat import ChatModel, Message, Reply, Tool
from vagent.tools.engines import Status


class ScriptedLooker:
    """A video-LLM with a queue of replies, of which the last one stays; an error among them is raised."""

    name = "scripted"
    scores = True

    def __init__(self, *replies: str | Exception, revision: str = "scripted 1") -> None:
        self.replies = list(replies)
        self.revision = revision
        self.asked: list[str] = []
        self.notices: list[str] = []
        self.spent = 0

    def answer(self, frames: Any, prompt: str, *, tokens: int | None = None) -> str:
        self.asked.append(prompt)
        self.spent += 10
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def score_choices(self, frames: Any, prompt: str, letters: Sequence[str]) -> list[float]:
        self.asked.append(prompt)
        self.spent += 1
        return [np.float32(-0.1 - i) for i, _ in enumerate(letters)]  # type: ignore[misc]


class ScriptedChat(ChatModel):
    """A chat model with a queue of replies."""

    name = "scripted"

    def __init__(self, settings: Settings, *replies: Reply) -> None:
        super().__init__(settings)
        self.replies = list(replies)
        self.asked: list[Sequence[Message]] = []

    @property
    def revision(self) -> str:
        return "scripted chat 1"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        return Status(True, "a script")

    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        schema: Mapping[str, Any] | None = None,
        tokens: int | None = None,
        seconds: float | None = None,
    ) -> Reply:
        self.asked.append(messages)
        return self.replies.pop(0)


def broken(what: str = "the server has gone") -> EngineFailed:
    return EngineFailed(what, "scripted 1", hint="start it again")


def refuse(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("a model was asked")
