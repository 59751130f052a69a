"""What the head does when tasks end as they should not. The fleet is a stand-in that ends them; all else is real."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vagent import configs
from vagent.errors import EngineFailed, StorageError
from vagent.index.batch.leases import Holder
from vagent.index.batch.listeners import Listeners
from vagent.index.cluster.entries import film_at, film_of
from vagent.index.cluster.fleet import Gone, Heard, Task
from vagent.index.cluster.head import Head
from vagent.index.cluster.keeper import Keeper
from vagent.index.cluster.messages import Begun, Block, Broken, Delivered, Errand, Film
from vagent.index.cluster.node import identify
from vagent.index.sources.fingerprint import fingerprint
from vagent.index.sources.urls import remote_videos
from vagent.index.store import Lease, Store
from vagent.index.sync.marks import Marks
from vagent.index.video.job import Progress
from vagent.index.video.pipeline import Report

Script = Callable[[Errand, Path | None], Iterator[Heard]]


class Stage:
    """Runs one task after the other, each as the script says."""

    def __init__(self, settings: configs.Settings, *scripts: Script) -> None:
        self.settings = settings
        self.room = 8
        self.sent: list[tuple[str, bool]] = []
        self.cancelled = 0
        self._scripts = list(scripts)
        self._tasks: dict[Task, Iterator[Heard]] = {}

    def identify(self, film: Film) -> Task:
        return self._start(iter([identify(film)]))

    def index(self, errand: Errand, seed: Path | None) -> Task:
        self.sent.append((Path(errand.film.name).name, seed is not None))
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        return self._start(script(errand, seed))

    def listen(self, seconds: float) -> list[tuple[Task, Heard]]:
        heard = []
        for task, said in list(self._tasks.items()):
            try:
                message = next(said)
            except StopIteration:
                del self._tasks[task]
                continue
            if isinstance(message, Begun):
                task.node = message.node
            heard.append((task, message))
        return heard

    def cancel(self, task: Task) -> None:
        self.cancelled += 1
        self._tasks.pop(task, None)

    def recall(self) -> Iterator[tuple[Task, Heard]]:
        yield from self.listen(0)
        self._tasks.clear()

    def _start(self, said: Iterator[Heard]) -> Task:
        task = Task(object())
        self._tasks[task] = said
        return task


def ends(*messages: Any) -> Script:
    """A task that begins, says some things and then nothing more."""

    def script(errand: Errand, seed: Path | None) -> Iterator[Heard]:
        yield Begun("node")
        for message in messages:
            yield message(errand) if callable(message) else message

    return script


def done(errand: Errand) -> Report:
    return Report(errand.film.listed, "indexed")


@pytest.fixture
def given(tmp_path: Path) -> configs.Settings:
    return configs.load({"library": str(tmp_path / "library"), "cluster": {"tries": 3}}, env={})


@contextmanager
def head(given: configs.Settings, stage: Stage, **more: Any) -> Iterator[tuple[Head, Store]]:
    with (
        Store(given.library_dir) as store,
        Holder(store) as holder,
        Keeper(store, holder, Marks("nodes")) as keeper,
    ):
        yield Head(keeper, stage, given, Listeners(), **more), store  # type: ignore[arg-type]


def film(tmp_path: Path, name: str = "one.mkv", content: bytes = b"one") -> Film:
    file = tmp_path / "films" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    return film_at(file)


LOST, CRASHED = Gone("lost", "power cut"), Gone("crashed", "its task was killed")


def test_a_lost_node_is_not_the_fault_of_its_film(given: configs.Settings, tmp_path: Path) -> None:
    stage = Stage(given, ends(LOST), ends(LOST), ends(done))
    with head(given, stage) as (run, store):
        (report,) = run.run([film(tmp_path)])
        assert (report.status, len(stage.sent)) == ("indexed", 3)
        assert store.problems() == []
        assert store.leases() == []


def test_after_so_many_lost_nodes_a_film_is_left_to_the_next_run(given: configs.Settings, tmp_path: Path) -> None:
    at = Progress("x", "scan", 65.0, 90.0)
    stage = Stage(given, ends(at, LOST))
    with head(given, stage) as (run, store):
        (report,) = run.run([film(tmp_path)])
        assert (report.status, report.stage, len(stage.sent)) == ("failed", "node", 3)
        assert "3 nodes were lost with it, the last one in the stage 'scan' at 00:01:05" in str(report.error)
        assert [problem.stage for problem in store.problems()] == ["node"]
    with head(given, Stage(given, ends(done))) as (run, store):
        assert [report.status for report in run.run([film(tmp_path)])] == ["indexed"], "it is tried again"
        assert store.problems() == []


def test_a_task_that_crashes_costs_its_film_a_try_of_two(given: configs.Settings, tmp_path: Path) -> None:
    one = film(tmp_path)
    with head(given, Stage(given, ends(CRASHED), ends(done))) as (run, _):
        assert [report.status for report in run.run([one])] == ["indexed"]
    with head(given, Stage(given, ends(CRASHED))) as (run, store):
        (report,) = run.run([one])
        assert (report.status, report.stage) == ("quarantined", "crash")
        assert [problem.tries for problem in store.problems()] == [2]
    stage = Stage(given, ends(done))
    with head(given, stage) as (run, _):
        assert [report.status for report in run.run([one])] == ["quarantined"]
        assert stage.sent == []
    with head(given, stage, retry=True) as (run, store):
        assert [report.status for report in run.run([one])] == ["indexed"]
        assert store.problems() == []


def test_what_is_behind_a_url_is_named_by_it(given: configs.Settings, tmp_path: Path) -> None:
    url = Path(film(tmp_path).name).as_uri()
    one = film_of(remote_videos(url)[0])
    with head(given, Stage(given, ends(CRASHED))) as (run, _):
        run.run([one])
    with head(given, Stage(given, ends(done))) as (run, store):
        (left,) = run.run([one])
        assert (left.path, left.status, left.error and left.error.value) == (url, "quarantined", url)
        store.remove_problem(url)
        store.put_lease(Lease(fingerprint(tmp_path / "films" / "one.mkv"), "another", "elsewhere", 1, 9e9))
    with head(given, Stage(given, ends(done))) as (run, _):
        (busy,) = run.run([one])
        assert (busy.path, busy.status, busy.error and busy.error.value) == (url, "busy", url)


def test_a_node_that_cannot_work_gives_its_film_to_another(given: configs.Settings, tmp_path: Path) -> None:
    broken = Broken(StorageError("the disk is full", "/scratch"))
    with head(given, Stage(given, ends(broken), ends(done))) as (run, _):
        assert [report.status for report in run.run([film(tmp_path)])] == ["indexed"]
    with head(given, Stage(given, ends(broken))) as (run, _):
        (report,) = run.run([film(tmp_path)])
        assert (report.status, report.error) == ("failed", broken.error)


def test_a_defect_is_told_and_no_other_film_suffers(given: configs.Settings, tmp_path: Path) -> None:
    stage = Stage(given, ends(Gone("defect", "KeyError: 7")), ends(done))
    with head(given, stage) as (run, _):
        first, second = run.run([film(tmp_path, "a.mkv", b"larger"), film(tmp_path, "b.mkv", b"b")])
        assert (first.status, second.status) == ("failed", "indexed")
        assert isinstance(first.error, EngineFailed)
        assert "KeyError: 7" in str(first.error)


def test_a_node_of_which_nothing_is_heard_is_given_up(given: configs.Settings, tmp_path: Path) -> None:
    class Quiet(Stage):
        def listen(self, seconds: float) -> list[tuple[Task, Heard]]:
            time.sleep(0.05)
            return [(task, said) for task, said in super().listen(seconds) if said is not None]

    impatient = given.model_copy(update={"index": given.index.model_copy(update={"least_patience": 0.5})})
    stage = Quiet(impatient, ends(*[None] * 10_000), ends(done))
    with head(impatient, stage) as (run, _):
        assert [report.status for report in run.run([film(tmp_path)])] == ["indexed"]
        assert (stage.cancelled, len(stage.sent)) == (1, 2)


def test_copies_of_one_film_are_sent_once(given: configs.Settings, tmp_path: Path) -> None:
    copies = [film(tmp_path, f"{name}.mkv") for name in "abc"]
    stage = Stage(given, ends(LOST), ends(done))

    with head(given, stage) as (run, store):

        def known(errand: Errand) -> Report:
            store.add_video(errand.fingerprint, errand.film.name, 3, 0, 1.0, {})
            return done(errand)

        stage._scripts = [ends(LOST), ends(known)]
        reports = run.run(copies)
        assert sorted(report.status for report in reports) == ["indexed", "unchanged", "unchanged"]
        assert len({name for name, _ in stage.sent}) == 1
        (video,) = store.videos()
        assert sorted(store.paths(video.id)) == sorted(copy.name for copy in copies)


def test_where_one_copy_cannot_be_read_the_next_is_tried(given: configs.Settings, tmp_path: Path) -> None:
    copies = [film(tmp_path, f"{name}.mkv") for name in "ab"]
    stage = Stage(given, ends(CRASHED), ends(CRASHED), ends(done))
    with head(given, stage) as (run, _):
        assert [report.status for report in run.run(copies)] == ["quarantined", "indexed"]


def test_a_film_that_another_process_works_on_waits_for_it(given: configs.Settings, tmp_path: Path) -> None:
    one, two = film(tmp_path, "a.mkv", b"a"), film(tmp_path, "b.mkv", b"b")
    stage = Stage(given, ends(done))
    with head(given, stage) as (run, store):
        store.put_lease(Lease(fingerprint(Path(one.name)), "another", "elsewhere", 1, 9e9))
        reports = run.run([one, two])
        assert [report.status for report in reports] == ["busy", "indexed"]
        assert stage.sent == [("b.mkv", False)]


def test_a_film_that_is_taken_over_meanwhile_is_called_back(given: configs.Settings, tmp_path: Path) -> None:
    with head(given, Stage(given, ends(done))) as (run, store):

        def taken(errand: Errand) -> Delivered:
            store.put_lease(Lease(errand.fingerprint, "another", "elsewhere", 1, 9e9))
            return Delivered(float("-inf"), None)

        parcel = _parcel(tmp_path, film(tmp_path))
        stage = Stage(given, ends(Block(parcel), taken, done))
        run._fleet = stage  # type: ignore[assignment]
        (report,) = run.run([film(tmp_path)])
        assert (report.status, stage.cancelled) == ("busy", 1)
        assert store.videos() == []


def test_a_parcel_that_is_damaged_counts_as_a_lost_node(given: configs.Settings, tmp_path: Path) -> None:
    parcel = _parcel(tmp_path, film(tmp_path))
    damaged = ends(Block(parcel[:-1]), Delivered(float("-inf"), None), done)
    stage = Stage(given, damaged, ends(Block(parcel), Delivered(float("-inf"), None), done))
    with head(given, stage) as (run, store):
        (report,) = run.run([film(tmp_path)])
        assert (report.status, len(stage.sent), stage.cancelled) == ("indexed", 2, 1)
        assert report.video == store.videos()[0]


def test_a_library_that_fails_ends_the_run(given: configs.Settings, tmp_path: Path) -> None:
    def full(errand: Errand) -> Report:
        raise StorageError("the disk is full", "/library")

    with head(given, Stage(given, ends(full))) as (run, store), pytest.raises(StorageError):
        try:
            run.run([film(tmp_path)])
        finally:
            assert store.leases() == []


def _parcel(tmp_path: Path, one: Film) -> bytes:
    """What a node would send of a film."""
    from vagent.index.bundle.post import Post

    (tmp_path / "post").mkdir()
    with Post(tmp_path / "node", tmp_path / "post") as post:
        video = post.add_video(fingerprint(Path(one.name)), "/scratch/film", 3, 0, 9.0, {"name": "film"})
        post.set_stage(video.id, "subtitles", "s", "done")
        parcel = post.pack(video.fingerprint, tmp_path / "parcel")
        assert parcel is not None
        return parcel.file.read_bytes()
