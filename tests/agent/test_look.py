from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.agent import budget
from vagent.agent.ask import ask
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.look import look
from vagent.configs import load
from vagent.errors import EngineFailed
from vagent.index.records import Video
from vagent.prompts import fill, places
from vagent.tools import deadline
from vagent.tools.time import Span


class FakeEngine:
    """A video-LLM with a queue of replies and a history of calls."""

    name = "fake"

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.calls: list[tuple[list[float], str]] = []

    def answer(self, frames: Sequence[tuple[float, np.ndarray]], prompt: str) -> str:
        assert all(image.shape == (8, 12, 3) and image.dtype == np.uint8 for _, image in frames)
        self.calls.append(([time for time, _ in frames], prompt))
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@pytest.fixture
def index() -> MemoryIndex:
    jpeg = cv2.imencode(".jpg", np.full((8, 12, 3), 200, np.uint8))[1].tobytes()
    held = rows("subtitle", [(50.0, 53.0, "Watch out."), (5.0, 8.0, "Here we go.")])
    return MemoryIndex(held, {1: Video(1, "f", "/films/1.mkv", 170.0)}, embedder=minilm(), jpeg=jpeg)


def test_a_look_is_short_and_in_order(index: MemoryIndex) -> None:
    engine = FakeEngine("A red car.")
    seen = look(engine, Shelf(index, [1]), 1, Span(10.0, 170.0), "What colour is the car?")
    ((times, prompt),) = engine.calls
    assert len(times) == 50
    assert times == sorted(times)
    assert times[0] >= 10.0 and times[-1] <= 70.0
    assert seen.span == Span(10.0, 70.0)
    assert prompt.index("00:00:50.0") < prompt.index("Watch out.")
    assert "Here we go." not in prompt
    assert "What colour is the car?" in prompt
    assert seen.text == "A red car."


def test_nothing_seen_is_nothing(index: MemoryIndex) -> None:
    assert look(FakeEngine("NOTHING."), Shelf(index, [1]), 1, Span(0.0, 5.0), "Is there a cat?").text == ""


def test_without_pictures_nothing_is_asked(index: MemoryIndex) -> None:
    index.jpeg = b""
    engine = FakeEngine("made up")
    assert look(engine, Shelf(index, [1]), 1, Span(0.0, 5.0), "Is there a cat?").text == ""
    assert engine.calls == []


def test_looks_that_agree_answer_a_visual_question(index: MemoryIndex) -> None:
    engine = FakeEngine("The car is red.", "A red car.", "NOTHING")
    answer = ask(index, "What colour is the car in the picture?", videos=[1], videollm=engine)
    assert answer.answered
    assert answer.text.startswith("The car is red.")
    assert [c.kind for c in answer.citations] == ["visual"]
    assert answer.engines["videollm"] == "fake"
    assert 1 <= len(engine.calls) <= 5
    assert all("What colour is the car in the picture?" in prompt for _, prompt in engine.calls)


def test_looks_that_see_nothing_leave_it_unanswered(index: MemoryIndex) -> None:
    answer = ask(index, "What colour is the car in the picture?", videos=[1], videollm=FakeEngine("NOTHING"))
    assert not answer.answered


def test_looks_that_disagree_leave_it_unanswered(index: MemoryIndex) -> None:
    engine = FakeEngine("A green tractor ploughs.", "Two yellow boats sail.", "Nobody but a cow stands there.")
    answer = ask(index, "What colour is the car in the picture?", videos=[1], videollm=engine)
    assert answer.confidence < 0.6


def test_placeholders_are_filled_once_and_all() -> None:
    names = places("look")
    assert names == {"count", "start", "end", "times", "marker", "evidence", "question"}
    filled = fill("look", **{name: f"{{{name}}}" for name in names})
    assert all(f"{{{name}}}" in filled for name in names)
    with pytest.raises(ValueError, match="placeholders"):
        fill("look", count="1")


class ColourScorer(FakeEngine):
    """Says of each option how well its letter's text fits, with a liking for the letter A that must cancel out."""

    scores = True

    def score_choices(
        self, frames: Sequence[tuple[float, np.ndarray]], prompt: str, letters: Sequence[str]
    ) -> list[float]:
        listed = dict(line.split(". ", 1) for line in prompt.splitlines() if line[1:3] == ". ")
        raw = [2.0 * (listed[letter] == "red") + 1.5 * (letter == "A") for letter in letters]
        whole = np.log(np.sum(np.exp(raw)))
        return [float(score - whole) for score in raw]


