"""Estimates for files that break what measures them, for films like those before, and of what a library grows by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.index.batch import faulty
from vagent import configs
from vagent.index.estimates import calibration, estimate
from vagent.index.estimates.actuals import machine, preset
from vagent.index.estimates.estimate import Estimator
from vagent.index.records import Evidence
from vagent.index.store import Actual, Store
from vagent.index.sync.marks import Marks
from vagent.tools.engines import Engines
from vagent.tools.time import Span
from vagent.tools.weights.machine import measure

OFF = dict.fromkeys(("speech", "objects", "sounds", "visual", "embeddings"), "off")


@pytest.fixture(autouse=True)
def _faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "engine").mkdir()
    faulty.install(tmp_path / "engine", monkeypatch)
    yield
    faulty.forget()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    return folder


def settings(tmp_path: Path, **more: Any) -> configs.Settings:
    given = {"library": str(tmp_path / "library"), "threads": 1, "index": {"settle": 0}, "preset": "quick"}
    return configs.load({**given, "engines": {**OFF, "text": "faulty"}, **more}, env={})


@pytest.mark.parametrize("kind", ["crash", "hang", "defect"])
def test_a_film_that_breaks_what_measures_it_is_left_out(
    kind: str, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty.film(films / "bad.mp4", kind, seconds=40)
    faulty.film(films / "good.mp4", seconds=12)
    monkeypatch.setattr(calibration, "_PATIENCE", 8.0)
    with Store(tmp_path / "library") as store:
        found = Estimator(store, sorted(films.iterdir())).of(settings(tmp_path))
    assert found.seconds is not None and found.seconds > 0
    assert {Path(video.path).name: video.status for video in found.videos} == {"bad.mp4": "new", "good.mp4": "new"}
    assert 0 < found.measured <= 4, "what the good one has to tell"


def test_where_nothing_can_be_measured_the_time_is_unknown(films: Path, tmp_path: Path) -> None:
    faulty.film(films / "bad.mp4", "crash", seconds=12)
    with Store(tmp_path / "library") as store:
        found = Estimator(store, [films / "bad.mp4"]).of(settings(tmp_path))
    assert (found.seconds, found.measured, len(found.videos)) == (None, 0, 1)


def learn(store: Store, given: configs.Settings, hours: float, wall: float) -> None:
    """Films that were indexed here before, in ``wall`` seconds for each second."""
    engines = Engines(given)
    name = preset(given.preset, Marks(engines).common)
    engines.close()
    here = machine(given.cores, given.device, measure(given).card)
    seconds = 3600.0 * hours
    costs = {"scan": wall, "text": wall, "decode": wall / 2}
    rows = [Actual(name, here, None, stage, seconds, rate * seconds, seconds, 0) for stage, rate in costs.items()]
    store.add_actuals([*rows, Actual(name, here, None, "pictures", seconds, 1.0, 1.0, round(1000 * seconds))])


def test_what_was_learnt_here_needs_no_measuring(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty.film(films / "good.mp4", seconds=12)
    given = settings(tmp_path)
    monkeypatch.setattr(estimate, "calibrate", None)
    with Store(tmp_path / "library") as store:
        learn(store, given, 2.0, 0.5)
        found = Estimator(store, [films / "good.mp4"]).of(given)
        assert found.seconds == pytest.approx(6.0, rel=0.05)
        assert found.pictures == pytest.approx(12_000, rel=0.05)
        assert (found.learnt, found.measured) == (7200.0, 0)


def test_what_was_measured_weighs_less_the_more_was_learnt(films: Path, tmp_path: Path) -> None:
    faulty.film(films / "good.mp4", seconds=12)
    given = settings(tmp_path)
    with Store(tmp_path / "library") as store:
        learn(store, given, 0.5, 100.0)
        found = Estimator(store, [films / "good.mp4"]).of(given)
        assert found.measured > 0 and found.learnt == 1800.0
        assert 100 * 12 * 0.7 < (found.seconds or 0.0) < 100 * 12, "three quarters of it is learnt"


def test_a_library_grows_by_about_what_is_told(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = [f"word{number}" for number in range(2000)]
    with Store(tmp_path / "library") as store:
        video = store.add_video("a" * 40, "/films/a.mp4", 1, 1, 6000.0, {})
        before = size(store)
        rows = [
            Evidence(
                *(video.id, Span(2 * n, 2 * n + 2), "speech", " ".join(random.choice(words, 9))),
                engine="an engine 1.0",
                extra={"words": [[2 * n + i / 5, 2 * n + i / 5 + 0.2, "word"] for i in range(9)], "language": "en"},
            )
            for n in range(3000)
        ]
        ids = store.add_evidence(rows)
        text = size(store) - before
        assert store.footprint(video.id)["speech"] == pytest.approx(text, rel=0.25)
        store.put_vectors("a model", ids, random.standard_normal((3000, 384)).astype(np.float32))
        grown = size(store) - before - text
        # Half of it is the copy that searches use.
        assert store.footprint(video.id)["vectors"] == pytest.approx(grown + 3000 * (2 * 384 + 8), rel=0.25)


def size(store: Store) -> int:
    store._run("PRAGMA wal_checkpoint(TRUNCATE)")
    return store.file.stat().st_size
