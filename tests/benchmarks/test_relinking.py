"""The benchmark of recognising films, at a small size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import relinking
from tests.index.sync.films import scenes, write


def test_films_are_known_again_and_cuts_are_not_taken_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "media").mkdir()
    write(tmp_path / "media" / "real.mp4", scenes(1, 8), subtitles=False)
    (tmp_path / "media" / "broken.mp4").write_text("no film")
    out = tmp_path / "found.json"
    given = ["--minutes", "2.2", "--media", str(tmp_path / "media"), "--json", str(out), "--edits"]
    assert relinking.main([*given, "same", "replaced 12", "removed 5"]) == 0
    assert "4 of 4 are right" in capsys.readouterr().out
    found = json.loads(out.read_text())["films"]
    assert [(one["film"], one["edit"], one["proposed"]) for one in found] == [
        ("film.mkv", "same", True),
        ("film.mkv", "replaced 12", False),
        ("film.mkv", "removed 5", False),
        ("real.mp4", "same", True),
    ]


def test_an_edit_changes_what_it_says() -> None:
    film = [relinking.Scene(i, i, 5.0) for i in range(20)]
    assert sum(one.seconds for one in relinking.edited(film, "removed", 20)) == 80
    assert sum(one.seconds for one in relinking.edited(film, "inserted", 20)) == 120
    for kind, pictures, sound in (("replaced", 4, 4), ("pictures", 4, 0), ("sound", 0, 4)):
        new = relinking.edited(film, kind, 20)
        assert sum(a.pictures != b.pictures for a, b in zip(film, new, strict=True)) == pictures
        assert sum(a.sound != b.sound for a, b in zip(film, new, strict=True)) == sound
