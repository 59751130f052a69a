"""`vagent index` on folders, and `vagent list --problems`, as people and programs see them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vagent import Progress, _board, _indexing
from vagent.errors import MediaError
from vagent.index.batch.standing import Standing
from vagent.index.records import Video
from vagent.index.video.pipeline import Report

Run = Callable[..., Any]


class Terminal:
    """Takes what is written, and says that it is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return True

    def waits_for(self, text: str) -> None:
        """Until it has been drawn, which happens ten times a second where the machine has nothing else to do."""
        until = time.monotonic() + 60
        while text not in self.text and time.monotonic() < until:
            time.sleep(0.02)
        assert text in self.text


@pytest.fixture
def folder(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film and a file that is none."""
    monkeypatch.setenv("VAGENT_INDEX_SETTLE", "0")
    made = tmp_path / "films"
    made.mkdir()
    for path in (film, film.with_suffix(".en.srt")):
        shutil.copy(path, made)
    (made / "bro\x1bken.mp4").write_text("this is no film")
    return made


def test_a_folder_is_summed_up_and_what_failed_is_listed_until_it_changes(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    library = ("--library", tmp_path / "library")
    first = run("index", folder, *library)
    assert first.code == 1
    *lines, total = first.out.splitlines()
    assert total == "1 indexed, 1 quarantined"
    assert [line.split()[0] for line in lines] == ["quarantined", "indexed"]
    assert "not a video or audio file" in lines[0]
    assert "2 subtitles" in lines[1]
    assert "indexing train.mp4" in first.err

    again = run("index", folder, *library, "--workers", 1)
    assert again.code == 1
    assert again.out.splitlines()[-1] == "1 unchanged, 1 quarantined"
    assert "(in quarantine)" in again.out

    listed = run("list", "--problems", *library)
    assert listed.code == 0
    assert "bro\\x1bken.mp4" in listed.out
    assert "probe: not a video or audio file (1 try)" in listed.out
    (problem,) = map(json.loads, run("list", "--problems", "--json", *library).out.splitlines())
    assert (problem["stage"], problem["tries"]) == ("probe", 1)
    assert problem["video"] == str(folder / "bro\x1bken.mp4")

    run("index", folder, *library, "--retry")
    assert "(2 tries)" in run("list", "--problems", *library).out
    shutil.copy(folder / "train.mp4", folder / "bro\x1bken.mp4")
    mended = run("index", folder, *library)
    assert mended.code == 0
    assert run("list", "--problems", *library).out == "no problems\n"
    assert run("list", "--problems", "--json", *library).out == ""


def test_a_file_being_copied_is_no_failure(run: Run, folder: Path, tmp_path: Path) -> None:
    reports = [
        Report(path="/films/a.mp4", status="waiting", error=MediaError("it is still being written")),
        Report(path="/films/b.mp4", status="busy", error=MediaError("another process is indexing this video")),
        *(Report(path=f"/films/{i}.mp4", status="unchanged", video=Video(i, "f", "/f", 1.0)) for i in range(20)),
    ]
    lines = _indexing.summary(reports).splitlines()
    assert lines == [
        "waiting    a.mp4  it is still being written",
        "busy       b.mp4  another process is indexing this video",
        "20 unchanged, 1 waiting, 1 busy",
    ]


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_file_of_vectors_is_made_anew_and_told_of(indexed: Path, tmp_path: Path, damage: str) -> None:
    library = shutil.copytree(indexed, tmp_path / "library")
    command = [sys.executable, "-m", "vagent.cli", "search", "umbrella", "--json", "--library", str(library)]
    before = subprocess.run(command, capture_output=True, text=True, check=True)
    (vectors,) = library.glob("vectors/*.faiss")
    content = bytearray(vectors.read_bytes())
    content[len(content) // 2] ^= 16
    vectors.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    after = subprocess.run(command, capture_output=True, text=True, check=True)
    assert after.stdout == before.stdout
    assert "the file of vectors is not used: it is damaged; it is made anew from the database" in after.stderr
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == before.stderr


def standing(done: float, *running: Progress, finished: int = 0, left: float | None = None) -> Standing:
    return Standing(3, finished, done, 300.0, left, running)


def test_without_a_terminal_each_video_has_a_line_and_now_and_then_all_of_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 2.0, 20.0, 21.0])
    monkeypatch.setattr(_board.time, "monotonic", lambda: next(clock))
    one, two = Progress("/films/a\x1b.mp4", "scan", 5.0, 100.0), Progress("/films/b.mp4", "scan", 0.0, None)
    with _board.board() as told:
        assert told is not None
        told(standing(5.0, one))
        told(standing(6.0, one, two))
        told(standing(120.0, two, finished=1, left=90.0))
        told(standing(121.0, two, finished=1, left=89.0))
    assert capsys.readouterr().err.splitlines() == [
        "indexing a\\x1b.mp4 (00:01:40)",
        "indexing b.mp4",
        "  1 of 3 videos: 00:02:00 of 00:05:00, about 00:01:30 left",
    ]


def test_a_single_video_has_its_own_stage_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 20.0, 21.0, 40.0])
    monkeypatch.setattr(_board.time, "monotonic", lambda: next(clock))
    with _board.board() as told:
        assert told is not None
        told(Standing(1, 0, 0.0, 0.0, None, (Progress("/films/a\x1b[31m.mp4", "subtitles", 0.0, 100.0),)))
        told(Standing(1, 0, 50.0, 100.0, 20.0, (Progress("/films/a\x1b[31m.mp4", "scan", 50.0, 100.0),)))
        told(Standing(1, 0, 55.0, 100.0, 19.0, (Progress("/films/a\x1b[31m.mp4", "scan", 55.0, 100.0),)))
        told(Standing(1, 1, 100.0, 100.0, 0.0, ()))
    assert capsys.readouterr().err.splitlines() == [
        "indexing a\\x1b[31m.mp4 (00:01:40)",
        "  watching and listening: 00:00:50, about 00:00:20 left",
    ]


def test_on_a_terminal_a_single_video_has_a_bar_with_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with _board.board() as told:
        assert told is not None
        told(Standing(1, 0, 25.0, 100.0, 60.0, (Progress("/films/a.mp4", "scan", 25.0, 100.0),)))
        terminal.waits_for("00:00:25")
    assert "watching and listening" in terminal.text
    assert "00:00:25  about 00:01:00 left" in terminal.text
    assert "videos" not in terminal.text


def test_on_a_terminal_there_is_a_bar_for_all_and_a_line_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    one, two = Progress("/films/a.mp4", "scan", 5.0, 100.0), Progress("/films/b.mp4", "captions", 0.0, 50.0)
    with _board.board() as told:
        assert told is not None
        told(standing(5.0, one, left=60.0))
        told(standing(9.0, one, two, left=60.0))
        terminal.waits_for("0 of 3 videos")
        told(standing(120.0, two, finished=2, left=30.0))
        terminal.waits_for("2 of 3 videos")
    for shown in ("0 of 3 videos", "2 of 3 videos", "about 00:00:30 left", "a.mp4", "b.mp4", "describing clips"):
        assert shown in terminal.text


def test_nothing_is_shown_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    with _board.board(enabled=False) as told:
        assert told is None
    assert capsys.readouterr() == ("", "")
