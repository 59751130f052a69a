"""The rooms of the store that keep a library in order: quarantine, leases, missing files, prints and costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vagent.index.store import Actual, Lease, Problem, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "library") as opened:
        yield opened


def film(store: Store, name: str = "a") -> int:
    return store.add_video(f"content {name}", f"/films/{name}.mp4", 100, 7, 60.0, {}).id


def test_a_problem_is_kept_counted_and_forgotten(store: Store) -> None:
    odd = "/films/caf\udce9.mp4"  # a name that is not UTF-8
    store.add_problem(Problem(odd, 5, 6, "probe", "the file is empty", "1.0"))
    first = store.problem(odd)
    assert first is not None
    assert (first.path, first.size, first.mtime_ns, first.tries) == (odd, 5, 6, 1)
    assert first.first_seen == first.last_seen != ""
    time.sleep(0.002)
    store.add_problem(Problem(odd, 9, 9, "scan", "nothing decodes", "1.1", tries=2))
    (second,) = store.problems()
    assert (second.size, second.stage, second.reason, second.version, second.tries) == (
        *(9, "scan", "nothing decodes", "1.1", 3),
    )
    assert second.first_seen == first.first_seen < second.last_seen
    store.add_problem(Problem("/films/a.mp4", 1, 1, "probe", "no video", "1.0"))
    assert [problem.path for problem in store.problems()] == ["/films/a.mp4", odd]
    store.remove_problem(odd)
    assert store.problem(odd) is None
    assert store.problem("/films/a.mp4") is not None


def test_a_lease_belongs_to_whoever_wrote_it_last(store: Store) -> None:
    ours, theirs = Lease("abc", "one", "host", 1, 10.0), Lease("abc", "two", "host", 2, 20.0)
    assert store.lease("abc") is None
    store.put_lease(ours)
    store.put_lease(Lease("def", "one", "host", 1, 10.0))
    assert store.renew_leases("one", 15.5) == 2
    assert store.lease("abc") == Lease("abc", "one", "host", 1, 15.5)
    store.put_lease(theirs)
    assert store.renew_leases("one", 30.0) == 1
    store.drop_lease("abc", "one")
    assert store.lease("abc") == theirs
    store.drop_lease("abc", "two")
    assert store.lease("abc") is None


def test_a_video_is_missing_since_it_was_first_seen_so_until_it_is_seen_again(store: Store) -> None:
    one, two, three = (film(store, name) for name in "abc")
    store.mark_missing([one, two])
    since = store.video(one).missing
    assert since is not None
    assert store.video(two).missing is not None
    assert store.video(three).missing is None
    time.sleep(0.002)
    store.mark_missing([one])
    assert store.video(one).missing == since
    store.mark_missing([one], missing=False)
    assert store.video(one).missing is None
    store.see_path(two, "/elsewhere/b.mp4", 100, 7)
    assert store.video(two).missing is None


def test_facts_of_a_film_are_kept(store: Store) -> None:
    video = film(store)
    assert (store.video(video).title, store.video(video).year, store.video(video).language) == (None, None, None)
    store.update_video(video, title="Café", year=2019)
    store.update_video(video, language="fr")
    assert (store.video(video).title, store.video(video).year, store.video(video).language) == ("Café", 2019, "fr")


def test_prints_go_with_their_video(store: Store) -> None:
    one, two = film(store, "a"), film(store, "b")
    store.put_print(one, "frames", b"old")
    store.put_print(one, "frames", b"\0new")
    store.put_print(two, "frames", b"two")
    store.put_print(two, "sound", b"energy")
    assert store.prints("frames") == {one: b"\0new", two: b"two"}
    store.remove_video(two)
    assert store.prints("frames") == {one: b"\0new"}
    assert store.prints("sound") == {}


def test_pieces_are_joined_in_the_order_in_which_they_came(store: Store) -> None:
    one, two = film(store, "a"), film(store, "b")
    for data in (b"first", b" ", b"last"):
        store.add_piece(one, "shots", data)
    store.add_piece(one, "speech", b"said")
    store.add_piece(two, "shots", b"other")
    assert store.pieces(one, "shots") == b"first last"
    store.drop_pieces(one, "shots")
    left = [store.pieces(one, "shots"), store.pieces(one, "speech"), store.pieces(two, "shots")]
    assert left == [b"", b"said", b"other"]
    store.add_piece(one, "shots", b"anew")
    assert store.pieces(one, "shots") == b"anew"
    store.remove_video(two)
    assert store.pieces(two, "shots") == b""


def test_costs_outlive_their_video(store: Store) -> None:
    video = film(store)
    scan = Actual("quick", "4 cores", video, "scan", 60.0, 2.5, 4.0, 4096)
    store.add_actuals([scan, Actual("deep", "4 cores", video, "captions", 60.0, 90.0, 180.0, 512)])
    store.add_actuals([Actual("quick", "8 cores", None, "scan", 60.0, 1.5, 4.0, 4096, at="2026-01-01")])
    assert [(one.preset, one.wall) for one in store.actuals()] == [("quick", 2.5), ("deep", 90.0), ("quick", 1.5)]
    assert [one.wall for one in store.actuals(machine="4 cores", preset="quick")] == [2.5]
    assert [one.at for one in store.actuals(machine="8 cores")] == ["2026-01-01"]
    store.remove_video(video)
    assert [one.video for one in store.actuals(machine="4 cores")] == [None, None]
