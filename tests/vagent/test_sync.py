"""`vagent index --relink`, `vagent index --watch` and `vagent prune` as they are typed."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.index.sync.films import remux, scenes, write
from vagent.index.store import Store

OFF = [word for sense in ("text", "speech", "embeddings") for word in ("--engine", f"{sense}=off")]
PATIENCE = 60.0  # seconds for a line to come


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAGENT_INDEX_SETTLE", "0.5")
    monkeypatch.setenv("VAGENT_SYNC_QUIET", "0.2")
    monkeypatch.setenv("VAGENT_THREADS", "1")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("films")
    return [write(folder / f"{n}.mp4", scenes(n, 5)).read_bytes() for n in range(1, 4)]


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("long") / "long.mp4", scenes(8, 25)).read_bytes()


@pytest.fixture
def folder(films: list[bytes], tmp_path: Path) -> Path:
    found = tmp_path / "films"
    found.mkdir()
    for number, data in enumerate(films[:2], 1):
        (found / f"{number}.mp4").write_bytes(data)
    return found


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_prune_lists_asks_and_forgets(run: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    library = ("--library", tmp_path / "library")
    assert run("index", folder, *OFF, *library).code == 0
    assert run("prune", *library).out == "nothing is missing\n"
    (folder / "1.mp4").unlink()
    found = run("index", folder, *OFF, *library)
    assert (found.code, "1 missing" in found.out) == (0, True)
    assert "missing since" in run("list", *library).out
    assert run("prune", "--dry-run", *library).out.startswith("00:00:12  ")
    (row,) = lines(run("prune", "--dry-run", "--json", *library).out)
    assert (row["video"], row["folder"]) == (str(folder / "1.mp4"), True)
    asked = run("prune", *library)  # nobody is at the terminal
    assert (asked.code, "--yes" in asked.err) == (1, True)
    assert run("prune", "--yes", "--older-than", "1", *library).out == "nothing is missing\n"
    assert "1 forgotten" in run("prune", "--yes", *library).out
    assert [Path(row["video"]).name for row in lines(run("list", "--json", *library).out)] == ["2.mp4"]


def test_prune_of_a_folder_forgets_all_that_is_gone_there(
    run: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    library = ("--library", tmp_path / "library")
    run("index", folder, *OFF, *library)
    for file in folder.iterdir():
        file.unlink()
    refused = run("index", folder, *OFF, *library)
    assert (refused.code, "vagent prune" in refused.err) == (1, True)
    assert "2 forgotten" in run("prune", folder, "--yes", *library).out


def test_relinking_as_it_is_typed(run: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    library = ("--library", tmp_path / "library")
    run("index", folder, *OFF, *library)
    remux(folder / "1.mp4", folder / "new.mkv")
    (folder / "1.mp4").unlink()
    found = run("index", folder, *OFF, *library)
    assert found.code == 0
    assert "looks like" in found.err and "--relink" in found.err
    assert "1 alike" in found.out
    found = run("index", folder, "--relink", *OFF, *library)
    assert "1 relinked" in found.out
    rows = {Path(row["video"]).name: row for row in lines(run("list", "--json", *library).out)}
    assert set(rows) == {"new.mkv", "2.mp4"}
    assert rows["new.mkv"]["counts"] == {"subtitle": 5}


class Watch:
    """A real `vagent index --watch --json` and what it says."""

    def __init__(self, folder: Path, library: Path) -> None:
        command = [sys.executable, "-m", "vagent.cli", "index", str(folder), "--watch", "--json", *OFF]
        self.process = subprocess.Popen(
            [*command, "--library", str(library)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said: queue.Queue[dict[str, Any]] = queue.Queue()
        self.notices: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._note, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.put(json.loads(line))

    def _note(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.notices.put(line.strip())

    def next(self) -> tuple[str, str]:
        """The next thing it tells: a file's name and what happened to it."""
        said = self.said.get(timeout=PATIENCE)
        return Path(said["video"]).name, said["status"]

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)


@contextmanager
def watched(folder: Path, library: Path) -> Iterator[Watch]:
    watch = Watch(folder, library)
    try:
        yield watch
    finally:
        if watch.process.poll() is None:
            watch.process.kill()
            watch.process.wait()
        for pipe in (watch.process.stdout, watch.process.stderr):
            assert pipe is not None
            pipe.close()


def test_a_watched_folder_stays_in_step(folder: Path, films: list[bytes], tmp_path: Path) -> None:
    with watched(folder, tmp_path / "library") as watch:
        assert sorted([watch.next(), watch.next()]) == [("1.mp4", "indexed"), ("2.mp4", "indexed")]
        with (folder / "3.mp4").open("wb") as file:  # copied slowly
            half = len(films[2]) // 2
            file.write(films[2][:half])
            file.flush()
            threading.Event().wait(1.5)
            file.write(films[2][half:])
        told = [watch.next()]
        while told[-1] != ("3.mp4", "indexed"):
            assert told[-1][1] == "waiting"  # however long the pause is
            told.append(watch.next())
        (folder / "sub").mkdir()
        (folder / "1.mp4").rename(folder / "sub" / "one.mp4")
        (folder / "2.mp4").unlink()
        assert watch.next() == ("2.mp4", "missing")
        away = folder.rename(tmp_path / "away")
        assert "cannot be reached" in watch.notices.get(timeout=PATIENCE)
        (away / "2.mp4").write_bytes(films[1])
        away.rename(folder)
        assert "is back" in watch.notices.get(timeout=PATIENCE)
        (folder / "3.mp4").unlink()
        assert watch.next() == ("3.mp4", "missing")
        assert watch.stop(signal.SIGTERM) == 0
    with Store(tmp_path / "library") as store:
        states = {Path(video.path).name: (video.complete, video.missing is None) for video in store.videos()}
    assert states == {"one.mp4": (True, True), "2.mp4": (True, True), "3.mp4": (True, False)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_watch_that_is_stopped_leaves_an_index_to_go_on_with(
    number: int, long: bytes, tmp_path: Path, run: Callable[..., Any]
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "long.mp4").write_bytes(long)
    with watched(folder, tmp_path / "library") as watch:
        wait_for_video(tmp_path / "library")
        assert watch.stop(number) == 0
    again = run("index", folder, *OFF, "--library", tmp_path / "library")
    assert again.code == 0, again.err
    with Store(tmp_path / "library") as store:
        assert [video.complete for video in store.videos()] == [True]
        assert store.lease(store.videos()[0].fingerprint) is None


def wait_for_video(folder: Path) -> None:
    """Until the library knows its first video."""
    pause = threading.Event()
    for _ in range(600):
        if (folder / "library.db").exists() and os.path.getsize(folder / "library.db"):  # noqa: PTH202
            with Store(folder) as store:
                if store.videos():
                    return
        pause.wait(0.1)
    raise AssertionError("nothing was begun")


def test_only_folders_are_watched(run: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    found = run("index", folder / "1.mp4", "--watch", "--library", tmp_path / "library")
    assert (found.code, "only folders can be watched" in found.err) == (1, True)
