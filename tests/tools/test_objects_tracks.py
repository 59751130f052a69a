"""Boxes and tracks: counts are of things, whatever the order of detections, gaps and cuts."""

from __future__ import annotations

import json
import math
import random
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vagent.tools.objects import Box, Detection
from vagent.tools.objects.boxes import clipped, distinct, overlap, overlaps
from vagent.tools.objects.tracks import ObjectTrack, Sample, Tracker, follow, rounded, samples, sure
from vagent.tools.time import Span

SIZE = 0.1


def box(x: float, y: float, size: float = SIZE) -> Box:
    return x - size / 2, y - size / 2, x + size / 2, y + size / 2


def seen(x: float, y: float = 0.5, label: str = "car", confidence: float = 0.8, size: float = SIZE) -> Detection:
    return Detection(label, box(x, y, size), confidence)


class TestBoxes:
    def test_overlap_is_intersection_over_union(self) -> None:
        assert overlap((0, 0, 0.2, 0.2), (0, 0, 0.2, 0.2)) == 1
        assert overlap((0, 0, 0.2, 0.2), (0.1, 0, 0.3, 0.2)) == pytest.approx(1 / 3)
        assert overlap((0, 0, 0.2, 0.2), (0.2, 0, 0.3, 0.2)) == 0
        assert overlap((0, 0, 0.4, 0.4), (0.1, 0.1, 0.3, 0.3)) == pytest.approx(0.25)
        assert overlap((0.1, 0.1, 0.1, 0.1), (0.1, 0.1, 0.1, 0.1)) == 0
        assert overlaps([], [(0, 0, 1, 1)]).shape == (0, 1)
        assert overlaps([(0, 0, 1, 1)], []).shape == (1, 0)

    def test_corners_are_parts_of_the_picture_and_lie_in_it(self) -> None:
        assert clipped((10, 20, 50, 40), 100, 80) == (0.1, 0.25, 0.5, 0.5)
        assert clipped((-10, -5, 300, 300), 100, 80) == (0, 0, 1, 1)
        for nothing in ((120, 0, 150, 40), (10, 20, 10, 40), (50, 20, 10, 40), (float("nan"), 0, 1, 1)):
            assert clipped(nothing, 100, 80) is None

    def test_one_thing_is_one_detection(self) -> None:
        car, again, truck, other = seen(0.5), seen(0.51, confidence=0.6), seen(0.5, label="truck"), seen(0.7)
        weak = Detection("truck", car.box, 0.5)
        assert distinct([again, other, car]) == [car, other]
        assert distinct([weak, car]) == [car]
        assert distinct([weak, car], either=False) == [car, weak]
        assert distinct([car, truck]) == [car]  # equally sure: the same answer whatever the order
        assert distinct([truck, car]) == [car]
        assert distinct([]) == []


def ideal(paths: Sequence[Sequence[tuple[float, float]]], shuffled: random.Random | None = None) -> list[Sample]:
    """Samples a second apart of things that move along paths; each has a label of its own or shares one."""
    found = []
    for time, places in enumerate(zip(*paths, strict=True)):
        detections = [seen(x, y) for x, y in places]
        if shuffled:
            shuffled.shuffle(detections)
        found.append((float(time), detections))
    return found


def places(tracks: Sequence[ObjectTrack]) -> set[tuple[tuple[float, Box], ...]]:
    return {track.boxes for track in tracks}


@st.composite
def lanes(draw: st.DrawFn) -> list[list[tuple[float, float]]]:
    """Things on lanes of their own, three sizes apart, each up to 1.2 sizes a second fast, turning at the edges."""
    count, length = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    paths = []
    for lane in range(count):
        x, speed = draw(st.floats(0.1, 0.9)), draw(st.floats(-0.12, 0.12))
        path = []
        for _ in range(length):
            path.append((x, 0.05 + 0.3 * lane))
            speed = -speed if not 0.05 <= x + speed <= 0.95 else speed
            x += speed
        paths.append(path)
    return paths


