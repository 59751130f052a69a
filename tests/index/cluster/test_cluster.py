"""A real Ray cluster of several nodes on this machine: what a run over it comes to is what one process comes to."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.index.cluster import films, nodes
from vagent import Library
from vagent.cli import main
from vagent.errors import EngineUnavailable, SettingsError, SourceError
from vagent.index.batch.leases import Holder
from vagent.index.batch.listeners import Listeners
from vagent.index.batch.standing import Standing
from vagent.index.cluster.adding import add_by_cluster
from vagent.index.cluster.fleet import Fleet
from vagent.index.cluster.foreseeing import foresee
from vagent.index.library import VideoLibrary
from vagent.index.store import Store
from vagent.index.video.pipeline import Report

pytestmark = pytest.mark.timeout(600)  # Ray alone takes a quarter of a minute to start, on a machine that is idle


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield films.install(tmp_path_factory.mktemp("engine"), patch, 0.3)
    films.forget()


@pytest.fixture(scope="module")
def cluster(log: Path) -> Iterator[Any]:
    """A head that takes no films and one node that takes one at a time."""
    with nodes.cluster() as made:
        yield made


@pytest.fixture(autouse=True)
def settled(cluster: Any) -> None:
    """A node that was killed in the test before no longer counts as one that takes films."""
    cluster.wait_for_nodes(nodes.KNOWN)


def add(
    cluster: Any, library: Path, *sources: Path | str, listeners: Listeners | None = None, **more: Any
) -> list[Report]:
    given = films.settings(library, **more)
    with Store(library) as store, Holder(store) as holder:
        return add_by_cluster(store, holder, given, sources, listeners or Listeners(), address=cluster.address)


class Axe:
    """Kills the node that works on a film once so much of it has arrived."""

    def __init__(self, cluster: Any, library: Path, log: Path, film: Path) -> None:
        self._cluster, self._library, self._log, self._film = cluster, library, log, film
        self.arrived = 0.0

    def __call__(self, standing: Standing) -> None:
        if self.arrived:
            return
        with Store(self._library) as store:
            (video,) = [video for video in store.videos() if video.path == str(self._film)] or [None]
            text = None if video is None else store.stage(video.id, "text")
        if text is not None and text.cursor >= 5:
            self.arrived = text.cursor
            raylet = films.reader(self._log, 40)
            (node,) = [
                node for node in self._cluster.worker_nodes if node.all_processes["raylet"][0].process.pid == raylet
            ]
            self._cluster.remove_node(node, allow_graceful=False)


@pytest.mark.slow
def test_a_node_that_is_lost_midway_costs_little_and_changes_nothing(
    cluster: Any, log: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    long = films.film(tmp_path / "films" / "long.mkv", 40, 24)
    films.film(tmp_path / "films" / "short.mkv", 120, 12)
    expected = films.local(tmp_path / "films", tmp_path / "local")
    alone = films.read(log)
    log.unlink()
    capfd.readouterr()
    nodes.add_node(cluster)
    library = tmp_path / "library"
    axe = Axe(cluster, library, log, long)
    with caplog.at_level(logging.WARNING, logger="vagent"):
        reports = add(cluster, library, tmp_path / "films", listeners=Listeners(standing=axe))
    assert axe.arrived, "the film was through before a node was killed"
    assert f"a node was lost with {long}" in caplog.text
    assert films.statuses(reports) == {"long.mkv": "indexed", "short.mkv": "indexed"}
    assert films.contents(library) == expected
    again = (films.read(log) - alone).total()
    assert again <= 24 - axe.arrived + 1, "what had arrived was not read again"
    assert capfd.readouterr().out == "", "stdout is for results"


@pytest.mark.slow
def test_unchanged_films_are_not_sent_and_others_are_known_by_their_content(
    cluster: Any, log: Path, tmp_path: Path
) -> None:
    one = films.film(tmp_path / "films" / "one.mkv", 60, 6)
    bad = films.film(tmp_path / "films" / "bad.mkv", 10, 4, red=250)
    (tmp_path / "films" / "copy.mkv").write_bytes(one.read_bytes())
    library = tmp_path / "library"
    heard: list[Report] = []
    reports = add(cluster, library, tmp_path / "films", listeners=Listeners(report=heard.append))
    assert films.statuses(reports) == {"bad.mkv": "quarantined", "copy.mkv": "unchanged", "one.mkv": "indexed"} or (
        films.statuses(reports) == {"bad.mkv": "quarantined", "copy.mkv": "indexed", "one.mkv": "unchanged"}
    )
    assert sorted(films.statuses(heard)) == ["bad.mkv", "copy.mkv", "one.mkv"]
    (unchanged,) = [report for report in reports if report.status == "unchanged"]
    assert unchanged.notices[0].startswith("the same video as")
    with Store(library) as store:
        (problem,) = store.problems()
        assert (problem.path, problem.stage, problem.tries) == (str(bad), "crash", 2)
        assert store.leases() == []
    log.unlink()

    (tmp_path / "films" / "copy.mkv").rename(tmp_path / "films" / "moved.mkv")
    again = add(cluster, library, tmp_path / "films")
    assert films.statuses(again) == {"bad.mkv": "quarantined", "moved.mkv": "unchanged", "one.mkv": "unchanged"}
    assert not log.exists(), "nothing was read again"


def test_films_behind_urls(cluster: Any, log: Path, tmp_path: Path) -> None:
    one = films.film(tmp_path / "films" / "one.mkv", 80, 6)
    two = films.film(tmp_path / "films" / "two.mkv", 100, 6)
    expected = films.local(tmp_path / "films", tmp_path / "local")
    library, url = tmp_path / "library", (tmp_path / "films").as_uri()
    assert films.statuses(add(cluster, library, url)) == {"one.mkv": "indexed", "two.mkv": "indexed"}
    assert films.contents(library) == expected
    with Store(library) as store:
        assert {video.path for video in store.videos()} == {one.as_uri(), two.as_uri()}
    log.unlink()
    two.unlink()
    assert films.statuses(add(cluster, library, url)) == {"one.mkv": "unchanged", "two.mkv": "missing"}
    assert not log.exists(), "nothing was read again"


@pytest.mark.slow
def test_a_run_that_is_stopped_keeps_what_arrived(cluster: Any, log: Path, tmp_path: Path) -> None:
    films.film(tmp_path / "films" / "one.mkv", 140, 24)
    expected = films.local(tmp_path / "films", tmp_path / "local")
    library = tmp_path / "library"

    def stop(standing: Standing) -> None:
        with Store(library) as store:
            if any("text" in store.stages(video.id) for video in store.videos()):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add(cluster, library, tmp_path / "films", listeners=Listeners(standing=stop))
    with Store(library) as store:
        assert store.leases() == []
        (video,) = store.videos()
        assert not video.complete
    assert films.statuses(add(cluster, library, tmp_path / "films")) == {"one.mkv": "indexed"}
    assert films.contents(library) == expected


def test_tasks_that_fit_on_no_node_are_refused(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="no node of the cluster has 64 cores"):
        Fleet(films.settings(tmp_path, cluster={"cpus": 64}), cluster.address)


def test_addresses_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="ray job submit"):
        Fleet(films.settings(tmp_path), "ray://somewhere:10001")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_program_that_is_in_a_cluster_stays_there(cluster: Any, tmp_path: Path) -> None:
    import ray

    ray.init(address=cluster.address, log_to_driver=False)
    try:
        with closing(Fleet(films.settings(tmp_path))) as fleet:
            assert fleet.room >= 2
        assert ray.is_initialized()
    finally:
        ray.shutdown()


def test_what_a_run_would_cost_is_told_by_what_the_nodes_took(cluster: Any, tmp_path: Path) -> None:
    near, far = tmp_path / "near", (tmp_path / "far").as_uri()
    films.film(near / "one.mkv", 50, 6)
    films.film(tmp_path / "far" / "two.mkv", 90, 6)
    with closing(VideoLibrary(films.settings(tmp_path / "library"))) as library:
        (found,) = library.estimate([near, far], ray=cluster.address)
        assert (found.files, found.nodes, found.workers, found.error) == (2, 1, 1, None)
        assert {Path(video.path).name: video.status for video in found.videos} == {"one.mkv": "new", "two.mkv": "new"}
        assert found.measured > 0
        assert found.learnt == 0
        assert found.seconds is not None
        assert found.seconds > 0.3 * 6, "as long at least as the engine takes over the pictures of one film"
        assert "1 film behind a URL was not opened" in "; ".join(found.notices)
        assert library.videos() == []

        assert films.statuses(library.add([near, far], ray=cluster.address)) == {
            "one.mkv": "indexed",
            "two.mkv": "indexed",
        }
        films.film(tmp_path / "far" / "three.mkv", 130, 6)
        (again,) = library.estimate([near, far], ray=cluster.address)
        assert (again.unchanged, [Path(video.path).name for video in again.videos]) == (2, ["three.mkv"])
        assert again.learnt == pytest.approx(12, abs=1), "what the nodes took has come along"
        assert again.measured == 0, "nothing is fetched to be measured"
        assert again.seconds is not None
        assert again.seconds > 0.3 * 6
        with pytest.raises(SettingsError, match="no number of workers"):
            library.estimate(near, workers=2, ray=cluster.address)


def test_a_preset_that_fits_on_no_node_is_told_beside_the_others(cluster: Any, tmp_path: Path) -> None:
    films.film(tmp_path / "films" / "one.mkv", 50, 2)
    large = films.settings(tmp_path, cluster={"cpus": 64})
    with Store(tmp_path / "library") as store:
        given = [films.settings(tmp_path / "library"), large]
        found = foresee(store, given, [(tmp_path / "films").as_uri()], address=cluster.address)
        assert (found[0].error, found[0].seconds) == (None, None), "nothing tells how long it takes"
        assert "64 cores" in str(found[1].error)
        with pytest.raises(EngineUnavailable, match="64 cores"):
            foresee(store, [large], [tmp_path / "films"], address=cluster.address)


@pytest.mark.slow
def test_what_comes_into_a_watched_folder_goes_to_the_cluster(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, stop, told = tmp_path / "films", threading.Event(), []
    films.film(folder / "one.mkv", 60, 4)
    small(monkeypatch)
    monkeypatch.setenv("VAGENT_SYNC_QUIET", "0.2")

    def on_report(report: Report) -> None:
        told.append(report)
        if len(told) == 1:
            films.film(folder / "two.mkv", 90, 4)
        if len(told) == 2 or report.status != "indexed":
            stop.set()

    with Library(tmp_path / "library") as library:
        library.watch(folder, ray=cluster.address, stop=stop, report=on_report)
        assert films.statuses(told) == {"one.mkv": "indexed", "two.mkv": "indexed"}
        with pytest.raises(SourceError, match="only folders can be watched"):
            library.watch(folder.as_uri(), ray=True)


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tasks that read with the engine of these tests."""
    for name in ("SPEECH", "SOUNDS", "OBJECTS", "VISUAL"):
        monkeypatch.setenv(f"VAGENT_ENGINES_{name}", "off")
    monkeypatch.setenv("VAGENT_ENGINES_TEXT", "patient")
    monkeypatch.setenv("VAGENT_CLUSTER_CPUS", "1")
    monkeypatch.setenv("VAGENT_INDEX_SETTLE", "0")


