"""The demo film and its questions are what the script makes, and the film asks something of every sense."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
FILM = EXAMPLES / "demo.mp4"

Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Imports a module of the examples folder."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return import_module


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    text = (EXAMPLES / "demo.questions.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_the_film_is_small_and_has_no_subtitles() -> None:
    assert FILM.stat().st_size <= 3_000_000
    with av.open(str(FILM)) as film:
        assert sorted(stream.type for stream in film.streams) == ["audio", "video"]
    assert [other.name for other in EXAMPLES.glob("demo*") if other.suffix in {".srt", ".vtt", ".ass"}] == []


@pytest.mark.parametrize("time", [5.0, 40.0, 57.0, 74.2, 116.0, 122.0, 151.5, 180.0])
def test_the_film_shows_what_the_script_draws(load: Load, time: float) -> None:
    drawn = np.asarray(load("make_demo").picture(time), dtype=np.float64)
    with av.open(str(FILM)) as film:
        film.seek(round(time * av.time_base))
        frame = next(f for f in film.decode(video=0) if f.time is not None and f.time >= time - 0.001)
    shown = frame.to_ndarray(format="rgb24").astype(np.float64)
    assert shown.shape == drawn.shape
    assert np.abs(shown - drawn).mean() < 4


def test_the_film_is_as_long_as_the_script_says(load: Load) -> None:
    with av.open(str(FILM)) as film:
        assert film.duration is not None
        assert film.duration / av.time_base == pytest.approx(load("make_demo").DURATION, abs=0.1)


def test_the_questions_are_those_of_the_script(load: Load, rows: list[dict[str, Any]]) -> None:
    story = load("demo_film.story")
    lines = [(story.start_of(shot.name) + line.at, line.text) for shot in story.FILM for line in shot.lines]
    ends = {start: end for row in rows if row["kind"] == "speech" for start, end in row["evidence"]}
    heard = {text: (start, ends.get(start, start)) for start, text in lines}
    made = load("demo_film.questions").questions("demo.mp4", heard)
    assert json.loads(json.dumps(made)) == rows


def test_every_kind_of_question_is_asked(rows: list[dict[str, Any]]) -> None:
    kinds = {kind: sum(row["kind"] == kind for row in rows) for kind in ("speech", "text", "temporal", "unanswerable")}
    assert sum(kinds.values()) == len(rows)
    assert min(kinds.values()) >= 4


def test_answers_can_be_checked(rows: list[dict[str, Any]]) -> None:
    for row in (row for row in rows if row["kind"] != "unanswerable"):
        assert row["answer"] in row["accept"]
        assert [option for option in row["options"] if option in row["accept"]] == [row["correct_option"]]
        assert all(0 <= start < end <= 184 for start, end in row["evidence"])
        assert row["evidence"]
