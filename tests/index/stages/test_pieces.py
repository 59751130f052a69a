"""What stages leave at each checkpoint costs the same at the end of a long film as at its beginning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vagent import configs
from vagent.errors import LibraryCorruptError
from vagent.index.pictures import Pictures
from vagent.index.stages.prints import LoudnessStage, PicturePrintStage
from vagent.index.stages.shots import ShotStage
from vagent.index.stages.stage import Stage, packed, unpacked
from vagent.index.store import Store
from vagent.index.sync.prints import Print, levels, picture_hash
from vagent.index.video.job import Job
from vagent.tools.engines import Engines
from vagent.tools.media import Audio, Frame, MediaInfo
from vagent.tools.speech import RATE

HOUR = 3600.0
CHECKPOINT = 30.0
PICTURES = np.random.default_rng(0).integers(0, 256, (7, 3, 18, 32)).astype(np.uint8).repeat(5, 2).repeat(5, 3)
SHOT = 6.0  # seconds
SECOND = np.random.default_rng(1).normal(0, 1, RATE)

Making = Callable[[Job, float, dict[str, Any]], Stage]
STAGES: dict[str, Making] = {
    "print of pictures": lambda job, cursor, detail: PicturePrintStage(job, cursor, detail, 0),
    "print of sound": LoudnessStage,
    "shots": ShotStage,
}


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    settings = configs.load({"library": str(tmp_path), "media": {"checkpoint": CHECKPOINT}}, env={})
    with Store(tmp_path) as store:
        video = store.add_video("0f", "/film.mkv", 1, 1, HOUR, {})
        info = MediaInfo(Path("/film.mkv"), "matroska", 1, HOUR, 0.0, ())
        yield Job(store, video, info, Engines(settings), Pictures(tmp_path / "frames", "0f"))


def begun(job: Job, name: str) -> Stage:
    """A stage as it takes up its work, from wherever the run before it was broken off."""
    at = job.pending(name, "the same settings")
    assert at is not None
    return STAGES[name](job, at[0], dict(at[1]))


def items(name: str, start: float, end: float) -> Iterator[Frame | Audio]:
    """What is decoded from one second to another: another picture every few seconds, sound of another loudness."""
    for time in np.arange(start, end, 1.0 if name != "shots" else 0.5):
        if name == "print of sound":
            yield Audio(float(time), (SECOND * (50 + 40 * (time % 90))).astype(np.int16))
        else:
            yield Frame(float(time), PICTURES[int(time / SHOT) % len(PICTURES)], None, True)


def results(job: Job) -> tuple[Any, ...]:
    """All that the stages came to, and how much was left lying about."""
    store, video = job.store, job.video.id
    left = [store.pieces(video, name) for name in STAGES]
    return store.prints("pictures"), store.prints("loudness"), job.detail("shots").get("boundaries"), left


def written(store: Store) -> int:
    """Bytes that were handed to the disk since this was asked last."""
    wal = store.file.with_name(f"{store.file.name}-wal")
    size = wal.stat().st_size
    store._run("PRAGMA wal_checkpoint(TRUNCATE)")
    return size


@pytest.mark.parametrize("name", sorted(STAGES))
def test_an_hour_of_film_writes_as_much_at_its_end_as_at_its_beginning(name: str, job: Job) -> None:
    stage = begun(job, name)
    written(job.store)
    sizes: list[int] = []
    for item in items(name, 0.0, HOUR):
        stage.offer(item)
        if item.time % CHECKPOINT == 0.0:
            sizes.append(written(job.store))
    quarters = [sum(part) for part in np.array_split(sizes[2:], 4)]
    assert min(sizes[2:]) > 0  # each checkpoint was counted
    assert max(quarters) <= 1.1 * min(quarters)
    assert max(sizes) <= 40_000
    stage.finish(HOUR)
    assert written(job.store) <= 200_000  # the whole, once


@pytest.mark.parametrize("name", sorted(STAGES))
def test_nothing_is_kept_in_memory_beyond_a_checkpoint(name: str, job: Job) -> None:
    stage = begun(job, name)
    for item in items(name, 0.0, 10 * CHECKPOINT + 1):
        stage.offer(item)
    held = [value for value in vars(stage).values() if isinstance(value, (list, np.ndarray))]
    assert sum(map(len, held)) <= 2 * CHECKPOINT * 10 if name != "print of sound" else RATE


@pytest.mark.parametrize("name", sorted(STAGES))
@pytest.mark.parametrize("breaks", [[70.0], [31.0, 95.0, 151.0], [30.0, 60.0, 90.0]])
def test_a_run_that_was_killed_neither_doubles_nor_loses_a_second(
    name: str, breaks: Sequence[float], job: Job, tmp_path: Path
) -> None:
    end = 200.0
    stage = begun(job, name)
    for item in items(name, 0.0, end):
        stage.offer(item)
    stage.finish(end)
    whole = results(job)
    job.store.set_stage(job.video.id, name, "other settings", "done")
    for start, stop in pairwise([0.0, *breaks, end]):
        stage = begun(job, name)
        for item in items(name, np.floor(stage.begin), stop):
            if item.time >= stage.begin - 1 or start == 0.0:
                stage.offer(item)
    stage.finish(end)
    assert results(job) == whole


def test_prints_are_those_of_all_that_was_seen_and_heard(job: Job) -> None:
    for name in STAGES:
        stage = begun(job, name)
        for item in items(name, 0.0, 100.0):
            stage.offer(item)
        stage.finish(100.0)
    seen, heard, cuts, left = results(job)
    hashes = [picture_hash(PICTURES[int(second / SHOT) % len(PICTURES)]) for second in range(100)]
    sounds = [levels(item.samples) for item in items("print of sound", 0.0, 100.0) if isinstance(item, Audio)]
    assert seen == {job.video.id: Print(0.0, 1.0, np.array(hashes, np.uint64)).to_bytes()}
    assert heard == {job.video.id: Print(0.0, 0.1, np.concatenate(sounds)).to_bytes()}
    assert [at for at, _ in cuts] == list(np.arange(SHOT, 100.0, SHOT))
    assert left == [b"", b"", b""]


@pytest.mark.parametrize("name", ["print of pictures", "print of sound"])
def test_a_print_that_an_older_version_had_begun_is_gone_on_with(name: str, job: Job) -> None:
    stage = begun(job, name)
    for item in items(name, 0.0, 100.0):
        stage.offer(item)
    stage.finish(100.0)
    whole = results(job)
    kind = "pictures" if name == "print of pictures" else "loudness"
    before = Print.from_bytes(kind, whole[0 if kind == "pictures" else 1][job.video.id])
    # The whole of what it had at its cursor, and some that was never committed with it.
    half = Print(0.0, before.step, before.values[: round(65 / before.step)])
    job.store.put_print(job.video.id, kind, half.to_bytes())
    job.store.set_stage(job.video.id, name, str(job.fingerprint_of(name)), "running", 60.0)
    for start, stop in ((60.0, 95.0), (90.0, 100.0)):  # killed once more after it has gone on
        stage = begun(job, name)
        assert stage.cursor == start
        for item in items(name, start, stop):
            stage.offer(item)
    stage.finish(100.0)
    assert results(job) == whole


def test_cuts_that_an_older_version_had_found_are_kept(job: Job) -> None:
    job.pending("shots", "the same settings")
    fingerprint = str(job.fingerprint_of("shots"))
    job.store.set_stage(job.video.id, "shots", fingerprint, "running", 25.0, {"boundaries": [[6.0, "cut"]]})
    stage = begun(job, "shots")
    for item in items("shots", 20.0, 100.0):
        stage.offer(item)
    stage.finish(100.0)
    assert [at for at, _ in job.detail("shots")["boundaries"]] == [6.0, *np.arange(30.0, 100.0, SHOT)]


def test_a_stage_that_begins_anew_forgets_its_pieces(job: Job) -> None:
    stage = begun(job, "shots")
    for item in items("shots", 0.0, 100.0):
        stage.offer(item)
    assert job.store.pieces(job.video.id, "shots")
    job.pending("shots", "other settings")
    assert job.store.pieces(job.video.id, "shots") == b""


def test_damaged_pieces_are_told() -> None:
    rows = [[12.5, "cut"], [14.0, "fade"]]
    assert unpacked(packed(rows[:1]) + packed(rows[1:])) == rows
    with pytest.raises(LibraryCorruptError, match="cannot be read"):
        unpacked(packed(rows)[:-4] + b"\xff")
