"""Things followed over time, so that counts are of things and not of boxes.

Pictures are searched a second or so apart, in which a thing may move by more than its own size. So a detection goes on
from a track by its overlap with where the thing was or was heading, as in SORT (Bewley et al., "Simple Online and
Realtime Tracking", 2016), or else by being close to that place and about as large. Which goes with which is decided for
all of a label at once (Hungarian method). A cut ends all tracks.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.tools.objects import Box, Detection
from vagent.tools.objects.boxes import overlap, overlaps
from vagent.tools.time import Span

_PATIENCE = 3  # samples that may miss a thing before it counts as gone
_REACH = 1.5  # sizes of a thing that it may be away from where it was, or was heading, one sample later
_SHAPE = 0.25  # the smaller of two boxes has at least this part of the larger one's area where they do not overlap
_LEAST = 0.05  # affinity below which two boxes have nothing to do with each other
_STILL = 0.7  # intersection over union from which a thing stands where one of its kind stood ...
_AWAY = 15.0  # ... at most so many seconds before: it was hidden, and is the same one
_SURE = 0.4  # part of the way from the threshold to 1 that the confidence of a thing seen once must be above
_DIGITS = 4

Sample = tuple[float, Sequence[Detection]]
"""Seconds from the video's start, and what was found in the picture of that time."""


@dataclass(frozen=True, slots=True)
class ObjectTrack:
    """One thing from when it appeared to when it was gone.

    Attributes:
        span: ``start``: when it was first seen; ``end``: when it was no longer there.
        confidence: median over the pictures it was found in, 0..1.
        boxes: (seconds, where it was) in order of time.
        confidences: one for each of ``boxes``; empty once ``thinned``.
    """

    label: str
    span: Span
    confidence: float
    boxes: tuple[tuple[float, Box], ...]
    confidences: tuple[float, ...] = ()

    def thinned(self, seconds: float = 1.0) -> ObjectTrack:
        """The track with its first box, its last one, and those between that lie ``seconds`` apart."""
        kept = [self.boxes[0]]
        for one in self.boxes[1:]:
            if one is self.boxes[-1] or one[0] >= kept[-1][0] + seconds - 1e-6:
                kept.append(one)
        return replace(self, boxes=tuple(kept), confidences=())

    def to_extra(self) -> dict[str, Any]:
        """What an evidence row keeps beside time, label and confidence: ``boxes`` ([seconds, left, top, right, bottom]
        each) and, before the track is thinned, ``confidences``. JSON values only.
        """
        # Times stay exact while the track may be followed anew: a sample lies before or behind a cut.
        times = [at if self.confidences else round(at, 3) for at, _ in self.boxes]
        boxes = [[round(v, _DIGITS) for v in box] for _, box in self.boxes]
        extra: dict[str, Any] = {"boxes": [[at, *box] for at, box in zip(times, boxes, strict=True)]}
        if self.confidences:
            extra["confidences"] = [round(c, _DIGITS) for c in self.confidences]
        return extra

    @classmethod
    def from_extra(cls, span: Span, label: str, confidence: float, extra: Mapping[str, Any]) -> ObjectTrack:
        """The track that ``to_extra`` was called on, numbers rounded."""
        boxes = tuple((float(at), _box(corners)) for at, *corners in extra["boxes"])
        return cls(label, span, confidence, boxes, tuple(map(float, extra.get("confidences", ()))))


@dataclass(slots=True, eq=False)
class _Thing:
    """A track that may still go on."""

    label: str
    seen: list[tuple[float, Detection]] = field(default_factory=list)

    @property
    def last(self) -> float:
        return self.seen[-1][0]

    @property
    def box(self) -> Box:
        return self.seen[-1][1].box

    def expected(self, time: float, period: float) -> Box:
        """Where it is at a time if it goes on as it did; believed for two samples, because things turn."""
        if len(self.seen) < 2:
            return self.box
        (before, one), (after, other) = self.seen[-2:]
        part = min(time - after, 2 * period) / (after - before)
        return _box([b + (b - a) * part for a, b in zip(_middle(one.box), _middle(other.box), strict=True)], self.box)


