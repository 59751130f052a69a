"""Where a stretch may lie in another film, and whether it sounds the same there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vagent.index.sync.closely import heard_alike, places
from vagent.index.sync.prints import Print
from vagent.tools.time import Span


def hashes(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, count, np.uint64) * np.uint64(2) + np.uint64(1)


def loudness(seed: int, seconds: int) -> np.ndarray:
    """Louder and softer, smoothly, so that it can be moved by a part of a value."""
    rough = np.random.default_rng(seed).uniform(60, 220, seconds * 2 + 2)
    return np.interp(np.arange(seconds * 10) / 5, np.arange(len(rough)), rough)


@settings(max_examples=30)
@given(st.integers(-20, 20), st.integers(0, 50), st.integers(0, 10))
def test_a_stretch_is_looked_for_where_it_is(offset: int, start: int, seed: int) -> None:
    new = hashes(seed, 120)
    stretch = Span(start + 25.0, start + 35.0)
    old = hashes(seed + 100, 100)
    inside = slice(start + 25, start + 35)
    old[inside] = new[start + 25 + offset : start + 35 + offset]
    found = places(stretch, Print(0.0, 1.0, old), Print(0.0, 1.0, new), None)
    assert found[:1] == [offset]
    assert not places(stretch, Print(0.0, 1.0, hashes(seed + 200, 100)), Print(0.0, 1.0, new), None)


@pytest.mark.parametrize("late", [0.0, 0.13, -0.4, 0.52])
def test_the_sound_gives_the_offset(late: float) -> None:
    heard = loudness(1, 60)
    times = np.arange(600) / 10
    moved = np.interp(times - late, times, heard)
    old, new = (Print(0.0, 0.1, values.astype(np.uint8)) for values in (heard, moved))
    found = heard_alike(Span(20.0, 30.0), old, new, 0.0)
    assert found is not None
    assert found[0]
    assert found[1] == pytest.approx(late, abs=0.03)
    assert heard_alike(Span(20.0, 30.0), old, Print(0.0, 0.1, loudness(2, 60).astype(np.uint8)), 0.0) is None
    assert heard_alike(Span(20.0, 30.0), old, None, 0.0) is None


def test_silence_proves_nothing_and_is_not_sound() -> None:
    silent = Print(0.0, 0.1, np.zeros(600, np.uint8))
    loud = Print(0.0, 0.1, loudness(1, 60).astype(np.uint8))
    assert heard_alike(Span(20.0, 30.0), silent, silent, 0.0) == (False, 0.0)
    assert heard_alike(Span(20.0, 30.0), None, None, 0.0) == (False, 0.0)
    assert heard_alike(Span(20.0, 30.0), silent, loud, 0.0) is None
    assert heard_alike(Span(20.0, 30.0), loud, silent, 0.0) is None
