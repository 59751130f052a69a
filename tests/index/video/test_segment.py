"""Clips and shots: what always holds, and the cuts that a person would make."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from vagent.configs import ClipSettings
from vagent.index.records import Shot
from vagent.index.video.segment import clips, shots
from vagent.tools.shots import Boundary
from vagent.tools.time import Span

CLIPS = ClipSettings(window=10, longest=30)


def edges(
    duration: float,
    boundaries: Sequence[float] = (),
    utterances: Sequence[tuple[float, float]] = (),
    settings: ClipSettings = CLIPS,
) -> list[float]:
    found = clips(duration, boundaries, [Span(*u) for u in utterances], settings)
    assert all(a.span.end == b.span.start for a, b in pairwise(found))
    return [found[0].span.start, *(c.span.end for c in found)] if found else []


@st.composite
def speeches(draw: st.DrawFn, longest: float = 60, overlapping: bool = True) -> list[Span]:
    spans, at = list[Span](), 0.0
    for gap, length in draw(
        st.lists(st.tuples(st.floats(-5 if overlapping else 0, 20), st.floats(0, longest)), max_size=30)
    ):
        at = max(0.0, at + gap)
        spans.append(Span(at, at + length))
        at += length
    return draw(st.permutations(spans))


DURATIONS = st.one_of(st.floats(0.001, 400), st.sampled_from([0.04, 1.0, 10.0, 30.0, 30.04, 3600.0]))
LENGTHS = st.one_of(
    st.just(CLIPS),
    st.builds(lambda w, more: ClipSettings(window=w, longest=w + more), st.floats(1, 60), st.floats(0, 60)),
    st.builds(lambda w, less: ClipSettings(window=w, longest=w * less), st.floats(1, 60), st.floats(0.2, 1)),
)


@given(duration=DURATIONS, boundaries=st.lists(st.floats(-5, 500), max_size=60), spoken=speeches(), lengths=LENGTHS)
@budget(max_examples=200, deadline=None)
def test_clips_cover_exactly_and_are_never_too_long(
    duration: float, boundaries: list[float], spoken: list[Span], lengths: ClipSettings
) -> None:
    found = clips(duration, boundaries, spoken, lengths)
    assert found[0].span.start == 0
    assert found[-1].span.end == duration
    assert all(a.span.end == b.span.start for a, b in pairwise(found))
    assert all(0 < c.span.duration <= lengths.longest + 1e-6 for c in found)
    assert found == clips(duration, boundaries[::-1], spoken[::-1], lengths)


@given(duration=DURATIONS, boundaries=st.lists(st.floats(0, 400), max_size=60), spoken=speeches(longest=15))
@budget(max_examples=100, deadline=None)
def test_no_clip_could_join_its_neighbour_within_a_window(
    duration: float, boundaries: list[float], spoken: list[Span]
) -> None:
    found = clips(duration, boundaries, spoken, CLIPS)
    assert all(a.span.duration + b.span.duration > CLIPS.window for a, b in pairwise(found))


def test_an_utterance_before_a_long_pause_is_not_cut() -> None:
    spoken = [(0.0, 1.375), (8.625, 25.875), (45.875, 63.375), (76.875, 77.875)]
    assert not [e for e in edges(77.0, [], spoken)[1:-1] if any(a < e < b for a, b in spoken)]


@given(duration=st.floats(1, 400), boundaries=st.lists(st.floats(0, 400), max_size=60), spoken=speeches(18, False))
@budget(max_examples=100, deadline=None)
def test_no_utterance_is_cut_when_there_is_another_way(
    duration: float, boundaries: list[float], spoken: list[Span]
) -> None:
    inner = edges(duration, boundaries, [(s.start, s.end) for s in spoken])[1:-1]
    assert not [e for e in inner if any(s.start < e < s.end for s in spoken)]


def test_still_silence_is_cut_on_the_grid() -> None:
    assert edges(45) == [0, 10, 20, 30, 45]
    assert edges(10.5) == [0, 10.5]
    assert edges(0.04) == [0, 0.04]


@pytest.mark.parametrize("duration", [0, -1, float("nan")])
def test_no_duration_no_clips(duration: float) -> None:
    assert clips(duration, [1.0], [Span(0, 1)], CLIPS) == []
    assert shots(duration, []) == []


def test_edges_snap_to_shot_boundaries() -> None:
    assert edges(42, [9.2, 13.9, 20.4, 33.3]) == [0, 9.2, 20.4, 33.3, 42]


def test_many_short_shots_are_merged_to_about_a_window() -> None:
    found = edges(60, [1.5 * i for i in range(1, 40)])
    assert all(8 <= b - a <= 12 for a, b in pairwise(found))
    assert all(e % 1.5 == 0 for e in found)


def test_one_shot_with_its_speech_stays_whole() -> None:
    found = edges(60, [14, 37], [(1, 12.5), (15, 24), (24.2, 36)])
    assert {14, 37} <= set(found)


def test_speech_without_shots_is_cut_in_its_pauses() -> None:
    spoken = [(0.0, 3.8), (4.0, 9.0), (11.0, 15.5), (15.7, 21.0), (22.0, 29.0)]
    assert edges(30, [], spoken) == [0, 10, 21.5, 30]


def test_subtitles_that_touch_can_be_parted() -> None:
    spoken = [(i * 4.0, i * 4.0 + 4) for i in range(15)]
    found = edges(60, [], spoken)
    assert all(e % 4 == 0 for e in found)
    assert all(8 <= b - a <= 12 for a, b in pairwise(found))


def test_a_boundary_within_an_utterance_does_not_cut_it() -> None:
    assert 12.0 not in edges(30, [12.0], [(6.0, 17.0)])


def test_an_utterance_longer_than_a_clip_is_cut_at_a_boundary_if_there_is_one() -> None:
    assert edges(80, [33.0], [(5.0, 55.0)])[1:-1].count(33.0) == 1
    found = edges(80, [], [(0.0, 80.0)])
    assert max(b - a for a, b in pairwise(found)) <= 30
    assert min(b - a for a, b in pairwise(found)) >= 10


def test_a_long_video_with_very_many_boundaries_is_quick() -> None:
    begin = time.process_time()
    found = edges(3600, [i / 10 for i in range(36_000)], [(i * 2.0, i * 2.0 + 1.7) for i in range(1800)])
    assert time.process_time() - begin < 5
    assert all(5 <= b - a <= 15 for a, b in pairwise(found))


def test_shots_tile_the_video() -> None:
    given = [
        Boundary(20.0, "fade"),
        Boundary(8.0, "cut"),
        Boundary(0.0, "cut"),
        Boundary(31.0, "cut"),
        Boundary(8.0, "cut"),
    ]
    assert shots(30, given) == [
        Shot(Span(0, 8), "start"),
        Shot(Span(8, 20), "cut"),
        Shot(Span(20, 30), "fade"),
    ]
    assert shots(0.04, []) == [Shot(Span(0, 0.04), "start")]
