"""A folder in which most files are broken in one way or another: the good ones are indexed, each other has a reason."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from tests.media_files import colours, tone, write_video
from vagent import configs
from vagent.index.library import VideoLibrary
from vagent.index.video.pipeline import Report

Reports = dict[str, Report]

OFF = dict.fromkeys(("speech", "text", "embeddings", "sounds", "objects", "visual"), "off")


def box(data: bytes, kind: bytes) -> tuple[int, int]:
    """Where the first box of a kind in an MP4 file has its content: from, to."""
    at = data.index(kind) - 4
    return at + 8, at + int.from_bytes(data[at : at + 4], "big")


def without_index(path: Path) -> None:
    """An MP4 whose index comes last, cut off before it: as a copy that was interrupted."""
    data = write_video(path, colours(50), fps=5).read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])


def noise_for_pictures(path: Path, share: float) -> None:
    """An MP4 in which a share of the bits of the pictures is wrong."""
    data = bytearray(write_video(path, colours(60), fps=5, gop=5).read_bytes())
    start, end = box(bytes(data), b"mdat")
    chance = random.Random(1)
    for _ in range(max(1, int((end - start) * share))):
        data[chance.randrange(start, end)] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(data))


def no_packets(path: Path) -> None:
    """An MP4 that lasts no time: an index of a track, and nothing in it."""
    with av.open(str(path), "w", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream: Any = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()


def ten_hours(path: Path) -> None:
    """An MP4 of one second whose headers promise ten hours."""
    data = bytearray(write_video(path, colours(5), fps=5).read_bytes())
    for kind, place in ((b"mvhd", 12), (b"mdhd", 12), (b"tkhd", 20)):
        start, _ = box(bytes(data), kind)
        scale = 1000 if kind == b"tkhd" else int.from_bytes(data[start + place : start + place + 4], "big")
        at = start + place + (0 if kind == b"tkhd" else 4)
        data[at : at + 4] = struct.pack(">I", min(2**32 - 1, 36_000 * scale))
    path.write_bytes(bytes(data))


def negative_times(path: Path) -> None:
    """A Matroska file whose first pictures lie before zero."""
    write_video(path, colours(20), times=[i / 5 - 2 for i in range(20)])


def fill(folder: Path) -> None:
    write_video(folder / "good 1.mp4", colours(20), fps=5)
    write_video(folder / "good 2.mkv", colours(25), fps=5, audio=tone(5))
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("This is no film. " * 100)
    (folder / "page.webm").write_text("<!DOCTYPE html><html><body>404 Not Found</body></html>")
    (folder / "zeros.mkv").write_bytes(bytes(200_000))
    (folder / "noise.avi").write_bytes(random.Random(2).randbytes(50_000))
    without_index(folder / "no moov.mp4")
    noise_for_pictures(folder / "flipped.mp4", 0.02)
    noise_for_pictures(folder / "destroyed.mp4", 20.0)
    no_packets(folder / "zero duration.mp4")
    write_video(folder / "sound only.mp4", audio=tone(3))
    Image.new("RGB", (64, 48), "red").save(folder / "image.mp4", "PNG")
    (folder / "broken link.mp4").symlink_to(folder / "nowhere.mp4")
    (folder / "huge.y4m").write_bytes(b"YUV4MPEG2 W60000 H60000 F25:1 Ip A1:1 C420\nFRAME\n" + bytes(5000))
    negative_times(folder / "negative.mkv")
    ten_hours(folder / "ten hours.mp4")
    os.mkfifo(folder / "pipe.mp4")
    (folder / "locked.mp4").write_bytes((folder / "good 1.mp4").read_bytes() + b"x")
    (folder / "locked.mp4").chmod(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("films")
    fill(made)
    return made


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VideoLibrary]:
    index = {"settle": 0, "unfinished": 0}
    given = {"library": str(tmp_path_factory.mktemp("library")), "threads": 1, "engines": OFF, "index": index}
    opened = VideoLibrary(configs.load(given, env={}))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def first(library: VideoLibrary, folder: Path) -> Reports:
    """What the first run came to, by file name."""
    return {Path(report.path).name: report for report in library.add(folder, workers=1)}


def test_the_good_ones_are_indexed(first: Reports) -> None:
    assert [first[name].status for name in ("good 1.mp4", "good 2.mkv")] == ["indexed", "indexed"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty.mp4", "the file is empty"),
        ("text.mp4", "not a video"),
        ("page.webm", "not a video"),
        ("zeros.mkv", "not a video"),
        ("noise.avi", "not a video"),
        ("no moov.mp4", "the file is cut short: its index (moov) is not there"),
        ("destroyed.mp4", "decode"),
        ("zero duration.mp4", "decode"),
        ("image.mp4", "not a video"),
        ("huge.y4m", "decode|not a video|too large"),
    ],
)
def test_a_file_that_does_not_decode_is_left_alone_and_has_a_reason(first: Reports, name: str, reason: str) -> None:
    report = first[name]
    assert report.status == "quarantined"
    assert report.stage in ("probe", "subtitles", "scan")
    assert report.error is not None
    assert any(part in report.error.what for part in reason.split("|")), report.error.what


@pytest.mark.parametrize(("name", "reason"), [("broken link.mp4", "No such file"), ("pipe.mp4", "not a regular file")])
def test_what_cannot_be_opened_is_tried_each_time(first: Reports, name: str, reason: str) -> None:
    assert (first[name].status, first[name].stage) == ("failed", "open")
    assert reason in str(first[name].error)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read anything")
def test_what_may_not_be_read_is_tried_each_time(first: Reports) -> None:
    assert (first["locked.mp4"].status, first["locked.mp4"].stage) == ("failed", "open")
    assert "no permission" in str(first["locked.mp4"].error)


def test_what_decodes_in_part_is_indexed_as_far_as_it_does(first: Reports) -> None:
    durations = {}
    for name in ("sound only.mp4", "negative.mkv", "ten hours.mp4", "flipped.mp4"):
        report = first[name]
        assert (report.status, report.error) == ("indexed", None), name
        assert report.video is not None
        durations[name] = report.video.duration
    assert durations["sound only.mp4"] == pytest.approx(3, abs=0.2)
    assert durations["negative.mkv"] == pytest.approx(4, abs=0.3)
    assert durations["ten hours.mp4"] < 5
    assert durations["flipped.mp4"] == pytest.approx(12, abs=3)


def test_the_next_run_tries_none_of_them_again(first: Reports, library: VideoLibrary, folder: Path) -> None:
    before = {problem.path: problem.tries for problem in library.problems()}
    second = {Path(report.path).name: report for report in library.add(folder, workers=1)}
    after = {problem.path: problem.tries for problem in library.problems()}
    for name, report in first.items():
        assert second[name].status == {"indexed": "unchanged"}.get(report.status, report.status), name
    left_alone = {str(folder / name) for name, report in first.items() if report.status == "quarantined"}
    assert len(left_alone) >= 10
    assert {path for path in before if before[path] == after[path]} == left_alone
    assert {problem.path for problem in library.problems()} >= left_alone
