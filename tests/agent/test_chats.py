"""Chats are kept, go on in another process, and are not spoilt by a question that was broken off."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.agent.ask import ask, stream
from vagent.agent.chats import Chats
from vagent.errors import LibraryCorruptError, QuestionError, StorageError


@pytest.fixture
def index() -> MemoryIndex:
    held = rows("subtitle", [(1.0, 3.0, "The baker pays the bill."), (4.0, 6.0, "Good night, Anna.")])
    return MemoryIndex(held, embedder=minilm())


@pytest.mark.parametrize("kept", [True, False])
def test_a_chat_remembers_its_turns_and_each_question_its_own_steps(
    index: MemoryIndex, tmp_path: Path, kept: bool
) -> None:
    chats = Chats(tmp_path / "chats.db" if kept else None)
    thread = chats.thread("film night")
    alone = ask(index, "Who pays the bill?", videos=[1])
    for _ in range(2):
        answer = ask(index, "Who pays the bill?", videos=[1], thread=thread)
        assert answer.text == alone.text
        assert [s.action for s in answer.steps] == [s.action for s in alone.steps]
    turns = thread.turns()
    assert [turn.question for turn in turns] == ["Who pays the bill?"] * 2
    assert turns[0].spans[0] == (1, alone.citations[0].span)
    chats.close()


def test_a_kept_chat_goes_on_later(index: MemoryIndex, tmp_path: Path) -> None:
    for number in range(1, 3):
        chats = Chats(tmp_path / "chats.db")
        ask(index, "Who pays the bill?", videos=[1], thread=chats.thread("a"))
        assert len(chats.thread("a").turns()) == number
        assert chats.names() == ["a"]
        chats.close()
    chats = Chats(tmp_path / "chats.db")
    chats.forget("a")
    assert chats.names() == [] and chats.thread("a").turns() == []
    chats.close()


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_question_that_is_broken_off_leaves_nothing_behind(index: MemoryIndex, tmp_path: Path, steps: int) -> None:
    chats = Chats(tmp_path / "chats.db")
    thread = chats.thread("a")
    ask(index, "Who pays the bill?", videos=[1], thread=thread)
    events = stream(index, "Who says good night?", videos=[1], thread=thread)
    for _ in range(steps):
        next(events)
    events.close()  # type: ignore[attr-defined]
    assert [turn.question for turn in thread.turns()] == ["Who pays the bill?"]
    answer = ask(index, "Who is wished a good night?", videos=[1], thread=thread)
    assert [turn.question for turn in thread.turns()] == ["Who pays the bill?", "Who is wished a good night?"]
    assert len({s.seconds for s in answer.steps}) == len(answer.steps)
    chats.close()


def test_a_damaged_file_of_chats_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "chats.db").write_bytes(b"no database" * 1000)
    with pytest.raises(LibraryCorruptError, match="the chats cannot be read"):
        Chats(tmp_path / "chats.db").thread("a")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="the chats cannot be kept"):
        Chats(tmp_path / "file" / "chats.db").thread("a")


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_chat_needs_a_name(name: str) -> None:
    with pytest.raises(QuestionError, match="a chat needs a name"):
        Chats(None).thread(name)


def test_what_a_file_of_chats_holds_cannot_run_code(index: MemoryIndex, tmp_path: Path) -> None:
    """Rows that name other types than ours come back as plain data, or not at all."""
    import ormsgpack

    chats = Chats(tmp_path / "chats.db")
    thread = chats.thread("a")
    ask(index, "Who pays the bill?", videos=[1], thread=thread)
    evil = ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb(("pathlib", "Path", [str(tmp_path / "made")]))))
    with sqlite3.connect(tmp_path / "chats.db") as connection:
        (blob,) = connection.execute("select checkpoint from checkpoints").fetchone()
        held = ormsgpack.unpackb(blob, ext_hook=lambda code, data: ormsgpack.Ext(code, data))
        assert held["channel_values"]["turns"]
    connection.close()
    serde = thread.checkpointer.serde
    assert not isinstance(serde.loads_typed(("msgpack", evil)), Path)
    chats.close()


def test_a_question_may_leave_out_what_was_asked_before(index: MemoryIndex) -> None:
    held = rows("subtitle", [(1.0, 3.0, "The baker pays the bill."), (4.0, 6.0, "Good night, Anna.")])
    held += rows("subtitle", [(7.0, 9.0, "Anna takes the last tram home.")])
    index = MemoryIndex(held, embedder=minilm())
    thread = Chats(None).thread("a")
    ask(index, "Who pays the bill?", videos=[1], thread=thread)
    answer = ask(index, "And what is said after that?", videos=[1], thread=thread)
    assert answer.question == "And what is said after that?"
    assert answer.understood != answer.question
    assert "Good night, Anna." in answer.text
    assert answer.to_dict()["understood"] == answer.understood
    alone = ask(index, "Who takes the last tram home?", videos=[1], thread=thread)
    assert alone.understood == alone.question
    assert "understood" not in alone.to_dict()
    assert [turn.resolved for turn in thread.turns()][1] == answer.understood
