from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from vagent.errors import LibraryBusyError
from vagent.index.batch.leases import Holder
from vagent.index.store import Lease, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "library") as opened:
        yield opened


def dead_pid() -> int:
    """The number of a process that has been and gone."""
    return int(subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True).stdout)


def test_one_holds_it_and_the_others_do_not(store: Store) -> None:
    with Holder(store) as one, Holder(store) as two:
        assert one.take("film")
        assert one.take("film")  # it has it already
        assert not two.take("film")
        assert two.take("another")
        one.check("film")
        with pytest.raises(LibraryBusyError, match="taken over"):
            two.check("film")
        two.drop("film")  # not its own to give
        assert one.holds("film")
        one.drop("film")
        assert two.take("film")
    assert store.lease("film") is None
    assert store.lease("another") is None


def test_a_lease_lasts_as_long_as_its_holder_lives(store: Store) -> None:
    with Holder(store, lasts=3.0) as one, Holder(store) as two:
        assert one.take("film")
        first = store.lease("film")
        assert first is not None
        until = time.monotonic() + 60
        while (last := store.lease("film")) == first and time.monotonic() < until:
            time.sleep(0.02)
        assert last is not None
        assert last.until > first.until, "it is renewed before it lapses"
        assert not two.take("film")


def test_an_expired_lease_is_taken_over_and_its_old_holder_finds_out(store: Store) -> None:
    with Holder(store, lasts=1000) as one, Holder(store) as two:
        assert one.take("film")
        held = store.lease("film")
        assert held is not None
        # As after a machine was suspended: nothing renewed it, and its host is not ours to look into.
        store.put_lease(Lease(held.name, held.holder, "elsewhere", held.pid, time.time() - 1))
        assert two.take("film")
        with pytest.raises(LibraryBusyError), store.transaction():
            store.add_video("a", "/a", 1, 1, 1.0, {})
            one.check("film")
        assert store.videos() == []  # what it had not committed is undone


def test_what_a_dead_process_of_this_machine_held_is_free_at_once(store: Store) -> None:
    with Holder(store) as one:
        assert one.take("film")
        held = store.lease("film")
        assert held is not None
        far = time.time() + 1000
        store.put_lease(Lease("film", "somebody", "elsewhere", dead_pid(), far))
        assert not one.take("film")  # nothing is known of processes elsewhere
        store.put_lease(Lease("film", "somebody", held.host, 1, far))
        assert not one.take("film")  # the first process of every machine lives
        store.put_lease(Lease("film", "somebody", held.host, dead_pid(), far))
        assert one.take("film")


def test_a_process_that_nobody_has_waited_for_is_dead(store: Store) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    while psutil.Process(ended.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    with Holder(store) as one:
        store.put_lease(Lease("film", "somebody", socket.gethostname(), ended.pid, time.time() + 1000))
        assert one.take("film")
    assert ended.wait() == 0


def test_what_the_dead_have_left_is_swept_up(store: Store) -> None:
    with Holder(store) as one:
        assert one.take("mine")
        store.put_lease(Lease("lapsed", "a", "elsewhere", 1, time.time() - 1))
        store.put_lease(Lease("running", "b", "elsewhere", 1, time.time() + 60))
        store.put_lease(Lease("dead", "c", socket.gethostname(), dead_pid(), time.time() + 60))
        one.sweep()
        assert [lease.name for lease in store.leases()] == ["mine", "running"]
