"""The agent's models and its library, with a ``Calls`` in between. Nobody who uses them sees a difference."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator, TypeAdapter

from vagent.agent.look import Frames, Looker
from vagent.agent.runs.keys import shaping
from vagent.agent.runs.recorder import Calls, Seat
from vagent.configs import Settings
from vagent.tools.chat import ChatModel, Message, Reply, Tool
from vagent.tools.engines import Status

_T = TypeVar("_T")


def _encoded(vector: NDArray[np.float32] | None) -> str | None:
    if vector is None:
        return None
    return base64.b64encode(np.ascontiguousarray(vector, "<f4").tobytes()).decode("ascii")


def _decoded(value: Any) -> NDArray[np.float32] | None:
    if value is None:
        return None
    try:
        return np.frombuffer(base64.b64decode(value, validate=True), "<f4").astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a vector: {error}") from error


_Vector = Annotated[NDArray[np.float32] | None, PlainValidator(_decoded), PlainSerializer(_encoded)]

TEXT = TypeAdapter(tuple[str, int])
SCORES = TypeAdapter(tuple[list[float], int])
REPLY = TypeAdapter(Reply)
VECTOR: TypeAdapter[NDArray[np.float32] | None] = TypeAdapter(_Vector)


def revision(engine: Any) -> str:
    """Name and version of an engine; the name alone where it has no version."""
    return str(getattr(engine, "revision", engine.name))


class RecordedLooker:
    """A video-LLM whose calls pass through a ``Calls``; has of ``VideoLanguageModel`` what the agent uses.

    Attributes:
        spent: tokens read and written for these calls, also where the cache had them: what a question costs, and so how
            far it may go, does not depend on what was asked before.
    """

    def __init__(self, engine: Looker, calls: Calls, settings: Settings) -> None:
        self._engine: Any = engine
        self._calls = calls
        self.name = engine.name
        self.weak: bool = getattr(engine, "weak", False)
        self.scores: bool = getattr(engine, "scores", False)
        self.notices = list(_heard(engine))
        self.spent = 0
        how = shaping(settings.videollm, settings.device)
        self._seat = Seat(revision(engine), how, self.notices, lambda: _heard(engine))

    @property
    def revision(self) -> str:
        """Name and version of the model."""
        return self._seat.revision

    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        """See ``VideoLanguageModel.answer``."""
        given = {} if tokens is None else {"tokens": tokens}

        def make() -> tuple[str, int]:
            return self._counted(lambda: self._engine.answer(frames, prompt, **given))

        inputs = {"frames": _frames(frames), "prompt": prompt, **given}
        said, spent = self._calls.one(self._seat, "answer", inputs, TEXT, make)
        self.spent += spent
        return said

    def score_choices(self, frames: Frames, prompt: str, letters: Sequence[str]) -> list[float]:
        """See ``VideoLanguageModel.score_choices``."""

        def make() -> tuple[list[float], int]:
            return self._counted(lambda: [float(x) for x in self._engine.score_choices(frames, prompt, letters)])

        inputs = {"frames": _frames(frames), "prompt": prompt, "letters": list(letters)}
        scores, spent = self._calls.one(self._seat, "score_choices", inputs, SCORES, make)
        self.spent += spent
        return scores

    def _counted(self, make: Callable[[], _T]) -> tuple[_T, int]:
        before = getattr(self._engine, "spent", 0)
        return make(), getattr(self._engine, "spent", 0) - before


class RecordedChat(ChatModel):
    """A chat model whose calls pass through a ``Calls``."""

    name = "recorded"

    def __init__(self, engine: ChatModel, calls: Calls, settings: Settings) -> None:
        super().__init__(settings)
        self._engine = engine
        self._calls = calls
        self.name = engine.name  # type: ignore[misc]  # it stands for that engine
        self.weak = engine.weak  # type: ignore[misc]
        self.notices = list(_heard(engine))
        how = shaping(getattr(settings, "chat", None), settings.device)
        self._seat = Seat(revision(engine), how, self.notices, lambda: _heard(engine))

    @property
    def revision(self) -> str:
        """Name and version of the model."""
        return self._seat.revision

    @property
    def billions(self) -> float | None:
        """Size of the model in billions of parameters."""
        return self._engine.billions

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Never chosen by itself."""
        return Status(False, "stands for another engine")

    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        schema: Mapping[str, Any] | None = None,
        tokens: int | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """See ``ChatModel.reply``."""
        inputs = {"messages": list(messages), "tools": list(tools), "schema": schema, "tokens": tokens}
        return self._calls.one(
            self._seat,
            "reply",
            inputs,
            REPLY,
            lambda: self._engine.reply(messages, tools=tools, schema=schema, tokens=tokens, seconds=seconds),
        )

    def close(self) -> None:
        """Let go of the model."""
        self._engine.close()


def _frames(frames: Frames) -> list[tuple[float, NDArray[np.uint8]]]:
    return [(float(time), image) for time, image in frames]


def _heard(engine: Any) -> tuple[str, ...]:
    return tuple(getattr(engine, "notices", ()))
