"""Saved answers: the same again without a model, whatever has happened since, and what the cache spares."""

from __future__ import annotations

import asyncio
import io
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.agent.runs.scripted import refuse
from tests.media_files import write_video
from tests.vagent.conftest import Outcome, card
from tests.vagent.test_lightness import loaded
from vagent import Answer, Library, VideoAgent
from vagent.agent.answer import compose
from vagent.agent.runs.library import RecordedIndex
from vagent.agent.runs.recorder import Player
from vagent.errors import EngineFailed, SourceError
from vagent.index.library import VideoLibrary
from vagent.index.records import Evidence
from vagent.tools import engines
from vagent.tools.chat import ChatModel, Message, Reply, ToolCall
from vagent.tools.embeddings.minilm import MiniLM
from vagent.tools.engines import Status
from vagent.tools.time import Span
from vagent.tools.videollm import Frames, VideoLanguageModel

Run = Callable[..., Outcome]

UMBRELLA = "Who forgot her umbrella?"
COLOUR = "What colour is the background in the picture?"
SENSES = {"speech": "off", "videollm": "painter"}


class Painter(VideoLanguageModel):
    """Sees what it is told to see, and counts how often it is asked."""

    name = "painter"
    scores = True
    said: ClassVar[str | Exception] = ""
    version: ClassVar[int] = 1
    asked: ClassVar[list[str]] = []

    @property
    def revision(self) -> str:
        return f"painter {self.version}"

    @classmethod
    def check(cls, settings: Any) -> Status:
        return Status(True, "it is always there")

    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        self.asked.append(prompt)
        self.spent += 7
        if not self.notices:
            self.notices.append("memory is short")
        if isinstance(self.said, Exception):
            raise self.said
        return self.said

    def score_choices(self, frames: Frames, prompt: str, letters: Sequence[str]) -> list[float]:
        self.asked.append(prompt)
        listed = dict(line.split(". ", 1) for line in prompt.splitlines() if line[1:3] == ". ")
        return [-0.1 if listed[letter] == "blue" else -3.0 for letter in letters]


class Clerk(ChatModel):
    """Searches for the umbrella, and says what the first row of evidence says."""

    name = "clerk"
    named_only = True
    asked: ClassVar[list[Sequence[Message]]] = []

    @property
    def revision(self) -> str:
        return "clerk 1"

    @property
    def billions(self) -> float:
        return 70.0

    @classmethod
    def check(cls, settings: Any) -> Status:
        return Status(True, "it is always there")

    def reply(self, messages: Sequence[Message], **_: Any) -> Reply:
        self.asked.append(messages)
        labels = re.findall(r"\[(e\d+)\][^\n]*umbrella", messages[-1].text)
        wanted = {"answer": "“Maria forgot her umbrella.”", "evidence": labels[:1]} if labels else {"query": "umbrella"}
        name, number = "finish" if labels else "search", len(self.asked)
        return Reply("", (ToolCall(f"made-up-{number}", name, json.dumps(wanted)),), 100 * number, 7)


