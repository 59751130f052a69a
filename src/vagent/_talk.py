"""The part of a library's SDK that goes on with what was asked before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from vagent.agent.chats import Thread
from vagent.agent.records import Answer, Event
from vagent.agent.state import Turn


class Chat:
    """Question after question to the same videos; a question may refer to what was asked and answered before.

    A question that is broken off is as if it had not been asked.
    """

    def __init__(
        self, stream: Callable[[str, Sequence[str] | None, bool, bool | None], Iterator[Event]], thread: Thread
    ) -> None:
        self._stream = stream
        self._thread = thread

    @property
    def turns(self) -> list[Turn]:
        """What was asked and answered so far, oldest first; of a chat that was gone on with, from its beginning."""
        return self._thread.turns()

    def ask(
        self,
        question: str,
        *,
        choices: Sequence[str] | None = None,
        save: bool = False,
        cache: bool | None = None,
    ) -> Answer:
        """Answer the next question; arguments and errors as those of ``Library.ask``."""
        events = self.stream(question, choices=choices, save=save, cache=cache)
        return next(event for event in events if isinstance(event, Answer))

    def stream(
        self,
        question: str,
        *,
        choices: Sequence[str] | None = None,
        save: bool = False,
        cache: bool | None = None,
    ) -> Iterator[Event]:
        """As ``ask``, but each step is told as it begins and given as it is done; the answer comes last."""
        yield from self._stream(question, choices, save, cache)
