"""A film that comes to a cluster in another encoding is compared with those of the library, as on one machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.index.cluster.test_head import Stage
from tests.index.sync.films import QUICK, library, remux, rows, scenes, write
from vagent import configs
from vagent.index.batch.leases import Holder
from vagent.index.batch.listeners import Listeners
from vagent.index.cluster.entries import Entry, film_at, film_of
from vagent.index.cluster.fleet import Heard, Task
from vagent.index.cluster.head import Head
from vagent.index.cluster.keeper import Keeper
from vagent.index.cluster.messages import Errand, Film
from vagent.index.cluster.node import work
from vagent.index.sources.urls import remote_videos
from vagent.index.store import Store
from vagent.index.sync.marks import Marks
from vagent.index.sync.proposals import proposed
from vagent.index.video.pipeline import Report
from vagent.tools.engines import Engines


class Node(Stage):
    """Runs tasks as a node does, in this process."""

    def __init__(self, settings: configs.Settings) -> None:
        super().__init__(settings, self._runs)
        self.asked: list[bytes | None] = []

    def answer(self, task: Task, file: Path | None) -> None:
        self.asked.append(None if file is None else file.read_bytes())

    def _runs(self, errand: Errand, seed: Path | None) -> Iterator[Heard]:
        blocks = None if seed is None else [seed.read_bytes()]
        yield from work(errand, blocks, self._answer)

    def _answer(self) -> Iterable[bytes] | None:
        return None if self.asked[-1] is None else [self.asked[-1]]


def run(folder: Path, film: Film, relink: str) -> tuple[Report, Node]:
    """A run over one film; the engines are those of this process."""
    given = {"library": str(folder), **QUICK, "sync": {"relink": relink}, "cluster": {"scratch": str(folder / "node")}}
    settings = configs.load(given, env={})
    node = Node(settings)
    with (
        Store(folder) as store,
        Holder(store) as holder,
        closing(Engines(settings)) as engines,
        Keeper(store, holder, Marks(engines)) as keeper,
    ):
        (report,) = Head(keeper, node, settings, Listeners()).run([film])  # type: ignore[arg-type]
        assert store.leases() == []
    return report, node


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of a film, another one that lasts as long, and a short one; and their files."""
    folder = tmp_path_factory.mktemp("indexed")
    with library(folder / "library") as opened:
        files = [write(folder / "old.mp4", scenes(1, 14)), write(folder / "other.mp4", [*reversed(scenes(5, 14))])]
        opened.add([*files, write(folder / "short.mp4", scenes(3, 2))])
    return folder


@pytest.fixture
def old(indexed: Path, tmp_path: Path) -> Path:
    """The film, and a copy of the library of the test's own."""
    shutil.copytree(indexed / "library", tmp_path / "library")
    return indexed / "old.mp4"


def test_it_waits_for_a_word_and_then_takes_over_the_index(old: Path, tmp_path: Path) -> None:
    new = remux(old, tmp_path / "new.mkv")
    folder = tmp_path / "library"
    with library(folder) as opened:
        (video,) = [one for one in opened.videos() if one.path == str(old)]
        before = len(rows(opened, video.id))
    report, node = run(folder, film_at(new), "ask")
    assert report.status == "alike"
    assert "old.mp4" in report.notices[0]
    assert node.asked[0], "the looks of films were sent"
    with Store(folder) as store:
        (waiting,) = [one for one in store.videos() if one.path == str(new)]
        like = proposed(waiting)
        assert like is not None
        assert like.video == video.id
        assert len(store.videos()) == 4
    report, _ = run(folder, film_at(new), "always")
    assert (report.status, report.path) == ("relinked", str(new))
    with library(folder) as opened:
        assert opened.video(video.id).path == str(new)
        assert len(opened.videos()) == 3
        assert len(rows(opened, video.id)) == before
        assert opened.add(new)[0].status == "unchanged"


def test_where_the_user_said_no_it_is_not_compared(old: Path, tmp_path: Path) -> None:
    new = remux(old, tmp_path / "new.mkv")
    report, node = run(tmp_path / "library", film_at(new), "never")
    assert (report.status, node.asked) == ("indexed", [])


def test_another_film_is_indexed(old: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "new.mp4", scenes(9, 14))
    report, node = run(tmp_path / "library", film_of(remote_videos(file.as_uri())[0]), "ask")
    assert (report.status, report.path) == ("indexed", file.as_uri())
    assert node.asked[0]
    with Store(tmp_path / "library") as store:
        assert len(store.videos()) == 4
        assert not store.counts(4).keys() - {"subtitle"}


def test_what_nothing_in_the_library_can_be_is_not_sent_any_looks(tmp_path: Path) -> None:
    file = write(tmp_path / "new.mp4", scenes(9, 4))
    report, node = run(tmp_path / "library", film_at(file), "ask")
    assert (report.status, node.asked) == ("indexed", [None])


def test_only_what_can_be_the_film_is_sent(old: Path, tmp_path: Path) -> None:
    with (
        Store(tmp_path / "library") as store,
        Holder(store) as holder,
        Keeper(store, holder, Marks("nodes")) as keeper,
    ):
        entry = Entry(film_at(old), fingerprint="0" * 40)
        lengths = {video.path: video.duration for video in store.videos()}
        assert keeper.looks(entry, 5 * max(lengths.values())) is None
        assert keeper.looks(entry, lengths[str(old)]) is not None
