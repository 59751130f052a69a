"""Things in a small film, from decoding to evidence rows: as many rows as things, when and where they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.crashes import Crash, crash_at
from tests.media_files import write_video
from tests.models.blobs import COLOURS, plugged_in
from vagent import configs
from vagent.errors import EngineUnavailable, SettingsError
from vagent.index.library import VideoLibrary
from vagent.index.records import Evidence
from vagent.index.store import Store
from vagent.index.video.job import Progress
from vagent.tools.objects import Box
from vagent.tools.objects.boxes import overlap

WIDTH, HEIGHT, FPS, SIZE = 320, 180, 5, 30
CUTS = (8.0, 16.0)
LENGTH = 24.0
Place = Callable[[float], tuple[float, float]]

# colour, from, until, middle of the square at a time
THINGS: tuple[tuple[str, float, float, Place], ...] = (
    ("red", 0.0, 8.0, lambda t: (40 + 25 * t, 50)),
    ("green", 3.4, 8.0, lambda t: (60, 130)),
    # in the next shot, where the red one ended: another thing
    ("red", 8.0, 16.0, lambda t: (240, 50)),
    ("blue", 9.0, 14.0, lambda t: (270 - 30 * (t - 9), 120)),
    # two that pass each other
    ("red", 16.0, 24.0, lambda t: (30 + 32 * (t - 16), 60)),
    ("red", 16.0, 24.0, lambda t: (290 - 32 * (t - 16), 110)),
    ("blue", 17.0, 22.0, lambda t: (160, 160)),
)


def frame(number: int) -> np.ndarray:
    time = number / FPS
    luck = np.random.default_rng(sum(time >= cut for cut in CUTS))
    # Grey shapes that differ from shot to shot stand for the place.
    image = np.repeat(luck.integers(40, 200, (6, 8, 1), dtype=np.uint8), 3, axis=2)
    image = np.kron(image, np.ones((HEIGHT // 6, WIDTH // 8, 1), np.uint8))
    for colour, start, end, place in THINGS:
        if start <= time < end:
            x, y = (round(v) for v in place(time))
            image[y - SIZE // 2 : y + SIZE // 2, max(0, x - SIZE // 2) : x + SIZE // 2] = COLOURS[colour]
    return image


def box_at(place: Place, time: float) -> Box:
    x, y = place(time)
    half = SIZE / 2
    return (x - half) / WIDTH, (y - half) / HEIGHT, (x + half) / WIDTH, (y + half) / HEIGHT


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("objects") / "film.mkv", frame, count=int(LENGTH * FPS), fps=FPS)


@pytest.fixture(autouse=True)
def _blobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with plugged_in(monkeypatch):
        yield


@contextmanager
def library(
    folder: Path, engine: str = "blobs", *, media: Mapping[str, Any] | None = None, **objects: Any
) -> Iterator[VideoLibrary]:
    given = {
        "library": str(folder),
        "threads": 1,
        "media": media or {"checkpoint": 5, "sample_fps": 2},
        "objects": {"every": 1.0, "batch": 3, **objects},
        "engines": {"text": "off", "speech": "off", "sounds": "off", "visual": "off", "embeddings": "off",
                    "videollm": "off", "objects": engine},
    }  # fmt: skip
    opened = VideoLibrary(configs.load(given, env={}))
    try:
        yield opened
    finally:
        opened.close()


def rows(opened: VideoLibrary) -> list[Evidence]:
    (video,) = opened.videos()
    return opened.evidence(video.id, kinds=["objects"])


def contents(opened: VideoLibrary) -> list[tuple[Any, ...]]:
    return [(r.text, r.span, r.confidence, r.weak, r.engine, dict(r.extra)) for r in rows(opened)]


@pytest.fixture(scope="session")
def whole(film: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """The rows of an index that was never interrupted."""
    with (
        pytest.MonkeyPatch.context() as patch,
        plugged_in(patch),
        library(tmp_path_factory.mktemp("whole")) as opened,
    ):
        (report,) = opened.add(film)
        assert report.error is None
        assert report.counts["objects"] == len(THINGS)
        assert report.engines["objects"] == "blobs 1"
        return contents(opened)


def test_there_are_as_many_rows_as_things_when_and_where_they_were(whole: list[tuple[Any, ...]]) -> None:
    left = list(whole)
    for colour, start, end, place in THINGS:

        def fits(row: tuple[Any, ...], colour: str = colour, place: Place = place) -> bool:
            boxes = [(at, tuple(corners)) for at, *corners in row[5]["boxes"]]
            return row[0] == colour and all(overlap(where, box_at(place, at)) >= 0.5 for at, where in boxes)  # type: ignore[arg-type]

        (found,) = (row for row in left if row[1].start < end and start < row[1].end and fits(row))
        left.remove(found)
        assert found[1].start == pytest.approx(start, abs=1.0)
        assert found[1].end == pytest.approx(end, abs=1.0)
        # Where a shot begins or ends, the span does so too.
        assert found[1].start == pytest.approx(start, abs=0.01) or start not in (0, *CUTS)
        assert found[1].end == pytest.approx(end, abs=0.01) or end not in (LENGTH, *CUTS)
        times = [at for at, *_ in found[5]["boxes"]]
        assert times == sorted(times)
        assert len(times) == pytest.approx(end - start, abs=1)
    assert left == []
    assert sorted(row[5]["track"] for row in whole) == list(range(1, len(THINGS) + 1))
    assert all(set(row[5]) == {"boxes", "track"} for row in whole)


@pytest.fixture(scope="module")
def unmarked(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], object]:
    """What is found without a mark, by how often pictures are searched."""

    @cache
    def found(every: float) -> object:
        folder = tmp_path_factory.mktemp("none")
        with library(folder, every=every, media={"checkpoint": 3600, "sample_fps": 2}) as opened:
            opened.add(film)
            return contents(opened)

    return found


@pytest.mark.parametrize("every", [1.0, 3.0, 0.7])
@pytest.mark.parametrize("checkpoint", [5.0, 5.3, 7.5])
def test_marks_change_no_row(
    checkpoint: float, every: float, unmarked: Callable[[float], object], film: Path, tmp_path: Path
) -> None:
    """Neither which pictures are searched, nor what is one thing."""
    with library(tmp_path / "marks", every=every, media={"checkpoint": checkpoint, "sample_fps": 2}) as opened:
        opened.add(film)
        found = contents(opened)
    assert found == unmarked(every)
    assert len(found) >= len(THINGS) - 1


@pytest.mark.parametrize("seconds", [6.0, 11.0, 17.0])
def test_a_run_goes_on_between_two_pictures_that_are_searched(seconds: float, film: Path, tmp_path: Path) -> None:
    """Marks lie where no picture is due, and a still picture is not searched again after one."""

    def stop(progress: Progress) -> None:
        if progress.stage == "scan" and progress.done > seconds:
            raise Crash

    given = {"every": 0.7, "media": {"checkpoint": 5.3, "sample_fps": 2}}
    with library(tmp_path / "whole", **given) as opened:
        opened.add(film)
        found = contents(opened)
    with library(tmp_path / "parts", **given) as opened:
        with pytest.raises(Crash):
            opened.add(film, stop)
        opened.add(film)
        assert contents(opened) == found


@pytest.mark.parametrize("count", [3, 6, 9, 12, 15])
def test_an_interrupted_index_ends_as_if_it_never_was(
    count: int, film: Path, whole: list[tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library(tmp_path) as opened:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "set_stage", crash_at(count, Store.set_stage))
            with pytest.raises(Crash):
                opened.add(film)
        assert not opened.videos()[0].complete
    with library(tmp_path) as opened:
        (report,) = opened.add(film)
        assert report.status == "indexed"
        assert contents(opened) == whole


def test_what_is_there_is_left_alone_and_other_settings_search_anew(film: Path, tmp_path: Path) -> None:
    with library(tmp_path) as opened:
        opened.add(film)
        before = contents(opened)
        assert opened.add(film)[0].status == "unchanged"
    with library(tmp_path, batch=8) as opened:  # how many at once changes nothing
        assert opened.add(film)[0].status == "unchanged"
    with library(tmp_path, every=0.5) as opened:
        assert opened.add(film)[0].status == "indexed"
        after = contents(opened)
    assert len(after) == len(before)
    assert [row[1].start for row in after] != [row[1].start for row in before]  # told more exactly
    for row in after:
        times = [at for at, *_ in row[5]["boxes"]]
        assert all(b - a >= 0.99 for a, b in pairwise(times[:-1]))  # kept once a second all the same


def test_a_picture_that_does_not_change_is_searched_once(tmp_path: Path) -> None:
    """Whatever marks lie in between, and what it shows is there all the time."""
    path = write_video(tmp_path / "still.mkv", lambda i: frame(25), count=20 * FPS, fps=FPS)
    with library(tmp_path / "library") as opened:
        (report,) = opened.add(path)
        assert report.error is None
        assert sum(opened.engines.get("objects")[1].batches) == 1  # type: ignore[union-attr]
        assert {(row.text, row.span.start, row.span.end) for row in rows(opened)} == {("red", 0, 20), ("green", 0, 20)}


def test_descriptions_are_looked_for_beside_what_is_known(film: Path, tmp_path: Path) -> None:
    with library(tmp_path, find=["a red  umbrella", "a red umbrella"]) as opened:
        opened.add(film)
        found = [row.text for row in rows(opened)]
        assert found.count("a red umbrella") == found.count("red") == 4
        (moment, *_) = opened.search("red umbrella")
        assert moment.hits[0].evidence.text == "a red umbrella"
        (video,) = opened.videos()
        assert "objects" in opened.searched([video.id])[0].kinds


def test_descriptions_that_nothing_can_look_for_are_an_error_with_what_helps(film: Path, tmp_path: Path) -> None:
    with library(tmp_path, engine="transformers", find=["a red umbrella"]) as opened:
        (report,) = opened.add(film)
        assert isinstance(report.error, EngineUnavailable)
    with library(tmp_path, engine="off", find=["a red umbrella"]) as opened:
        (report,) = opened.add(film)
        assert report.error is None
    with pytest.raises(SettingsError), library(tmp_path, find=[" ... "]):
        pass


def test_without_an_engine_nobody_is_bothered(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vagent.tools import engines

    # Undone before the fixture that announced the engine goes: undone later, it would bring the engine back for good.
    with monkeypatch.context() as patch, library(tmp_path, engine="auto") as opened:
        patch.setattr(engines, "entry_points", lambda **query: [])
        engines._table.cache_clear()
        (report,) = opened.add(film)
        assert report.error is None
        assert not any("object" in notice or "thing" in notice for notice in report.notices)
        (video,) = opened.videos()
        assert "objects" not in opened.searched([video.id])[0].kinds
