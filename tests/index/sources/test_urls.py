"""Videos behind URLs, in a file system of fsspec's that lives in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest

from vagent.errors import EngineUnavailable, SourceError
from vagent.index.sources.files import video_files
from vagent.index.sources.fingerprint import fingerprint
from vagent.index.sources.urls import RemoteFile, copy, fingerprint_url, is_url, remote_videos


@pytest.fixture
def memory() -> Iterator[Any]:
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def test_what_is_a_url() -> None:
    assert all(is_url(url) for url in ("s3://bucket/film.mp4", "memory://x", "https://host/film.mp4", "a+b://c"))
    assert not any(is_url(path) for path in ("film.mp4", "/a/b", "C://x", "a:b", "./s3://x", Path("s3://x")))


def test_a_folder_stands_for_the_videos_below_it(memory: Any) -> None:
    names = ["b.mp4", "sub/a.MKV", "b.en.srt", "sub/a.srt", "notes.txt", ".hidden.mp4", ".trash/c.mp4", "d.mp4.part"]
    for number, name in enumerate(names):
        memory.pipe(f"/films/{name}", bytes(number))
    found = remote_videos("memory://films")
    told = [(one.file.url, one.file.size, [beside.url for beside in one.subtitles]) for one in found]
    assert told == [
        ("memory:///films/b.mp4", 0, ["memory:///films/b.en.srt"]),
        ("memory:///films/sub/a.MKV", 1, ["memory:///films/sub/a.srt"]),
    ]
    assert all(one.file.stamp > datetime(2020, 1, 1).timestamp() * 1e9 for one in found)


def test_a_file_stands_for_itself_whatever_its_name(memory: Any) -> None:
    memory.pipe("/films/b.bin", b"abc")
    memory.pipe("/films/b.srt", b"x")
    memory.pipe("/films/c.srt", b"x")
    (found,) = remote_videos("memory://films/b.bin")
    assert (found.file.name, found.file.size) == ("b.bin", 3)
    assert [one.name for one in found.subtitles] == ["b.srt"]


def test_a_file_that_changed_has_another_stamp(memory: Any) -> None:
    memory.pipe("/a.mp4", b"abc")
    (before,) = remote_videos("memory://a.mp4")
    memory.pipe("/a.mp4", b"abd")
    (after,) = remote_videos("memory://a.mp4")
    assert before.file.stamp < after.file.stamp


@pytest.mark.parametrize("size", [0, 1000, (16 << 20) + 12_345])
def test_the_fingerprint_is_that_of_the_file_on_disk(memory: Any, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    memory.pipe("/a.mp4", data)
    (tmp_path / "a.mp4").write_bytes(data)
    (found,) = remote_videos("memory://a.mp4")
    assert fingerprint_url(found.file) == fingerprint(tmp_path / "a.mp4")
    arrived = list(copy(found.file, tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == data
    assert arrived == sorted(arrived)
    assert arrived[-1:] == ([size] if size else [])


def test_a_copy_of_another_size_is_refused(memory: Any, tmp_path: Path) -> None:
    memory.pipe("/a.mp4", b"abc")
    with pytest.raises(SourceError, match="3 bytes came of the 5"):
        list(copy(RemoteFile("memory:///a.mp4", 5, 0), tmp_path / "copy"))


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("memory://none", SourceError, "nothing at the URL"),
        ("memory://empty", SourceError, "no videos below the URL"),
        ("nowhere://x", SourceError, "cannot be read"),
        ("gdrive://bucket/x.mp4", EngineUnavailable, "package is missing"),
        ("https://me:secret@host/film.mp4", SourceError, "holds a password"),
    ],
)
def test_what_cannot_be_read_says_so(memory: Any, url: str, error: type[Exception], said: str) -> None:
    memory.pipe("/empty/notes.txt", b"")
    with pytest.raises(error, match=said) as raised:
        remote_videos(url)
    assert "secret" not in str(raised.value)


def test_without_a_cluster_a_url_says_what_to_do() -> None:
    with pytest.raises(SourceError, match="vagent index URL --ray"):
        video_files(Path("s3://bucket/film.mp4"))
