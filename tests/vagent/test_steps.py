"""The list of steps that somebody at a terminal sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vagent._steps import called, line, watched
from vagent.agent.records import Answer, Event, Started, Step


def events() -> Iterator[Event]:
    yield Started("search", {"query": "the [red] umbrella"})
    yield Step("search", {"query": "the [red] umbrella"}, "3 moments\x1b[2J", 0.25)
    yield Started("look", {"start": 10.0, "end": 20.0, "question": "Who?", "video": 1})
    yield Step("look", {"start": 10.0, "end": 20.0, "question": "Who?", "video": 1}, "20 pictures", 1.5, 20, 812)
    yield Answer("Who?", "Maria.", True)


def test_steps_are_listed_on_stderr_and_the_answer_is_given_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert watched(events(), shown=True).text == "Maria."
    out, err = capsys.readouterr()
    assert out == ""
    assert [part.strip() for part in err.splitlines() if "(" in part] == [
        "search “the [red] umbrella”: 3 moments\\x1b[2J (0.2 s)",
        "look 00:00:10-00:00:20 “Who?”: 20 pictures (1.5 s, 20 pictures, 812 tokens)",
    ]


def test_nothing_is_listed_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    assert watched(events(), shown=False).answered
    assert capsys.readouterr() == ("", "")


def test_long_arguments_are_cut_and_cannot_steer_a_terminal() -> None:
    assert called("search", {"query": "\x1b]0;x\x07" + "a" * 500}).endswith("a…”")
    assert called("sea\x1brch", {}).isprintable()
    assert line(Step("count", {"what": "dog"}, "2 places", 0.01)) == "  count “dog”: 2 places (0.0 s)"