def test_the_command_line_indexes_by_a_cluster(
    cluster: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    films.film(tmp_path / "films" / "one.mkv", 60, 4)
    small(monkeypatch)
    library, url = str(tmp_path / "library"), (tmp_path / "films").as_uri()
    command = ["index", url, "--ray", cluster.address, "--library", library, "--json"]
    foretold = ["index", str(tmp_path / "films"), *command[2:6], "--preset", "standard", "--dry-run"]
    assert run(monkeypatch, *foretold) == 0
    printed = capfd.readouterr().out
    assert "standard: 1 file, 1 new" in printed
    assert "Time: 1 film at a time on 1 node, from " in printed
    assert "stretches of these files." in printed
    assert "The nodes are taken to be alike, and to have nothing else to do." in printed
    assert run(monkeypatch, *command) == 0
    (line,) = capfd.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["video"], told["status"]) == (f"{url}/one.mkv", "indexed")
    assert run(monkeypatch, "show", f"{url}/one.mkv", "--library", library) == 0
    assert "one.mkv" in capfd.readouterr().out
    assert run(monkeypatch, *command[:2], "--ray", "--workers", "2") == 2
    assert "it does not go with --ray" in capfd.readouterr().err


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """`vagent` in this process; its exit code."""
    monkeypatch.setattr("sys.argv", ["vagent", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)
