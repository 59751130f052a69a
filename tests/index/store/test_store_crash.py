"""What is left of a library when its writer is killed, its disk fills up, or several write at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vagent.errors import StorageError
from vagent.index.records import Evidence
from vagent.index.store import Filters, Store
from vagent.tools.time import Span

ROWS = 20  # of one step

# A real writing process: each step is one transaction of evidence, vectors and progress, as a running index makes them.
# It kills itself (SIGKILL) where it is told to, or goes on until somebody else does.
WRITER = """
import os, signal, sys, itertools
from pathlib import Path
import numpy as np
from vagent.index.records import Evidence
from vagent.index.store import Store
from vagent.tools.time import Span

folder, name, steps, fatal_step, fatal_place = sys.argv[1:]

def at(place, step):
    if (place, step) == (fatal_place, int(fatal_step)):
        os.kill(os.getpid(), signal.SIGKILL)

at("start", 0)
store = Store(Path(folder))
at("opened", 0)
video = store.add_video(name, "/" + name, 1, 1, 1e6, {}).id
for step in range(int(steps)) if int(steps) else itertools.count():
    at("before", step)
    with store.transaction():
        ids = []
        for i in range(20):
            time = float(step * 20 + i)
            ids += store.add_evidence([Evidence(video, Span(time, time + 1), "subtitle", f"word step{step}")])
            if i == 10:
                at("rows", step)
        store.put_vectors("m", ids, np.full((20, 4), step, np.float32))
        at("vectors", step)
        store.set_stage(video, "text", "f", "running", step + 1)
        at("after", step)
    at("committed", step)
    print(step, flush=True)
