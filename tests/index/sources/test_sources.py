from __future__ import annotations

import os
from pathlib import Path

import pytest

from vagent.errors import SourceError
from vagent.index.pictures import Pictures
from vagent.index.sources.files import video_files
from vagent.index.sources.fingerprint import fingerprint


def test_a_folder_stands_for_the_videos_below_it(tmp_path: Path) -> None:
    for name in ("b.MKV", "a/c.mp4", ".hidden/d.mp4", ".e.mp4", "notes.txt", "f.mp4.part", "a/g.webm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert video_files(tmp_path) == [tmp_path / "a/c.mp4", tmp_path / "a/g.webm", tmp_path / "b.MKV"]


def test_names_without_an_ending_are_told_by_how_the_file_begins(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"\0\0\0\x20ftypisom")
    (tmp_path / "matroska").write_bytes(b"\x1a\x45\xdf\xa3\x01")
    (tmp_path / "README").write_text("ftyp")
    (tmp_path / "empty").touch()
    (tmp_path / "notes.txt").write_bytes(b"\0\0\0\x20ftypisom")
    os.mkfifo(tmp_path / "pipe")
    assert video_files(tmp_path) == [tmp_path / "film", tmp_path / "matroska"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may read anything")
def test_a_folder_that_cannot_be_read_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "locked").mkdir(mode=0)
    assert video_files(tmp_path) == [tmp_path / "a.mp4"]
    assert "locked" in caplog.text


def test_a_file_stands_for_itself_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "speech.flac"
    file.touch()
    assert video_files(file) == [file]


def test_nothing_to_index_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no videos in the folder"):
        video_files(tmp_path)
    with pytest.raises(SourceError, match="no such file or folder"):
        video_files(tmp_path / "none.mp4")
    with pytest.raises(SourceError):
        video_files(Path("a\0b"))
    with pytest.raises(SourceError):
        video_files(Path("x" * 5000))


def test_the_content_is_the_identity(tmp_path: Path) -> None:
    one, same, other = tmp_path / "one", tmp_path / "same", tmp_path / "other"
    one.write_bytes(b"x" * 1000)
    same.write_bytes(b"x" * 1000)
    other.write_bytes(b"x" * 999 + b"y")
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)


def test_large_files_are_sampled_at_both_ends_and_between(tmp_path: Path) -> None:
    size = 40 << 20
    marks = []
    for at in (None, 0, size // 2, size - 1):
        file = tmp_path / f"{at}"
        with file.open("wb") as out:
            out.truncate(size)
            if at is not None:
                out.seek(at)
                out.write(b"y")
        marks.append(fingerprint(file))
    assert marks[1] != marks[0] != marks[3]
    longer = tmp_path / "longer"
    with longer.open("wb") as out:
        out.truncate(size + 1)
    assert fingerprint(longer) != marks[0]
    with pytest.raises(SourceError):
        fingerprint(tmp_path / "none")


def test_the_picture_shown_at_a_time_is_found(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path / "frames", "abc")
    assert pictures.nearest([1.0]) == []
    pictures.add([(0.5, b"a"), (1.5, b"b"), (2.5, b"c")])
    pictures.add([(2.5, b"d")])
    assert pictures.nearest([2.0, 0.0, 9.0, 1.5]) == [(0.5, b"a"), (1.5, b"b"), (2.5, b"d")]
    pictures.remove()
    assert pictures.nearest([1.0]) == []
