"""A batch of real worker processes: what one file breaks costs the others nothing."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.index.batch import faulty
from vagent import configs
from vagent.errors import EngineFailed, StorageError
from vagent.index.batch import crew
from vagent.index.batch.leases import Holder
from vagent.index.batch.standing import Standing
from vagent.index.library import VideoLibrary
from vagent.index.sources.fingerprint import fingerprint
from vagent.index.store import Store
from vagent.tools import children

QUICK: dict[str, Any] = {"speech": "off", "embeddings": "off", "sounds": "off", "objects": "off", "visual": "off"}


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for films, and an engine that breaks on some."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "films").mkdir()
    faulty.install(tmp_path / "engine", monkeypatch)
    yield tmp_path / "films"
    faulty.forget()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., VideoLibrary]]:
    """Opens the library of the test; all are closed at its end."""
    made: list[VideoLibrary] = []

    def open_it(**overrides: Any) -> VideoLibrary:
        index = {"settle": 0, "least_patience": 60, "patience": 0.001, **overrides.pop("index", {})}
        given = {"library": str(tmp_path / "library"), "threads": 1, "index": index, **overrides}
        given["engines"] = {**QUICK, "text": "faulty", **given.get("engines", {})}
        made.append(VideoLibrary(configs.load(given, env={})))
        return made[-1]

    yield open_it
    for library in made:
        library.close()


def statuses(reports: list[Any]) -> dict[str, str]:
    return {Path(report.path).name: report.status for report in reports}


def test_a_crash_costs_its_own_file_two_tries_and_the_others_nothing(
    films: Path, opened: Callable[..., VideoLibrary]
) -> None:
    for number, name in enumerate(("a.mp4", "c.mp4", "d.mp4")):
        faulty.film(films / name, mark=number)
    faulty.film(films / "b.mp4", "crash", seconds=9)  # the longest: its turn comes first
    library = opened()
    reports = library.add(films, workers=2)
    assert statuses(reports) == {"a.mp4": "indexed", "b.mp4": "quarantined", "c.mp4": "indexed", "d.mp4": "indexed"}
    crashed = reports[1]
    assert crashed.stage == "crash"
    assert "crashed (signal 11, SIGSEGV)" in str(crashed.error)
    (problem,) = library.problems()
    assert (problem.path, problem.stage, problem.tries) == (str(films / "b.mp4"), "crash", 2)
    assert library.store.lease(fingerprint(films / "b.mp4")) is None  # what the dead worker held is free again

    (left,) = library.add(films / "b.mp4")  # in this process, which it would crash
    assert left.status == "quarantined"
    assert "(in quarantine)" in str(left.error)
    os.utime(films / "b.mp4", ns=(0, 10**18))
    assert statuses(library.add(films / "b.mp4", workers=1)) == {"b.mp4": "quarantined"}
    assert library.problems()[0].tries == 2  # of the file as it is now
    assert statuses(library.add(films / "b.mp4", workers=1, retry=True)) == {"b.mp4": "quarantined"}
    assert library.problems()[0].tries == 4


def test_a_hang_is_killed_and_left_alone(films: Path, opened: Callable[..., VideoLibrary]) -> None:
    faulty.film(films / "a.mp4", "hang", seconds=30)
    faulty.film(films / "b.mp4")
    library = opened(index={"least_patience": 8})  # on a busy machine the good film takes seconds
    reports = library.add(films, workers=2)
    assert statuses(reports) == {"a.mp4": "quarantined", "b.mp4": "indexed"}
    assert reports[0].stage == "hang"
    assert "no progress for 8 s" in str(reports[0].error)
    assert library.problems()[0].stage == "hang"


def test_a_defect_costs_one_film_and_is_tried_in_three_runs(films: Path, opened: Callable[..., VideoLibrary]) -> None:
    faulty.film(films / "a.mp4", "defect")
    faulty.film(films / "b.mp4")
    library = opened()
    found = [statuses(library.add(films, workers=1)) for _ in range(4)]
    assert found == [
        {"a.mp4": "failed", "b.mp4": "indexed"},
        {"a.mp4": "failed", "b.mp4": "unchanged"},
        {"a.mp4": "quarantined", "b.mp4": "unchanged"},
        {"a.mp4": "quarantined", "b.mp4": "unchanged"},
    ]
    (problem,) = library.problems()
    assert (problem.stage, problem.tries) == ("engine", 3)
    assert "TypeError: a defect" in problem.reason


def test_a_file_that_works_after_all_leaves_the_quarantine(films: Path, opened: Callable[..., VideoLibrary]) -> None:
    faulty.film(films / "a.mp4", "crash")
    library = opened()
    library.add(films / "a.mp4", workers=1)
    assert len(library.problems()) == 1
    without = opened(engines={"text": "off"})
    assert statuses(without.add(films / "a.mp4")) == {"a.mp4": "quarantined"}
    assert statuses(without.add(films / "a.mp4", retry=True)) == {"a.mp4": "indexed"}
    assert without.problems() == []
    (films / "gone.mp4").write_text("no film")
    library.add(films / "gone.mp4")
    (films / "gone.mp4").unlink()
    assert library.problems() == []


def test_killed_workers_are_replaced_and_the_work_goes_on(
    films: Path, opened: Callable[..., VideoLibrary], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        faulty.film(films / f"{number}.mp4", seconds=20, mark=number)
    killed: dict[Path, int] = {}
    real = crew.Worker.hear

    def hear(worker: crew.Worker) -> Any:
        # Two different ones, and each with another film: one that costs two workers is left alone.
        again = worker.task is None or worker.task.file in killed or worker.process.pid in killed.values()
        if worker.holder and worker.progress and len(killed) < 2 and not again:
            killed[worker.task.file] = worker.process.pid
            os.kill(worker.process.pid, signal.SIGKILL)
        return real(worker)

    monkeypatch.setattr(crew.Worker, "hear", hear)
    reports = opened().add(films, workers=2)
    assert len(killed) == 2
    assert set(statuses(reports).values()) == {"indexed"}


def test_one_report_a_file_in_the_order_of_the_files_and_the_longest_begins(
    films: Path, opened: Callable[..., VideoLibrary]
) -> None:
    order = ("b.mp4", "a.mp4", "c.mp4")
    for number, (name, seconds) in enumerate(zip(order, (3, 60, 20), strict=True)):
        faulty.film(films / name, seconds=seconds, mark=number)
    through: list[str] = []
    standings: list[Standing] = []
    library = opened()
    reports = library.add(
        [films / name for name in order],
        workers=1,
        on_report=lambda report: through.append(Path(report.path).name),
        on_standing=standings.append,
    )
    assert list(statuses(reports)) == list(order)
    assert through == ["a.mp4", "c.mp4", "b.mp4"]
    assert [standing.files for standing in standings] == [3] * len(standings)
    assert [s.finished for s in standings] == sorted(s.finished for s in standings)
    assert standings[-1].done <= standings[-1].total
    assert standings


def test_what_was_begun_goes_on_first(films: Path, opened: Callable[..., VideoLibrary]) -> None:
    for number, seconds in enumerate((60, 5)):
        faulty.film(films / f"{number}.mp4", seconds=seconds, mark=number)
    short = films / "1.mp4"
    library = opened()
    status = short.stat()
    library.store.add_video(fingerprint(short), short, status.st_size, status.st_mtime_ns, 5.0, {})
    through: list[str] = []
    library.add(films, workers=1, on_report=lambda report: through.append(Path(report.path).name))
    assert through == ["1.mp4", "0.mp4"]


def test_a_video_in_other_hands_is_left_to_them_and_taken_when_they_have_died(
    films: Path, opened: Callable[..., VideoLibrary], tmp_path: Path
) -> None:
    faulty.film(films / "a.mp4")
    faulty.film(films / "b.mp4", mark=1)
    library = opened()
    mark = fingerprint(films / "a.mp4")
    with Store(tmp_path / "library") as store, Holder(store) as other:
        assert other.take(mark)
        assert statuses(library.add(films, workers=1)) == {"a.mp4": "busy", "b.mp4": "indexed"}
    assert statuses(library.add(films, workers=1)) == {"a.mp4": "indexed", "b.mp4": "unchanged"}


def test_a_file_that_grows_waits_and_is_indexed_when_it_has_settled(
    films: Path, opened: Callable[..., VideoLibrary]
) -> None:
    faulty.film(films / "a.mp4", seconds=30)
    whole = faulty.film(films.parent / "whole.mp4", seconds=20, mark=5).read_bytes()
    part = films / "b.mp4"
    part.write_bytes(whole[:1000])
    stop = threading.Event()

    def copy() -> None:
        at = 1000
        while not stop.wait(0.1) and at < len(whole):
            with part.open("ab") as file:
                file.write(whole[at : at + 2000])
            at += 2000

    library = opened(index={"settle": 1.5})
    copying = threading.Thread(target=copy)
    copying.start()
    try:
        reports = library.add(films, workers=2)
    finally:
        stop.set()
        copying.join()
    assert statuses(reports) == {"a.mp4": "indexed", "b.mp4": "indexed"}
    assert library.problems() == []
    assert len(library.videos()) == 2  # nothing is left of what it was in between
    assert all(video.complete for video in library.videos())


def test_a_file_that_goes_on_growing_waits_for_another_run(films: Path, opened: Callable[..., VideoLibrary]) -> None:
    faulty.film(films / "a.mp4")
    part = films / "b.mp4"
    part.write_bytes(b"x" * 64)
    stop = threading.Event()

    def grow() -> None:
        while not stop.wait(0.05):
            with part.open("ab") as file:
                file.write(b"x" * 64)

    growing = threading.Thread(target=grow)
    growing.start()
    library = opened(index={"settle": 0.5})
    try:
        reports = library.add(films, workers=1)
    finally:
        stop.set()
        growing.join()
    assert statuses(reports) == {"a.mp4": "indexed", "b.mp4": "waiting"}
    assert "still being written" in str(reports[1].error)
    assert library.problems() == []
    time.sleep(0.5)
    assert statuses(library.add(part)) == {"b.mp4": "quarantined"}


def test_a_library_that_fails_ends_the_run_and_the_workers(
    films: Path, opened: Callable[..., VideoLibrary], tmp_path: Path
) -> None:
    for number in range(3):
        faulty.film(films / f"{number}.mp4", seconds=60, mark=number)
    library = opened()

    def pull_away(_: object) -> None:
        for path in (tmp_path / "library").glob("library.db*"):
            path.unlink(missing_ok=True)

    with pytest.raises(StorageError, match="deleted or replaced while it was in use"):
        library.add(films, workers=2, on_progress=pull_away)


def test_workers_that_cannot_start_end_the_run(
    films: Path, opened: Callable[..., VideoLibrary], monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty.film(films / "a.mp4")
    monkeypatch.setattr(children, "_START", "raise SystemExit('no room to start in')")
    with pytest.raises(EngineFailed, match=r"do not start.*no room to start in"):
        opened().add(films, workers=1)


def test_stopping_leaves_no_process_and_no_lease_and_the_next_run_goes_on(
    films: Path, opened: Callable[..., VideoLibrary]
) -> None:
    faulty.film(films / "a.mp4", "hang", seconds=30)
    faulty.film(films / "b.mp4", "hang", seconds=30, mark=1)
    library = opened()
    working: set[str] = set()

    def interrupt(progress: Any) -> None:
        working.add(progress.path)
        if len(working) == 2 and progress.stage == "scan":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.add(films, workers=2, on_progress=interrupt)
    assert not any(library.store.lease(fingerprint(path)) for path in films.iterdir())
    assert library.problems() == []
    without = opened(engines={"text": "off"})
    assert set(statuses(without.add(films, workers=1)).values()) == {"indexed"}


def test_a_worker_goes_when_its_batch_is_gone(films: Path, opened: Callable[..., VideoLibrary]) -> None:
    library = opened()
    worker = crew.start(library.settings)
    worker.hear()
    assert worker.holder is None
    worker.pipe.close()
    assert worker.process.wait(60) == 1
    worker.wait()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-11, "crashed (signal 11, SIGSEGV)"),
        (-9, "memory ran out (signal 9, SIGKILL)"),
        (-15, "(signal 15, SIGTERM)"),
        (-200, "ended by signal 200"),
        (3, "ended with status 3"),
        (None, "does not even die"),
    ],
)
def test_a_death_is_put_into_words(status: int | None, words: str) -> None:
    assert words in crew.death(status)
