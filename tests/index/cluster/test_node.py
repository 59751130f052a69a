"""What a task does on its node, without a cluster around it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.index.cluster import films
from vagent.index.batch.leases import Holder
from vagent.index.cluster.entries import Entry, film_at, film_of
from vagent.index.cluster.keeper import Keeper
from vagent.index.cluster.messages import Block, Broken, Delivered, Errand, Film, Said, Spent
from vagent.index.cluster.node import identify, work
from vagent.index.sources.urls import remote_videos
from vagent.index.store import Store
from vagent.index.sync.marks import Marks
from vagent.index.video.job import Progress
from vagent.index.video.pipeline import Report
from vagent.tools.engines import Engines


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        yield films.install(tmp_path_factory.mktemp("engine"), patch, 0.1)
    films.forget()


@pytest.fixture(scope="module")
def one(log: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A film, and what a library holds of it after a run on one machine."""
    folder = tmp_path_factory.mktemp("one")
    file = films.film(folder / "films" / "one.mkv", 40)
    return file, films.local(file.parent, folder / "library")


class Desk:
    """The head of one film, as short as can be."""

    def __init__(self, folder: Path, film: Film, **more: Any) -> None:
        self.library = folder / "library"
        self.settings = films.settings(self.library, cluster={"scratch": str(folder / "scratch")}, **more)
        self.entry = Entry(film, fingerprint=identify(film).fingerprint)
        self.said: list[Said] = []

    def errand(self) -> Errand:
        return Errand(self.entry.film, self.entry.fingerprint, self.settings)

    def run(self, stop_after: int | None = None) -> Report | None:
        """Runs the task; stops it dead after so many deliveries."""
        with (
            Store(self.library) as store,
            Holder(store) as holder,
            closing(Engines(self.settings)) as engines,
            Keeper(store, holder, Marks(engines)) as keeper,
        ):
            assert keeper.give_out(self.entry)
            seed = keeper.seed(self.entry)
            task = work(self.errand(), None if seed is None else [seed.read_bytes()])
            report = self._hear(keeper, task, stop_after)
            keeper.take_back(self.entry)
            return report if report is None else keeper.finish(self.entry, report)

    def _hear(self, keeper: Keeper, messages: Iterable[Said], stop_after: int | None) -> Report | None:
        delivered = 0
        for said in messages:
            self.said.append(said)
            if isinstance(said, Block | Delivered):
                keeper.take_in(self.entry, said)
                delivered += isinstance(said, Delivered)
                if stop_after is not None and delivered >= stop_after:
                    messages.close()  # type: ignore[attr-defined]
                    return None
            if isinstance(said, Spent):
                keeper.note(self.entry, said)
            if isinstance(said, Report | Broken):
                assert isinstance(said, Report), said
                return said
        raise AssertionError("the task ended without a report")


def test_what_arrives_is_what_a_run_on_one_machine_writes(one: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    file, expected = one
    desk = Desk(tmp_path, film_at(file))
    report = desk.run()
    assert report is not None
    assert (report.path, report.status, report.counts) == (str(file), "indexed", {"subtitle": 2, "screen_text": 20})
    assert report.video is not None
    assert films.contents(desk.library) == expected
    with Store(desk.library) as store:
        costs = {one.stage: one for one in store.actuals()}
        assert {one.video for one in costs.values()} == {report.video.id}
        assert costs["text"].wall > 0.1 * films.SECONDS * 0.9, "as long as the engine takes over its pictures"
        assert costs["scan"].media_seconds == pytest.approx(films.SECONDS, abs=1)
    assert sum(isinstance(said, Delivered) for said in desk.said) > 2
    assert any(isinstance(said, Progress) and said.stage == "scan" for said in desk.said)
    assert list((tmp_path / "scratch").glob("*/*")) == []


def test_a_task_that_is_stopped_is_gone_on_with_by_another(
    one: tuple[Path, dict[str, Any]], tmp_path: Path, log: Path
) -> None:
    file, expected = one
    desk = Desk(tmp_path, film_at(file))
    log.unlink()
    assert desk.run(stop_after=2) is None
    assert list((tmp_path / "scratch").glob("*/*")) == []
    with Store(desk.library) as store:
        cursor = store.stages(1)["text"].cursor
    assert 5 <= cursor < films.SECONDS
    before = films.read(log)
    log.unlink()
    assert desk.run() is not None
    assert films.contents(desk.library) == expected
    again = sum((before & films.read(log)).values())
    assert again <= len(list(before.elements())) - cursor + 1, "what had arrived was not read again"


def test_a_video_that_was_indexed_before_is_deepened(
    one: tuple[Path, dict[str, Any]], tmp_path: Path, log: Path
) -> None:
    file, _ = one
    off = {"engines": {"text": "off", "speech": "off", "sounds": "off", "objects": "off", "visual": "off"}}
    assert films.local(file.parent, tmp_path / "library", **off)["one.mkv"]["pictures"]
    desk = Desk(tmp_path, film_at(file))
    before = films.read(log)
    report = desk.run()
    assert report is not None
    assert report.status == "indexed"
    assert sum((films.read(log) - before).values()) == 20
    deep = films.local(file.parent, tmp_path / "other", **off)
    assert deep != films.local(file.parent, tmp_path / "other") == films.contents(desk.library)


def test_a_film_behind_a_url_is_copied_with_its_subtitles(one: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    file, expected = one
    (video,) = remote_videos(file.as_uri())
    desk = Desk(tmp_path, film_of(video))
    report = desk.run()
    assert report is not None
    assert (report.path, report.status) == (file.as_uri(), "indexed")
    assert films.contents(desk.library) == expected
    with Store(desk.library) as store:
        assert store.video(1).path == file.as_uri()
        assert store.paths(1) == [file.as_uri()]


def test_a_film_that_is_another_one_by_now_waits(one: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    file = films.film(tmp_path / "films" / "other.mkv", 90, 3)
    for film in (film_at(file), film_of(remote_videos(file.as_uri())[0])):
        desk = Desk(tmp_path, film)
        desk.entry.fingerprint = "0" * 40
        report = desk.run()
        assert report is not None
        assert report.status == "waiting"
        with Store(desk.library) as store:
            assert store.videos() == []


def test_a_film_that_crashes_its_process_is_reported_by_its_own_name(log: Path, tmp_path: Path) -> None:
    file = films.film(tmp_path / "films" / "bad.mkv", 10, 3, red=250)
    desk = Desk(tmp_path, film_of(remote_videos(file.as_uri())[0]))
    report = desk.run()
    assert report is not None
    assert (report.path, report.status, report.stage) == (file.as_uri(), "quarantined", "crash")
    assert "SIGSEGV" in str(report.error)
    assert file.as_uri() in str(report.error)
    assert "scratch" not in str(report.error)


def test_what_killed_tasks_left_on_the_disk_is_cleared_away(one: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    left = tmp_path / "scratch" / f"vagent-{os.getuid()}"
    (left / "dead").mkdir(parents=True)
    (left / "dead" / "film.mkv").write_bytes(b"x")
    (left / "dead.lock").touch()
    task = work(Desk(tmp_path, film_at(one[0])).errand())
    next(task)
    assert len([path for path in left.iterdir() if path.is_dir()]) == 1
    assert not (left / "dead").exists()
    task.close()
    assert list(left.iterdir()) == []


def test_a_node_without_room_says_so(one: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "scratch").write_text("no folder")
    (said,) = work(Desk(tmp_path, film_at(one[0])).errand())
    assert isinstance(said, Broken)
    assert "no room" in str(said.error)
