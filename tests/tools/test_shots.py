"""Shot detection against generated pictures whose truth is exact, and against real videos where they are at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from numpy.typing import NDArray

from vagent.tools.shots import CONTEXT, Boundary, ShotDetector, cells, may_part

Planes = NDArray[np.float32]
Film = Callable[[float], Planes]
"""The picture at a time: 3 x 90 x 160, 0..255."""

RATES = (1.0, 3.0, 12.5, 24.0, 30.0, 60.0)
BLACK = np.stack([np.full((90, 160), v, np.float32) for v in (16, 128, 128)])
WHITE = np.stack([np.full((90, 160), v, np.float32) for v in (235, 128, 128)])
GRAIN = np.random.default_rng(0).normal(0, 1, (7, 3, 90, 160)).astype(np.float32)


def scene(seed: int, width: int = 160) -> Planes:
    """A picture with structure: smooth patches of light and colour, some hard edges."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(30, 220, (3, 6, max(2, width // 16))).astype(np.float32)
    planes = np.stack([cv2.resize(p, (width, 90), interpolation=cv2.INTER_CUBIC) for p in coarse])
    planes[1:] = 128 + (planes[1:] - 128) * 0.3
    for _ in range(6):
        x, y = random.integers(0, width - 30), random.integers(0, 60)
        planes[0, y : y + 25, x : x + 25] = random.uniform(20, 235)
    return np.clip(planes, 0, 255)


SCENES = [scene(i) for i in range(6)]


def detect(film: Film, times: Iterable[float], grain: float = 3.0) -> list[Boundary]:
    detector, found, time = ShotDetector(), list[Boundary](), 0.0
    for number, time in enumerate(map(float, times)):
        picture = film(time) + grain * GRAIN[number % len(GRAIN)]
        found += detector.feed(time, np.clip(picture, 0, 255).astype(np.uint8))
    found += detector.finish(time + 0.1)
    assert found == sorted(found, key=lambda b: b.time)
    return found


def frames(rate: float, seconds: float) -> NDArray[np.float64]:
    return np.arange(round(rate * seconds)) / rate


def first_at(times: NDArray[np.float64], time: float) -> float:
    """The first frame that shows what begins at ``time``."""
    return float(times[np.searchsorted(times, time - 1e-9)])


def mix(a: Planes, b: Planes, share: float) -> Planes:
    share = min(max(share, 0.0), 1.0)
    return (1 - share) * a + share * b


@pytest.mark.parametrize("rate", RATES)
def test_hard_cuts_are_found_to_the_frame(rate: float) -> None:
    cuts = [6.0, 11.0, 17.5, 23.0]
    scenes = [scene(i) for i in range(5)]
    times = frames(rate, 30)
    found = detect(lambda t: scenes[sum(t >= c for c in cuts)], times)
    assert found == [Boundary(first_at(times, c), "cut") for c in cuts]


def test_cuts_at_a_variable_rate() -> None:
    random = np.random.default_rng(3)
    times = np.round(np.cumsum(random.choice([0.01, 0.04, 0.1, 0.4], 300)), 3)
    cuts = [8.0, 15.0, 22.0]
    scenes = [scene(i) for i in range(4)]
    found = detect(lambda t: scenes[sum(t >= c for c in cuts)], times)
    assert found == [Boundary(first_at(times, c), "cut") for c in cuts]


def test_a_slow_film_in_a_fast_container_is_the_same() -> None:
    cuts = [4.0, 8.0]
    wide = [scene(i, 400) for i in range(3)]

    def film(t: float) -> Planes:
        step = int(t % 4 * 8) * 6  # moves eight times a second only
        return wide[sum(t >= c for c in cuts)][:, :, step : step + 160]

    assert [b.time for b in detect(film, frames(24, 12), grain=0)] == cuts


