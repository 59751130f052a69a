"""Calls on their way: made once, kept, written down and played back, whatever kind of model they are of."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.agent.memory import MemoryIndex, rows
from tests.agent.runs.scripted import ScriptedChat, ScriptedLooker, broken
from vagent.agent.runs.cache import CallCache
from vagent.agent.runs.library import RecordedIndex
from vagent.agent.runs.models import RecordedChat, RecordedLooker
from vagent.agent.runs.recorder import Failure, Made, Player, Recorder, Unrecorded
from vagent.configs import Settings, load
from vagent.errors import EngineFailed, LibraryCorruptError
from vagent.tools.chat import Message, Reply, Tool, ToolCall

FRAMES = [(1.0, np.zeros((2, 2, 3), np.uint8)), (2.0, np.ones((2, 2, 3), np.uint8))]
ASK = [Message("system", "Be brief."), Message("user", "Find the car.")]
TOOLS = [Tool("search", "Search.", {"type": "object"})]


@pytest.fixture
def cache(tmp_path: Path) -> Any:
    with CallCache(tmp_path / "calls.db", 1) as made:
        yield made


@pytest.fixture
def plain() -> Settings:
    return load({}, env={})


def test_a_call_that_was_made_before_is_not_made_again(cache: CallCache, plain: Settings) -> None:
    engine = ScriptedLooker("A red car.", "A blue car.")
    for _ in range(2):
        looker = RecordedLooker(engine, Recorder(cache), plain)
        assert looker.answer(FRAMES, "What is seen?") == "A red car."
        assert looker.score_choices(FRAMES, "Which?", ["A", "B"]) == pytest.approx([-0.1, -1.1])
        assert looker.spent == 11
    assert engine.asked == ["What is seen?", "Which?"]
    looker = RecordedLooker(engine, Recorder(cache), plain)
    assert looker.answer(FRAMES[:1], "What is seen?") == "A blue car."
    assert looker.answer(FRAMES, "What is seen?", tokens=5) == "A blue car."
    assert len(engine.asked) == 4


def test_another_revision_or_setting_asks_anew(cache: CallCache, plain: Settings) -> None:
    engine = ScriptedLooker("one", "two", "three")
    assert RecordedLooker(engine, Recorder(cache), plain).answer(FRAMES, "?") == "one"
    engine.revision = "scripted 2"
    assert RecordedLooker(engine, Recorder(cache), plain).answer(FRAMES, "?") == "two"
    other = load({"videollm": {"pixels": 4096}}, env={})
    assert RecordedLooker(engine, Recorder(cache), other).answer(FRAMES, "?") == "three"


def test_without_the_cache_calls_are_made_anew_and_replace_the_old(cache: CallCache, plain: Settings) -> None:
    engine = ScriptedLooker("old", "new", "never")
    answers = [
        RecordedLooker(engine, Recorder(cache, fresh=fresh), plain).answer(FRAMES, "?")
        for fresh in (False, True, False)
    ]
    assert answers == ["old", "new", "new"]


def test_no_cache_at_all_keeps_nothing(plain: Settings) -> None:
    engine = ScriptedLooker("one", "two")
    assert [RecordedLooker(engine, Recorder(), plain).answer(FRAMES, "?") for _ in "12"] == ["one", "two"]


def test_a_failure_is_not_kept(cache: CallCache, plain: Settings) -> None:
    engine = ScriptedLooker(broken(), "A red car.")
    looker = RecordedLooker(engine, Recorder(cache), plain)
    with pytest.raises(EngineFailed, match="the server has gone"):
        looker.answer(FRAMES, "?")
    assert looker.answer(FRAMES, "?") == "A red car."


def test_what_the_engine_told_is_told_again_with_what_was_kept(cache: CallCache, plain: Settings) -> None:
    engine = ScriptedLooker("A red car.")
    first = RecordedLooker(engine, Recorder(cache), plain)
    engine.notices.append("memory is short")
    first.answer(FRAMES, "?")
    assert first.notices == ["memory is short"]
    again = RecordedLooker(ScriptedLooker("never"), Recorder(cache), plain)
    assert again.answer(FRAMES, "?") == "A red car."
    assert again.answer(FRAMES, "?") == "A red car."
    assert again.notices == ["memory is short"]
    known = RecordedLooker(engine, Recorder(cache), plain)  # this process has been told
    known.answer(FRAMES, "?")
    assert known.notices == ["memory is short"]


def test_threads_that_ask_the_same_make_one_call(cache: CallCache, plain: Settings) -> None:
    class Slow(ScriptedLooker):
        def answer(self, *given: Any, **more: Any) -> str:
            time.sleep(0.05)
            return super().answer(*given, **more)

    engine = Slow("A red car.")
    said: list[str] = []
    threads = [
        threading.Thread(target=lambda: said.append(RecordedLooker(engine, Recorder(cache), plain).answer(FRAMES, "?")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["A red car."] * 6
    assert len(engine.asked) == 1


def test_a_chat_model_is_kept_and_played_back(cache: CallCache, plain: Settings) -> None:
    reply = Reply("", (ToolCall("call00001", "search", '{"query": "car"'),), 120, 15, cut=True)
    engine = ScriptedChat(plain, reply, Reply("Done."))
    recorder = Recorder(cache, write_down=True)
    model = RecordedChat(engine, recorder, plain)
    assert (model.name, model.revision) == ("scripted", "scripted chat 1")
    assert model.reply(ASK, tools=TOOLS, seconds=3.0) == reply
    assert model.reply(ASK, tools=TOOLS, seconds=9.0) == reply
    assert model.reply([*ASK, Message("user", "?")], tools=TOOLS).text == "Done."
    assert len(engine.asked) == 2
    silent = RecordedChat(ScriptedChat(plain), Player(recorder.made), plain)
    assert silent.reply(tuple(ASK), tools=tuple(TOOLS)) == reply
    with pytest.raises(Unrecorded, match="reply of scripted chat 1"):
        silent.reply(ASK, tools=TOOLS, schema={"type": "string"})


def test_a_player_gives_what_was_said_in_its_order_and_errors_too(plain: Settings) -> None:
    recorder = Recorder(write_down=True)
    engine = ScriptedLooker("one", broken(), "two")
    looker = RecordedLooker(engine, recorder, plain)
    engine.notices.append("memory is short")
    assert looker.answer(FRAMES, "?") == "one"
    with pytest.raises(EngineFailed) as failed:
        looker.answer(FRAMES, "?")
    assert looker.answer(FRAMES, "?") == "two"
    player = Player(recorder.made)
    again = RecordedLooker(ScriptedLooker(AssertionError("asked")), player, plain)
    assert again.answer(FRAMES, "?") == "one"
    assert again.notices == ["memory is short"]
    with pytest.raises(EngineFailed) as failed_again:
        again.answer(FRAMES, "?")
    assert str(failed_again.value) == str(failed.value)
    assert [again.answer(FRAMES, "?") for _ in "12"] == ["two", "two"]
    assert again.spent == looker.spent + 10  # one more call than there was
    with pytest.raises(Unrecorded):
        again.answer(FRAMES, "another")
    assert player.missed == "answer of scripted 1"


def test_a_failure_comes_back_as_the_nearest_error_that_there_is() -> None:
    class Refused(EngineFailed):
        pass

    failure = Failure.of(Refused("the server refuses", "\x1b[31m", hint="see its log"))
    again = failure.error()
    assert type(again) is EngineFailed
    assert str(again) == "the server refuses: '\\x1b[31m'; see its log"
    assert type(Failure("SystemExit", "no").error()).__name__ == "VagentError"


def test_a_record_of_another_shape_is_an_error(plain: Settings) -> None:
    recorder = Recorder(write_down=True)
    RecordedLooker(ScriptedLooker("one"), recorder, plain).answer(FRAMES, "?")
    (made,) = recorder.made
    broken_record = Made(made.key, made.engine, made.method, 0.0, False, made.sha256, output={"text": 1})
    with pytest.raises(LibraryCorruptError, match="answer of scripted 1"):
        RecordedLooker(ScriptedLooker(""), Player([broken_record]), plain).answer(FRAMES, "?")


class TestVectors:
    """Embeddings: one call a text, many at once."""

    def index(self, asked: list[list[str]], recorder: Any) -> RecordedIndex:
        def embed(texts: list[str]) -> np.ndarray:
            asked.append(list(texts))
            return np.stack([np.float32([len(text), 1 / 3, -0.0]) for text in texts])

        library = MemoryIndex(rows("subtitle", [(1.0, 2.0, "A red car.")]), embedder=embed)
        return RecordedIndex(library, recorder)

    def test_only_texts_that_are_new_are_embedded(self, cache: CallCache) -> None:
        asked: list[list[str]] = []
        index = self.index(asked, Recorder(cache))
        first = index.embed(["a", "bb"])
        assert first is not None and first.dtype == np.float32
        second = index.embed(["ccc", "bb", "a"])
        assert second is not None
        assert asked == [["a", "bb"], ["ccc"]]
        np.testing.assert_array_equal(second[[2, 1]], first)
        np.testing.assert_array_equal(second[0], np.float32([3, 1 / 3, 0.0]))

    def test_they_are_played_back_to_the_last_bit(self) -> None:
        asked: list[list[str]] = []
        recorder = Recorder(write_down=True)
        vectors = self.index(asked, recorder).embed(["a", "bb"])
        found = self.index(asked, recorder).search("car")
        asked.clear()
        index = self.index(asked, Player(recorder.made))
        np.testing.assert_array_equal(index.embed(["bb", "a"]), vectors[::-1])  # type: ignore[index]
        assert index.search("car") == found
        with pytest.raises(Unrecorded, match="embed"):
            index.embed(["new"])
        with pytest.raises(Unrecorded, match="search"):
            index.search("bus")
        assert asked == []

    def test_where_embeddings_are_off_there_are_none(self, cache: CallCache) -> None:
        library = MemoryIndex([], settings=load({"engines": {"embeddings": "off"}}, env={}))
        assert RecordedIndex(library, Recorder(cache)).embed(["a"]) is None
        assert RecordedIndex(MemoryIndex([]), Recorder()).embed(["a"]) is None
