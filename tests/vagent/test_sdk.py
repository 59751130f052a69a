"""The SDK, as a program uses it."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

import vagent
from vagent import Answer, Library, Started, Step, VideoAgent
from vagent.errors import LibraryCorruptError, LibraryVersionError, QuestionError, SourceError, TimeError

UMBRELLA = "Who forgot her umbrella?"


@pytest.fixture
def agent(film: Path, indexed: Path) -> VideoAgent:
    return VideoAgent(film, library=indexed)


def test_an_answer_has_text_citations_and_the_json_of_the_command_line(agent: VideoAgent, film: Path) -> None:
    answer = agent.ask(UMBRELLA)
    assert answer.answered
    assert "Maria" in answer.text
    assert answer.citations[0].span == vagent.Span(4.5, 7.0)
    assert answer.citations[0].video == str(film)
    assert answer.to_dict()["answer"] == answer.text


def test_steps_are_streamed_and_the_answer_comes_last(agent: VideoAgent) -> None:
    *events, last = agent.stream(UMBRELLA)
    steps = [event for event in events if isinstance(event, Step)]
    assert steps
    assert [type(event) for event in events] == [Started, Step] * len(steps)
    assert isinstance(last, Answer)
    assert last.steps == tuple(steps)


def test_asynchronous_programs_get_the_same(agent: VideoAgent) -> None:
    assert asyncio.run(agent.aask(UMBRELLA)).text == agent.ask(UMBRELLA).text
    assert asyncio.run(agent.library.aask(UMBRELLA, source=agent.source)).text == agent.ask(UMBRELLA).text


def test_a_chat_keeps_its_turns(agent: VideoAgent) -> None:
    chat = agent.chat(until="0:04")
    chat.ask("When does the night train leave?")
    chat.ask(UMBRELLA)
    assert [turn.answered for turn in chat.turns] == [True, False]


def test_a_chat_with_a_name_is_kept_and_can_be_forgotten(film: Path, indexed: Path, tmp_path: Path) -> None:
    library = shutil.copytree(indexed, tmp_path / "library")
    for turns in (1, 2):
        with VideoAgent(film, library=library) as agent:
            chat = agent.chat("night train")
            chat.ask(UMBRELLA)
            assert [turn.question for turn in chat.turns] == [UMBRELLA] * turns
            assert chat.turns[-1].text == agent.ask(UMBRELLA).text
            assert agent.library.chats() == ["night train"]
    with Library(library) as opened:
        opened.forget_chat("night train")
        assert opened.chats() == []


def test_a_question_of_a_chat_that_is_broken_off_is_as_if_it_had_not_been_asked(agent: VideoAgent) -> None:
    chat = agent.chat()
    events = chat.stream(UMBRELLA)
    assert isinstance(next(events), Started)
    events.close()  # type: ignore[attr-defined]
    assert chat.turns == []
    assert chat.ask("Which train is it?", choices=["the day train", "the night train"]).choice == "B"


def test_nothing_is_printed_and_no_connection_made(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with VideoAgent(film, library=tmp_path, settings={"engines": {"speech": "off"}}) as agent:
        assert agent.ask(UMBRELLA).answered
        assert agent.search("umbrella")[0].span.start >= 0
    assert capsys.readouterr() == ("", "")


def test_what_is_complete_is_used_whatever_it_was_indexed_with(film: Path, tmp_path: Path) -> None:
    with Library(tmp_path, settings={"engines": {"text": "off", "speech": "off"}}) as library:
        library.add(film)
    with VideoAgent(film, library=tmp_path) as agent:
        agent.ask(UMBRELLA)
        (video,) = agent.library.videos()
        assert agent.library.index.store.counts(video.id) == {"subtitle": 2}
    with VideoAgent(film, library=tmp_path, preset="quick") as agent:
        agent.ask(UMBRELLA)
        assert set(agent.library.index.store.counts(video.id)) == {"subtitle", "screen_text"}


def test_a_library_is_asked_when_the_file_has_gone(film: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    shutil.copy(film, copy)
    shutil.copy(film.with_suffix(".en.srt"), tmp_path / "copy.en.srt")
    with Library(tmp_path / "library", settings={"engines": {"text": "off"}}) as library:
        library.add(copy)
        copy.unlink()
        assert library.prepare(copy) == []
        assert library.ask(UMBRELLA, source=copy).answered
        with pytest.raises(SourceError, match="no such file or folder"):
            library.find(tmp_path / "never.mp4")


def test_what_makes_no_sense_is_refused(agent: VideoAgent, tmp_path: Path) -> None:
    with pytest.raises(TimeError):
        agent.ask(UMBRELLA, start=8.5)
    with pytest.raises(SourceError, match=r"vagent\.Library"):
        VideoAgent(tmp_path)
    with Library(tmp_path / "empty") as library, pytest.raises(SourceError, match="the library is empty"):
        library.ask(UMBRELLA)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"question": None}, "the question is no text"),
        ({"question": b"Who?"}, "the question is no text: b'Who\\?'"),
        ({"question": "Who?", "choices": "ab"}, "the options are no list of texts: 'ab'"),
        ({"question": "Who?", "choices": [1, 2]}, "the options are no list of texts: \\[1, 2\\]"),
    ],
)
def test_a_question_of_another_type_is_refused(agent: VideoAgent, given: dict[str, Any], told: str) -> None:
    with pytest.raises(QuestionError, match=told):
        agent.ask(**given)
    with pytest.raises(QuestionError, match=told):
        agent.library.ask(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"query": None},
        {"query": "train", "limit": 0},
        {"query": "train", "limit": "5"},
        {"query": "train", "kinds": "speech"},
        {"query": "train", "kinds": ["smell"]},
    ],
)
def test_a_search_that_makes_no_sense_is_refused(agent: VideoAgent, given: dict[str, Any]) -> None:
    with pytest.raises(QuestionError):
        agent.search(**given)


def test_a_time_of_another_type_is_refused(agent: VideoAgent) -> None:
    wrong: Any = [1]
    with pytest.raises(TimeError, match="not a time"):
        agent.ask("Who forgot the umbrella?", start=wrong)


def test_times_that_cannot_be_read_cost_no_indexing(film: Path, tmp_path: Path) -> None:
    with VideoAgent(film, library=tmp_path / "library") as agent:
        for start, until in (("soon", None), (None, "later"), (5.0, 2.0)):
            with pytest.raises(TimeError):
                agent.ask("Who forgot the umbrella?", start=start, until=until)
        assert agent.library.videos() == []


def test_a_question_that_cannot_be_asked_costs_no_indexing(film: Path, tmp_path: Path) -> None:
    with VideoAgent(film, library=tmp_path) as agent:
        for ask in (agent.ask, lambda question: list(agent.stream(question))):
            with pytest.raises(QuestionError, match="the question is empty"):
                ask(" ?")
        assert agent.library.videos() == []


def test_a_library_of_a_newer_version_or_in_ruins_is_refused(indexed: Path, tmp_path: Path) -> None:
    import sqlite3

    newer, ruined = tmp_path / "newer", tmp_path / "ruined"
    for folder in (newer, ruined):
        shutil.copytree(indexed, folder)
    with sqlite3.connect(newer / "library.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(LibraryVersionError, match="99"):
        Library(newer)
    (ruined / "library.db").write_bytes(b"this is no database" * 500)
    with pytest.raises(LibraryCorruptError, match="index the videos again"):
        Library(ruined)