@pytest.mark.parametrize("rate", [12.5, 24.0, 30.0, 60.0])
@pytest.mark.parametrize("length", [0.5, 1.0, 2.0])
def test_a_dissolve_is_one_soft_boundary_near_its_middle(rate: float, length: float) -> None:
    a, b = scene(1), scene(2)
    found = detect(lambda t: mix(a, b, (t - 5) / length + 0.5), frames(rate, 10))
    assert [x.kind for x in found] == ["dissolve"]
    assert found[0].time == pytest.approx(5, abs=0.1 + length / 8)


@pytest.mark.parametrize("blank", [BLACK, WHITE], ids=["black", "white"])
@pytest.mark.parametrize("rate", [12.5, 25.0, 60.0])
def test_a_fade_out_and_in_is_one_boundary_where_the_picture_returns(rate: float, blank: Planes) -> None:
    a, b = scene(1), scene(2)

    def film(t: float) -> Planes:
        return mix(a, blank, t - 4) if t < 5.5 else mix(blank, b, t - 5.5)

    found = detect(film, frames(rate, 10))
    assert [x.kind for x in found] == ["fade"]
    assert 5.5 <= found[0].time <= 5.9


def test_fade_to_black_and_back_to_the_same_picture_is_a_boundary() -> None:
    a = scene(1)
    found = detect(lambda t: mix(a, BLACK, t - 4) if t < 6 else mix(BLACK, a, t - 6), frames(25, 10))
    assert [x.kind for x in found] == ["fade"]


def test_a_long_black_stretch_is_a_shot() -> None:
    a, b = scene(1), scene(2)
    found = detect(lambda t: a if t < 5 else BLACK if t < 10 else b, frames(25, 15))
    assert found == [Boundary(5, "cut"), Boundary(10, "cut")]


def test_black_at_the_ends_is_no_boundary_unless_long() -> None:
    a = scene(1)
    assert detect(lambda t: a if 1 <= t < 8 else BLACK, frames(25, 9)) == []
    assert detect(lambda t: a if 4 <= t < 9 else BLACK, frames(25, 15)) == [Boundary(4, "cut"), Boundary(9, "cut")]


@pytest.mark.parametrize("rate", [12.5, 25.0, 60.0])
@pytest.mark.parametrize("length", [0.04, 0.2])
@pytest.mark.parametrize("light", ["white", "black", "bright", "another picture"])
def test_a_flash_or_a_blink_is_no_boundary(rate: float, length: float, light: str) -> None:
    a = scene(1)
    flashes = {"white": WHITE, "black": BLACK, "bright": np.clip(a + 110, 0, 255), "another picture": scene(2)}
    flash = flashes[light]
    starts = [3.0, 5.0, 5.3, 8.0]
    assert detect(lambda t: flash if any(s <= t < s + length for s in starts) else a, frames(rate, 12)) == []


def test_a_cut_with_one_mixed_frame_is_a_cut() -> None:
    a, b = scene(1), scene(2)
    found = detect(lambda t: mix(a, b, 0.5) if 4.99 < t < 5.03 else b if t > 5 else a, frames(25, 10))
    assert [x.kind for x in found] == ["cut"]
    assert found[0].time == pytest.approx(5, abs=0.05)


@pytest.mark.parametrize("rate", RATES)
def test_nothing_in_a_still_picture(rate: float) -> None:
    a = scene(1)
    assert detect(lambda t: a, frames(rate, 15), grain=8) == []


@pytest.mark.parametrize("rate", [12.5, 24.0, 60.0])
@pytest.mark.parametrize("speed", [20, 60, 160])
def test_a_pan_is_no_boundary(rate: float, speed: int) -> None:
    wide = scene(1, 160 + 160 * 9)

    def film(t: float) -> Planes:
        x = int(t * speed)
        return wide[:, :, x : x + 160]

    assert detect(film, frames(rate, 8)) == []