store.close()
"""


def start(folder: Path, name: str = "a", steps: int = 0, step: int = -1, place: str = "") -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(folder), name, str(steps), str(step), place]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def check(folder: Path) -> dict[str, int]:
    """Every transaction is there whole or not at all; returns the steps of each video."""
    with Store(folder) as store:
        store.verify()
        steps = {}
        for video in store.videos():
            state = store.stage(video.id, "text")
            done = int(state.cursor) if state else 0
            rows = store.evidence(video.id)
            assert [row.text for row in rows] == [f"word step{i // ROWS}" for i in range(done * ROWS)]
            only = Filters(videos=[video.id])
            ids = {row.id for row in rows}
            assert {number for number, _ in store.match(["word"], only, 10**6)} == ids
            if done:
                assert len(store.match([f"step{done - 1}"], only, 10**6)) == ROWS
            assert store.match([f"step{done}"], only, 10**6) == []
            assert store.unembedded("m", -1, video.id) == []
            steps[video.fingerprint] = done
        vectors = {int(i) for ids, _ in store.vectors("m") for i in ids}
        assert vectors == {row.id for row in store.evidence()}
        state = store.vector_state("m")
        assert (state.count if state else 0) == len(vectors)
        return steps


@pytest.mark.parametrize(
    ("place", "step", "expected"),
    [
        ("start", 0, {}),
        ("opened", 0, {}),
        ("before", 0, {"a": 0}),
        ("rows", 0, {"a": 0}),
        ("rows", 3, {"a": 3}),
        ("vectors", 2, {"a": 2}),
        ("after", 1, {"a": 1}),
        ("committed", 2, {"a": 3}),
    ],
)
def test_a_killed_writer_leaves_whole_transactions(
    tmp_path: Path, place: str, step: int, expected: dict[str, int]
) -> None:
    writer = start(tmp_path, step=step, place=place)
    writer.communicate(timeout=60)
    assert writer.returncode == -signal.SIGKILL
    assert check(tmp_path) == expected


def test_killed_at_any_time_and_again_nothing_that_was_committed_is_lost(tmp_path: Path) -> None:
    chance = random.Random(4)
    for number in range(4):
        writer = start(tmp_path, name=f"film {number}")
        assert writer.stdout is not None
        for _ in range(chance.randint(1, 8)):
            said = int(writer.stdout.readline())
        # Anywhere in the work of the next steps: the wait is a part of what a step takes.
        for _ in range(chance.randint(0, 30_000)):
            pass
        writer.kill()
        rest = writer.communicate(timeout=60)[0].split()
        last = int(rest[-1]) if rest else said
        steps = check(tmp_path)
        assert steps[f"film {number}"] in (last + 1, last + 2)  # it may have died between commit and print
    assert len(steps) == 4


def test_writers_of_several_processes_make_one_library_together(tmp_path: Path) -> None:
    writers = [start(tmp_path, name=f"film {i}", steps=8) for i in range(3)]
    for writer in writers:
        writer.communicate(timeout=120)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert check(tmp_path) == {f"film {i}": 8 for i in range(3)}


def test_a_reader_beside_a_writing_process_sees_whole_steps(tmp_path: Path) -> None:
    with Store(tmp_path) as reader:
        writer = start(tmp_path, steps=15)
        while writer.poll() is None:
            assert len(reader.evidence()) % ROWS == 0
            assert len(reader.match(["word"], Filters(), 10**6)) % ROWS == 0
        writer.communicate()
        assert writer.returncode == 0
        assert len(reader.evidence()) == 15 * ROWS


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        video = store.add_video("a", "/a", 1, 1, 1e6, {}).id
        small = [Evidence(video, Span(i, i + 1), "subtitle", f"kept {i}") for i in range(10)]
        store.add_evidence(small)
        pages = store._rows("PRAGMA page_count")[0][0]
        store._run(f"PRAGMA max_page_count = {pages + 5}")
        large = [Evidence(video, Span(i, i + 1), "subtitle", f"lost {i} " * 200) for i in range(100)]
        with pytest.raises(StorageError, match=r"disk is full.*free space"), store.transaction():
            store.set_stage(video, "text", "f", "done")
            store.add_evidence(large)
        assert [row.text for row in store.evidence()] == [row.text for row in small]
        assert store.stage(video, "text") is None
        store.verify()
        store._run("PRAGMA max_page_count = 100000")
        store.add_evidence(large)
        store.verify()
        assert len(store.evidence()) == 110


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_file_that_cannot_grow_loses_nothing(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from vagent.errors import StorageError
from vagent.index.records import Evidence
from vagent.index.store import Store
from vagent.tools.time import Span
store = Store(Path(sys.argv[1]))
video = store.add_video("a", "/a", 1, 1, 1e6, {}).id
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
steps = 0
try:
    while steps < 1000:
        with store.transaction():
            rows = [Evidence(video, Span(i, i + 1), "subtitle", f"word step{steps}") for i in range(20)]
            store.put_vectors("m", store.add_evidence(rows), __import__("numpy").ones((20, 300), "float32"))
            store.set_stage(video, "text", "f", "running", steps + 1)
        steps += 1
except StorageError as error:
    print(steps, type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60)
    steps, error = done.stdout.split()
    assert error == "StorageError", done.stderr
    assert int(steps) > 0
    with Store(tmp_path) as store:
        store.verify()
        state = store.stage(1, "text")
        assert state is not None
        assert state.cursor == int(steps)
        assert len(store.evidence()) == 20 * int(steps)


@pytest.mark.skipif(os.name == "nt", reason="permissions of folders are another thing there")
def test_a_folder_that_may_only_be_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("library")
    with Store(folder) as store:
        video = store.add_video("a", "/a", 1, 1, 1e6, {}).id
        ids = store.add_evidence([Evidence(video, Span(0, 1), "subtitle", "hello there")])
        store.put_vectors("m", ids, np.ones((1, 4), np.float32))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    script = """
import os, sys
from pathlib import Path
from vagent.errors import StorageError
from vagent.index.store import Filters, Store
folder = Path(sys.argv[1])
os.chdir(folder)
if os.getuid() == 0:  # root may write anywhere
    os.setgid(65534)
    os.setuid(65534)
for attempt in (lambda: Store(Path(".")), lambda: Store(Path("new"))):
    try:
        attempt()
    except StorageError as error:
        print(type(error).__name__)
with Store(Path("."), write=False) as store:
    print(store.evidence()[0].text, store.match(["hello"], Filters(), 5)[0][0], store.generation("m"))
    try:
        store.set_stage(1, "text", "f", "done")
    except StorageError as error:
        print("read only")
"""
    folder.chmod(0o555)
    # The folders above are the user's own; the child stands in this one before it gives up its rights.
    parents = [p for p in folder.parents if p.stat().st_uid == os.getuid() and not p.stat().st_mode & 0o001]
    modes = [parent.stat().st_mode for parent in parents]
    try:
        for parent in parents:
            parent.chmod(0o755)
        done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, timeout=60)
    finally:
        folder.chmod(0o755)
        for parent, mode in zip(parents, modes, strict=True):
            parent.chmod(mode)
    assert done.stdout.splitlines() == ["StorageError", "StorageError", "hello there 1 1", "read only"], done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
