"""The benchmark of answers, on a film of some minutes."""

import json
from pathlib import Path

import pytest

from benchmarks import answering, hour
from benchmarks.hour import FACTS, QUESTIONS, Question
from vagent import Answer


def test_the_film_says_each_fact_once_when_it_should() -> None:
    rows = hour.lines(3600.0)
    assert [(span.start, text) for span, _, text in rows if text in dict(map(reversed, FACTS))] == list(FACTS)
    assert len(rows) > 1200
    assert hour.lines(3600.0) == rows


def test_an_answer_is_right_where_it_holds_what_is_true() -> None:
    asked = Question("fact", "When?", ("1887",))
    assert answering.is_right(asked, Answer("When?", "In 1887.", True))
    assert not answering.is_right(asked, Answer("When?", "In 1888.", True))
    assert not answering.is_right(asked, Answer("When?", "Nobody says 1887.", False))
    assert answering.is_right(Question("none", "Why?"), Answer("Why?", "It is not said.", False))
    choice = Question("choices", "What?", ("twelve",), ("ten dollars", "twelve dollars"))
    assert answering.is_right(choice, Answer("What?", "Twelve dollars.", True, choice="B"))
    assert not answering.is_right(choice, Answer("What?", "Twelve dollars.", True, choice="A"))


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(answering, "QUESTIONS", (QUESTIONS[0], QUESTIONS[-1]))
    out = tmp_path / "figures.json"
    assert answering.main(["--seconds", "600", "--rounds", "1", "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert set(figures["routes"]) == {"fact", "follow-up", "all", "all, new"}
    assert figures["wrong"] == []
    fact = figures["routes"]["fact"]
    assert 0 < fact["first"]["p50"] <= fact["answer"]["p50"] <= fact["answer"]["p95"]
    assert {"search", "agent"} <= set(fact["parts"])
    assert "1.00" in capsys.readouterr().out
