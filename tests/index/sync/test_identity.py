"""Files that stay, move, are copied, change or go, as the library sees them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.index.sync.films import QUICK, library, rows, scenes, write
from vagent.errors import SourceError
from vagent.index.library import VideoLibrary
from vagent.index.sync import marks, missing, survey
from vagent.index.sync.missing import forgettable

FILMS = {"one.mp4": scenes(1, 3), "two.mp4": scenes(2, 3), "three.mp4": scenes(3, 3), "four.mp4": scenes(4, 3)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("films")
    return {name: write(folder / name, film).read_bytes() for name, film in FILMS.items()}


@pytest.fixture
def folder(made: dict[str, bytes], tmp_path: Path) -> Path:
    """A folder of four films."""
    films = tmp_path / "films"
    films.mkdir()
    for name, data in made.items():
        (films / name).write_bytes(data)
    return films


@pytest.fixture
def opened(folder: Path, tmp_path: Path) -> Iterator[VideoLibrary]:
    """A library that knows them."""
    with library(tmp_path / "library") as opened:
        for file in sorted(folder.iterdir()):
            assert opened.add(file)[0].status == "indexed"
        yield opened


def states(opened: VideoLibrary, folder: Path, **given: Any) -> dict[str, str]:
    return {Path(report.path).name: report.status for report in opened.add(folder, **given)}


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, calls: Counter[str]) -> None:
    """Count the calls of a function by what they are about."""
    real: Callable[..., Any] = getattr(module, name)

    def counting(about: Any, *args: Any, **kwargs: Any) -> Any:
        calls[os.fspath(about)] += 1
        return real(about, *args, **kwargs)

    monkeypatch.setattr(module, name, counting)


def test_a_second_look_costs_one_stat_a_file(
    opened: VideoLibrary, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    for name in ("stat", "lstat", "readlink"):
        counted(monkeypatch, os, name, calls)
    monkeypatch.setattr(survey, "fingerprint", forbidden)
    monkeypatch.setattr("builtins.open", forbidden)
    monkeypatch.setattr(VideoLibrary, "_indexer", forbidden)
    reports = opened.add(folder)
    monkeypatch.undo()
    assert [report.status for report in reports] == ["unchanged"] * 4
    assert all(report.counts == {"subtitle": 3} for report in reports)
    assert [calls[str(folder / name)] for name in FILMS] == [1] * 4


def forbidden(*_: object, **__: object) -> Any:
    raise AssertionError("an unchanged file is not opened")


def test_other_settings_make_files_work_again(opened: VideoLibrary, folder: Path, tmp_path: Path) -> None:
    with library(tmp_path / "library", media={"picture_quality": 50}) as other:
        (report,) = other.add(folder / "one.mp4")
        assert report.status == "indexed"
        assert other.add(folder / "one.mp4")[0].status == "unchanged"


def test_a_subtitle_file_that_appears_is_read(opened: VideoLibrary, folder: Path) -> None:
    mute = write(folder / "mute.mp4", scenes(6, 3), subtitles=False)
    assert opened.add(mute)[0].counts == {}
    (folder / "mute.en.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\na new line\n", encoding="utf-8")
    (report, other) = opened.add([mute, folder / "two.mp4"])
    assert (report.status, report.counts, other.status) == ("indexed", {"subtitle": 1}, "unchanged")


def test_a_moved_file_is_the_same_video(opened: VideoLibrary, folder: Path) -> None:
    (video,) = opened.find(folder / "one.mp4")
    (folder / "deep").mkdir()
    moved = (folder / "one.mp4").rename(folder / "deep" / "uno.mp4")
    assert states(opened, folder) == dict.fromkeys(["uno.mp4", "two.mp4", "three.mp4", "four.mp4"], "unchanged")
    assert opened.video(video.id).path == str(moved)
    assert opened.store.paths(video.id) == [str(moved)]
    assert len(opened.videos()) == 4


def test_copies_are_one_video_and_listed(opened: VideoLibrary, folder: Path) -> None:
    copy = folder / "a copy.mp4"
    copy.write_bytes((folder / "one.mp4").read_bytes())
    reports = {Path(report.path).name: report for report in opened.add(folder)}
    assert reports["a copy.mp4"].status == "unchanged"
    assert "the same video as one.mp4" in reports["a copy.mp4"].notices
    (video,) = opened.find(copy)
    assert opened.store.copies() == {video.id: [str(copy), str(folder / "one.mp4")]}
    copy.unlink()
    assert set(states(opened, folder).values()) == {"unchanged"}
    assert opened.store.copies() == {}
    assert opened.video(video.id).path == str(folder / "one.mp4")


def test_copies_with_subtitle_files_of_their_own_do_not_take_turns(opened: VideoLibrary, folder: Path) -> None:
    (folder / "copy.mp4").write_bytes((folder / "one.mp4").read_bytes())
    (folder / "copy.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nof the copy\n", encoding="utf-8")
    opened.add(folder)
    for _ in range(2):
        assert set(states(opened, folder).values()) == {"unchanged"}


def test_two_different_files_of_one_name_are_two(made: dict[str, bytes], tmp_path: Path) -> None:
    with library(tmp_path / "library") as opened:
        for number, name in enumerate(("one.mp4", "two.mp4")):
            (tmp_path / str(number)).mkdir()
            (tmp_path / str(number) / "clip.mp4").write_bytes(made[name])
            assert opened.add(tmp_path / str(number) / "clip.mp4")[0].status == "indexed"
        assert len(opened.videos()) == 2


def test_a_path_with_another_content_is_another_video(
    opened: VideoLibrary, folder: Path, made: dict[str, bytes], tmp_path: Path
) -> None:
    (before,) = opened.find(folder / "one.mp4")
    write(folder / "one.mp4", scenes(9, 4))
    assert [report.status for report in opened.add(folder / "one.mp4")] == ["indexed", "missing"]
    assert opened.video(before.id).missing is not None
    (now,) = opened.find(folder / "one.mp4")
    assert now.id != before.id
    (tmp_path / "films" / "back.mp4").write_bytes(made["one.mp4"])
    assert states(opened, folder)["back.mp4"] == "unchanged"
    assert opened.video(before.id).missing is None
    assert opened.video(before.id).path == str(folder / "back.mp4")


def test_a_file_that_was_only_touched_is_unchanged(opened: VideoLibrary, folder: Path) -> None:
    os.utime(folder / "one.mp4", ns=(1, 1))
    assert set(states(opened, folder).values()) == {"unchanged"}


def test_a_deleted_file_is_missing_and_still_answers(opened: VideoLibrary, folder: Path) -> None:
    (video,) = opened.find(folder / "two.mp4")
    before = rows(opened, video.id)
    kept = (folder / "two.mp4").rename(folder.parent / "kept.mp4")
    assert states(opened, folder)["two.mp4"] == "missing"
    since = opened.video(video.id).missing
    assert since is not None
    assert "two.mp4" not in states(opened, folder)
    assert opened.find(folder / "two.mp4")[0].id == video.id
    assert rows(opened, video.id) == before
    assert opened.search("2000")[0].video.id == video.id
    kept.rename(folder / "two.mp4")
    assert states(opened, folder)["two.mp4"] == "unchanged"
    assert opened.video(video.id).missing is None


def test_a_missing_video_that_comes_back_under_another_name_is_known(opened: VideoLibrary, folder: Path) -> None:
    (video,) = opened.find(folder / "two.mp4")
    kept = (folder / "two.mp4").rename(folder.parent / "kept.mp4")
    opened.add(folder)
    kept.rename(folder / "again.mp4")
    assert states(opened, folder)["again.mp4"] == "unchanged"
    assert (opened.video(video.id).missing, opened.video(video.id).path) == (None, str(folder / "again.mp4"))


def test_a_disk_that_is_not_mounted_marks_nothing(opened: VideoLibrary, folder: Path) -> None:
    away = folder.rename(folder.parent / "away")
    with pytest.raises(SourceError, match="no such file or folder"):
        opened.add(folder)
    folder.mkdir()
    with pytest.raises(SourceError, match="the library knows 4 videos in it"):
        opened.add(folder)
    assert all(video.missing is None for video in opened.videos())
    folder.rmdir()
    away.rename(folder)
    assert set(states(opened, folder).values()) == {"unchanged"}


def test_an_empty_folder_below_that_held_several_marks_nothing(
    opened: VideoLibrary, folder: Path, made: dict[str, bytes]
) -> None:
    disk = folder / "disk"
    disk.mkdir()
    for name in ("two.mp4", "three.mp4", "four.mp4"):
        (folder / name).rename(disk / name)
    opened.add(folder)
    away = disk.rename(folder.parent / "away")
    disk.mkdir()
    reports = {Path(report.path).name: report for report in opened.add(folder)}
    assert {name: report.status for name, report in reports.items()} == {"one.mp4": "unchanged", "disk": "failed"}
    assert "is its disk mounted?" in str(reports["disk"].error)
    assert all(video.missing is None for video in opened.videos())
    disk.rmdir()  # with the folder itself gone they were deleted
    assert Counter(states(opened, folder).values()) == {"unchanged": 1, "missing": 3}
    away.rename(disk)
    assert Counter(states(opened, folder).values()) == {"unchanged": 4}


def test_what_is_forgettable(opened: VideoLibrary, folder: Path) -> None:
    store = opened.store
    assert forgettable(store) == []
    (folder / "two.mp4").unlink()
    assert forgettable(store) == []  # nobody has looked yet
    opened.add(folder)
    assert [Path(video.path).name for video in forgettable(store)] == ["two.mp4"]
    assert forgettable(store, older=timedelta(days=1)) == []
    assert forgettable(store, [folder.parent / "elsewhere"]) == []
    for name in ("one.mp4", "three.mp4", "four.mp4"):
        (folder / name).unlink()
    assert len(forgettable(store)) == 1
    assert len(forgettable(store, [folder])) == 4


def test_age_is_counted_from_when_it_was_missed(
    opened: VideoLibrary, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "two.mp4").unlink()
    opened.add(folder)

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(UTC) + timedelta(days=31)

    monkeypatch.setattr(missing, "datetime", Later)
    assert len(forgettable(opened.store, older=timedelta(days=30))) == 1
    assert forgettable(opened.store, older=timedelta(days=32)) == []


def test_marks_do_not_depend_on_how_the_machine_is_shared_out(tmp_path: Path) -> None:
    found = set()
    for more in ({}, {"threads": 3}, {"device": "cpu"}, {"preset": "standard"}):
        with library(tmp_path / "library", **{**QUICK, **more}) as opened:
            found.add(marks.Marks(opened.engines).of("/films/a.mp4"))
    assert len(found) == 1