@pytest.mark.parametrize("turn", range(4))
def test_an_option_is_chosen_by_what_is_seen_in_whatever_order(index: MemoryIndex, turn: int) -> None:
    colours = ["blue", "red", "green", "yellow"]
    options = colours[turn:] + colours[:turn]
    answer = ask(
        index, "What colour is the car in the picture?", videos=[1], choices=options, videollm=ColourScorer("A car.")
    )
    assert answer.choice == "ABCD"[options.index("red")]
    assert answer.confidence == pytest.approx(np.exp(2) / (np.exp(2) + 3), abs=1e-6)
    assert [c.kind for c in answer.citations] == ["visual"]


def test_options_that_nobody_can_tell_apart_are_not_chosen(index: MemoryIndex) -> None:
    answer = ask(
        index, "What colour is the car?", videos=[1], choices=["blue", "green"], videollm=ColourScorer("A car.")
    )
    assert answer.choice is None
    assert not answer.answered


@pytest.mark.parametrize(
    ("said", "start", "end"),
    [
        ("A red car at 00:00:12.2.", 12.25, 12.75),
        ("It comes at 0:12 and leaves at 0:20.", 11.75, 20.25),
        ("It is seen at 00:02:40.0.", 10.0, 35.0),  # no picture of that time was shown
        ("A red car.", 10.0, 35.0),
    ],
)
def test_named_times_are_mapped_to_the_pictures_shown(index: MemoryIndex, said: str, start: float, end: float) -> None:
    seen = look(FakeEngine(said), Shelf(index, [1]), 1, Span(10.0, 35.0), "What colour is the car?")
    assert (seen.span.start, seen.span.end) == pytest.approx((start, end))


class Broken(FakeEngine):
    """Cannot look any more."""

    def answer(self, frames: Sequence[tuple[float, np.ndarray]], prompt: str) -> str:
        self.calls.append(([], prompt))
        raise EngineFailed("the server has gone")


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Puts the clock two minutes ahead."""
    now, passed = time.monotonic, time.perf_counter

    def ahead() -> None:
        monkeypatch.setattr(time, "monotonic", lambda: now() + 120)
        monkeypatch.setattr(budget, "perf_counter", lambda: passed() + 120)

    return ahead


def test_a_look_ends_with_the_time_of_the_question(index: MemoryIndex, jump: Callable[[], None]) -> None:
    class Slow(FakeEngine):
        def answer(self, frames: Sequence[tuple[float, np.ndarray]], prompt: str) -> str:
            assert not deadline.over()
            jump()
            assert deadline.over()
            raise EngineFailed("the time for the answer was over")

    index.settings = load({"agent": {"seconds": 100.0}}, env={})
    given = ask(index, "What colour is the car?", videos=[1], videollm=Slow("red"))
    assert not given.answered
    assert "The time limit of 100 seconds was reached." in given.text
    assert "Nothing could be looked at" not in given.text
    assert sum(step.action == "look" for step in given.steps) == 1


def test_options_are_not_judged_by_some_of_their_orders(index: MemoryIndex, jump: Callable[[], None]) -> None:
    class Scoring(FakeEngine):
        scores = True

        def score_choices(self, frames: object, prompt: str, letters: Sequence[str]) -> list[float]:
            self.calls.append(([], prompt))
            jump()
            return [0.0 for _ in letters]

    engine = Scoring("A red car.")
    with deadline.within(100):
        seen = look(engine, Shelf(index, [1]), 1, Span(0.0, 9.0), "Which colour?", ["red", "blue", "green"])
    assert (seen.text, seen.options, len(engine.calls)) == ("A red car.", (), 2)


def test_an_engine_that_breaks_is_told_and_not_asked_again(index: MemoryIndex) -> None:
    engine = Broken("")
    answer = ask(index, "What colour is the car in the picture?", videos=[1], videollm=engine)
    assert not answer.answered
    assert "Nothing could be looked at: the server has gone." in answer.text
    assert answer.notices == ("Nothing could be looked at: the server has gone.",)
    assert len(engine.calls) == 1
    assert [step.result for step in answer.steps if step.action == "look"] == ["failed: the server has gone"]


class Cramped(FakeEngine):
    """Tells once that memory is short."""

    def __init__(self) -> None:
        super().__init__("A red car.")
        self.notices: list[str] = []

    def answer(self, frames: Sequence[tuple[float, np.ndarray]], prompt: str) -> str:
        if not self.notices:
            self.notices.append("memory is short")
        return super().answer(frames, prompt)


def test_what_an_engine_has_to_tell_comes_with_the_answer_once(index: MemoryIndex) -> None:
    engine = Cramped()
    answer = ask(index, "What colour is the car in the picture?", videos=[1], videollm=engine)
    assert answer.notices == ("memory is short",)
    looks = [step for step in answer.to_dict()["steps"] if step["action"] == "look"]
    assert [step.get("notices") for step in looks] == [["memory is short"], *[None] * (len(looks) - 1)]
    assert ask(index, "What colour is the car in the picture?", videos=[1], videollm=engine).notices == ()