class Tracker:
    """Follows things through the samples of one video, which come in order of time.

    Args:
        period: seconds from one sample to the next.
        cuts: seconds at which shots begin, in order.
    """

    def __init__(self, period: float, cuts: Sequence[float] = ()) -> None:
        self._period = period
        self._cuts = cuts
        self._going: list[_Thing] = []
        self._gone: list[_Thing] = []
        self._shot = -1

    def feed(self, time: float, detections: Iterable[Detection]) -> None:
        """Take what was found at a time, in whatever order."""
        shot = bisect_right(self._cuts, time)
        patience = (_PATIENCE + 1.5) * self._period if shot == self._shot else -math.inf
        self._shot = shot
        self._gone += [thing for thing in self._going if time - thing.last > patience]
        self._going = [thing for thing in self._going if time - thing.last <= patience]
        # In an order of their own, so that the order in which they come changes nothing.
        found = sorted(detections, key=lambda d: (d.label, d.box, d.confidence))
        for label, group in groupby(found, key=lambda d: d.label):
            self._follow(time, label, list(group))

    def _follow(self, time: float, label: str, found: Sequence[Detection]) -> None:
        from scipy.optimize import linear_sum_assignment

        things = [thing for thing in self._going if thing.label == label]
        rest = dict(enumerate(found))
        if things:
            close = self._affinity(time, things, found)
            for row, column in zip(*linear_sum_assignment(close, maximize=True), strict=True):
                if close[row, column] > _LEAST:
                    things[row].seen.append((time, rest.pop(column)))
        self._going += [_Thing(label, [(time, one)]) for one in rest.values()]

    def _affinity(self, time: float, things: Sequence[_Thing], found: Sequence[Detection]) -> NDArray[np.float64]:
        """How well each detection goes on from each thing: 0 (not at all) to 2."""
        boxes = [one.box for one in found]
        missed = np.array([[max(0.0, (time - thing.last) / self._period - 1)] for thing in things])
        best = np.zeros((len(things), len(found)))
        for place in ([thing.box for thing in things], [thing.expected(time, self._period) for thing in things]):
            shared = overlaps(place, boxes)
            near = np.clip(1 - _distances(place, boxes) / (_REACH * (1 + missed / 2)), 0, None)
            alike = _shapes([thing.box for thing in things], boxes)
            best = np.maximum(best, shared + np.where(alike >= _SHAPE, near * alike, 0.0))
        return best

    def finish(self, end: float) -> list[ObjectTrack]:
        """All tracks, in order of time; the video, or the stretch in work, ends at ``end`` seconds."""
        things = sorted(self._gone + self._going, key=_in_order)
        self._going, self._gone = [], []
        return [self._track(thing, end) for thing in self._rejoined(things)]

    def _rejoined(self, things: Sequence[_Thing]) -> list[_Thing]:
        """A thing that stood still, was hidden and stands there again is one thing."""
        done: list[_Thing] = []
        recent: dict[tuple[str, int], list[_Thing]] = defaultdict(list)  # by label and shot
        for thing in things:
            begin, box = thing.seen[0][0], thing.seen[0][1].box
            there = recent[thing.label, bisect_right(self._cuts, begin)]
            there[:] = [one for one in there if begin - one.last <= _AWAY]
            same = [one for one in there if one.last < begin and overlap(one.box, box) >= _STILL]
            if same:
                max(same, key=lambda one: (overlap(one.box, box), one.last)).seen += thing.seen
            else:
                done.append(thing)
                there.append(thing)
        return done

    def _track(self, thing: _Thing, end: float) -> ObjectTrack:
        first, last = thing.seen[0][0], thing.last
        shot = bisect_right(self._cuts, first)
        # Seen for the first time right after a cut, it was there from the cut on; seen for the last time, it was there
        # for about a sample more, but not beyond the next cut.
        begun = self._cuts[shot - 1] if shot and first - self._cuts[shot - 1] < self._period else first
        gone = min(last + self._period, self._cuts[shot] if shot < len(self._cuts) else math.inf, max(end, last))
        confidences = tuple(one.confidence for _, one in thing.seen)
        boxes = tuple((at, one.box) for at, one in thing.seen)
        return ObjectTrack(thing.label, Span(begun, gone), median(confidences), boxes, confidences)


def follow(samples: Iterable[Sample], period: float, end: float, cuts: Sequence[float] = ()) -> list[ObjectTrack]:
    """The things in the samples of one video, in order of when they appear.

    Args:
        samples: in order of time.
        period: seconds from one sample to the next.
        end: seconds at which the video ends.
        cuts: seconds at which shots begin, in order.
    """
    tracker = Tracker(period, cuts)
    for time, detections in samples:
        tracker.feed(time, detections)
    return tracker.finish(end)


def samples(tracks: Iterable[ObjectTrack]) -> list[Sample]:
    """What ``follow`` was given, but samples without a detection: tracks of several stretches can be followed anew."""
    found: dict[float, list[Detection]] = defaultdict(list)
    for track in tracks:
        for (at, box), confidence in zip(track.boxes, track.confidences, strict=True):
            found[at].append(Detection(track.label, box, confidence))
    return sorted(found.items())


def sure(track: ObjectTrack, threshold: float) -> bool:
    """Whether a track is believed: what was seen in one picture alone must be surer than what was seen again.

    Args:
        threshold: the confidence from which on detections were given.
    """
    return len(track.boxes) > 1 or track.confidence >= threshold + _SURE * (1 - threshold)


def _in_order(thing: _Thing) -> tuple[float, str, Box, float]:
    return thing.seen[0][0], thing.label, thing.seen[0][1].box, thing.last


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _box(values: Sequence[float], size: Box | None = None) -> Box:
    """A box from its four numbers, or from its middle with another one's size."""
    if size is not None:
        across, down = (size[2] - size[0]) / 2, (size[3] - size[1]) / 2
        values = values[0] - across, values[1] - down, values[0] + across, values[1] + down
    left, top, right, bottom = (float(v) for v in values)
    return left, top, right, bottom


def _sizes(boxes: Sequence[Box]) -> NDArray[np.float64]:
    numbers = np.asarray(boxes, np.float64)
    return np.asarray(numbers[:, 2:] - numbers[:, :2])


def _distances(a: Sequence[Box], b: Sequence[Box]) -> NDArray[np.float64]:
    """Distance of the middles of each two boxes, in their mean size."""
    one, other = (np.asarray([_middle(box) for box in boxes])[:, None] for boxes in (a, b))
    size = (_sizes(a)[:, None] + _sizes(b)[None]) / 2
    # A tall, narrow thing that walks sideways goes by more than its width: the scale is the geometric mean of both.
    scale = np.sqrt(size.prod(axis=-1))
    return np.asarray(np.linalg.norm(one - other.transpose(1, 0, 2), axis=-1) / np.maximum(scale, 1e-6))


def _shapes(a: Sequence[Box], b: Sequence[Box]) -> NDArray[np.float64]:
    """The smaller area of each two boxes as a part of the larger one."""
    one, other = _sizes(a).prod(axis=-1)[:, None], _sizes(b).prod(axis=-1)[None]
    return np.asarray(np.minimum(one, other) / np.maximum(np.maximum(one, other), 1e-9))
