"""From windows to sounds: where they begin and end, what goes on through a lull, and being interrupted anywhere."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.tools.sounds import HOP, Sound, window
from vagent.tools.sounds.labels import DESCRIBED, FOLDED, words
from vagent.tools.sounds.spans import SpanJoiner
from vagent.tools.time import Span

THRESHOLD = 0.4
Heard = list[dict[str, float]]


def join(heard: Heard, end: float | None = None) -> list[Sound]:
    joiner = SpanJoiner(THRESHOLD)
    found = [sound for number, one in enumerate(heard) for sound in joiner.feed(number, one)]
    return found + joiner.finish(window(len(heard) - 1).end if end is None else end)


def spans(heard: Heard, label: str = "siren", end: float | None = None) -> list[tuple[float, float]]:
    return [(s.span.start, s.span.end) for s in join(heard, end) if s.label == label]


def siren(*probabilities: float) -> Heard:
    return [{"siren": p} for p in probabilities]


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0, 0, 0, 0.9, 0.9, 0, 0), [(15, 20)]),  # both windows share 15..20
        ((0, 0, 0.9, 0.9, 0.9, 0), [(10, 20)]),
        ((0, 0, 0, 0.9, 0, 0), [(10, 20)]),  # somewhere in the one window
        ((0.9, 0.9, 0, 0), [(0, 5)]),  # from the beginning on
        ((0, 0, 0, 0.9, 0.9), [(15, 25)]),  # to the end
        ((0.9,), [(0, 5)]),
        ((0, 0, 0.9, 0.25, 0.9, 0), [(10, 20)]),  # a lull, above half of the threshold
        ((0, 0, 0.9, 0.15, 0.9, 0), [(5, 15), (15, 25)]),
        ((0.3, 0.3, 0.3), []),  # never loud enough
        ((0, 0, 0.25, 0.5, 0.25, 0), [(10, 20)]),  # swells and fades
    ],
)
def test_where_a_sound_begins_and_ends(probabilities: tuple[float, ...], expected: list[tuple[float, float]]) -> None:
    assert spans(siren(*probabilities)) == expected


def test_labels_do_not_disturb_each_other_and_come_in_order() -> None:
    heard = [
        {"music": 0.5, "rain": 0.1},
        {"music": 0.9, "rain": 0.1},
        {"music": 0.8, "rain": 0.5},
        {"music": 0.9, "rain": 0.6},
        {"rain": 0.0},
    ]
    assert join(heard) == [Sound(Span(0, 15), "music", 0.9), Sound(Span(10, 15), "rain", 0.6)]


def test_the_last_window_ends_where_the_sound_does() -> None:
    assert spans(siren(0, 0, 0, 0, 0.9), end=21.5) == [(20, 21.5)]
    assert spans(siren(0, 0, 0, 0, 0.9), end=18.0) == [(15, 18)]


def test_a_window_that_was_not_judged_says_nothing_about_its_neighbours() -> None:
    joiner = SpanJoiner(THRESHOLD)
    found = [s for n, p in [(0, 0.0), (4, 0.9), (5, 0.9), (9, 0.0)] for s in joiner.feed(n, {"siren": p})]
    assert [s.span for s in found] == [Span(15, 30)]


def test_a_threshold_of_nothing_does_not_hear_what_is_not_named() -> None:
    joiner = SpanJoiner(0.0)
    assert joiner.feed(0, {"siren": 0.0}) == []
    assert joiner.finish(10) == []


@given(
    st.floats(0, 200),
    st.floats(HOP, 120),
    st.floats(0.2, HOP - 0.1),
)
def test_times_are_right_to_one_hop(start: float, lasts: float, least: float) -> None:
    """With an engine that hears a sound in every window that holds ``least`` seconds of it."""
    truth = Span(start, start + lasts)
    windows = [window(n) for n in range(int((start + lasts) / HOP) + 4)]
    (found,) = spans([{"siren": 0.9 * (w.overlap(truth) >= least)} for w in windows])
    assert found == pytest.approx((truth.start, truth.end), abs=HOP + 1e-6)


levels = st.sampled_from([0.0, 0.1, 0.25, 0.39, 0.41, 0.9])


@given(st.lists(st.fixed_dictionaries({"siren": levels, "rain": levels}), max_size=40), st.data())
def test_an_interruption_makes_no_difference(heard: Heard, data: st.DataObject) -> None:
    joiner, found = SpanJoiner(THRESHOLD), []
    for number, one in enumerate(heard):
        if data.draw(st.booleans()):
            joiner = SpanJoiner(THRESHOLD, json.loads(json.dumps(joiner.state)))
        found += joiner.feed(number, one)
    end = window(len(heard)).end
    assert found + joiner.finish(end) == join(heard, end)


@given(st.lists(st.fixed_dictionaries({"siren": levels}), max_size=40))
def test_every_peak_is_told_once_and_nothing_else(heard: Heard) -> None:
    """Each loud window lies in or touches one sound, sounds of one label never overlap by more than a hop."""
    found = spans(heard)
    assert found == sorted(found)
    assert all(start < end for start, end in found)
    for number, one in enumerate(heard):
        if one["siren"] >= THRESHOLD:
            assert any(window(number).overlap(Span(*span)) >= HOP for span in found)
    loud = [window(number) for number, one in enumerate(heard) if one["siren"] >= THRESHOLD]
    assert all(any(one.overlap(Span(*span)) > 0 for one in loud) for span in found)
    assert all(b[0] >= a[1] - HOP for a, b in pairwise(found))


def test_audiosets_labels_are_folded_and_rooms_and_speech_left_out() -> None:
    names = ["Speech", "Music", "Inside, small room", "Ambulance (siren)", "Chuckle, chortle", "Rattle"]
    assert words(names) == [None, "music", None, "siren", "laughter", None]


def test_a_model_with_labels_of_its_own_is_taken_at_its_word() -> None:
    assert words(["dog_bark", "Gunshot, gunfire", "  Coffee_Machine ", ""]) == [
        "dog bark",
        "gunshots",
        "coffee machine",
        None,
    ]


def test_what_is_described_is_written_down_in_the_same_words() -> None:
    assert set(DESCRIBED) <= set(FOLDED.values())
    assert all(word == word.strip().lower() for word in FOLDED.values())
