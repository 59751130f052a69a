"""The cache of model calls: what it keeps, how much, and what is left of an answer when it cannot be used."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from vagent.agent.runs.cache import CallCache, Kept

MEGABYTE = 1 << 20


def kept(name: str, output: object = "a red car", **more: object) -> Kept:
    return Kept(name, "fake 1", "answer", output, 0.5, **more)  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "library" / "calls.db"


def test_what_was_kept_is_found_again_and_by_others(file: Path) -> None:
    calls = [kept("a", {"text": "é\ud800", "scores": [-0.1, float("-inf")]}), kept("b", notices=("memory is short",))]
    with CallCache(file, 1) as cache:
        cache.put(calls)
        assert cache.get(["a", "b", "c", "a"]) == {"a": calls[0], "b": calls[1]}
    with CallCache(file, 1) as cache:
        assert cache.get(["b"]) == {"b": calls[1]}
        assert cache.notices == []


def test_looking_something_up_makes_no_file(file: Path) -> None:
    with CallCache(file, 1) as cache:
        assert cache.get(["a"]) == {}
    assert not file.parent.exists()


def test_an_output_made_anew_replaces_the_old_one(file: Path) -> None:
    with CallCache(file, 1) as cache:
        cache.put([kept("a", "old")])
        cache.put([kept("a", "new")])
        assert cache.get(["a"])["a"].output == "new"


def test_thousands_are_looked_up_at_once(file: Path) -> None:
    names = [f"k{i}" for i in range(2000)]
    with CallCache(file, 4) as cache:
        cache.put([kept(name) for name in names])
        assert cache.get(names).keys() == set(names)


# ---------------------------------------------------------------------- bounds


def test_it_stays_within_its_bound_and_what_is_used_stays(file: Path) -> None:
    with CallCache(file, 1) as cache:
        for i in range(600):
            cache.put([kept(f"k{i}", os.urandom(5000).hex())])
            assert "k0" in cache.get(["k0"])
            assert file.stat().st_size <= 1.1 * MEGABYTE
        left = cache.get([f"k{i}" for i in range(600)]).keys()
    assert {"k0", "k599", "k590"} <= left
    assert "k1" not in left
    assert 70 < len(left) < 105  # 10 kB each
    assert sum(part.stat().st_size for part in file.parent.iterdir()) <= 1.1 * MEGABYTE


def test_what_was_not_used_for_longest_goes_first_whoever_used_it(file: Path) -> None:
    with CallCache(file, 1) as cache:
        for name in "abcdefghij":
            cache.put([kept(name, os.urandom(40_000).hex())])
    with CallCache(file, 1) as reader:
        reader.get(["a"])
    with CallCache(file, 1) as cache:
        for name in "klmn":
            cache.put([kept(name, os.urandom(40_000).hex())])
        assert not cache.get(["b"])
        assert cache.get(["a", "n"]).keys() == {"a", "n"}


def test_a_smaller_bound_is_kept_from_the_next_call_on(file: Path) -> None:
    with CallCache(file, 4) as cache:
        cache.put([kept(f"k{i}", os.urandom(40_000).hex()) for i in range(40)])
    assert file.stat().st_size > 3 * MEGABYTE
    with CallCache(file, 1) as cache:
        cache.put([kept("new")])
        assert cache.get(["new"])
    assert file.stat().st_size <= MEGABYTE


def test_what_would_drive_out_everything_else_is_not_kept(file: Path) -> None:
    with CallCache(file, 1) as cache:
        cache.put([kept("a"), kept("huge", "x" * 300_000)])
        assert cache.get(["a", "huge"]).keys() == {"a"}


# ---------------------------------------------------------------------- threads and processes


def test_threads_that_want_the_same_take_turns(file: Path) -> None:
    made: list[int] = []
    together = threading.Barrier(8)

    def ask(number: int) -> None:
        together.wait()
        with cache.turn("a"):
            if not cache.get(["a"]):
                made.append(number)
                cache.put([kept("a")])

    with CallCache(file, 1) as cache:
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 1
        assert not cache._busy


def test_another_call_does_not_wait(file: Path) -> None:
    with CallCache(file, 1) as cache, cache.turn("a"):
        done = threading.Event()

        def other() -> None:
            with cache.turn("b"):
                done.set()

        threading.Thread(target=other).start()
        assert done.wait(10)


WRITER = """
import itertools, sys
from pathlib import Path
from vagent.agent.runs.cache import CallCache, Kept