@pytest.fixture(autouse=True)
def _painter(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(engines.ENGINES["videollm"], "painter", f"{__name__}:Painter")  # type: ignore[attr-defined]
    monkeypatch.setitem(engines.ENGINES["chat"], "clerk", f"{__name__}:Clerk")  # type: ignore[attr-defined]
    engines._table.cache_clear()
    monkeypatch.setattr(Painter, "said", "A blue background.")
    monkeypatch.setattr(Painter, "version", 1)
    Painter.asked.clear()
    Clerk.asked.clear()
    yield
    engines._table.cache_clear()


@pytest.fixture
def folder(indexed: Path, tmp_path: Path) -> Path:
    """A copy of the library, which may be changed."""
    return Path(shutil.copytree(indexed, tmp_path / "library"))


@pytest.fixture
def library(folder: Path) -> Iterator[Library]:
    with Library(folder, settings={"engines": SENSES}) as opened:
        yield opened


@pytest.fixture
def no_models(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes everything that could ask a model an error."""

    def forbid() -> None:
        for kind, name in [
            (Clerk, "reply"),
            *((Painter, name) for name in ("answer", "score_choices", "__init__")),
            *((MiniLM, name) for name in ("embed", "embed_query")),
            (VideoLibrary, "search"),
            (VideoLibrary, "embed"),
            (VideoLibrary, "summaries"),
        ]:
            monkeypatch.setattr(kind, name, refuse)
        monkeypatch.setattr(engines, "choose", refuse)

    return forbid


def emptied(library: Library) -> None:
    """The cache, thrown away."""
    library._runs.close()
    for part in library.folder.glob("calls.db*"):
        part.unlink()


def the_same(one: Answer, other: Answer) -> None:
    """Byte for byte, what it cost included: a replay shows the saved answer."""
    assert json.dumps(one.to_dict()) == json.dumps(other.to_dict())
    assert one == other


@pytest.mark.parametrize(
    ("question", "choices"),
    [
        (UMBRELLA, None),
        (COLOUR, None),
        (COLOUR, ["red", "blue", "green"]),
        ("Who forgot her umbrella?", ["Anna", "Maria"]),
        ("What is written at the beginning?", None),
        ("How long is the video?", None),
        ("How many trains leave?", None),
        ("Who won the chess match?", None),
        ("What is the video about?", None),
    ],
)
def test_a_replay_gives_the_same_answer_and_asks_no_model(
    library: Library, no_models: Callable[[], None], question: str, choices: list[str] | None
) -> None:
    answer = library.ask(question, choices=choices, save=True)
    assert answer.run is not None
    emptied(library)
    no_models()
    with Library(library.folder, settings={"agent": {"looks": 1}, "engines": {"embeddings": "off"}}) as later:
        found = later.replay(answer.run)
    assert (found.same, found.differs, found.changed) == (True, (), ())
    assert found.played > 0
    the_same(found.answer, answer)


def test_a_limit_in_time_and_a_source_are_replayed_too(
    library: Library, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Painter, "said", "NOTHING")
    limited = library.ask(UMBRELLA, source=film, start="0:01", until="0:04", save=True)
    assert not limited.answered
    found = library.replay(limited.run or "")
    assert found.same
    the_same(found.answer, limited)


def test_a_look_that_failed_fails_again(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Painter, "said", EngineFailed("the server has gone"))
    answer = library.ask(COLOUR, save=True)
    assert "the server has gone" in answer.text
    monkeypatch.setattr(Painter, "said", "A blue background.")
    found = library.replay(answer.run or "")
    assert found.same
    the_same(found.answer, answer)


def test_what_a_chat_model_chose_is_replayed_and_kept(folder: Path, no_models: Callable[[], None]) -> None:
    settings = {"engines": {**SENSES, "chat": "clerk"}, "agent": {"driver": "llm"}}
    with Library(folder, settings=settings) as library:
        answer = library.ask(UMBRELLA, save=True)
        assert answer.engines["driver"].startswith("llm")
        assert [step.action for step in answer.steps] == ["search", "finish"]
        assert len(Clerk.asked) == 2
        again = library.ask(UMBRELLA)
        assert len(Clerk.asked) == 2
        assert [step.tokens for step in again.steps] == [step.tokens for step in answer.steps]
        emptied(library)
        no_models()
        found = library.replay(answer.run or "")
        assert found.same, found.notices
        the_same(found.answer, answer)


def test_a_question_of_a_chat_is_replayed_with_what_came_before(
    library: Library, no_models: Callable[[], None]
) -> None:
    chat = library.chat()
    chat.ask(UMBRELLA)
    answer = chat.ask("What is said before that?", save=True)
    alone = library.ask("What is said before that?", save=True)
    no_models()
    found = library.replay(answer.run or "")
    assert found.same, found.notices
    the_same(found.answer, answer)
    assert len(json.loads((library.folder / "runs" / f"{answer.run}.json").read_text())["asked"]["history"]) == 1
    assert library.replay(alone.run or "").same


def test_a_file_of_a_run_is_replayed_in_a_copy_of_the_library(library: Library, indexed: Path, tmp_path: Path) -> None:
    answer = library.ask(COLOUR, save=True)
    sent = shutil.copy(library.folder / "runs" / f"{answer.run}.json", tmp_path / "sent.json")
    elsewhere = shutil.copytree(indexed, tmp_path / "elsewhere")
    with Library(elsewhere) as other:
        found = other.replay(Path(sent))
        assert found.same
        the_same(found.answer, answer)


# ---------------------------------------------------------------------- the library has changed


def test_of_a_video_that_was_removed_the_saved_answer_is_shown(library: Library, film: Path) -> None:
    answer = library.ask(UMBRELLA, save=True)
    library.remove(film)
    found = library.replay(answer.run or "")
    the_same(found.answer, answer)
    assert not found.same and found.differs == ()
    assert "it could not be worked out again" in found.notices[0]
    assert f"{film.name} is no longer in the library: the evidence cannot be checked" in found.changed
    with pytest.raises(SourceError, match="none of the videos"):
        library.replay(answer.run or "", fresh=True)


def test_of_a_video_that_was_indexed_anew_the_saved_answer_is_shown(library: Library, film: Path) -> None:
    answer = library.ask(UMBRELLA, save=True)
    library.remove(film)
    library.add(film)
    found = library.replay(answer.run or "")
    the_same(found.answer, answer)
    assert not found.same
    assert f"{film.name} was removed from the library and indexed anew" in found.changed


def test_summaries_that_were_made_since_change_nothing(library: Library, no_models: Callable[[], None]) -> None:
    (video,) = library.videos()
    answer = library.ask(UMBRELLA, save=True)
    runs = library._runs
    recorder = runs.recorder(save=True)
    made = runs.index(recorder).summaries(video.id)
    assert made and {row.kind for row in made} == {"summary"}
    no_models()
    found = library.replay(answer.run or "")
    assert (found.same, found.changed) == (True, ())
    assert RecordedIndex(library.index, Player(recorder.made)).summaries(video.id) == made


def test_evidence_that_has_changed_is_told(library: Library, film: Path) -> None:
    answer = library.ask(UMBRELLA, save=True)
    (video,) = library.videos()
    library.index.store.add_evidence([Evidence(video.id, Span(7.0, 8.0), "subtitle", "Anna forgot her umbrella too.")])
    found = library.replay(answer.run or "")
    the_same(found.answer, answer)
    assert not found.same
    assert f"{film.name} was indexed again: its evidence is not what it was" in found.changed
    assert any(line.startswith("the run holds no such call: embed of minilm") for line in found.changed)


def test_a_question_that_ran_out_of_time_is_shown_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: Painter, *_: Any, **__: Any) -> str:
        time.sleep(1.5)
        return "NOTHING"

    monkeypatch.setattr(Painter, "answer", slow)
    with Library(folder, settings={"engines": SENSES, "agent": {"seconds": 1.5, "look_seconds": 2}}) as library:
        answer = library.ask(COLOUR, save=True)
        assert "The time limit" in answer.text
        found = library.replay(answer.run or "")
    the_same(found.answer, answer)
    assert found.changed == ("the question had run out of time, which a replay has enough of",)


def test_what_does_not_concern_the_answer_leaves_it_the_same(library: Library, film: Path, tmp_path: Path) -> None:
    answer = library.ask(UMBRELLA, source=film, save=True)
    other = write_video(tmp_path / "other.mp4", [card("ANOTHER")] * 10, fps=5)
    other.with_suffix(".en.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nAnother umbrella.\n")
    library.add(other)
    found = library.replay(answer.run or "")
    the_same(found.answer, answer)
    assert found.same
    assert found.changed == ("the library's vectors have changed",)


def test_a_vagent_that_answers_otherwise_is_found_out(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = library.ask(UMBRELLA, save=True)
    monkeypatch.setattr("vagent.agent.graph.compose", _shouted)
    found = library.replay(answer.run or "")
    the_same(found.answer, answer)
    assert (found.same, found.differs) == (False, ("text",))
    assert found.notices[0] == "the answer differs from the saved one in: text"
    assert found.changed == ("nothing that the run depends on has changed but vagent itself",)


def _shouted(state: Any, context: Any) -> Answer:
    given = compose(state, context)
    return replace(given, text=given.text.upper())


# ---------------------------------------------------------------------- asked afresh


def test_asked_afresh_the_same_models_say_the_same(library: Library) -> None:
    answer = library.ask(COLOUR, save=True)
    asked = len(Painter.asked)
    found = library.replay(answer.run or "", fresh=True)
    assert len(Painter.asked) == 2 * asked > 0  # the cache was not read
    assert (found.same, found.fresh, found.changed) == (True, True, ())
    assert found.answer.text == answer.text
    assert found.answer.run is None


def test_asked_afresh_it_is_told_what_differs_and_what_changed(
    library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = library.ask(COLOUR, save=True)
    monkeypatch.setattr(Painter, "said", "A green background.")
    monkeypatch.setattr(Painter, "version", 2)
    with Library(folder, settings={"engines": SENSES, "agent": {"looks": 2}}) as later:
        found = later.replay(answer.run or "", fresh=True)
    assert not found.same
    assert {"text", "citations"} <= set(found.differs)
    assert "green" in found.answer.text
    the_same(found.saved, answer)
    assert found.changed == (
        "setting agent.looks: 5 then, 2 now",
        "engine of videollm: painter 1 then, painter 2 now",
    )
    assert found.to_dict()["replay"]["saved"] == answer.to_dict()


# ---------------------------------------------------------------------- the cache


def test_what_was_asked_before_is_not_asked_again(library: Library, folder: Path) -> None:
    first = library.ask(COLOUR)
    asked = len(Painter.asked)
    assert asked > 0
    with Library(folder, settings={"engines": SENSES}) as later:
        again = later.ask(COLOUR)
        assert len(Painter.asked) == asked
        assert (again.text, again.citations, again.confidence) == (first.text, first.citations, first.confidence)
        assert again.notices == first.notices == ("memory is short",)
        assert [step.tokens for step in again.steps] == [step.tokens for step in first.steps]
        later.ask(COLOUR, cache=False)
        assert len(Painter.asked) == 2 * asked


def test_a_fresh_answer_takes_the_place_of_what_was_kept(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.ask(COLOUR)
    monkeypatch.setattr(Painter, "said", "A green background.")
    assert "blue" in library.ask(COLOUR).text
    assert "green" in library.ask(COLOUR, cache=False).text
    assert "green" in library.ask(COLOUR).text


def test_where_it_is_switched_off_nothing_is_kept(folder: Path) -> None:
    (folder / "calls.db").unlink(missing_ok=True)  # other tests ask the library that this is a copy of
    with Library(folder, settings={"engines": SENSES, "runs": {"cache": False}}) as library:
        library.ask(COLOUR)
        asked = len(Painter.asked)
        library.ask(COLOUR, cache=False)
        assert len(Painter.asked) == 2 * asked
        assert not (folder / "calls.db").exists()
        answer = library.ask(COLOUR, save=True)
        assert library.replay(answer.run or "").same
        library.ask(COLOUR, cache=True)
        assert (folder / "calls.db").exists()


def test_a_damaged_cache_costs_a_notice_and_no_answer(library: Library, folder: Path) -> None:
    whole = library.ask(COLOUR)
    library.close()
    (folder / "calls.db").write_bytes(b"damaged" * 1000)
    with Library(folder, settings={"engines": SENSES}) as later:
        answer = later.ask(COLOUR, save=True)
        assert answer.text == whole.text
        assert [notice for notice in answer.notices if "calls.db" in notice]
        assert later.ask(COLOUR).remarks == ()  # told once
        assert later.replay(answer.run or "").same


def test_an_answer_that_cannot_be_saved_is_given_all_the_same(library: Library, folder: Path) -> None:
    (folder / "runs").write_text("in the way")
    answer = library.ask(UMBRELLA, save=True)
    assert answer.answered and answer.run is None
    assert "the answer is not saved" in answer.notices[-1]


# ---------------------------------------------------------------------- Python and the command line


def test_every_way_of_asking_saves(library: Library, film: Path, folder: Path) -> None:
    with VideoAgent(film, library=folder, settings={"engines": SENSES}) as agent:
        given = [
            agent.ask(UMBRELLA, save=True),
            asyncio.run(agent.aask(UMBRELLA, save=True)),
            list(agent.stream(UMBRELLA, save=True))[-1],
            agent.chat().ask(UMBRELLA, save=True),
            asyncio.run(library.aask(UMBRELLA, save=True)),
        ]
    names = [answer.run for answer in given if isinstance(answer, Answer)]
    assert None not in names
    assert {head.id for head in library.runs()} == set(names)
    assert len(set(names)) == 5


def test_the_command_line_saves_lists_and_replays(run: Run, folder: Path, film: Path) -> None:
    here = ("--library", folder)
    plain = json.loads(run("ask", film, UMBRELLA, *here, "--json").out)
    assert "run" not in plain
    saved = run("ask", film, UMBRELLA, *here, "--save", "--json")
    answer = json.loads(saved.out)
    name = answer["run"]
    assert f"saved as {name}: vagent replay {name}\n" in saved.err
    again = run("replay", name, *here, "--json")
    found = json.loads(again.out)
    told = found.pop("replay")
    played = told.pop("played")
    assert played > 0
    assert told == {"same": True, "differs": [], "changed": [], "fresh": False}
    assert found == answer
    shown = run("ask", film, UMBRELLA, *here, "--no-cache")
    replayed = run("replay", *here)
    assert replayed.out.splitlines()[:4] == shown.out.splitlines()[:4]
    assert replayed.err == f"the same answer came out; {played} saved calls were played back, no model was asked\n"
    listed = run("replay", "--list", *here)
    assert listed.out.startswith(f"{name}  2")
    assert f"{UMBRELLA}  ->  At 00:00:04 the subtitles say: “Maria" in listed.out
    assert json.loads(run("replay", "--list", *here, "--json").out)["id"] == name
    other = json.loads(run("ask", film, UMBRELLA, *here, "--save", "--json").out)["run"]
    assert "was not said" in run("replay", "--delete", *here).err
    assert run("replay", "--delete", other, *here).out == f"deleted {other}\n"
    assert json.loads(run("replay", "--list", *here, "--json").out)["id"] == name
    fresh = run("replay", name[:6], "--fresh", *here)
    assert (fresh.code, fresh.err) == (0, "the saved answer came out again\n")


def test_an_answer_that_came_out_otherwise_is_shown_beside_the_saved_one(
    run: Run, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = library.ask(COLOUR, save=True)
    monkeypatch.setattr(Painter, "said", "A green background.")
    done = run("replay", answer.run, "--fresh", "--engine", "videollm=painter", "--library", library.folder)
    saved, now = done.out.split("\nNow:\n")
    assert "blue" in saved and "green" not in saved
    assert "green" in now
    assert "another answer came out" in done.err
    assert "notice: the answer differs from the saved one in: text" in done.err


def test_a_removed_video_is_told_on_the_command_line(run: Run, library: Library, film: Path) -> None:
    answer = library.ask(UMBRELLA, save=True)
    library.remove(film)
    done = run("replay", answer.run, "--library", library.folder)
    assert done.code == 0
    assert "Maria forgot her umbrella" in done.out
    assert f"notice: {film.name} is no longer in the library" in done.err


def test_a_chat_on_the_command_line_saves_each_answer(
    run: Run, folder: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{UMBRELLA}\n{UMBRELLA}\n"))
    done = run("ask", film, "--save", "--library", folder)
    assert done.err.count("saved as ") == 2


def test_errors_are_one_line(run: Run, folder: Path) -> None:
    here = ("--library", folder)
    nothing = run("replay", *here)
    assert (nothing.code, nothing.out) == (1, "")
    assert "no answer was saved" in nothing.err and "--save" in nothing.err
    assert run("replay", "12345678", *here).err.count("\n") == 1
    assert "no saved answers" in run("replay", "--list", *here).out
    (folder / "runs").mkdir()
    (folder / "runs" / "12345678.json").write_text("{")
    listed = run("replay", "--list", *here)
    assert listed.code == 0 and "damaged" in listed.err
    broken = run("replay", "12345678", *here)
    assert broken.code == 1 and "damaged" in broken.err and broken.err.count("\n") == 1


def test_a_replay_loads_no_model(library: Library) -> None:
    answer = library.ask(UMBRELLA, save=True)
    assert loaded("replay", answer.run, "--library", library.folder) == []