class TestFollowing:
    @settings(max_examples=60, deadline=None)
    @given(lanes(), st.randoms(use_true_random=False))
    def test_things_far_apart_are_as_many_tracks(
        self, paths: list[list[tuple[float, float]]], luck: random.Random
    ) -> None:
        end = float(len(paths[0]))
        tracks = follow(ideal(paths, luck), 1.0, end)
        truth = {tuple((float(t), box(*place)) for t, place in enumerate(path)) for path in paths}
        assert places(tracks) == truth
        assert all(track.span == Span(0, end) for track in tracks)

    @settings(max_examples=60, deadline=None)
    @given(st.data(), st.randoms(use_true_random=False))
    def test_the_order_of_detections_changes_nothing(self, data: st.DataObject, luck: random.Random) -> None:
        numbers = st.floats(0.05, 0.95)
        one = st.builds(seen, numbers, numbers, st.sampled_from(["car", "dog"]), st.sampled_from([0.5, 0.9]))
        given_samples = [(float(t), data.draw(st.lists(one, max_size=5))) for t in range(6)]
        mixed = [(t, luck.sample(list(found), len(found))) for t, found in given_samples]
        tracks = follow(given_samples, 1.0, 6.0, [2.5])
        assert follow(mixed, 1.0, 6.0, [2.5]) == tracks
        # Nothing is lost and nothing is invented.
        boxes = sorted((t, d.label, d.box) for t, found in given_samples for d in found)
        assert sorted((t, track.label, where) for track in tracks for t, where in track.boxes) == boxes
        assert all(track.span.start <= track.boxes[0][0] <= track.boxes[-1][0] <= track.span.end for track in tracks)

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_nor_do_marks_at_which_rows_are_written(self, data: st.DataObject) -> None:
        """What was found between two marks goes into rows and comes back as JSON; then it is followed as if never."""
        numbers = st.floats(0.05, 0.95)
        one = st.builds(seen, numbers, numbers, st.sampled_from(["car", "dog"]), st.floats(0.3, 1.0))
        whole = [(0.7 * t, [rounded(d) for d in data.draw(st.lists(one, max_size=4))]) for t in range(12)]
        marks = sorted(data.draw(st.sets(st.floats(0.1, 8.4), max_size=5)))
        rows = []
        for start, end in pairwise([0.0, *marks, math.inf]):
            part = [(at, found) for at, found in whole if start <= at < end]
            for track in follow(part, 0.7, min(end, 8.4)):
                extra = json.loads(json.dumps(track.to_extra()))
                rows.append(ObjectTrack.from_extra(track.span, track.label, track.confidence, extra))
        rows.sort(key=lambda track: track.span.start)
        assert follow(samples(rows), 0.7, 8.4, [3.1]) == follow(whole, 0.7, 8.4, [3.1])

    def test_nor_where_two_could_be_meant(self) -> None:
        """The numbers are exact in binary, so that both are equally near."""
        pair, one = [seen(0.25, size=0.125), seen(0.5, size=0.125)], [seen(0.375, size=0.125)]
        assert follow([(0.0, pair[::-1]), (1.0, one)], 1.0, 2.0) == follow([(0.0, pair), (1.0, one)], 1.0, 2.0)
        assert follow([(0.0, one), (1.0, pair[::-1])], 1.0, 2.0) == follow([(0.0, one), (1.0, pair)], 1.0, 2.0)

    def test_two_that_pass_each_other_keep_their_ways(self) -> None:
        to_the_right = [(0.1 + 0.08 * t, 0.50) for t in range(11)]
        to_the_left = [(0.9 - 0.08 * t, 0.54) for t in range(11)]
        assert len(places(follow(ideal([to_the_right, to_the_left]), 1.0, 11.0))) == 2
        first, second = sorted(follow(ideal([to_the_right, to_the_left]), 1.0, 11.0), key=lambda t: t.boxes[0][1])
        assert [at[1] for at in first.boxes] == [box(*p) for p in to_the_right]
        assert [at[1] for at in second.boxes] == [box(*p) for p in to_the_left]

    @pytest.mark.parametrize("missed", [1, 2, 3])
    def test_a_short_gap_does_not_end_a_track(self, missed: int) -> None:
        path = [(0.1 + 0.06 * t, 0.5) for t in range(12)]
        given_samples = [(t, [] if 4 <= t < 4 + missed else found) for t, found in ideal([path])]
        (track,) = follow(given_samples, 1.0, 12.0)
        assert track.span == Span(0, 12)
        assert len(track.boxes) == 12 - missed

    def test_a_long_gap_ends_a_moving_track(self) -> None:
        path = [(0.1 + 0.06 * t, 0.5) for t in range(13)]
        given_samples = [(t, [] if 4 <= t < 9 else found) for t, found in ideal([path])]
        assert [t.span for t in follow(given_samples, 1.0, 13.0)] == [Span(0, 4), Span(9, 13)]

    def test_what_stood_still_and_was_hidden_is_the_same_thing(self) -> None:
        parked = [(float(t), [seen(0.3)] if not 5 <= t < 14 else []) for t in range(20)]
        assert [t.span for t in follow(parked, 1.0, 20.0)] == [Span(0, 20)]
        elsewhere = [(float(t), [seen(0.3 if t < 5 else 0.6)] if not 5 <= t < 14 else []) for t in range(20)]
        assert [t.span for t in follow(elsewhere, 1.0, 20.0)] == [Span(0, 5), Span(14, 20)]
        long_gone = [(float(t), [seen(0.3)] if not 5 <= t < 30 else []) for t in range(40)]
        assert len(follow(long_gone, 1.0, 40.0)) == 2

    def test_labels_are_followed_apart(self) -> None:
        both = [(float(t), [seen(0.5, label="dog"), seen(0.5, label="cat")]) for t in range(4)]
        assert [(t.label, t.span) for t in follow(both, 1.0, 4.0)] == [("cat", Span(0, 4)), ("dog", Span(0, 4))]

    def test_a_much_smaller_thing_beside_it_is_another(self) -> None:
        given_samples = [(0.0, [seen(0.3, size=0.2)]), (1.0, [seen(0.45, size=0.04)])]
        assert len(follow(given_samples, 1.0, 2.0)) == 2

    def test_a_cut_ends_all_tracks(self) -> None:
        """Spans reach to the cut, from both sides, and no further."""
        still = [(t + 0.5, [seen(0.5)]) for t in range(6)]
        tracks = follow(still, 1.0, 6.0, [2.75, 4.5])
        assert [t.span for t in tracks] == [Span(0.5, 2.75), Span(2.75, 4.5), Span(4.5, 6.0)]
        assert [len(t.boxes) for t in tracks] == [3, 1, 2]
        assert [t.span for t in follow(still, 1.0, 6.0)] == [Span(0.5, 6.0)]

    def test_a_track_ends_a_sample_after_it_was_last_seen_but_not_after_the_video(self) -> None:
        assert [t.span for t in follow([(3.0, [seen(0.5)])], 2.0, 10.0)] == [Span(3, 5)]
        assert [t.span for t in follow([(9.0, [seen(0.5)])], 2.0, 10.0)] == [Span(9, 10)]
        assert [t.span for t in follow([(9.0, [seen(0.5)])], 2.0, 8.9)] == [Span(9, 9)]

    def test_confidence_is_the_median(self) -> None:
        given_samples = [(float(t), [seen(0.5, confidence=c)]) for t, c in enumerate((0.5, 0.9, 0.8))]
        assert follow(given_samples, 1.0, 3.0)[0].confidence == 0.8

    def test_a_crowd_is_counted(self) -> None:
        """Thirty people who walk about slowly, in a random order in every sample, one in twenty overlooked."""
        luck = np.random.default_rng(1)
        at = np.array([(0.1 + 0.15 * (n % 6), 0.1 + 0.19 * (n // 6)) for n in range(30)])
        given_samples: list[Sample] = []
        for time in range(20):
            at = at + luck.normal(0, 0.008, at.shape)
            there = [seen(x, y, "person", size=0.08) for x, y in luck.permutation(at) if luck.random() > 0.05]
            given_samples.append((float(time), there))
        assert len(follow(given_samples, 1.0, 20.0)) == 30


class TestKeeping:
    TRACK = follow([(t / 3, [seen(0.2 + t / 90, confidence=0.5 + t / 100)]) for t in range(10)], 1 / 3, 10.0)[0]

    def test_a_track_survives_being_written_down(self) -> None:
        written = json.loads(json.dumps(self.TRACK.to_extra()))
        again = ObjectTrack.from_extra(self.TRACK.span, "car", self.TRACK.confidence, written)
        assert [at for at, _ in again.boxes] == [at for at, _ in self.TRACK.boxes]
        assert again.to_extra() == self.TRACK.to_extra()
        for (_, one), (_, other) in zip(again.boxes, self.TRACK.boxes, strict=True):
            assert one == pytest.approx(other, abs=1e-4)

    def test_thinning_keeps_the_ends_and_each_second(self) -> None:
        thin = self.TRACK.thinned()
        assert [round(at, 2) for at, _ in thin.boxes] == [0, 1, 2, 3]
        assert (thin.span, thin.confidence, thin.confidences) == (self.TRACK.span, self.TRACK.confidence, ())
        assert thin.thinned() == thin
        assert thin.to_extra()["boxes"][1] == [1.0, *(round(v, 4) for v in box(0.2 + 3 / 90, 0.5))]
        assert set(thin.to_extra()) == {"boxes"}
        (alone,) = follow([(2.0, [seen(0.5)])], 1.0, 10.0)
        assert alone.thinned().boxes == alone.boxes

    @pytest.mark.parametrize(("hours", "kept", "apart"), [(1 / 6, 600, 1.0), (1, 601, 6.0), (10, 601, 60.0)])
    def test_what_is_in_view_for_hours_keeps_no_more_boxes(self, hours: float, kept: int, apart: float) -> None:
        there = box(0.5, 0.5)
        boxes = tuple((float(at), there) for at in range(round(hours * 3600)))
        thin = ObjectTrack("car", Span(0.0, boxes[-1][0] + 1), 0.9, boxes).thinned()
        times = [at for at, _ in thin.boxes]
        assert len(times) == kept
        assert (times[0], times[-1]) == (boxes[0][0], boxes[-1][0])
        assert max(b - a for a, b in pairwise(times)) == apart
        assert thin.thinned() == thin
        assert len(json.dumps(thin.to_extra())) < 30_000

    def test_following_a_thing_for_hours_takes_little_memory(self) -> None:
        def held(count: int) -> int:
            tracker = Tracker(1.0)
            tracemalloc.start()
            try:
                for at in range(count):
                    assert not [*tracker.feed(float(at), [seen(0.5)])]
                return tracemalloc.get_traced_memory()[0]
            finally:
                tracemalloc.stop()

        assert held(1000) - held(100) < 70 * 900  # bytes for each time that it was seen

    def test_tracks_of_several_stretches_are_followed_anew_as_one(self) -> None:
        paths = [[(0.1 + 0.06 * t, 0.2) for t in range(12)], [(0.9 - 0.05 * t, 0.8) for t in range(12)]]
        whole = ideal(paths)
        parts = [follow(whole[a:b], 1.0, float(b)) for a, b in ((0, 5), (5, 9), (9, 12))]
        assert sum(map(len, parts)) == 6
        assert follow(samples(track for part in parts for track in part), 1.0, 12.0) == follow(whole, 1.0, 12.0)

    def test_what_was_seen_once_must_be_surer(self) -> None:
        (once,) = follow([(0.0, [seen(0.5, confidence=0.6)])], 1.0, 10.0)
        (twice,) = follow([(float(t), [seen(0.5, confidence=0.6)]) for t in range(2)], 1.0, 10.0)
        assert not sure(once, 0.5)
        assert sure(once, 0.3)
        assert sure(twice, 0.5)
