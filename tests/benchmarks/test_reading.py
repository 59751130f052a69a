"""The benchmark of reading, on a film of seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import reading
from benchmarks.cinema import make


def test_parts_add_up_and_any_number_of_cores_reads_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film, out = make(tmp_path / "film.mp4", 9.0, 180), tmp_path / "out.json"
    given = [str(film.path), "--cores", "2", "4", "--repeat", "2", "--json", str(out)]
    assert reading.main(given) == 0
    found = json.loads(out.read_text())
    assert found["same"]
    few, many = found["runs"]
    assert (few["cores"], many["cores"]) == (2, 4)
    assert few["texts"] == many["texts"] > 0
    for run in (few, many):
        parts = run["parts"]
        assert {name: parts[name]["times"] for name in parts} == {name: few["parts"][name]["times"] for name in parts}
        assert sum(part["cpu"] for part in parts.values()) == pytest.approx(run["cpu"])
        assert min(part["cpu"] for part in parts.values()) >= 0
        assert parts["gate"]["times"] == 9 >= parts["choice"]["times"] >= parts["whole"]["times"]
        assert parts["lines"]["times"] > 0
        assert run["x_decode"] == pytest.approx(run["cpu"] / run["decode"])
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["film", "cores", "gate"]
    assert [line.split()[:2] for line in lines] == [["film.mp4", "2"], ["film.mp4", "4"], ["what", "was"]]


def test_texts_that_differ_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    film, real = make(tmp_path / "film.mp4", 6.0, 180), reading._run
    monkeypatch.setattr(reading, "_run", lambda *given: (real(*given)[0], [given[-1]]))
    assert reading.main([str(film.path), "--cores", "2", "4"]) == 1


def test_several_films_are_summed_up() -> None:
    parts = {name: {"times": 2, "cpu": 0.5} for name in reading.PARTS}
    row = {"cores": 2, "parts": parts, "texts": 3, "cpu": 3.0, "wall": 2.0, "decode": 1.5, "x_decode": 2.0}
    lines = reading.table([row | {"film": "one"}, row | {"film": "other", "decode": 0.5}]).splitlines()
    assert [line.split()[0] for line in lines] == ["film", "one", "other", "all"]
    assert lines[-1].split()[2:] == ["1.00/4"] * 6 + ["6.00", "4.00", "3.00", "6"]
