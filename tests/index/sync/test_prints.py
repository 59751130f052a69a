"""What a film looks and sounds like survives an encoder, and an indexing that was broken off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.crashes import Crash, crash_at
from tests.index.sync.films import FPS, length, library, pictures, scenes, sound, write
from vagent import configs
from vagent.errors import LibraryCorruptError
from vagent.index.store import Store
from vagent.index.sync.prints import Kind, Print, distance, levels, picture_bits, picture_hash
from vagent.index.sync.sampling import looks, loudness
from vagent.tools.media.probe import pick, probe

FILM = scenes(1, 8)


def signature(image: np.ndarray) -> np.ndarray:
    """The planes of a picture as the reader thins them out."""
    planes = cv2.cvtColor(cv2.resize(image, (160, 90), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YUV)
    return np.ascontiguousarray(planes.transpose(2, 0, 1))


def bits(different: np.ndarray) -> np.ndarray:
    """How many bits of all a distance is."""
    return np.round(different * 63).astype(int)


def apart(one: np.ndarray, other: np.ndarray, rotation: int = 0) -> int:
    hashes = np.array([picture_hash(signature(one)), picture_hash(signature(other), rotation)], np.uint64)
    return int(bits(distance(hashes[:1], hashes[1:]))[0])


@pytest.fixture(scope="module")
def shown() -> list[np.ndarray]:
    """One picture of each scene."""
    return [pictures([scene], (480, 270))[5] for scene in FILM]


def test_a_picture_is_known_again(shown: list[np.ndarray]) -> None:
    for image in shown:
        noise = np.random.default_rng(0).normal(0, 6, image.shape)
        assert apart(image, cv2.resize(image, (160, 90), interpolation=cv2.INTER_AREA)) <= 4
        assert apart(image, np.clip(image + noise, 0, 255).astype(np.uint8)) <= 6
        assert apart(image, np.clip(image * 0.8 + 20, 0, 255).astype(np.uint8)) <= 6
        assert apart(image, cv2.copyMakeBorder(image, 45, 45, 0, 0, cv2.BORDER_CONSTANT)) <= 8
        assert apart(image, cv2.copyMakeBorder(image, 0, 0, 60, 60, cv2.BORDER_CONSTANT)) <= 8
        assert apart(image, np.ascontiguousarray(np.rot90(image)), rotation=90) <= 8


def test_another_picture_is_another(shown: list[np.ndarray]) -> None:
    found = [apart(a, b) for i, a in enumerate(shown) for b in shown[i + 1 :]]
    assert min(found) >= 20


def test_the_sure_bits_are_forty_and_stand_noise_better(shown: list[np.ndarray]) -> None:
    chance = np.random.default_rng(1)
    for image in shown:
        value, sure = picture_bits(signature(image))
        assert value == picture_hash(signature(image))
        assert int(np.bitwise_count(sure)) == 40 and not sure & np.uint64(1)
        noisy = [np.clip(image + chance.normal(0, 40, image.shape), 0, 255).astype(np.uint8) for _ in range(8)]
        hashes = np.array([picture_hash(signature(one)) for one in noisy], np.uint64)
        known = np.full(8, value, np.uint64)
        wrong = distance(known, hashes, np.full(8, sure, np.uint64))
        assert wrong.max() <= 0.1
        assert wrong.sum() <= distance(known, hashes).sum()


def test_a_picture_of_nothing_tells_nothing() -> None:
    for grey in (0, 16, 128, 255):
        assert picture_hash(signature(np.full((90, 160, 3), grey, np.uint8))) == 0
    spot = np.zeros((90, 160, 3), np.uint8)
    spot[40:50, 70:90] = 255
    assert picture_hash(signature(spot)) == 0
    nothing = np.zeros(1, np.uint64)
    assert distance(nothing, nothing)[0] == 1.0


def test_levels_grow_with_loudness_and_not_with_phase() -> None:
    time = np.arange(16_000) / 16_000
    loud = [levels((a * np.sin(2 * np.pi * 440 * time)).astype(np.int16)) for a in (0, 100, 1000, 10_000)]
    assert [len(one) for one in loud] == [10] * 4
    means = [float(one.mean()) for one in loud]
    assert means[0] == 0
    assert np.diff(means[1:]) == pytest.approx([50, 50], abs=2)  # 20 dB each


@given(
    st.sampled_from(["pictures", "loudness"]),
    st.floats(-100, 100),
    st.floats(0.01, 10),
    st.integers(0, 40).flatmap(lambda n: arrays(np.uint64, n)),
)
def test_a_print_is_read_as_it_was_written(kind: Kind, start: float, step: float, values: np.ndarray) -> None:
    one = Print(start, step, values if kind == "pictures" else values.astype(np.uint8))
    back = Print.from_bytes(kind, one.to_bytes())
    assert (back.start, back.step, back.values.tolist()) == (start, step, one.values.tolist())


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x02" + bytes(16), b"\x01" + bytes(16) + b"\0\0\0"])
def test_a_damaged_print_is_told(data: bytes) -> None:
    with pytest.raises(LibraryCorruptError, match="damaged"):
        Print.from_bytes("pictures", data)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("film") / "film.mp4", FILM, subtitles=False)


def prints(opened: Any) -> tuple[Print, Print]:
    (video,) = opened.videos()
    pictures_, sounds = (opened.store.prints_of(kind, [video.id])[video.id] for kind in ("pictures", "loudness"))
    return Print.from_bytes("pictures", pictures_), Print.from_bytes("loudness", sounds)


def test_indexing_leaves_a_hash_a_second_and_ten_levels(film: Path, tmp_path: Path) -> None:
    with library(tmp_path) as opened:
        opened.add(film)
        seen, heard = prints(opened)
    frames = pictures(FILM)
    times = [min(second * FPS, len(frames) - 1) for second in range(len(seen.values))]
    expected = np.array([picture_hash(signature(frames[at])) for at in times], np.uint64)
    assert len(seen.values) - length(FILM) == pytest.approx(0.5, abs=0.6)
    assert bits(distance(seen.values.astype(np.uint64), expected)).max() <= 10
    wanted = levels(sound(FILM))
    assert abs(len(heard.values) - len(wanted)) <= 3
    shared = min(len(heard.values), len(wanted))
    assert np.corrcoef(heard.values[:shared], wanted[:shared])[0, 1] > 0.95


@pytest.mark.parametrize("count", [7, 9, 12, 15])
def test_prints_of_a_run_that_was_broken_off_are_those_of_one_that_was_not(
    count: int, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"media": {"checkpoint": 5}}
    with library(tmp_path / "whole", **given) as opened:
        opened.add(film)
        whole = [one.to_bytes() for one in prints(opened)]
    with library(tmp_path / "broken", **given) as opened:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "set_stage", crash_at(count, Store.set_stage))
            with pytest.raises(Crash):
                opened.add(film)
        opened.add(film, relink="never")
        assert [one.to_bytes() for one in prints(opened)] == whole


@pytest.mark.parametrize("name", ["long.mp4", "long.mkv", "long.ts"])
def test_key_frames_and_stretches_of_sound_stand_for_a_long_film(
    name: str, tmp_path: Path, settings: configs.Settings
) -> None:
    long = scenes(2, 60)
    path = write(tmp_path / name, long, size=(120, 68), subtitles=False, gop=30)
    info = probe(path)
    track = pick(info, "video")
    assert track is not None
    found = looks(info, track, settings)
    assert len(found.times) >= 40
    frames = pictures(long, (120, 68))
    start = 0.0 if name != "long.mkv" else 0.064  # what the sound's encoder puts before the sound
    expected = [picture_hash(signature(frames[min(len(frames) - 1, round((t - start) * FPS))])) for t in found.times]
    assert np.median(bits(distance(found.hashes, np.array(expected, np.uint64)))) <= 6
    hear(info, settings, sound(long))


def hear(info: Any, settings: configs.Settings, whole: np.ndarray) -> None:
    """Stretches of sound lie where they say."""
    track = pick(info, "audio")
    assert track is not None
    wanted = levels(whole)
    for start, heard in loudness(info, track, settings):
        first = round(start * 10)
        expected = wanted[first : first + len(heard)]
        shared = min(len(expected), len(heard))
        assert np.corrcoef(expected[:shared], heard[:shared])[0, 1] > 0.7


def test_counting_calls_reaches_the_stages(film: Path, tmp_path: Path) -> None:
    """The crashes above lie within the pass: it commits at least as often as the highest of them."""
    calls: list[str] = []
    real: Callable[..., None] = Store.set_stage
    with library(tmp_path, media={"checkpoint": 5}) as opened, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "set_stage", lambda *a, **k: (calls.append(a[2]), real(*a, **k))[1])
        opened.add(film)
    assert calls.index("clips") > 15
