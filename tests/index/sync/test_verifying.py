"""A film is laid over another all the way: what was replaced is found, however short it is beside the film."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.index.sync.films import FPS, Scene, length, library, pictures, scenes, sound
from tests.media_files import write_video
from vagent.index.library import VideoLibrary
from vagent.index.sync.lookalikes import Found, Lookalikes
from vagent.index.sync.matching import Match
from vagent.index.sync.prints import Print
from vagent.index.sync.verifying import verify_sound
from vagent.tools.media.probe import probe
from vagent.tools.time import Span

SEEDS = st.integers(0, 2**32 - 1)
FILM = scenes(1, 64)
AT, MANY = 30, 4  # scenes that are replaced: about ten seconds of two and a half minutes
START, END = length(FILM[:AT]), length(FILM[: AT + MANY])


def film(path: Path, shown: list[Scene], told: list[Scene], **options: object) -> Path:
    """A film that shows some scenes and sounds like others."""
    return write_video(path, pictures(shown, (120, 68)), fps=FPS, audio=sound(told), **options)


def changed() -> list[Scene]:
    return [*FILM[:AT], *(replace(s, seed=s.seed + 999_000) for s in FILM[AT : AT + MANY]), *FILM[AT + MANY :]]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VideoLibrary]:
    folder = tmp_path_factory.mktemp("known")
    with library(folder / "library") as opened:
        (report,) = opened.add(film(folder / "film.mp4", FILM, FILM))
        assert report.status == "indexed"
        yield opened


def look(opened: VideoLibrary, path: Path) -> Found:
    return Lookalikes(opened.store, opened.settings).find(probe(path))


@pytest.mark.parametrize("gop", [20, 80, 5000])
def test_the_same_film_is_the_same_however_far_its_key_frames_lie_apart(
    gop: int, known: VideoLibrary, tmp_path: Path
) -> None:
    found = look(known, film(tmp_path / "new.mkv", FILM, FILM, codec="mpeg4", gop=gop))
    assert found.like is not None
    assert found.like.share >= 0.95
    assert found.like.offset == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        pytest.param(changed(), changed(), id="both"),
        pytest.param(changed(), FILM, id="pictures"),
        pytest.param(FILM, changed(), id="sound"),
    ],
)
def test_ten_seconds_that_were_replaced_are_told(
    shown: list[Scene], told: list[Scene], known: VideoLibrary, tmp_path: Path
) -> None:
    found = look(known, film(tmp_path / "new.mkv", shown, told, codec="mpeg4", gop=60))
    assert found.like is None
    assert found.related is not None and "but it is another from 00:01:1" in found.related


def envelope(seed: int, seconds: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.interp(np.arange(seconds * 10) / 10, np.arange(seconds * 3) / 3, random.integers(60, 220, seconds * 3))


def levels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def over(old: np.ndarray, new: np.ndarray, offset: float = 0.0) -> tuple[Span, ...]:
    return verify_sound(levels(new), Print(0.0, 0.1, levels(old)), Match(1.0, offset, 1.0, True))


@hypothesis_settings(deadline=None, max_examples=40)
@given(SEEDS, st.floats(-3, 3), st.integers(-20, 20), st.floats(0.6, 1.4))
def test_louder_softer_and_noisier_sound_is_the_same(seed: int, offset: float, louder: int, range_: float) -> None:
    old = envelope(seed, 300)
    places = np.arange(len(old)) - offset * 10
    new = 140 + (np.interp(places, np.arange(len(old)), old) - 140) * range_ + louder
    noise = np.random.default_rng(seed).normal(0, 6, len(new))
    assert over(old, new + noise, offset) == ()


def test_other_sound_is_told_where_it_is() -> None:
    """Two sounds may resemble each other for some seconds by chance, so a few in a thousand go unnoticed."""
    told = 0
    generator = np.random.default_rng(1)
    for _ in range(200):
        seed, at, seconds = (int(generator.integers(*limits)) for limits in ((0, 10**6), (20, 251), (18, 41)))
        old = envelope(seed, 300)
        new = old.copy()
        new[at * 10 : (at + seconds) * 10] = envelope(seed + 1, seconds)
        found = over(old, new)
        told += bool(found)
        assert all(span.start >= at - 4 and span.end <= min(300, at + seconds) + 4 for span in found)
    assert told >= 198


def test_silence_in_both_tells_nothing_and_in_one_of_them_much() -> None:
    old = envelope(1, 120)
    old[300:600] = 5
    new = old + np.where(old < 20, np.random.default_rng(2).uniform(0, 40, len(old)), 0)  # an encoder's noise
    assert over(old, new) == ()
    mute = new.copy()
    mute[800:1000] = 0
    (span,) = over(old, mute)
    assert span.overlap(Span(80, 100)) > 12


def test_too_little_sound_is_not_otherwise() -> None:
    assert over(envelope(1, 60), envelope(1, 60)[:40]) == ()
    assert over(np.zeros(0), envelope(1, 60)) == ()
