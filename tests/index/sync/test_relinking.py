"""Every time that an index holds moves with the film; what lies outside it then goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.crashes import Crash
from tests.index.sync.films import Scene, library, rows, scenes, sound, write
from tests.media_files import AudioTrack
from vagent.errors import LibraryError
from vagent.index.library import VideoLibrary
from vagent.index.pictures import Pictures
from vagent.index.records import Clip, Evidence, Shot, Video
from vagent.index.store import Place, Store
from vagent.index.sync.marks import Marks
from vagent.index.sync.prints import Print
from vagent.index.sync.proposals import Likeness, proposed
from vagent.index.sync.relinking import relink
from vagent.tools.media import MediaInfo
from vagent.tools.time import Span

OLD = Path("/films/old.mp4")


def evidence(video: int) -> list[Evidence]:
    def row(kind: Any, start: float, end: float, **extra: Any) -> Evidence:
        return Evidence(video, Span(start, end), kind, f"{kind} at {start}", extra=extra)

    return [
        row("speech", 1.0, 2.0, words=[[1.0, 1.5, "first"], [1.5, 2.0, "words"]], language="en"),
        row("objects", 0.0, 4.0, boxes=[[0.0, 0.1, 0.1, 0.2, 0.2], [4.0, 0.1, 0.1, 0.2, 0.2]]),
        row("visual", 10.0, 20.0, picture=10.0),
        row("subtitle", 50.0, 52.0),
        row("screen_text", 97.0, 100.0),
        row("sound", 99.5, 100.0),
    ]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[VideoLibrary]:
    """A library with a made-up film of a hundred seconds."""
    with library(tmp_path / "library") as opened:
        store = opened.store
        video = store.add_video("old", OLD, 100, 1, 100.0, {"subtitles": {"chosen": None}}).id
        store.add_evidence(evidence(video))
        store.replace_shots(video, [Shot(Span(0.0, 40.0)), Shot(Span(40.0, 100.0), "cut")])
        store.replace_clips(video, [Clip(Span(10.0 * i, 10.0 * i + 10.0)) for i in range(10)])
        store.set_stage(video, "shots", "f", "done", 100.0, {"boundaries": [[40.0, "cut"]]})
        store.set_stage(video, "speech", "f", "done", 100.0, {"spans": [[1.0, 2.0]], "failed": [[5.0, 6.0, "why"]]})
        store.set_stage(video, "visual", "f", "done", 100.0, {"open": 10.0})
        store.put_print(video, "pictures", Print(0.0, 1.0, np.arange(100, dtype=np.uint64)).to_bytes())
        store.update_video(video, complete=True, gaps=[Span(60.0, 61.0)])
        Pictures(opened.folder / "frames", "old").add([(0.0, b"zero"), (10.0, b"ten"), (90.0, b"ninety")])
        yield opened


def take_over(opened: VideoLibrary, rate: float, offset: float, duration: float) -> Video:
    """Relink to a new file."""
    path = Path("/films/new.mkv")
    new = opened.store.add_video("new", path, 50, 2, duration, {})
    info = MediaInfo(path, "matroska", 50, duration, 0.0, ())
    like = Likeness(1, rate, offset, 1.0)
    report = relink(opened.store, Marks(opened.engines), new, info, Place(str(path), 50, 2, new.id), like)
    assert report.status == "relinked" and report.video is not None
    return report.video


@pytest.mark.parametrize(("rate", "offset"), [(1.0, 3.0), (0.96, 0.0), (1.0, -1.5), (25.025 / 24, 0.25)])
def test_all_times_move(rate: float, offset: float, opened: VideoLibrary) -> None:
    def move(time: float) -> Any:
        return pytest.approx(rate * time + offset, abs=1e-5)

    before = evidence(1)
    duration = rate * 100.0 + offset + 2.0
    video = take_over(opened, rate, offset, duration)
    assert (video.id, video.fingerprint, video.path, video.duration) == (1, "new", "/films/new.mkv", duration)
    found = {row.text: row for row in opened.evidence(1)}
    assert set(found) == {row.text for row in before}
    for row in before:
        now = found[row.text]
        assert now.span.end == move(row.span.end)
        assert now.span.start == (move(row.span.start) if rate * row.span.start + offset > 0 else 0.0)
    assert found["speech at 1.0"].extra["words"] == [[move(1.0), move(1.5), "first"], [move(1.5), move(2.0), "words"]]
    assert [box[0] for box in found["objects at 0.0"].extra["boxes"]] == [move(0.0), move(4.0)]
    assert found["visual at 10.0"].extra["picture"] == move(10.0)
    assert opened.shots(1)[-1].span.end == opened.clips(1)[-1].span.end == pytest.approx(duration)
    assert opened.shots(1)[0].span.start == opened.clips(1)[0].span.start == 0.0
    assert any(shot.start_kind == "cut" and shot.span.start == move(40.0) for shot in opened.shots(1))
    details = {name: state.detail for name, state in opened.store.stages(1).items()}
    assert details["shots"]["boundaries"] == [[move(40.0), "cut"]]
    assert details["speech"] == {"spans": [[move(1.0), move(2.0)]], "failed": [[move(5.0), move(6.0), "why"]]}
    assert details["visual"]["open"] == move(10.0)
    assert [(gap.start, gap.end) for gap in video.gaps] == [(move(60.0), move(61.0))]
    moved = Print.from_bytes("pictures", opened.store.prints_of("pictures", [1])[1])
    assert (moved.start, moved.step) == (pytest.approx(offset), pytest.approx(rate))
    assert opened.pictures(1, [rate * 10 + offset + 0.01]) == [(move(10.0), b"ten")]
    assert not (opened.folder / "frames" / "old.db").exists()
    with pytest.raises(LibraryError):
        opened.video(2)


def test_what_the_new_file_does_not_show_goes(opened: VideoLibrary) -> None:
    take_over(opened, 1.0, -3.0, 95.0)
    assert [(row.text, row.span) for row in opened.evidence(1)] == [
        ("objects at 0.0", Span(0.0, 1.0)),
        ("visual at 10.0", Span(7.0, 17.0)),
        ("subtitle at 50.0", Span(47.0, 49.0)),
        ("screen_text at 97.0", Span(94.0, 95.0)),
    ]
    assert [clip.span for clip in opened.clips(1)][-1] == Span(87.0, 95.0)


def test_a_stage_that_was_broken_off_begins_anew_where_all_times_move(opened: VideoLibrary) -> None:
    opened.store.set_stage(1, "print of sound", "f", "running", 30.0)
    opened.store.add_piece(1, "print of sound", bytes(300))
    take_over(opened, 1.0, 3.0, 103.0)
    state = opened.store.stage(1, "print of sound")
    assert state is not None
    assert (state.fingerprint, state.status, state.cursor) == ("", "running", 0.0)
    assert opened.store.pieces(1, "print of sound") == b""


def test_search_finds_what_moved_where_it_is_now(opened: VideoLibrary) -> None:
    take_over(opened, 1.0, 3.0, 103.0)
    (moment,) = opened.search("subtitle")
    assert moment.span == Span(53.0, 55.0)


def test_an_index_of_its_own_is_not_thrown_away(opened: VideoLibrary) -> None:
    opened.store.update_video(opened.store.add_video("new", "/films/new.mkv", 50, 2, 100.0, {}).id, complete=True)
    before = opened.store.evidence(1)
    with pytest.raises(LibraryError, match="an index of its own"):
        take_over(opened, 1.0, 3.0, 103.0)
    assert opened.store.evidence(1) == before
    assert opened.video(1).fingerprint == "old"


def test_a_crash_before_the_library_says_so_leaves_the_old_index(
    opened: VideoLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise Crash

    before, pictures = opened.store.evidence(1), opened.pictures(1, [10.0])
    with monkeypatch.context() as patch:
        patch.setattr(Store, "see_path", crash)
        with pytest.raises(Crash):
            relink(
                opened.store,
                Marks(opened.engines),
                Video(2, "new", "/films/new.mkv", 103.0),
                MediaInfo(Path("/films/new.mkv"), "matroska", 50, 103.0, 0.0, ()),
                Place("/films/new.mkv", 50, 2, 2),
                Likeness(1, 1.0, 3.0, 1.0),
            )
    assert (opened.store.evidence(1), opened.pictures(1, [10.0])) == (before, pictures)
    assert take_over(opened, 1.0, 3.0, 103.0).fingerprint == "new"


def faster(film: list[Scene], rate: float) -> tuple[list[float], np.ndarray]:
    """When the frames of a film are shown, and its sound, where it lasts ``rate`` times as long."""
    count = sum(round(scene.seconds * 10) for scene in film)
    heard = sound(film)
    places = np.arange(0, len(heard) - 1, 1 / rate)
    return [rate * i / 10 for i in range(count)], np.interp(places, np.arange(len(heard)), heard).astype(np.int16)


def test_television_runs_faster_than_film(tmp_path: Path) -> None:
    film = scenes(11, 60)
    with library(tmp_path / "library") as opened:
        old = write(tmp_path / "film.mkv", film, size=(120, 68))
        opened.add(old)
        (video,) = opened.videos()
        before = rows(opened, video.id)
        old.unlink()
        times, heard = faster(film, 24 / 25)
        new = tmp_path / "tv.mkv"
        write_faster(new, film, times, heard)
        (report,) = opened.add(new)
        assert report.video is not None
        found = proposed(report.video)
        assert found is not None, report
        assert (found.rate, found.offset) == (24 / 25, pytest.approx(0.0, abs=0.05))
        (report,) = opened.add(new, relink="always")
        assert report.status == "relinked"
        after = rows(opened, video.id)
        assert [row[1] for row in after] == pytest.approx([0.96 * row[1] for row in before], abs=0.06)
        assert opened.video(video.id).duration == pytest.approx(0.96 * video.duration, abs=0.5)


def write_faster(path: Path, film: list[Scene], times: list[float], heard: np.ndarray) -> None:
    from tests.index.sync.films import pictures
    from tests.media_files import write_video

    write_video(path, pictures(film, (120, 68)), times=times, fps=10, gop=30, audio=AudioTrack(heard))
