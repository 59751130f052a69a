"""Sound is known again tenth by tenth, however loud, and other sound is not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sounds import RATE, speech
from vagent.index.sync.hearing import Ears
from vagent.index.sync.prints import Print, levels
from vagent.tools.time import Span

SAID = Span(1.0, 5.0)


def said() -> NDArray[np.int16]:
    return speech()[: 11 * RATE]


def offset(sound: NDArray[np.int16], old: NDArray[np.int16], stretch: Span = SAID, slack: float = 0.7) -> float | None:
    ears = Ears(0.0)
    for first in range(0, len(sound), 3001):
        ears.feed(sound[first : first + 3001])
    return ears.offset(stretch, Print(0.0, 0.1, levels(old)), 0.0, slack)


@pytest.mark.parametrize("gain", [1.0, 0.5, 1.5])
@pytest.mark.parametrize("late", [0.0, 0.237, -0.41])
def test_the_same_sound_gives_its_offset(gain: float, late: float) -> None:
    moved = np.roll(said(), round(late * RATE)).astype(np.float64) * gain
    noise = np.random.default_rng(0).normal(0, 3, len(moved))
    heard = np.clip(moved + noise, -32768, 32767).astype(np.int16)
    assert offset(heard, said()) == pytest.approx(late, abs=0.015)


def test_other_sound_has_none() -> None:
    assert offset(said()[::-1].copy(), said()) is None
    assert offset(np.zeros(11 * RATE, np.int16), said()) is None
    assert offset(np.roll(said(), 2 * RATE), said()) is None  # farther away than is allowed


def test_one_other_word_is_told() -> None:
    changed = said().copy()
    changed[2 * RATE : round(2.4 * RATE)] = said()[8 * RATE : round(8.4 * RATE)]
    assert offset(changed, said()) is None
    assert offset(changed, said(), Span(3.0, 7.0)) == pytest.approx(0.0, abs=0.015)


def test_a_hum_and_a_moment_prove_nothing() -> None:
    hum = (3000 * np.sin(np.arange(11 * RATE) * 0.1)).astype(np.int16)
    assert offset(hum, hum) is None
    assert offset(said(), said(), Span(1.0, 3.0)) is None


def test_only_the_last_seconds_are_held() -> None:
    ears = Ears(0.0)
    for _ in range(30):
        ears.feed(said())
    assert sum(len(one) for one in ears._powers) < 60 * 100
    end = 30 * len(said()) / RATE
    old = Print(0.0, 0.1, levels(np.tile(said(), 30)))
    assert ears.offset(Span(end - 6, end), old, 0.0, 0.1) == pytest.approx(0.0, abs=0.015)
    assert ears.offset(Span(1.0, 6.0), old, 0.0, 0.1) is None
