"""Chats: what was asked and answered is kept, in memory or in a SQLite file, and goes on at the next question."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vagent.agent.light import put_off
from vagent.errors import LibraryBusyError, LibraryCorruptError, QuestionError, StorageError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from vagent.agent.state import Turn

_NAME = 200  # characters of a chat's name, at most
_WAIT = 10.0  # seconds to wait for another process that writes


@dataclass(frozen=True, slots=True)
class Thread:
    """One chat: where its state is kept, and under which name."""

    checkpointer: BaseCheckpointSaver[str]
    id: str

    def turns(self) -> list[Turn]:
        """What was asked and answered so far, oldest first."""
        held = self.checkpointer.get_tuple({"configurable": {"thread_id": self.id}})
        return [] if held is None else list(held.checkpoint["channel_values"].get("turns", ()))


class Chats:
    """The chats of a library.

    Args:
        file: the SQLite file that keeps them, made when the first one begins; None: they end with the process.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self._saver: Any = None
        self._connection: sqlite3.Connection | None = None

    def thread(self, name: str) -> Thread:
        """The chat of a name, new or to be gone on with.

        Raises:
            QuestionError: a name that is empty or too long.
            LibraryCorruptError, StorageError: the file cannot be used.
        """
        if not name.strip() or len(name) > _NAME:
            raise QuestionError("a chat needs a name", name, allowed=f"1 to {_NAME} characters")
        if self._saver is None:
            self._saver = self._opened()
        return Thread(self._saver, name.strip())

    def names(self) -> list[str]:
        """Names of the chats that are kept."""
        if self.file is None or not self.file.is_file():
            return []
        saver = self.thread("any").checkpointer
        return sorted({str(one.config["configurable"]["thread_id"]) for one in saver.list(None)})

    def forget(self, name: str) -> None:
        """Delete a chat; one that does not exist is no error."""
        self.thread(name).checkpointer.delete_thread(name.strip())

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._saver = None

    def _opened(self) -> Any:
        put_off()
        from langgraph.checkpoint.memory import InMemorySaver
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
        from langgraph.checkpoint.sqlite import SqliteSaver

        serde = JsonPlusSerializer(allowed_msgpack_modules=_types())
        if self.file is None:
            return InMemorySaver(serde=serde)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.file, check_same_thread=False, timeout=_WAIT)
            saver = SqliteSaver(self._connection, serde=serde)
            saver.setup()
        except (OSError, sqlite3.Error) as error:
            raise translated(error, self.file) from error
        return saver


def translated(error: Exception, file: Path) -> Exception:
    """An error of the file that keeps chats, as one of ours."""
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return LibraryCorruptError("the chats cannot be read", str(file), hint=f"move it away to begin anew ({error})")
    if "locked" in str(error):
        return LibraryBusyError("another process is writing to the chats", str(file), hint="try again")
    return StorageError(f"the chats cannot be kept ({error})", str(file))


def _types() -> list[tuple[str, str]]:
    """The types of a state, which are all that may be read back: a file of chats can make nothing else."""
    from vagent.agent import records, state
    from vagent.agent.evidence import draft
    from vagent.agent.look import Seen
    from vagent.agent.question import hints, plan
    from vagent.agent.routes.choices import Chosen
    from vagent.tools import chat
    from vagent.tools.time import Span

    found = [Seen, Chosen, Span, hints.TimeHint]
    for module in (records, state, draft, plan, chat):
        found += [kind for kind in vars(module).values() if isinstance(kind, type) and is_dataclass(kind)]
    return [(kind.__module__, kind.__qualname__) for kind in dict.fromkeys(found)]
