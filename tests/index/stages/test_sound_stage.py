"""Sounds of a small film, from decoding to evidence rows, with a model that has learnt to hear them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.crashes import Crash, crash_at
from tests.media_files import AudioTrack, write_video
from tests.models.sounds import HEARING, RATE, sound
from vagent import configs
from vagent.index.library import VideoLibrary
from vagent.index.records import Evidence
from vagent.index.store import Store
from vagent.index.sync import marks
from vagent.tools.sounds import HOP, Samples
from vagent.tools.sounds.ast import AST

LENGTH = 66.5
# what, from, until; nothing on the grid of windows
HEARD = (("music", 7.3, 24.1), ("applause", 31.2, 38.6), ("siren", 43.7, 57.9), ("music", 50.4, 63.6))
UNHEARD = (("hum", 0.0, 30.0), ("hum", 40.0, 66.0))


def soundtrack() -> Samples:
    samples = np.random.default_rng(0).normal(0, 3, round(LENGTH * RATE))
    for seed, (name, start, end) in enumerate((*HEARD, *UNHEARD)):
        made = sound(name, end - start, 700 + seed, 0.1 if name == "hum" else 0.3)
        samples[round(start * RATE) : round(start * RATE) + len(made)] += made
    return samples.clip(-32768, 32767).astype(np.int16)


def picture(_: int) -> np.ndarray:
    return np.full((48, 64, 3), 90, np.uint8)


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sounds") / "film.mkv"
    return write_video(path, picture, count=round(LENGTH), fps=1, audio=soundtrack())


@contextmanager
def library(folder: Path, model: Path | None = HEARING, **given: Any) -> Iterator[VideoLibrary]:
    off = dict.fromkeys(("speech", "text", "objects", "visual", "embeddings", "videollm"), "off")
    settings = {
        "library": str(folder),
        "threads": 1,
        "device": "cpu",
        "engines": off | given.pop("engines", {}),
        "media": {"checkpoint": 10},
        "sounds": {"model": str(model) if model else None, "batch": 3, **given.pop("sounds", {})},
        **given,
    }
    opened = VideoLibrary(configs.load(settings, env={}))
    try:
        yield opened
    finally:
        opened.close()


def sounds(opened: VideoLibrary) -> list[Evidence]:
    rows = opened.evidence(opened.videos()[0].id, kinds=["sound"])
    return sorted(rows, key=lambda row: (row.span, row.text))


def told(rows: Sequence[Evidence]) -> list[tuple[Any, ...]]:
    return [(r.text, r.span, r.confidence, r.engine, r.weak, dict(r.extra)) for r in rows]


@pytest.fixture(scope="session")
def whole(film: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """What an index that was never interrupted holds."""
    with library(tmp_path_factory.mktemp("whole")) as opened:
        (report,) = opened.add(film)
        assert report.error is None
        return told(sounds(opened))


def check_truth(rows: Sequence[tuple[Any, ...]]) -> None:
    assert [text for text, *_ in rows] == [name for name, *_ in HEARD]
    for (_, span, *_), (_, start, end) in zip(rows, HEARD, strict=True):
        assert (span.start, span.end) == pytest.approx((start, end), abs=HOP)


def test_each_sound_is_a_row_where_it_is_heard(whole: list[tuple[Any, ...]]) -> None:
    check_truth(whole)
    for _, span, confidence, engine, weak, extra in whole:
        assert 0 <= span.start < span.end <= LENGTH
        assert 0.8 < confidence <= 1
        assert engine.startswith("ast ")
        assert "hearing-ast" in engine
        assert not weak
        assert extra == {}


def test_a_sound_is_found_by_its_name_and_listed_as_searched(film: Path, tmp_path: Path) -> None:
    with library(tmp_path) as opened:
        (report,) = opened.add(film)
        assert report.counts == {"sound": len(HEARD)}
        assert report.engines["sounds"].startswith("ast ")
        moment = opened.search("siren")[0]
        assert moment.span.overlap(sounds(opened)[2].span) > 0
        assert [hit.evidence.text for hit in moment.hits] == ["siren"]
        assert "sound" in opened.searched([report.video.id])[0].kinds  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [6, *(pytest.param(n, marks=pytest.mark.slow) for n in (9, 15)), 12, 18])
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
        opened.add(film)
        assert told(sounds(opened)) == whole


def test_an_interrupted_index_goes_on_where_it_was(
    film: Path, whole: list[tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = []
    tag = AST.tag
    monkeypatch.setattr(AST, "tag", lambda self, windows: judged.append(len(windows)) or tag(self, windows))
    with library(tmp_path) as opened:
        with monkeypatch.context() as patch:
            patch.setattr(AST, "tag", crash_at(3, AST.tag))
            with pytest.raises(Crash):
                opened.add(film)
        assert sum(judged) == 9
        assert opened.store.stage(opened.videos()[0].id, "sounds").cursor > 20  # type: ignore[union-attr]
    with library(tmp_path) as opened:
        opened.add(film)
        assert told(sounds(opened)) == whole
    assert sum(judged) < 2 * 15


def test_only_what_a_setting_changes_is_done_again(film: Path, tmp_path: Path) -> None:
    with library(tmp_path) as opened:
        opened.add(film)
        before = opened.store.stages(opened.videos()[0].id)
    with library(tmp_path, sounds={"batch": 5}) as opened:
        assert opened.add(film)[0].status == "unchanged"
    with library(tmp_path, sounds={"threshold": 0.9999}) as opened:
        assert opened.add(film)[0].status == "indexed"
        after = opened.store.stages(opened.videos()[0].id)
        assert sounds(opened) == []
    changed = {name for name in after if after[name].fingerprint != before[name].fingerprint}
    assert changed == {"sounds", marks.STAGE}


def test_the_length_of_checkpoints_and_batches_does_not_move_anything(
    film: Path, whole: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    with library(tmp_path, sounds={"batch": 1}, media={"checkpoint": 600}) as opened:
        opened.add(film)
        rows = told(sounds(opened))
    check_truth(rows)
    assert [row[:2] for row in rows] == [row[:2] for row in whole]


def test_silence_needs_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(AST, "tag", lambda self, windows: calls.append(windows))
    path = write_video(tmp_path / "film.mkv", picture, count=20, fps=1, audio=np.zeros(20 * RATE, np.int16))
    with library(tmp_path / "library") as opened:
        assert opened.add(path)[0].error is None
        assert opened.store.stage(opened.videos()[0].id, "sounds").status == "done"  # type: ignore[union-attr]
    assert calls == []


@pytest.mark.parametrize(("start", "lasts"), [(0.0, 0.9), (0.0, 3.0), (12.6, 7.0)])
def test_short_and_late_sound_is_heard_where_it_is(start: float, lasts: float, tmp_path: Path) -> None:
    track = AudioTrack(sound("siren", lasts, 3), start=start)
    path = write_video(tmp_path / "film.mkv", picture, count=22, fps=1, audio=track)
    with library(tmp_path / "library") as opened:
        opened.add(path)
        (row,) = sounds(opened)
    assert row.text == "siren"
    assert (row.span.start, row.span.end) == pytest.approx((start, start + lasts), abs=HOP)
    assert row.span.end <= start + lasts + 0.1


def test_without_a_model_nothing_is_told_and_nothing_said(film: Path, tmp_path: Path) -> None:
    with library(tmp_path, model=None) as opened:
        (report,) = opened.add(film)
        assert report.error is None
        assert "sounds" not in report.engines
        assert not any("sound" in notice for notice in report.notices)
        assert "sound" not in opened.searched([report.video.id])[0].kinds  # type: ignore[union-attr]
