"""Two rows of hashes are one film where one can be laid over the other, whatever the offset, speed and noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vagent.index.sync.matching import RATES, Match, matches, proves_alone, rates, reach, sound_offset, sounds_alike
from vagent.index.sync.prints import Print
from vagent.index.sync.sampling import Looks

SEEDS = st.integers(0, 2**32 - 1)


def film(seed: int, seconds: int) -> np.ndarray:
    """The hash of each second of a film of scenes that last 2 to 9 seconds."""
    random = np.random.default_rng(seed)
    lengths = random.integers(2, 10, seconds)
    scenes = random.integers(0, 2**63, seconds, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return np.repeat(scenes, lengths)[:seconds]


def noisy(hashes: np.ndarray, seed: int, bits: int) -> np.ndarray:
    """Up to so many bits of each hash turned, the lowest never."""
    random = np.random.default_rng(seed)
    turned = np.zeros(len(hashes), np.uint64)
    for _ in range(bits):
        turned |= np.uint64(1) << random.integers(1, 64, len(hashes), dtype=np.uint64)
    return np.where(hashes == 0, hashes, hashes ^ turned)


def seen(hashes: np.ndarray, every: float, *, rate: float = 1.0, offset: float = 0.0, seed: int = 0) -> Looks:
    """Pictures of a file that shows second ``t`` of the film at ``rate * t + offset``, at odd times."""
    random = np.random.default_rng(seed)
    old = np.arange(0.3, len(hashes) - 1, every) + random.uniform(0, 0.6, len(np.arange(0.3, len(hashes) - 1, every)))
    old = old[old < len(hashes)]
    values = hashes[old.astype(int)]
    keep = values != 0
    return every_bit(rate * old[keep] + offset, values[keep])


def every_bit(times: np.ndarray, hashes: np.ndarray) -> Looks:
    """Pictures of which every bit is sure."""
    return Looks(times, hashes, np.full(len(hashes), ~np.uint64(0), np.uint64))


def lay(found: Looks, duration: float, stored: np.ndarray) -> Match | None:
    return next(iter(matches(found, duration, Print(0.0, 1.0, stored), float(len(stored)))), None)


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(60, 3000), st.floats(-1, 1), st.integers(0, 8), st.sampled_from([2.0, 5.0, 11.0]))
def test_a_film_is_found_at_any_offset_and_with_noise(
    seed: int, seconds: int, part: float, bits: int, every: float
) -> None:
    stored = film(seed, seconds)
    offset = round(0.9 * part * reach(seconds), 2)
    shown = seen(noisy(stored, seed, bits), min(every, seconds / 24), offset=offset, seed=seed)
    keep = shown.times >= 0
    found = lay(every_bit(shown.times[keep], shown.hashes[keep]), seconds + offset, stored)
    assert found is not None and found.whole and proves_alone(found.share, found.scenes)
    assert found.rate == 1.0 or abs(found.rate - 1.0) * seconds < 5.0
    assert abs(found.rate * seconds / 2 + found.offset - seconds / 2 - offset) <= 2.0


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(900, 7200), st.sampled_from(RATES), st.floats(-20, 20))
def test_a_film_is_found_at_the_speeds_of_film_and_television(
    seed: int, seconds: int, rate: float, offset: float
) -> None:
    stored = film(seed, seconds)
    shown = seen(noisy(stored, seed, 6), seconds / 400, rate=rate, offset=offset, seed=seed)
    keep = shown.times >= 0
    found = lay(every_bit(shown.times[keep], shown.hashes[keep]), rate * seconds + offset, stored)
    assert found is not None and found.whole
    for at in (0.0, float(seconds)):
        assert abs(found.rate * at + found.offset - rate * at - offset) <= 2.5


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(60, 3000), st.integers(60, 3000))
def test_two_films_are_two(seed: int, one: int, other: int) -> None:
    assert lay(seen(film(seed, one), max(2.0, one / 600)), one, film(seed + 1, other)) is None


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(240, 3000), st.floats(0.15, 0.8), st.floats(0.05, 0.3), st.booleans())
def test_another_cut_is_not_the_film(seed: int, seconds: int, where: float, much: float, removed: bool) -> None:
    stored = film(seed, seconds)
    at, length = int(where * seconds), max(8, int(much * seconds * 0.5))
    other = film(seed + 1, length)
    cut = np.concatenate([stored[:at], stored[at + length :]] if removed else [stored[:at], other, stored[at:]])
    found = lay(seen(cut, max(1.5, len(cut) / 600)), len(cut), stored)
    assert found is None or not found.whole


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(300, 3000), st.floats(0.02, 0.15))
def test_one_opening_does_not_make_two_episodes_one(seed: int, seconds: int, part: float) -> None:
    opening = film(seed, int(part * seconds))
    first, second = (np.concatenate([opening, film(seed + n, seconds)]) for n in (1, 2))
    assert lay(seen(second, max(1.5, seconds / 600)), len(second), first) is None


def test_a_camera_that_never_moves_proves_nothing_by_its_pictures() -> None:
    still = np.full(600, 0x123456789ABCDEF1, np.uint64)
    found = lay(seen(still, 2.0), 600, still)
    assert found is not None and found.whole and not proves_alone(found.share, found.scenes)


def test_pictures_that_tell_nothing_are_left_out() -> None:
    stored = film(3, 600)
    stored[::3] = 0
    found = lay(seen(stored, 2.0), 600, stored)
    assert found is not None and found.whole
    assert lay(seen(np.zeros(600, np.uint64), 2.0), 600, stored) is None
    assert lay(seen(stored, 2.0), 600, np.zeros(600, np.uint64)) is None


@pytest.mark.parametrize(("new", "old", "possible"), [(7200, 7200, True), (7200, 7500, True), (7200, 9000, False)])
def test_only_films_of_about_one_length_are_compared(new: float, old: float, possible: bool) -> None:
    assert bool(rates(new, old)) is possible


def envelope(seed: int, seconds: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    coarse = random.integers(40, 220, seconds * 3)
    return np.interp(np.arange(seconds * 10) / 10, np.arange(seconds * 3) / 3, coarse).astype(np.uint8)


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.floats(-1.5, 1.5), st.integers(-30, 30))
def test_the_sound_tells_the_offset_to_a_few_hundredths(seed: int, error: float, louder: int) -> None:
    stored = envelope(seed, 300)
    offset = 4.2
    windows = []
    for start in (20.0, 90.0, 200.0):
        places = (start + 0.1 * (np.arange(100) + 0.5) - offset) / 1.0
        heard = np.interp(places, (np.arange(len(stored)) + 0.5) / 10, stored) + louder
        windows.append((start, np.clip(heard, 0, 255).astype(np.uint8)))
    found = sound_offset(windows, Print(0.0, 0.1, stored), Match(1.0, offset + error, 1.0, True))
    assert found is not None
    assert found[0] == pytest.approx(offset, abs=0.05)
    assert sounds_alike(found[1])


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_another_sound_is_not_alike(seed: int) -> None:
    windows = [(float(start), envelope(seed + 1, 10)) for start in range(0, 240, 10)]
    found = sound_offset(windows, Print(0.0, 0.1, envelope(seed, 300)), Match(1.0, 0.0, 1.0, True))
    assert found is None or not sounds_alike(found[1])


def test_silence_tells_nothing() -> None:
    silence = np.zeros(3000, np.uint8)
    assert sound_offset([(0.0, silence[:100])], Print(0.0, 0.1, silence), Match(1.0, 0.0, 1.0, True)) is None
