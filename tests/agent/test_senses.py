"""Answers from what models found: captions, detected things, sounds."""

from __future__ import annotations

import pytest

from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.agent.ask import ask
from vagent.agent.question.hints import clocks
from vagent.index.records import Video


@pytest.fixture(scope="module")
def index() -> MemoryIndex:
    held = [
        *rows("subtitle", [(4.0, 6.0, "Have you got the keys?"), (9.0, 11.0, "They are in the car."),
                           (40.0, 42.0, "Let us go home.")]),
        *rows("caption", [(0.0, 10.0, "A woman with a red umbrella waits at a bus stop in the rain."),
                          (10.0, 20.0, "A man in a grey coat unlocks a small blue car."),
                          (20.0, 30.0, "An empty street; a dog runs from left to right."),
                          (30.0, 44.0, "People on a stage bow to the audience.")]),
        *rows("objects", [(0.0, 12.0, "person"), (10.0, 20.0, "person"), (11.0, 29.0, "car"), (21.0, 25.0, "dog"),
                          (26.0, 29.0, "dog"), (30.0, 44.0, "dog")]),
        *rows("sound", [(6.5, 8.5, "laughter"), (31.0, 43.0, "applause")]),
    ]  # fmt: skip
    return MemoryIndex(held, {1: Video(1, "f", "/films/1.mkv", 44.0)}, embedder=minilm())


def test_what_is_seen_is_answered_from_a_caption(index: MemoryIndex) -> None:
    answer = ask(index, "What colour is the umbrella of the woman?", videos=[1])
    assert answer.answered
    assert answer.text.startswith("red")
    assert (answer.citations[0].kind, answer.citations[0].span.start) == ("caption", 0.0)


def test_what_no_caption_tells_is_declined(index: MemoryIndex) -> None:
    assert not ask(index, "What colour is the bicycle?", videos=[1]).answered


def test_things_are_counted_by_what_is_seen_at_once_and_in_all(index: MemoryIndex) -> None:
    answer = ask(index, "How many dogs are there?", videos=[1])
    assert answer.text.startswith("1 to 3 (1 at once, 3 comings and goings): at 00:00:21")
    assert {c.kind for c in answer.citations} == {"objects"}
    both = ask(index, "How many persons are there?", videos=[1])
    assert both.text.startswith("2 (2 at once): at 00:00:00")


def test_a_sound_has_its_time(index: MemoryIndex) -> None:
    answer = ask(index, "When is there applause?", videos=[1])
    assert answer.answered
    assert [(c.kind, c.span.start, c.span.end) for c in answer.citations] == [("sound", 31.0, 43.0)]


def test_a_sound_does_not_come_between_two_lines(index: MemoryIndex) -> None:
    answer = ask(index, 'What is the reply to "Have you got the keys?"', videos=[1])
    assert "They are in the car." in answer.text


@pytest.mark.parametrize(
    ("text", "found"),
    [("at 00:00:12.5 and 1:02", [12.5, 62.0]), ("none at all", []), ("12.5 s, 4:3", []), ("01:00:00", [3600.0])],
)
def test_clock_times_in_a_text(text: str, found: list[float]) -> None:
    assert clocks(text) == found


def test_that_something_is_there_does_not_say_what_it_does() -> None:
    held = rows("objects", [(1.0, 9.0, "red triangle"), (1.0, 9.0, "yellow circle")])
    index = MemoryIndex(held, {1: Video(1, "f", "/films/1.mkv", 10.0)}, embedder=minilm())
    answer = ask(index, "How does the red triangle move?", videos=[1])
    assert not answer.answered
