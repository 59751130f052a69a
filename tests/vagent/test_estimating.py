"""Estimates before, staleness between, and the reckoning after: through the command line, with the real engines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vagent import Library, _estimating
from vagent.index.estimates.memory import Memory
from vagent.index.forecast import Compared
from vagent.index.store import Store

Run = Callable[..., Any]
NO_MODELS = ("--engine", "speech=off", "--engine", "embeddings=off")


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def dump(library: Path) -> str:
    """All that the database of a library holds."""
    with Store(library, write=False) as store:
        return hashlib.sha256("\n".join(store._handle().connection.iterdump()).encode()).hexdigest()


@pytest.fixture(scope="module")
def folder(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films, and one that is none."""
    folder = tmp_path_factory.mktemp("films")
    for name in ("one.mp4", "two.mp4"):
        (folder / name).write_bytes(film.read_bytes() + name.encode())  # what follows the film is not read
    (folder / "bad.mp4").write_bytes(b"no film at all" * 100)
    return folder


def test_a_dry_run_tells_what_each_preset_costs_and_changes_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    assert run("list", "--library", library).code == 0
    before = dump(library)
    done = run("index", folder, "--dry-run", "--json", "--library", library, *NO_MODELS)
    quick, standard, deep = rows = lines(done.out)
    assert [row["preset"] for row in rows] == ["quick", "standard", "deep"]
    for row in rows:
        assert (row["files"], row["new"], row["unchanged"]) == (3, 2, 0)
        assert row["unreadable"] == [str(folder / "bad.mp4")]
        assert row["seconds"] > 0 and row["processor_seconds"] > 0 and row["measured"] >= 2
        assert row["bytes"]["pictures"] > 0 and row["bytes"]["database"] > 0 and row["bytes"]["vectors"] == 0
        assert {video["status"] for video in row["videos"]} == {"new"}
    assert quick["bytes"]["pictures"] < standard["bytes"]["pictures"] < deep["bytes"]["pictures"]
    assert dump(library) == before
    assert [file.name for file in library.iterdir() if file.suffix == ".json"] == ["estimates.json"]


def test_a_run_tells_how_far_off_the_estimate_was(run: Run, folder: Path, tmp_path: Path) -> None:
    given = ("--library", tmp_path / "library", "--preset", "quick", *NO_MODELS)
    films = [folder / "one.mp4", folder / "two.mp4"]
    assert "estimated" not in run("index", films[0], *given).err, "nothing was estimated"
    told = run("index", *films, "--dry-run", *given)
    assert told.out.startswith("quick: 2 files, 1 new, 1 unchanged\n")
    assert "about" in told.out and "stretches of these files" in told.out
    done = run("index", *films, *given)
    assert "estimated" in done.err and "took" in done.err
    assert "estimated" not in run("index", *films, *given).err, "nothing was left to do"
    (row,) = lines(run("index", *films, "--dry-run", "--json", *given).out)
    assert (row["unchanged"], row["seconds"], row["videos"]) == (2, 0.0, [])


def test_what_was_measured_is_not_measured_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"engines": {"speech": "off", "embeddings": "off"}}
    with Library(tmp_path / "library", preset="quick", settings=settings) as library:
        (first,) = library.estimate(folder / "one.mp4")
        monkeypatch.setattr("vagent.index.estimates.estimate.calibrate", None)
        (second,) = library.estimate(folder / "one.mp4")
        assert second == first
    monkeypatch.undo()
    memory = tmp_path / "library" / "estimates.json"
    memory.write_text("{ not what it was", encoding="utf-8")
    assert Memory(tmp_path / "library").foretold("quick") is None


def test_a_deeper_preset_costs_only_what_is_missing(run: Run, folder: Path, tmp_path: Path) -> None:
    given = ("--library", tmp_path / "library", *NO_MODELS)
    run("index", folder / "one.mp4", "--preset", "quick", *given)
    assert run("list", "--stale", "--preset", "quick", *given).out == "nothing is out of date\n"
    (row,) = lines(run("list", "--stale", "--preset", "standard", "--json", *given).out)
    assert row["video"] == str(folder / "one.mp4")
    assert row["stages"] == {"shots": "changed", "pictures": "changed", "text": "changed"}
    assert row["seconds"] > 0 and row["rough"] and row["error"] is None
    told = run("list", "--stale", "--preset", "standard", *given).out
    assert "out of date: shots, pictures, text" in told and "1 out of date, about" in told
    run("index", folder / "one.mp4", "--preset", "standard", *given)
    assert run("list", "--stale", "--preset", "standard", *given).out == "nothing is out of date\n"


def test_what_is_stale_is_told_to_programs_too(folder: Path, tmp_path: Path) -> None:
    off = {"engines": {"speech": "off", "embeddings": "off"}}
    with Library(tmp_path / "library", preset="quick", settings=off) as library:
        library.add(folder / "one.mp4")
        assert library.stale() == []
    with Library(tmp_path / "library", preset="quick", settings={"engines": {"speech": "off"}}) as library:
        (stale,) = library.stale()
        assert [due.stage for due in stale.due] == ["embed"]
        assert (Path(stale.video.path).name, stale.error) == ("one.mp4", None)


def test_options_that_make_no_sense_together(run: Run, folder: Path, tmp_path: Path) -> None:
    assert run("list", "--stale", "--problems", "--library", tmp_path).code == 2
    assert run("index", folder, "--dry-run", "--ray", "auto", "--workers", 2, "--library", tmp_path).code == 2


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.2, "1 s"), (59.4, "59 s"), (59.6, "1 min"), (7100, "118 min"), (7290, "2 h 2 min"), (180_000, "2 days 2 h")],
)
def test_lengths_of_time_are_told_as_people_would(seconds: float, told: str) -> None:
    assert _estimating.duration(seconds) == told


@pytest.mark.parametrize(
    ("estimated", "taken", "told"),
    [
        (720.0, 660.0, "estimated 12 min, took 11 min (8 % less)"),
        (60.0, 90.0, "estimated 1 min, took 2 min (50 % more)"),
        (100.0, 100.1, "estimated 2 min, took 2 min (as estimated)"),
    ],
)
def test_how_far_off_is_one_line(estimated: float, taken: float, told: str) -> None:
    assert _estimating.compared(Compared(estimated, taken)) == told
