"""The smaller parts of a batch: what moves, what is left alone, how far it is, and how a machine is shared out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vagent import configs
from vagent.errors import EngineFailed, EngineUnavailable, LibraryError, MediaError, SettingsError, SourceError
from vagent.index.batch import quarantine, shares
from vagent.index.batch.queue import queue
from vagent.index.batch.settling import Look, look, moved_since
from vagent.index.batch.standing import USUAL_RATE, Tally
from vagent.index.store import Store
from vagent.index.video.job import Progress
from vagent.tools.weights import machine


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "library") as opened:
        yield opened


class TestSettling:
    def test_a_fresh_file_is_young_and_an_old_one_is_not(self, tmp_path: Path) -> None:
        file = tmp_path / "a.mp4"
        file.write_bytes(b"x")
        assert look(file).age() < 5
        old = Look(1, 0, time.time_ns() - 3600 * 10**9)
        assert old.age() == pytest.approx(3600, abs=5)

    def test_a_copy_that_keeps_the_old_time_is_young_too(self, tmp_path: Path) -> None:
        file = tmp_path / "a.mp4"
        file.write_bytes(b"x")
        os.utime(file, ns=(0, 0))
        assert look(file).mtime_ns == 0
        assert look(file).age() < 5  # the time at which the entry changed tells it

    def test_a_time_in_the_future_says_nothing(self) -> None:
        assert Look(1, time.time_ns() + 3600 * 10**9, 0).age() == float("inf")

    def test_only_what_was_written_counts_as_moved(self, tmp_path: Path) -> None:
        file = tmp_path / "a.mp4"
        file.write_bytes(b"x")
        before = look(file)
        file.chmod(0o600)
        assert not moved_since(file, before, 0.0)
        file.write_bytes(b"xy")
        assert moved_since(file, before, 0.0)

    @pytest.mark.parametrize("name", ["none.mp4", "a\0b", "x" * 5000])
    def test_what_cannot_be_looked_at_is_an_error(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(SourceError):
            look(tmp_path / name)


class TestQuarantine:
    def test_it_lasts_until_the_file_or_the_version_changes(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file, seen = tmp_path / "a.mp4", Look(5, 6, 7)
        assert quarantine.known(store, file, seen) is None
        assert quarantine.record(store, file, seen, "scan", "nothing decodes")
        assert quarantine.known(store, file, seen) is not None
        assert quarantine.known(store, file, Look(5, 6, 99)) is not None  # moved or made readable: the same bytes
        assert quarantine.known(store, file, Look(6, 6, 7)) is None
        assert quarantine.known(store, file, Look(5, 7, 7)) is None
        with monkeypatch.context() as patch:
            patch.setattr(quarantine, "version", lambda _: "999")
            assert quarantine.known(store, file, seen) is None
        quarantine.clear(store, [file])
        assert quarantine.known(store, file, seen) is None

    def test_tries_are_those_of_the_file_as_it_is(self, store: Store, tmp_path: Path) -> None:
        file = tmp_path / "a.mp4"
        for tries in (1, 2):
            quarantine.record(store, file, Look(5, 6, 7), "crash", "crashed", tries)
        assert store.problems()[0].tries == 3
        quarantine.record(store, file, Look(50, 6, 7), "crash", "crashed", 2)
        assert store.problems()[0].tries == 2

    def test_what_an_engine_did_is_tried_in_three_runs(self, store: Store, tmp_path: Path) -> None:
        file, seen = tmp_path / "a.mp4", Look(5, 6, 7)
        found = [quarantine.record(store, file, seen, "engine", "broke") for _ in range(3)]
        assert found == [False, False, True]

    @pytest.mark.parametrize(
        ("error", "stage"),
        [
            (MediaError("nothing decodes"), "scan"),
            (EngineFailed("broke"), "engine"),
            (EngineUnavailable("not here"), "engine"),
            (SourceError("no permission"), "open"),
            (SettingsError("no such track"), "settings"),
            (LibraryError("its video was removed"), "library"),
        ],
    )
    def test_a_problem_belongs_to_whose_fault_it_is(self, error: LibraryError, stage: str) -> None:
        assert quarantine.stage_of(error, "scan") == stage

    @pytest.mark.parametrize("stage", ["open", "settings", "library"])
    def test_what_can_be_put_right_from_outside_is_always_tried(self, store: Store, tmp_path: Path, stage: str) -> None:
        file, seen = tmp_path / "a.mp4", Look(5, 6, 7)
        assert not any(quarantine.record(store, file, seen, stage, "no permission") for _ in range(5))


class TestStanding:
    def test_unknown_lengths_are_guessed_from_known_ones(self) -> None:
        files = [Path(name) for name in "abc"]
        tally = Tally({files[0]: 1000, files[1]: 3000, files[2]: 0}, {})
        assert tally.standing().total == pytest.approx(4000 / USUAL_RATE)
        tally.see(files[0], Progress("a", "scan", 0.0, 100.0))
        assert tally.standing().total == pytest.approx(400.0)

    def test_it_says_how_far_all_is_and_when_it_is_through(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = [0.0]
        monkeypatch.setattr(time, "monotonic", lambda: clock[0])
        one, two, three = (Path(name) for name in "abc")
        tally = Tally({one: 1, two: 1, three: 1}, {one: 100.0, two: 100.0, three: 200.0}, _begun=0.0)
        assert tally.standing().left is None
        clock[0] = 10.0
        tally.see(one, Progress("a", "scan", 50.0, 100.0))
        tally.see(two, Progress("b", "subtitles", 100.0, 100.0))
        standing = tally.standing()
        assert (standing.files, standing.finished, standing.done, standing.total) == (3, 0, 50.0, 400.0)
        assert standing.left == pytest.approx(70.0)
        assert [progress.path for progress in standing.running] == ["a", "b"]
        tally.end(one, worked=True)
        tally.end(two, worked=False)  # it was up to date: it says nothing about the speed of the work
        standing = tally.standing()
        assert (standing.finished, standing.done) == (2, 200.0)
        assert standing.left == pytest.approx(20.0)
        tally.end(three, worked=True)
        assert tally.standing().left == 0.0

    def test_descriptions_are_most_of_the_work_where_there_are_any(self) -> None:
        file = Path("a")
        done = []
        for described, stage in ((True, "scan"), (True, "captions"), (False, "scan"), (False, "embed")):
            tally = Tally({file: 1}, {file: 100.0}, described=described)
            tally.see(file, Progress("a", stage, 100.0, 100.0))  # type: ignore[arg-type]
            done.append(tally.standing().done)
        assert done == pytest.approx([30.0, 100.0, 100.0, 100.0])


class TestQueue:
    def test_what_was_begun_first_then_the_longest(self, store: Store, tmp_path: Path) -> None:
        sizes = {"short": 10, "begun": 5, "long": 4_000_000, "known": 1}
        for name, size in sizes.items():
            (tmp_path / name).write_bytes(b"x" * size)
        for name, complete in (("begun", False), ("known", True)):
            status = (tmp_path / name).stat()
            number = store.add_video(name, tmp_path / name, status.st_size, status.st_mtime_ns, 5.0, {}).id
            store.update_video(number, complete=complete)
        files = [tmp_path / name for name in (*sizes, "gone")]
        entries = queue(store, files)
        assert [entry.file.name for entry in entries] == ["begun", "long", "known", "short", "gone"]
        assert [entry.seconds for entry in entries] == [5.0, None, 5.0, None, None]
        assert entries[-1].seen is None


class TestShares:
    @pytest.fixture(autouse=True)
    def _no_cards(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine, "_cards", tuple)

    def settings(self, **given: object) -> configs.Settings:
        return configs.load({"threads": 8, **given}, env={})

    def memory(self, monkeypatch: pytest.MonkeyPatch, gigabytes: float) -> None:
        import psutil

        class Memory:
            available = int(gigabytes * 1e9)

        monkeypatch.setattr(psutil, "virtual_memory", Memory)

    def test_cores_are_shared_out_among_as_many_as_were_asked_for(self) -> None:
        assert [share.threads for share in shares.shares(self.settings(), 50, 3)] == [2, 2, 2]
        assert [share.threads for share in shares.shares(self.settings(), 50, 20)] == [1] * 20
        assert [share.threads for share in shares.shares(self.settings(), 2, 20)] == [4] * 2

    def test_cores_and_free_memory_say_how_many_suit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory(monkeypatch, 100)
        assert len(shares.shares(self.settings(), 50)) == 4
        assert len(shares.shares(self.settings(threads=1), 50)) == 1
        self.memory(monkeypatch, 4)
        assert len(shares.shares(self.settings(), 50)) == 2
        self.memory(monkeypatch, 0.1)
        assert len(shares.shares(self.settings(), 50)) == 1

    def test_models_take_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory(monkeypatch, 100)
        monkeypatch.setattr(shares, "memory_of_models", lambda _: 30_000_000_000)
        assert len(shares.shares(self.settings(), 50)) == 2

    def test_a_model_of_the_users_own_is_as_large_as_its_folder(self, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").write_bytes(b"x" * 1234)
        settings = self.settings(videollm={"model": str(tmp_path)}, captions={"use": True})
        assert shares._memory("videollm", "transformers", settings) == 1234

    def test_one_on_each_card_unless_more_are_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine, "_cards", lambda: (80 * 2**30, 80 * 2**30))
        monkeypatch.setattr(shares, "memory_of_models", lambda _: 1)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        found = shares.shares(self.settings(), 50)
        assert [(share.device, share.threads) for share in found] == [("cuda:0", 4), ("cuda:1", 4)]
        assert [share.device for share in shares.shares(self.settings(), 50, 3)] == ["cuda:0", "cuda:1", "cuda:0"]
        assert [share.device for share in shares.shares(self.settings(device="cuda:1"), 50)] == ["cuda:1"]
        self.memory(monkeypatch, 100)
        assert [share.device for share in shares.shares(self.settings(device="cpu"), 50)] == ["cpu"] * 4
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
        assert [share.device for share in shares.shares(self.settings(), 50)] == ["cuda:0"]

    def test_cards_are_for_models(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine, "_cards", lambda: (80 * 2**30,))
        self.memory(monkeypatch, 100)
        off = dict.fromkeys(("objects", "sounds", "visual", "videollm"), "off")
        bundled = {"speech": "pocketsphinx", "text": "rapidocr", "embeddings": "minilm"}
        found = shares.shares(self.settings(engines={**off, **bundled}), 50)
        assert [share.device for share in found] == ["auto"] * 4
