"""A film that was cut again is found piece by piece, each at its own offset."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vagent.index.sync.prints import Print
from vagent.index.sync.sampling import Looks
from vagent.index.sync.stretches import Known, same_stretches
from vagent.tools.time import Span


def hashes(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, count, np.uint64) * np.uint64(2) + np.uint64(1)


def looks(values: np.ndarray) -> Looks:
    """A picture a second, of which all bits are sure."""
    return Looks(np.arange(len(values), dtype=np.float64), values, np.full(len(values), 2**64 - 1, np.uint64))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(3, 12), st.integers(0, 20))
def test_what_lies_before_and_behind_a_cut_is_found(head: int, removed: int, seed: int) -> None:
    old = hashes(seed, 200)
    kept = max(head, 10)
    new = np.concatenate([old[:kept], old[kept + removed :]])
    found = same_stretches(looks(new), float(len(new)), Print(0.0, 1.0, old))
    (late, behind), (early, before) = found
    assert (early, late) == (pytest.approx(0.0, abs=1.0), pytest.approx(-removed, abs=1.0))
    assert before.start == 0
    assert behind.end == len(new) - 1
    assert before.end == pytest.approx(kept, abs=1.5)
    assert behind.start == pytest.approx(kept, abs=1.5)


@given(st.integers(0, 50))
def test_another_film_shares_nothing(seed: int) -> None:
    assert same_stretches(looks(hashes(seed, 100)), 100.0, Print(0.0, 1.0, hashes(seed + 100, 100))) == []


def test_a_stretch_is_kept_as_json_values() -> None:
    known = Known("abc", -2.5, Span(10.0, 20.5))
    assert Known.from_list(known.to_list()) == known


def test_a_picture_that_stands_still_belongs_to_both_sides_of_a_cut() -> None:
    before, still, behind = hashes(1, 40), np.repeat(hashes(2, 1), 30), hashes(3, 60)
    old, new = (np.concatenate([before, still[:count], behind]) for count in (30, 22))
    (first, early), (second, late) = sorted(
        same_stretches(looks(new), float(len(new)), Print(0.0, 1.0, old)), key=lambda one: one[1]
    )
    assert (first, second) == (pytest.approx(0.0, abs=1.0), pytest.approx(-8.0, abs=1.0))
    assert early.start == 0
    assert early.end >= 60
    assert late.start <= 42
    assert late.end == len(new) - 1