@pytest.mark.parametrize("left_out", [1, 3])
def test_frames_left_out_before_a_cut_do_not_hide_it(left_out: int) -> None:
    """The changes around a cut are those of a pan, over several frames each before it and over one behind it."""
    wide = scene(3, 700)

    def film(t: float) -> Planes:
        x = round(t * 24) * 5
        return wide[:, :, x : x + 160] if t < 2 else scene(5, 700)[:, :, x - 240 : x - 80]

    times = frames(24, 4)
    kept = [time for n, time in enumerate(times) if n % (left_out + 1) == 0 or 47 <= n < 60]
    assert detect(film, kept, grain=0.0) == detect(film, times, grain=0.0) == [Boundary(times[48], "cut")]


def test_where_a_boundary_may_lie_between_two_pictures() -> None:
    def may(one: Planes, other: Planes, flow: float) -> bool:
        return may_part(cells(one.astype(np.uint8)), cells(other.astype(np.uint8)), flow)

    wide = scene(3, 700)
    assert may(SCENES[0], SCENES[1], 0.0)
    assert may(SCENES[0], SCENES[1], 8.0)  # though much moves before it
    assert may(BLACK, SCENES[0], 0.0) and may(SCENES[0], WHITE, 3.0)
    assert not may(SCENES[0], SCENES[0], 0.0)
    assert not may(BLACK, BLACK, 0.0)
    assert not may(wide[:, :, :160], wide[:, :, 3:163], 5.0)
    assert not may(SCENES[0], np.clip(SCENES[0] * 1.3, 0, 255), 0.0)  # light


def test_a_zoom_and_a_change_of_light_are_no_boundary() -> None:
    a = scene(1)

    def zoom(t: float) -> Planes:
        part = 0.95**t
        h, w = int(90 * part), int(160 * part)
        return np.stack([cv2.resize(p[:h, :w], (160, 90)) for p in a])

    assert detect(zoom, frames(24, 10)) == []
    assert detect(lambda t: a * (1 if t < 5 else 0.5), frames(24, 10)) == []
    assert detect(lambda t: a * min(1.0, max(0.4, 4 - 0.6 * t)), frames(24, 10)) == []


def test_a_camera_that_adapts_to_the_light_on_a_plain_wall_is_no_boundary() -> None:
    dark, light = 90 + (scene(1) - 128) / 20, 150 + (scene(2) - 128) / 20
    dark[1:], light[1:] = 128, 128
    assert detect(lambda t: mix(dark, light, t - 5), frames(24, 10)) == []


def test_bars_beside_the_picture_hide_no_cut() -> None:
    def barred(picture: Planes) -> Planes:
        framed = BLACK.copy()
        framed[:, :, 45:115] = 130 + picture[:, :, 45:115] / 2
        framed[1:] = 128
        return framed

    a, b = barred(scene(1)), barred(scene(2))
    assert detect(lambda t: a if t < 5 else b, frames(24, 10)) == [Boundary(5, "cut")]


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 9, 16), (3, 36, 20), (3, 111, 197)])
def test_any_signature_size(shape: tuple[int, int, int]) -> None:
    random, detector = np.random.default_rng(0), ShotDetector()
    one, other = random.integers(0, 255, (2, *shape), np.uint8)
    found = [b for t in range(200) for b in detector.feed(t / 25, one if t < 100 else other)]
    assert found + detector.finish(8) == [Boundary(4.0, "cut")]


def test_no_frames_one_frame_and_frames_out_of_order() -> None:
    assert ShotDetector().finish(0.0) == []
    detector, picture = ShotDetector(), scene(1).astype(np.uint8)
    assert detector.feed(1.0, picture) == []
    assert detector.feed(1.0, scene(2).astype(np.uint8)) == []
    assert detector.feed(0.5, scene(2).astype(np.uint8)) == []
    assert detector.finish(1.04) == []


def _edited(t: float) -> Planes:
    if t < 9:
        return SCENES[int(t / 3)]
    if t < 15:
        return mix(SCENES[2], SCENES[3], t - 12)
    if t < 21:
        return mix(SCENES[3], BLACK, t - 17) if t < 18.5 else mix(BLACK, SCENES[4], t - 18.5)
    return BLACK if t < 25 else SCENES[5]


