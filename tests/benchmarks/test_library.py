"""The benchmark of libraries, at a size at which it takes seconds."""

import json
from pathlib import Path

import pytest

from benchmarks import library
from benchmarks.made import Fact, Language, name


def test_names_are_of_one_film_each() -> None:
    names = [name(number) for number in range(20_000)]
    assert len(set(names)) == len(names)
    assert Fact(3).text == f"The head gardener of {name(7)} is {name(8)}."


def test_no_word_of_the_vocabulary_is_a_name() -> None:
    words = set(" ".join(Language(0).sentences(5_000)).lower().replace(".", "").split())
    assert not words & {name(number).lower() for number in range(20_000)}


def test_a_folder_of_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures.json"
    sizes = ["--videos", "2", "--workers", "1", "--films", "0", "--each", "2"]
    assert library.main([*sizes, "--folder", str(tmp_path / "made"), "--json", str(out)]) == 0
    costs = json.loads(out.read_text())["videos"]["costs"]
    assert costs["search"]["right"] == costs["ask"]["right"] == 1.0
    assert costs["index with 1 workers"]["reference"] == "decode"
    assert "2 videos of 4 s" in capsys.readouterr().out


def test_films_as_rows(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    sizes = ["--videos", "0", "--films", "9", "--clips", "10", "--each", "2"]
    assert library.main([*sizes, "--folder", str(tmp_path), "--json", str(out)]) == 0
    figures = json.loads(out.read_text())["films"]
    assert figures["bytes"]["library.db"] > 0
    right = {said: one["right"] for said, one in figures["costs"].items() if one["right"] is not None}
    assert {said for said, part in right.items() if part < 1.0} == set()
