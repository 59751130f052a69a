"""Chat models: language models that read messages and choose tools. One engine a file.

An engine is the class of ``vagent.tools.engines.Engine`` with one method more, ``reply``. The agent's ``llm`` driver
thinks with it, and it writes summaries; pictures are the business of ``tools/videollm``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from vagent.configs import Settings
from vagent.tools.engines import Status

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a model wants to be called.

    Attributes:
        id: ties the observation to the call.
        name: as the model wrote it; it may be a tool that does not exist.
        arguments: as the model wrote them: JSON, or what was meant to be JSON.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``calls`` are those of an assistant; ``call`` is the id that a tool's message answers."""

    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()
    call: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as a model sees it: its name, its manual, and a JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said.

    Attributes:
        read, written: tokens of the messages and of the reply; 0 where the engine cannot tell.
        cut: the reply ended because it became too long.
    """

    text: str
    calls: tuple[ToolCall, ...] = ()
    read: int = 0
    written: int = 0
    cut: bool = False


class ChatModel(ABC):
    """Reads messages and replies in words, by calling tools, or in JSON."""

    name: ClassVar[str]
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notices: list[str] = []
        """What whoever reads the answers should know, each once."""

    @property
    @abstractmethod
    def revision(self) -> str:
        """Name and version of the model."""

    @property
    def billions(self) -> float | None:
        """Size of the model in billions of parameters; None where it is not known."""
        return None

    @classmethod
    @abstractmethod
    def check(cls, settings: Settings) -> Status:
        """Whether it can run here now."""

    @abstractmethod
    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        schema: Mapping[str, Any] | None = None,
        tokens: int | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """The model's next message.

        Args:
            tools: tools it may call. A model that was not made for tools chooses one by constrained JSON; what comes
                back is the same. What the model wrote comes back as it stands: names and arguments are not checked.
            schema: the reply's text must be JSON of this schema; not together with ``tools``.
            tokens: length of the reply, at most; None: as the settings say.
            seconds: give up after so long; None: as the settings say.

        Raises:
            EngineFailed: the model broke, was silent for too long, or its server died.
        """

    def close(self) -> None:  # noqa: B027 - most engines have nothing to let go of
        """Let go of the model."""
