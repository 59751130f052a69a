"""The same film in another file takes over its index; other films, and other cuts of it, do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.index.sync.films import Scene, length, library, remux, rows, scenes, write
from vagent.index.library import VideoLibrary
from vagent.index.sync.proposals import Likeness, proposed
from vagent.index.video.pipeline import Report

FILM = scenes(1, 14)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("film") / "film.mp4", FILM)


def known(opened: VideoLibrary, film: Path, at: Path) -> Path:
    """Index a copy of the film."""
    at.write_bytes(film.read_bytes())
    (report,) = opened.add(at)
    assert report.status == "indexed", report
    return at


def moved(evidence: list[tuple[str, float, float, str]], offset: float) -> list[tuple[str, float, float, str]]:
    return [(k, pytest.approx(a + offset, abs=1e-6), pytest.approx(b + offset, abs=1e-6), t) for k, a, b, t in evidence]


def like(report: Report) -> Likeness:
    """What a report proposes."""
    assert report.status == "alike", report
    assert report.video is not None
    found = proposed(report.video)
    assert found is not None
    return found


def test_a_remuxed_film_is_proposed_and_takes_over_the_index(film: Path, tmp_path: Path) -> None:
    with library(tmp_path / "library") as opened:
        old = known(opened, film, tmp_path / "old.mp4")
        (video,) = opened.videos()
        before, pictures = rows(opened, video.id), opened.pictures(video.id, [3.1, 9.1])
        new = remux(old, tmp_path / "new.mkv")
        old.unlink()
        (report,) = opened.add(new)
        found = like(report)
        assert (found.video, found.rate) == (video.id, 1.0)
        # Matroska has no edit lists: the picture waits for what the sound's encoder puts before the sound.
        assert found.offset == pytest.approx(0.064, abs=0.002)
        assert "old.mp4" in report.notices[0] and "--relink" in report.notices[0]
        assert opened.add(new)[0].status == "alike"
        (report,) = opened.add(new, relink="always")
        assert report.status == "relinked"
        (video,) = opened.videos()
        assert (video.path, video.missing, video.complete) == (str(new), None, True)
        assert rows(opened, video.id) == moved(before, found.offset)
        assert [jpeg for _, jpeg in opened.pictures(video.id, [3.1, 9.1])] == [jpeg for _, jpeg in pictures]
        assert len(list((tmp_path / "library" / "frames").iterdir())) == 1
        assert opened.add(new)[0].status == "unchanged"


@pytest.mark.parametrize("codec", ["mpeg4", "libx265"])
def test_a_film_encoded_anew_at_half_the_size_takes_over_the_index(codec: str, film: Path, tmp_path: Path) -> None:
    with library(tmp_path / "library") as opened:
        old = known(opened, film, tmp_path / "old.mp4")
        before = rows(opened, opened.videos()[0].id)
        old.unlink()
        new = write(tmp_path / "small.mkv", FILM, size=(120, 68), codec=codec, gop=40, subtitles=False)
        offset = like(opened.add(new)[0]).offset
        assert offset == pytest.approx(0.0, abs=0.07)
        assert opened.add(new, relink="always")[0].status == "relinked"
        (video,) = opened.videos()
        assert rows(opened, video.id) == moved(before, offset)


def test_a_letterboxed_film_is_the_same(film: Path, tmp_path: Path) -> None:
    with library(tmp_path / "library") as opened:
        known(opened, film, tmp_path / "old.mp4")
        new = write(tmp_path / "boxed.mp4", FILM, bars=24, subtitles=False)
        assert like(opened.add(new)[0]).offset == 0.0


def test_what_stands_before_the_film_moves_its_times(film: Path, tmp_path: Path) -> None:
    logo = [Scene(77, 3.0)]
    with library(tmp_path / "library") as opened:
        old = known(opened, film, tmp_path / "old.mp4")
        (video,) = opened.videos()
        before = rows(opened, video.id)
        old.unlink()
        new = write(tmp_path / "new.mkv", [*logo, *FILM], subtitles=False)
        found = like(opened.add(new)[0])
        assert found.offset == pytest.approx(3.0, abs=0.03)
        (report,) = opened.add(new, relink="always")
        assert report.status == "relinked"
        assert any("first 3.0 s" in notice for notice in report.notices)
        after = rows(opened, video.id)
        assert [(k, text) for k, _, _, text in after] == [(k, text) for k, _, _, text in before]
        assert [r[1] for r in after] == pytest.approx([r[1] + 3.0 for r in before], abs=0.03)
        shots, clips = opened.shots(video.id), opened.clips(video.id)
        assert shots[0].span.start == clips[0].span.start == 0.0
        assert shots[-1].span.end == clips[-1].span.end == opened.video(video.id).duration
        assert opened.video(video.id).duration == pytest.approx(length(FILM) + 3, abs=0.3)


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param([*FILM[:6], *FILM[9:]], id="scenes removed"),
        pytest.param([*FILM[:7], *scenes(5, 3), *FILM[7:]], id="scenes inserted"),
        pytest.param([*FILM[:4], *(Scene(s.seed + 500, s.seconds) for s in FILM[4:8]), *FILM[8:]], id="replaced"),
        pytest.param([*FILM[7:], *FILM[:7]], id="order changed"),
    ],
)
def test_another_cut_is_another_video(cut: list[Scene], film: Path, tmp_path: Path) -> None:
    with library(tmp_path / "library") as opened:
        known(opened, film, tmp_path / "old.mp4")
        (report,) = opened.add(write(tmp_path / "cut.mp4", cut), relink="always")
        assert report.status == "indexed"
        assert len(opened.videos()) == 2


def test_two_films_with_one_opening_are_two(tmp_path: Path) -> None:
    opening = scenes(3, 3)
    with library(tmp_path / "library") as opened:
        first = write(tmp_path / "one.mp4", [*opening, *scenes(4, 9)])
        second = write(tmp_path / "two.mp4", [*opening, *scenes(5, 9)])
        assert [opened.add(path, relink="always")[0].status for path in (first, second)] == ["indexed"] * 2


def test_a_film_that_sounds_otherwise_is_another(film: Path, tmp_path: Path) -> None:
    dubbed = [Scene(scene.seed, scene.seconds) for scene in FILM]
    with library(tmp_path / "library") as opened:
        known(opened, film, tmp_path / "old.mp4")
        silent = write(tmp_path / "silent.mp4", dubbed, mute=True)
        (report,) = opened.add(silent, relink="always")
        assert report.status == "indexed"


def test_the_user_may_say_no(film: Path, tmp_path: Path) -> None:
    with library(tmp_path / "library") as opened:
        old = known(opened, film, tmp_path / "old.mp4")
        new = remux(old, tmp_path / "new.mkv")
        assert opened.add(new)[0].status == "alike"
        assert opened.add(new, relink="never")[0].status == "indexed"
        assert opened.add([old, new])[0].status == "unchanged"
        assert len(opened.videos()) == 2


def test_a_question_to_the_file_itself_does_not_wait(film: Path, tmp_path: Path) -> None:
    with library(tmp_path / "library") as opened:
        new = remux(known(opened, film, tmp_path / "old.mp4"), tmp_path / "new.mkv")
        assert [report.status for report in opened.prepare(new)] == ["indexed"]


def test_a_proposal_ends_with_the_video_it_names(film: Path, tmp_path: Path) -> None:
    with library(tmp_path / "library") as opened:
        new = remux(known(opened, film, tmp_path / "old.mp4"), tmp_path / "new.mkv")
        assert opened.add(new)[0].status == "alike"
        opened.remove(opened.find(tmp_path / "old.mp4")[0])
        assert opened.add(new)[0].status == "indexed"


def test_an_index_with_another_clock_is_not_taken_from_a_file_that_is_there(film: Path, tmp_path: Path) -> None:
    with library(tmp_path / "library") as opened:
        known(opened, film, tmp_path / "old.mp4")
        new = write(tmp_path / "new.mkv", [Scene(77, 3.0), *FILM], subtitles=False)
        assert opened.add(new, relink="always")[0].status == "alike"


def test_two_files_with_one_clock_share_an_index(film: Path, tmp_path: Path) -> None:
    with library(tmp_path / "library") as opened:
        old = known(opened, film, tmp_path / "old.mp4")
        new = remux(old, tmp_path / "new.mkv")
        assert opened.add(new, relink="always")[0].status == "relinked"
        assert [report.status for report in opened.add([old, new], relink="always")] == ["unchanged"] * 2
        assert set(opened.store.paths(opened.videos()[0].id)) == {str(old), str(new)}