@pytest.fixture(scope="module")
def edited() -> tuple[list[float], list[NDArray[np.uint8]], list[Boundary]]:
    times = [float(t) for t in frames(24, 32)]
    pictures = [_edited(t).astype(np.uint8) for t in times]
    return times, pictures, _detect_all(times, pictures)


def _detect_all(times: list[float], pictures: list[NDArray[np.uint8]]) -> list[Boundary]:
    detector = ShotDetector()
    found = [b for time, picture in zip(times, pictures, strict=True) for b in detector.feed(time, picture)]
    return found + detector.finish(32)


@budget(max_examples=25, deadline=None)
@given(point=st.floats(0, 31))
def test_a_fresh_detector_finds_the_same_after_its_context(
    edited: tuple[list[float], list[NDArray[np.uint8]], list[Boundary]], point: float
) -> None:
    times, pictures, whole = edited
    assert [b.kind for b in whole] == ["cut", "cut", "dissolve", "fade", "cut", "cut"]
    first = int(np.searchsorted(times, point - CONTEXT))
    resumed = _detect_all(times[first:], pictures[first:])
    assert [b for b in resumed if b.time >= point] == [b for b in whole if b.time >= point]


def test_boundaries_are_told_within_the_context(
    edited: tuple[list[float], list[NDArray[np.uint8]], list[Boundary]],
) -> None:
    times, pictures, whole = edited
    detector = ShotDetector()
    told = [(t, b) for t, p in zip(times, pictures, strict=True) for b in detector.feed(t, p)]
    assert [b for _, b in told] == whole
    assert max(t - b.time for t, b in told) <= CONTEXT


def test_memory_does_not_grow_with_length() -> None:
    detector = ShotDetector()
    pictures = [scene(i).astype(np.uint8) for i in range(8)]
    for i in range(4000):
        detector.feed(i / 60, pictures[i % 8])
    assert len(detector._pictures) < 1500


REAL: dict[str, tuple[list[float], list[float]]] = {
    # file: hard cuts, soft boundaries; seconds, checked by eye
    "wildlife_test_video.mp4": ([4.20, 7.14, 11.81, 17.32, 20.85, 24.62], []),
    "big_buck_bunny_0_30.webm": ([11.80, 15.67, 22.96], []),
    "elephantsdream_3audio_3subs.mkv": ([11.04, 16.08, 24.29], []),
    "lecture_eth_scene-change.mov": ([12.0], []),
    "testvideo_fades.mp4": ([], [7.2, 13.3, 18.1]),
    "nasa_13013.mp4": ([8.08], [5.56]),
    "01_dog.mp4": ([], []),
    "car-detection.mp4": ([], []),
    "googlework_short.mp4": (
        [1.40, 2.04, 2.64, 3.27, 3.94, 4.54, 5.17, 5.81, 6.41, 7.04, 7.64, 8.24, 10.54,
         15.25, 18.85, 21.15, 24.52, 26.49, 28.16, 32.50],
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_videos(media: Path, name: str) -> None:
    import av

    detector, found, end = ShotDetector(), list[Boundary](), 0.0
    with av.open(str(media / name)) as container:
        start = (container.start_time or 0) / 1e6
        for frame in container.decode(video=0):
            assert frame.time is not None
            end = frame.time - start
            small = frame.reformat(160, 90, "yuv444p", interpolation="POINT").to_ndarray()
            found += detector.feed(end, small)
    found += detector.finish(end + 0.04)
    hard, soft = REAL[name]
    truth = sorted(hard + soft)
    missed = [t for t in hard if not any(abs(b.time - t) < 0.05 for b in found if b.kind == "cut")]
    missed += [t for t in soft if not any(abs(b.time - t) < 0.3 for b in found if b.kind != "cut")]
    extra = [b for b in found if not any(abs(b.time - t) < 0.3 for t in truth)]
    assert missed == []
    assert len(extra) <= len(truth) // 10, extra
    assert all(b.time - a.time >= 0.5 for a, b in pairwise(found))
