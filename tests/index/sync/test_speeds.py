"""Another speed is proved by a line along the film, and not by a cut that makes it as long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.index.sync.films import FPS, RATE, Scene, library, pictures, scenes
from tests.media_files import AudioTrack, write_video
from tests.sounds import Sound, speech
from vagent.index.library import VideoLibrary
from vagent.index.sync.lookalikes import Lookalikes
from vagent.index.sync.matching import RATES, Match
from vagent.index.sync.prints import Print, levels
from vagent.index.sync.proposals import Likeness
from vagent.index.sync.speeds import by_cuts, by_sound, in_pieces, keeps
from vagent.tools.media.probe import probe

SEEDS = st.integers(0, 2**32 - 1)
SPEEDS = [rate for rate in RATES if abs(rate - 1.0) > 0.01]
LONG = 80.0  # seconds of a film

Removed = tuple[tuple[float, float], ...]
"""Where something is left out, as a part of the film, and how many seconds."""

REMOVED: list[Removed] = [
    *(((part, seconds),) for part in (0.25, 0.5, 0.75) for seconds in (1.0, 1.6, 2.5, 3.2, 5.0, 10.0)),
    ((0.33, 1.0), (0.66, 1.0)),
    ((0.33, 1.5), (0.66, 1.5)),
    ((0.25, 1.0), (0.5, 1.0), (0.75, 1.0)),
    ((0.2, 0.8), (0.4, 0.8), (0.6, 0.8), (0.8, 0.8)),
]


def jittered(seed: int, count: int, *, wrong: float = 0.0) -> NDArray[np.float64]:
    """By how many seconds moments are measured wrongly; a part of them by anything."""
    random = np.random.default_rng(seed)
    lags = random.normal(0, 0.02, count)
    far = random.permutation(count)[: int(wrong * count)]
    lags[far] = random.uniform(-2.5, 2.5, len(far))
    return lags


@hypothesis_settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from(SPEEDS), st.floats(40, 7200), st.floats(-0.4, 0.4))
def test_moments_on_one_line_prove_a_speed(seed: int, rate: float, seconds: float, late: float) -> None:
    times = np.arange(4.0, seconds - 4, 2.0)
    assert keeps(times, late + jittered(seed, len(times), wrong=0.1), rate, seconds)


@hypothesis_settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from(SPEEDS), st.floats(40, 400), st.lists(st.floats(0.1, 0.9), min_size=1, max_size=3))
def test_pieces_at_the_usual_speed_do_not(seed: int, rate: float, seconds: float, cuts: list[float]) -> None:
    times = np.arange(4.0, seconds - 4, 2.0)
    step = (rate - 1) / rate * seconds / len(cuts)  # so long are the cuts that the film ends where the speed says
    usual = sum(np.where(times > cut * seconds, step, 0.0) for cut in cuts)
    lags = usual - (rate - 1) / rate * times
    assert not keeps(times, lags + jittered(seed, len(times)), rate, seconds)


def test_a_third_without_moments_leaves_it_open() -> None:
    times = np.arange(2.0, 60.0, 2.0)
    assert keeps(times, np.zeros(len(times)), 0.96, 60.0)
    assert keeps(times[times > 20], np.zeros((times > 20).sum()), 0.96, 60.0) is None
    assert keeps(np.zeros(0), np.zeros(0), 0.96, 60.0) is None


def test_cuts_prove_a_speed_too() -> None:
    old = np.arange(5.0, 95.0, 5.0)
    found = Match(0.96, 1.0, 1.0, True)
    assert by_cuts([(at, 0.96 * at + 1.0) for at in old], found, 97.0)
    assert by_cuts([(at, at - 1.0 - 3.0 * (at > 50)) for at in old], found, 97.0) is False
    assert by_cuts([(5.0, 5.8)], found, 97.0) is None


@pytest.mark.parametrize(
    ("lags", "told"),
    [
        ([0.0] * 8, False),
        ([0.04, -0.04] * 4, False),
        ([0.0] * 4 + [2.2] + [0.0] * 3, False),  # one was mistaken for another
        ([0.0] * 6 + [-1.5] * 2, True),
        ([1.0] * 2 + [0.0] * 6, True),
        ([0.0, 0.3, 0.6, 0.9, 1.2, 1.5], True),
        ([0.0, 2.0], False),
        ([], False),
    ],
)
def test_cuts_that_lie_elsewhere_tell_of_seconds_that_are_missing(lags: list[float], told: bool) -> None:
    assert in_pieces([(10.0 * number, 10.0 * number + 0.5 + lag) for number, lag in enumerate(lags)]) is told


def sentences(seconds: float) -> Sound:
    """The same two sentences, again and again."""
    return np.resize(speech(), round(seconds * RATE))


def without(samples: Sound, removed: Removed, rate: int = RATE) -> Sound:
    """What is left of some samples, or pictures, ``rate`` of which are a second."""
    keep = np.ones(len(samples), bool)
    for part, seconds in removed:
        first = round(part * len(samples))
        keep[first : first + round(seconds * rate)] = False
    return samples[keep]


def resampled(samples: Sound, rate: float) -> Sound:
    """Sound that lasts ``rate`` times as long."""
    places = np.arange(0, len(samples) - 1, 1 / rate)
    return np.interp(places, np.arange(len(samples)), samples).astype(np.int16)


@pytest.mark.parametrize("seconds", [40.0, LONG, 300.0])
@pytest.mark.parametrize("rate", SPEEDS)
def test_sentences_that_repeat_prove_a_speed(seconds: float, rate: float) -> None:
    heard = sentences(seconds)
    old = Print(0.0, 0.1, levels(heard))
    assert by_sound(levels(resampled(heard, rate)), old, Match(rate, 0.0, 1.0, True))
    assert not by_sound(levels(heard), old, Match(rate, 0.0, 1.0, True))


@pytest.mark.parametrize("removed", REMOVED, ids=str)
@pytest.mark.parametrize("rate", [rate for rate in SPEEDS if rate < 1])
def test_sentences_without_some_seconds_prove_none(removed: Removed, rate: float) -> None:
    heard = sentences(LONG)
    old, new = Print(0.0, 0.1, levels(heard)), levels(without(heard, removed))
    middle = (len(new) / 10 - rate * LONG) / 2
    for offset in np.arange(middle - 1.5, middle + 1.6, 0.5):
        assert not by_sound(new, old, Match(rate, float(offset), 1.0, True))
        # What was removed there was inserted here.
        back = Match(1 / rate, float(-offset / rate), 1.0, True)
        assert not by_sound(levels(heard), Print(0.0, 0.1, new), back)


def test_a_thousandth_is_proved_by_a_long_film() -> None:
    random = np.random.default_rng(1)
    heard = np.interp(np.arange(24_000) / 10, np.arange(0, 2401, 0.4), random.uniform(60, 220, 6003)[:6003])
    slower = np.interp(np.arange(24_024) / 10.01, np.arange(24_000) / 10, heard)
    old = Print(0.0, 0.1, heard.astype(np.uint8))
    found = Match(1.001, 0.0, 1.0, True)
    assert by_sound(slower.astype(np.uint8), old, found)
    assert not by_sound(heard.astype(np.uint8), old, found)
    inserted = np.concatenate([heard[:12_000], heard[5000:5024], heard[12_000:]])
    assert not by_sound(inserted.astype(np.uint8), old, found)


FILM = scenes(1, 32)
SHOWN = pictures(FILM)[: round(LONG * FPS)]
LOOPED = pictures([Scene(90 + i % 4, 8.0) for i in range(10)])
STILL = [SHOWN[i // 80 * 80] for i in range(len(SHOWN))]  # each for eight seconds


@pytest.fixture(
    scope="module",
    params=[
        "moving",
        pytest.param("repeating", marks=pytest.mark.slow),
        pytest.param("still", marks=pytest.mark.slow),
        pytest.param("silent", marks=pytest.mark.slow),
        "silent and still",
    ],
)
def known(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[VideoLibrary, list[np.ndarray], Sound | None]]:
    """A film with sentences that repeat, or none, and what it shows and sounds like."""
    folder = tmp_path_factory.mktemp("known")
    shown = {"repeating": LOOPED, "still": STILL, "silent and still": STILL}.get(request.param, SHOWN)
    heard = None if "silent" in request.param else sentences(LONG)
    with library(folder / "library") as opened:
        opened.add(write(folder / "film.mkv", shown, heard), relink="never")
        yield opened, shown, heard


def write(path: Path, shown: list[np.ndarray], heard: Sound | None, rate: float = 1.0) -> Path:
    times = [rate * number / FPS for number in range(len(shown))]
    sound = None if heard is None else AudioTrack(resampled(heard, rate) if rate != 1.0 else heard)
    return write_video(path, shown, times=times, fps=FPS, gop=30, codec="mpeg4", audio=sound)


def look(opened: VideoLibrary, path: Path) -> Likeness | None:
    return Lookalikes(opened.store, opened.settings).find(probe(path)).like


@pytest.mark.parametrize("removed", [((0.5, 2.5),), ((0.33, 1.0), (0.66, 1.0)), REMOVED[-1]], ids=str)
def test_a_film_without_some_seconds_is_another(
    removed: Removed, known: tuple[VideoLibrary, list[np.ndarray], Sound | None], tmp_path: Path
) -> None:
    opened, shown, heard = known
    kept = without(np.arange(len(shown)), removed, FPS)
    path = write(tmp_path / "cut.mkv", [shown[i] for i in kept], None if heard is None else without(heard, removed))
    assert look(opened, path) is None


@pytest.mark.parametrize("rate", [24 / 25, 25.025 / 24])
def test_a_film_at_another_speed_is_known(
    rate: float, known: tuple[VideoLibrary, list[np.ndarray], Sound | None], tmp_path: Path
) -> None:
    opened, shown, heard = known
    found = look(opened, write(tmp_path / "tv.mkv", shown, heard, rate))
    assert found is not None
    for at in (0.0, LONG):
        assert found.rate * at + found.offset == pytest.approx(rate * at, abs=0.15)
