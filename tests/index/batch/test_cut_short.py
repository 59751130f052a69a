"""A file that ends before what it says it holds is a copy under way, and waits; a file that is whole never does."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.index.sync.films import library, scenes, write
from tests.media_files import colours, write_video
from vagent.index.batch.cut_short import cut_short
from vagent.index.library import VideoLibrary
from vagent.index.video.pipeline import Report

OPTIONS: dict[str, dict[str, Any]] = {
    "late.mp4": {},
    "early.mp4": {"container_options": {"movflags": "faststart"}},
    "pieces.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "film.mov": {},
    "film.mkv": {},
    "film.webm": {"codec": "libvpx"},
    "film.avi": {"codec": "mpeg4"},
    "film.wmv": {"codec": "mpeg4", "format": "asf"},
}
SLOW = scenes(1, 6)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films of all containers that tell how long they are."""
    folder = tmp_path_factory.mktemp("made")
    for name, options in OPTIONS.items():
        write_video(folder / name, colours(40), fps=5, **options)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("copies")


def told(place: Path, data: bytes) -> str | None:
    file = place / "copy"
    file.write_bytes(data)
    return cut_short(file)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_whole_file_is_not_cut_short(name: str, made: Path, place: Path) -> None:
    assert told(place, (made / name).read_bytes()) is None


@given(st.sampled_from([name for name in OPTIONS if name != "pieces.mp4"]), st.floats(0, 1, exclude_max=True))
def test_wherever_a_file_is_cut_it_is_noticed(made: Path, place: Path, name: str, part: float) -> None:
    whole = (made / name).read_bytes()
    # Of a file of which only the first words are there, it is not even known what it is to become.
    size = max(int(part * len(whole)), 32)
    assert told(place, whole[:size]) is not None


def test_a_file_of_fragments_is_whole_after_each_of_them(made: Path, place: Path) -> None:
    whole = (made / "pieces.mp4").read_bytes()
    second = whole.index(b"moof", whole.index(b"moof") + 4) - 4
    assert told(place, whole[:second]) is None
    assert "'mdat'" in str(told(place, whole[: second - 5]))


@pytest.mark.parametrize("name", ["late.mp4", "film.mkv"])
def test_room_that_is_not_filled_yet_is_noticed(name: str, made: Path, place: Path) -> None:
    whole = (made / name).read_bytes()
    assert told(place, bytes(len(whole))) == "it begins with zeros"
    assert told(place, b"") == "the file is empty"
    if name == "late.mp4":
        index = whole.index(b"moov") - 4
        assert told(place, whole[:index] + bytes(len(whole) - index)) == f"zeros from byte {index} on"


@pytest.mark.parametrize("after", [b"\0" * 3, b"\0" * 5000, b"\xff\xfe" * 300, bytes(range(1, 8))])
def test_what_is_appended_to_a_whole_file_does_not_count(after: bytes, made: Path, place: Path) -> None:
    for name in ("late.mp4", "early.mp4", "film.mkv", "film.avi"):
        assert told(place, (made / name).read_bytes() + after) is None


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(place: Path, data: bytes) -> None:
    for begin in (
        b"",
        b"\0\0\0\x18ftyp",
        b"\x1a\x45\xdf\xa3",
        b"RIFF\0\1\0\0AVI ",
        b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\0\xaa\0b\xcel",
    ):
        assert told(place, begin + data) is None or len(begin + data) < 10_000


def test_what_tells_nothing_is_not_cut_short(place: Path, tmp_path: Path) -> None:
    whole = write_video(tmp_path / "film.ts", colours(20), fps=5, codec="mpeg4", format="mpegts").read_bytes()
    assert told(place, whole[: len(whole) // 2]) is None
    assert cut_short(tmp_path / "none.mp4") is None
    os.mkfifo(tmp_path / "pipe.mp4")
    assert cut_short(tmp_path / "pipe.mp4") is None


def copied(opened: VideoLibrary, whole: bytes, part: Path) -> list[Report]:
    """What a library makes of a file when half of it is there, and when all of it is."""
    part.write_bytes(whole[: len(whole) // 2])
    threading.Event().wait(0.3)  # longer than index.settle
    (half,) = opened.add(part)
    assert opened.videos() == [] and opened.problems() == []
    with part.open("ab") as file:
        file.write(whole[len(whole) // 2 :])
    threading.Event().wait(0.3)
    return [half, *opened.add(part)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_copy_that_pauses_waits_until_it_is_whole(suffix: str, tmp_path: Path) -> None:
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    whole = write(tmp_path / f"whole{suffix}", SLOW, codec=codec, subtitles=False).read_bytes()
    with library(tmp_path / "library", index={"settle": 0.1}) as opened:
        half, done = copied(opened, whole, tmp_path / f"film{suffix}")
        assert half.status == "waiting"
        assert "still being written" in str(half.error) and "--retry" in str(half.error)
        assert done.status == "indexed"
        (video,) = opened.videos()
        assert video.duration == pytest.approx(sum(scene.seconds for scene in SLOW), abs=0.3)
        assert not any("cut short" in notice for notice in done.notices)


def test_a_copy_that_was_broken_off_long_ago_is_taken_as_it_is(tmp_path: Path) -> None:
    with library(tmp_path / "library", index={"settle": 0, "unfinished": 0}) as opened:
        for name in ("late.mp4", "film.mkv"):
            whole = write(tmp_path / name, SLOW, subtitles=False)
            whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        late, film = opened.add([tmp_path / "late.mp4", tmp_path / "film.mkv"], workers=1)
        assert (late.status, late.stage) == ("quarantined", "probe")
        assert "the file is cut short: it ends at byte" in str(late.error)
        (problem,) = opened.problems()
        assert "cut short" in problem.reason
        assert film.status == "indexed"
        assert any("only what is there was indexed" in notice for notice in film.notices)
        assert opened.add(tmp_path / "film.mkv")[0].status == "unchanged"


def test_the_user_may_want_half_a_film(tmp_path: Path) -> None:
    whole = write(tmp_path / "film.mkv", SLOW, subtitles=False)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with library(tmp_path / "library") as opened:
        assert opened.add(whole)[0].status == "waiting"
        assert opened.add(whole, retry=True)[0].status == "indexed"
        assert opened.add(whole)[0].status == "unchanged"  # a film of the library waits for nothing
