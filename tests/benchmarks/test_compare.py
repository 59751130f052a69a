"""The comparison of two libraries: what differs is told, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import compare
from vagent.index.records import Clip, Evidence, Shot
from vagent.index.store import Store
from vagent.tools.time import Span


def library(folder: Path, rows: list[tuple[float, float, str]], at: str = "film.mp4") -> Path:
    store = Store(folder)
    added = store.add_video("f" * 40, f"/{folder.name}/{at}", 1, 1, 9.0, {})
    store.replace_shots(added.id, [Shot(Span(0, 9), "start")])
    store.replace_clips(added.id, [Clip(Span(0, 9))])
    store.add_evidence(
        [Evidence(added.id, Span(a, b), "screen_text", text, 0.9, extra={"box": [0.1, 1 / 3]}) for a, b, text in rows]
    )
    store.close()
    return folder


def test_the_same_evidence_in_another_order_and_place_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(0.0, 1.0, "one"), (1.0, 2.0, "two")]
    one, other = library(tmp_path / "a", rows), library(tmp_path / "b", rows[::-1], at="renamed.mp4")
    assert compare.main([str(one), str(other)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "screen_text" in line]
    assert line.split() == ["film.mp4", "screen_text", "2", "0", "0", "1.000"]


@pytest.mark.parametrize("changed", [(1.0, 2.1, "two"), (1.0, 2.0, "too")])
def test_a_row_that_differs_is_told_from_both_sides(
    changed: tuple[float, float, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = library(tmp_path / "a", [(0.0, 1.0, "one"), (1.0, 2.0, "two")])
    other = library(tmp_path / "b", [(0.0, 1.0, "one"), changed])
    assert compare.main([str(one), str(other)]) == 1
    told = [line for line in capsys.readouterr().out.splitlines() if line.lstrip().startswith(("one:", "other:"))]
    assert len(told) == 2
    assert '"two"' in told[0]
    assert json.dumps(changed[2]) in told[1]
    assert compare.main([str(one), str(other), "--ignore", "screen_text"]) == 0


def test_what_was_dumped_is_compared_like_the_library(tmp_path: Path) -> None:
    one = library(tmp_path / "a", [(0.0, 1 / 3, "one")])
    dump = tmp_path / "one.json"
    assert compare.main([str(one), "--dump", str(dump)]) == 0
    assert compare.main([str(dump), str(one)]) == 0
    assert json.loads(dump.read_text())["f" * 40]["screen_text"][0][1] == 0.3333


def test_a_video_that_is_missing_is_a_difference(tmp_path: Path) -> None:
    one = library(tmp_path / "a", [(0.0, 1.0, "one")])
    Store(tmp_path / "b").close()
    assert compare.main([str(one), str(tmp_path / "b")]) == 1
