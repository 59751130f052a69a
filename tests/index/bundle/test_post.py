"""A video that is worked on elsewhere: what is sent back stands here as it stands there, however often it is sent."""

from __future__ import annotations

import dataclasses
import tempfile
from contextlib import ExitStack
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.index.bundle.samples import FULL, Film, Stage, content, mark, write
from vagent.errors import BundleError, LibraryBusyError
from vagent.index.bundle.choosing import State
from vagent.index.bundle.post import Parcel, Post


def post(stack: ExitStack, folder: Path) -> Post:
    scratch = folder.with_name(f"{folder.name} scratch")
    scratch.mkdir(exist_ok=True)
    return stack.enter_context(Post(folder, scratch))


def send(source: Path, target: Path, before: State | None = None, name: str = "a") -> tuple[bool, Parcel]:
    """A film of one library into another; whether that changed anything."""
    with ExitStack() as stack:
        parcel = post(stack, source).pack(mark(name), source.with_suffix(".parcel"), before)
        assert parcel is not None
        return post(stack, target).receive(mark(name), parcel, lambda: None), parcel


def state(folder: Path) -> dict[str, Any]:
    """What is known of film a but for where it lies, what it is called and when it was added."""
    held = content(folder)[mark("a")]
    path, duration, info, gaps, complete, *_ = held.pop("video")[0]
    del held["paths"], path
    return held | {"video": (duration, info, gaps, complete)}


def test_a_video_arrives_as_it_was(tmp_path: Path) -> None:
    source = write(tmp_path / "a", [Film("a", FULL, summary=True), Film("b", FULL)])
    assert send(source, tmp_path / "b")[0]
    assert content(tmp_path / "b") == {mark("a"): content(source)[mark("a")] | {"paths": []}}


def test_what_is_as_it_was_is_not_written_again(tmp_path: Path) -> None:
    source = write(tmp_path / "a", [Film("a", FULL)])
    send(source, tmp_path / "b")
    assert not send(source, tmp_path / "b")[0]


def test_a_stage_that_was_begun_anew_takes_the_place_of_one_that_was_done(tmp_path: Path) -> None:
    target = write(tmp_path / "b", [Film("a", FULL, models=frozenset({"m", "n"}))])
    later = FULL | {"speech": Stage(1.0, "other", "2026-02")}
    source = write(tmp_path / "a", [Film("a", later)])
    send(source, target)
    held = state(target)
    expected = state(source)
    vectors, theirs = held.pop("vectors"), expected.pop("vectors")
    assert held == expected
    assert not held["video"][-1]
    # What is only here stays: vectors of a model that the other side does not have.
    assert {row for row in vectors if row[1] == "m"} == set(theirs)
    assert {row[1] for row in vectors} == {"m", "n"}


def test_only_pictures_that_the_other_side_lacks_are_sent(tmp_path: Path) -> None:
    early = write(tmp_path / "early", [Film("a", {"pictures": Stage(2.0)})])
    late = write(tmp_path / "late", [Film("a", {"pictures": Stage(5.0)})])
    _, first = send(early, tmp_path / "b")
    assert first.since == -inf
    with ExitStack() as stack:
        parcel = post(stack, late).pack(mark("a"), tmp_path / "second", first.pictures)
        assert parcel is not None
        assert parcel.since == 2.0
        post(stack, early).receive(mark("a"), parcel, lambda: None)
    assert state(early) == state(late)


def test_pictures_of_another_width_are_sent_as_a_whole(tmp_path: Path) -> None:
    early = write(tmp_path / "early", [Film("a", {"pictures": Stage(2.0)})])
    late = write(tmp_path / "late", [Film("a", {"pictures": Stage(1.0, "wide", "2027")})])
    with ExitStack() as stack:
        before = post(stack, early).pack(mark("a"), tmp_path / "first")
        assert before is not None
        _, parcel = send(late, early, before.pictures)
    assert parcel.since == -inf
    assert state(early) == state(late)


def test_where_the_right_to_the_video_is_lost_nothing_is_written(tmp_path: Path) -> None:
    source = write(tmp_path / "a", [Film("a", FULL)])
    target = write(tmp_path / "b", [Film("a", {"speech": Stage(1.0), "pictures": Stage(1.0)})])
    before = content(target)

    def guard() -> None:
        raise LibraryBusyError("taken over")

    with ExitStack() as stack:
        parcel = post(stack, source).pack(mark("a"), tmp_path / "parcel")
        assert parcel is not None
        with pytest.raises(LibraryBusyError):
            post(stack, target).receive(mark("a"), parcel, guard)
    assert content(target) == before


def test_another_video_than_was_asked_for_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "a", [Film("a", FULL), Film("b", FULL)])
    target = write(tmp_path / "b", [])
    with ExitStack() as stack:
        parcel = post(stack, source).pack(mark("b"), tmp_path / "parcel")
        assert parcel is not None
        assert post(stack, source).pack(mark("c"), tmp_path / "none") is None
        there = post(stack, target)
        with pytest.raises(BundleError, match="another video"):
            there.receive(mark("a"), parcel, lambda: None)
        data = bytearray(parcel.file.read_bytes())
        data[len(data) // 3] ^= 1
        parcel.file.write_bytes(data)
        with pytest.raises(BundleError):
            there.receive(mark("b"), parcel, lambda: None)
    assert content(target) == {}


_STAGES = st.dictionaries(
    st.sampled_from(sorted(FULL)),
    st.builds(Stage, st.sampled_from([None, 0.0, 1.0, 2.0]), st.sampled_from("sx"), st.sampled_from(["1", "2"])),
)


@given(st.lists(_STAGES, min_size=1, max_size=4))
@settings(max_examples=10, deadline=None)
def test_whatever_happens_elsewhere_is_followed(steps: list[dict[str, Stage]]) -> None:
    """Each step some stages go on, end or begin anew; afterwards both sides are the same."""
    with tempfile.TemporaryDirectory() as name:
        folder, target = Path(name), Path(name, "target")
        stages: dict[str, Stage] = {}
        for number, step in enumerate(steps):
            # As a run writes it: the time of a change moves with every change.
            moved = {key: dataclasses.replace(value, changed=f"{number}") for key, value in step.items()}
            stages = stages | moved
            source = write(folder / f"source {number}", [Film("a", stages)])
            send(source, target)
            assert state(target) == state(source)
