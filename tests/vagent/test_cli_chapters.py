"""Chapters from the command line: asked for, and then shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.media_files import SubtitleTrack, colours, write_video
from tests.vagent.conftest import Outcome

LINES = [
    "The baker kneads the dough.", "The bread is baked in the oven.", "The oven of the bakery is hot.",
    "A volcano throws ash.", "The lava of the volcano is red.", "Ash covers the slopes of the volcano.",
]  # fmt: skip


def test_chapters_are_shown_once_they_were_asked_for(run: Callable[..., Outcome], tmp_path: Path) -> None:
    cues = [(n * 20.0, n * 20.0 + 8, line) for n, line in enumerate(LINES)]
    marks = [(0.0, 60.0, "Bread"), (60.0, 120.0, "Fire\x1b[31m")]
    film = write_video(
        tmp_path / "film.mkv", colours(120), fps=1, subtitles=SubtitleTrack(cues), chapters=marks, cover=None
    )
    library: tuple[Any, ...] = ("--library", tmp_path / "library")
    assert run("index", film, *library).code == 0
    assert "chapter 00:" not in run("show", film, *library).out
    asked = run("ask", film, "List the chapters", *library)
    assert asked.code == 0
    assert asked.out.splitlines()[:3] == ["2 chapters:", "00:00:00 Bread", "00:01:00 Fire"]
    shown = run("show", film, *library).out
    assert "chapter 00:00:00.0 - 00:01:00.0  Bread" in shown
    assert "\x1b" not in shown
    held = json.loads(run("show", film, "--json", *library).out)
    assert [(part["start"], part["end"]) for part in held["chapters"]] == [(0.0, 60.0), (60.0, 120.0)]
    assert "oven" in held["chapters"][0]["summary"]
    found = json.loads(run("search", film, "lava", "--kind", "summary", "--json", *library).out)
    assert found["moments"][0]["start"] >= 60.0
    whole = run("ask", film, "What is this video about?", *library).out
    assert whole.startswith("In its own words: At 00:00:")
