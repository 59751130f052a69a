"""Things followed over time, so that counts are of things and not of boxes.

Pictures are searched a second or so apart, in which a thing may move by more than its own size. So a detection goes on
from a track by its overlap with where the thing was or was heading, as in SORT (Bewley et al., "Simple Online and
Realtime Tracking", 2016), or else by being close to that place and about as large. Which goes with which is decided for
all of a label at once (Hungarian method). A cut ends all tracks.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_MOST = 600  # stretches between two boxes that a row keeps

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
        """The track with its first box, its last one, and those between that lie ``seconds`` apart; further apart where
        they would be more than 600, so that what is in view for hours is no row of megabytes."""
        kept = [self.boxes[0]]
        seconds = max(seconds, (self.boxes[-1][0] - self.boxes[0][0]) / _MOST)
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
        boxes = tuple((float(at), box_of(corners)) for at, *corners in extra["boxes"])
        return cls(label, span, confidence, boxes, tuple(map(float, extra.get("confidences", ()))))


@dataclass(slots=True, eq=False)
class _Thing:
    """A track that may still go on. What was seen lies in columns: of ten hours it takes 2 MB, and 14 as objects."""

    label: str
    times: array[float] = field(default_factory=lambda: array("d"))
    corners: array[float] = field(default_factory=lambda: array("d"))  # four for each time
    confidences: array[float] = field(default_factory=lambda: array("d"))
    gone: bool = False

    def see(self, time: float, found: Detection) -> None:
        self.times.append(time)
        self.corners.extend(found.box)
        self.confidences.append(found.confidence)

    @property
    def first(self) -> float:
        return self.times[0]

    @property
    def last(self) -> float:
        return self.times[-1]

    @property
    def box(self) -> Box:
        return self.box_at(len(self.times) - 1)

    def box_at(self, number: int) -> Box:
        left, top, right, bottom = self.corners[4 * number : 4 * number + 4]
        return left, top, right, bottom

    def boxes(self) -> Iterator[tuple[float, Box]]:
        return ((time, self.box_at(number)) for number, time in enumerate(self.times))

    def expected(self, time: float, period: float) -> Box:
        """Where it is at a time if it goes on as it did; believed for two samples, because things turn."""
        if len(self.times) < 2:
            return self.box
        before, after = self.times[-2:]
        one, other = self.box_at(len(self.times) - 2), self.box
        part = min(time - after, 2 * period) / (after - before)
        return _box([b + (b - a) * part for a, b in zip(_middle(one), _middle(other), strict=True)], other)


@dataclass(slots=True, eq=False)
class _Whole:
    """What is one thing although it was out of sight: its parts in order of time, and its number."""

    number: int
    parts: list[_Thing]

    @property
    def last(self) -> float:
        return self.parts[-1].last

    @property
    def box(self) -> Box:
        return self.parts[-1].box

    @property
    def gone(self) -> bool:
        return self.parts[-1].gone


class Tracker:
    """Follows things through the samples of one video, which come in order of time.

    It holds what is in sight and what may come back, so its memory does not grow with the video.

    Args:
        period: seconds from one sample to the next.
        cuts: seconds at which shots begin, in order.
    """

    def __init__(self, period: float, cuts: Sequence[float] = ()) -> None:
        self._period = period
        self._cuts = cuts
        self._going: list[_Thing] = []
        self._shot = -1
        self._new: deque[_Thing] = deque()  # in order of appearance; not yet known whether they were there before
        self._whole: dict[tuple[str, int], list[_Whole]] = defaultdict(list)  # by label and shot
        self._number = 0

    def feed(self, time: float, detections: Iterable[Detection]) -> Iterator[tuple[int, ObjectTrack]]:
        """Take what was found at a time, in whatever order.

        Returns:
            The things that are gone for good, each with its number in order of appearance.
        """
        shot = bisect_right(self._cuts, time)
        patience = (_PATIENCE + 1.5) * self._period if shot == self._shot else -math.inf
        self._shot = shot
        for thing in self._going:
            thing.gone = time - thing.last > patience
        self._going = [thing for thing in self._going if not thing.gone]
        # In an order of their own, so that the order in which they come changes nothing.
        found = sorted(detections, key=lambda d: (d.label, d.box, d.confidence))
        for label, group in groupby(found, key=lambda d: d.label):
            self._follow(time, label, list(group))
        self._rejoin()
        return self._through(time)

    def _follow(self, time: float, label: str, found: Sequence[Detection]) -> None:
        from scipy.optimize import linear_sum_assignment

        things = [thing for thing in self._going if thing.label == label]
        rest = dict(enumerate(found))
        if things:
            close = self._affinity(time, things, found)
            for row, column in zip(*linear_sum_assignment(close, maximize=True), strict=True):
                if close[row, column] > _LEAST:
                    things[row].see(time, rest.pop(column))
        new = [_Thing(label) for _ in rest]
        for thing, one in zip(new, rest.values(), strict=True):
            thing.see(time, one)
        self._going += new
        self._new += new

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

    def finish(self, end: float) -> Iterator[tuple[int, ObjectTrack]]:
        """The things that are left; the video, or the stretch in work, ends at ``end`` seconds."""
        for thing in self._going:
            thing.gone = True
        self._going = []
        self._rejoin()
        return self._through(math.inf, end)

    def _rejoin(self) -> None:
        """A thing that stood still, was hidden and stands there again is one thing.

        Which it is goes by where things of its kind were last; so it waits while one of those may still be in sight.
        """
        while self._new:
            thing = self._new[0]
            begin, box = thing.first, thing.box_at(0)
            there = self._whole[thing.label, bisect_right(self._cuts, begin)]
            if any(one.last < begin and not one.gone for one in there):
                return
            same = [one for one in there if 0 < begin - one.last <= _AWAY and overlap(one.box, box) >= _STILL]
            if same:
                max(same, key=lambda one: (overlap(one.box, box), one.last)).parts.append(thing)
            else:
                self._number += 1
                there.append(_Whole(self._number, [thing]))
            self._new.popleft()

    def _through(self, time: float, end: float = math.inf) -> Iterator[tuple[int, ObjectTrack]]:
        """The things that nothing can be one with any more, in order of appearance."""
        begin = self._new[0].first if self._new else time
        found = [one for there in self._whole.values() for one in there if one.gone and begin - one.last > _AWAY]
        through = {one.number for one in found}
        for key in list(self._whole):
            self._whole[key] = [one for one in self._whole[key] if one.number not in through]
            if not self._whole[key]:
                del self._whole[key]
        return ((one.number, self._track(one, end)) for one in sorted(found, key=lambda one: one.number))

    def _track(self, one: _Whole, end: float) -> ObjectTrack:
        first, last = one.parts[0].first, one.last
        shot = bisect_right(self._cuts, first)
        # Seen for the first time right after a cut, it was there from the cut on; seen for the last time, it was there
        # for about a sample more, but not beyond the next cut.
        begun = self._cuts[shot - 1] if shot and first - self._cuts[shot - 1] < self._period else first
        gone = min(last + self._period, self._cuts[shot] if shot < len(self._cuts) else math.inf, max(end, last))
        confidences = tuple(confidence for part in one.parts for confidence in part.confidences)
        boxes = tuple(place for part in one.parts for place in part.boxes())
        return ObjectTrack(one.parts[0].label, Span(begun, gone), median(confidences), boxes, confidences)


def follow(samples: Iterable[Sample], period: float, end: float, cuts: Sequence[float] = ()) -> list[ObjectTrack]:
    """The things in the samples of one video, in order of when they appear.

    Args:
        samples: in order of time.
        period: seconds from one sample to the next.
        end: seconds at which the video ends.
        cuts: seconds at which shots begin, in order.
    """
    return [track for _, track in sorted(followed(samples, period, end, cuts), key=lambda one: one[0])]


def followed(
    samples: Iterable[Sample], period: float, end: float, cuts: Sequence[float] = ()
) -> Iterator[tuple[int, ObjectTrack]]:
    """The same as ``follow``, as soon as a thing is gone for good: with its number in order of appearance."""
    tracker = Tracker(period, cuts)
    for time, detections in samples:
        yield from tracker.feed(time, detections)
    yield from tracker.finish(end)


def samples(tracks: Iterable[ObjectTrack]) -> Iterator[Sample]:
    """What ``follow`` was given, but samples without a detection: tracks of several stretches can be followed anew.

    Args:
        tracks: in order of when they begin.
    """
    found: dict[float, list[Detection]] = defaultdict(list)
    for track in tracks:
        for at in sorted(at for at in found if at < track.boxes[0][0]):
            yield at, found.pop(at)
        for (at, box), confidence in zip(track.boxes, track.confidences, strict=True):
            found[at].append(Detection(track.label, box, confidence))
    yield from sorted(found.items())


def rounded(found: Detection) -> Detection:
    """A detection with as many digits as a row keeps."""
    left, top, right, bottom = (round(corner, _DIGITS) for corner in found.box)
    return Detection(found.label, (left, top, right, bottom), round(found.confidence, _DIGITS))


def box_of(corners: Sequence[float]) -> Box:
    """A box from its four numbers."""
    left, top, right, bottom = (float(corner) for corner in corners)
    return left, top, right, bottom


def sure(track: ObjectTrack, threshold: float) -> bool:
    """Whether a track is believed: what was seen in one picture alone must be surer than what was seen again.

    Args:
        threshold: the confidence from which on detections were given.
    """
    return len(track.boxes) > 1 or track.confidence >= threshold + _SURE * (1 - threshold)


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _box(values: Sequence[float], size: Box | None = None) -> Box:
    """A box from its four numbers, or from its middle with another one's size."""
    if size is not None:
        across, down = (size[2] - size[0]) / 2, (size[3] - size[1]) / 2
        values = values[0] - across, values[1] - down, values[0] + across, values[1] + down
    return box_of(values)


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