file, name, count = sys.argv[1:]
with CallCache(Path(file), 2, wait=20) as cache:
    print("open", flush=True)
    for i in range(int(count)) if int(count) else itertools.count():
        cache.put([Kept(f"{name}-{i}", "fake 1", "answer", f"{name} {i} " + "x" * 500, 0.1)])
        cache.get([f"{name}-{i // 2}"])
        print(i, flush=True)
    assert not cache.notices, cache.notices
"""


def writer(file: Path, name: str, count: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), name, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_processes_write_at_once(file: Path) -> None:
    writers = [writer(file, name, 60) for name in ("one", "two", "three")]
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    with CallCache(file, 2) as cache:
        names = [f"{name}-{i}" for name in ("one", "two", "three") for i in range(60)]
        assert cache.get(names).keys() == set(names)


def test_a_writer_that_is_killed_leaves_a_good_file(file: Path) -> None:
    chance = random.Random(7)
    for turn in range(4):
        process = writer(file, f"w{turn}")
        assert process.stdout is not None
        reached = -1
        for line in process.stdout:
            reached = -1 if line == "open\n" else int(line)
            if reached >= 5 and chance.random() < 0.05:
                break
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        with CallCache(file, 2) as cache:
            found = cache.get([f"w{turn}-{i}" for i in range(reached + 1)])
            assert len(found) == reached + 1  # all that was kept before the blow
            assert all(call.output.startswith(f"w{turn} {key.split('-')[1]} ") for key, call in found.items())
            assert cache.notices == []
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# ---------------------------------------------------------------------- what is wrong with the file


def garbage(file: Path) -> None:
    file.write_bytes(b"not a database at all" * 500)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def overwritten(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[100:] = os.urandom(len(content) - 100)
    file.write_bytes(content)


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")


def of_another(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE holidays (day TEXT)")


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("damage", [garbage, cut_short, overwritten, newer, of_another, a_folder])
def test_a_file_that_cannot_be_used_costs_a_notice(file: Path, damage: Callable[[Path], None]) -> None:
    with CallCache(file, 1) as cache:
        cache.put([kept(f"k{i}", "x" * 1000) for i in range(50)])
    damage(file)
    before = None if file.is_dir() else file.read_bytes()
    with CallCache(file, 1) as cache:
        assert cache.get(["k1"]) == {}
        cache.put([kept("new")])
        assert len(cache.notices) == 1
        assert "calls are made anew" in cache.notices[0]
        assert str(file) in cache.notices[0]
    if before is not None:
        assert file.read_bytes() == before


def test_a_folder_that_cannot_be_made_costs_a_notice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with CallCache(tmp_path / "file" / "calls.db", 1) as cache:
        cache.put([kept("a")])
        assert cache.get(["a"]) == {}
        assert len(cache.notices) == 1


def test_a_flipped_bit_is_noticed(file: Path) -> None:
    with CallCache(file, 1) as cache:
        cache.put([kept("a", "the year 1912"), kept("b")])
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE calls SET output = replace(output, '1912', '1913') WHERE key = 'a'")
    with CallCache(file, 1) as cache:
        assert cache.get(["a", "b"]).keys() == {"b"}


def test_a_locked_file_is_waited_for_once(file: Path) -> None:
    with CallCache(file, 1, wait=0.05) as cache:
        cache.put([kept("a")])
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert cache.get(["a"])  # who writes does not keep others from reading
            cache.put([kept("b")])
            assert "locked" in cache.notices[0]
            assert cache.get(["a"]) == {}  # it is left alone for a while
            other.execute("ROLLBACK")
        cache._rests_until = 0.0
        cache.put([kept("c")])
        assert cache.get(["a", "b", "c"]).keys() == {"a", "c"}
        assert len(cache.notices) == 1


def test_a_file_that_is_deleted_meanwhile_begins_anew(file: Path) -> None:
    with CallCache(file, 1) as cache:
        cache.put([kept("a")])
        for part in list(file.parent.iterdir()):
            part.unlink()
        assert cache.get(["a"]) == {}
        cache.put([kept("b")])
        assert cache.get(["a", "b"]).keys() == {"b"}
        assert cache.notices == []


def test_a_cache_that_nobody_closed_lets_go_of_its_file(file: Path) -> None:
    cache = CallCache(file, 1)
    cache.put([kept("a")])
    connection = cache._connection
    assert connection is not None
    del cache
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
