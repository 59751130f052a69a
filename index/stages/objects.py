"""Things in the picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from vagent.index.records import Evidence
from vagent.index.stages.stage import Stage
from vagent.index.video.job import Job
from vagent.tools import batches
from vagent.tools.media import Audio, Frame, Track
from vagent.tools.objects import Detection, Image, ObjectEngine, check_find
from vagent.tools.objects.boxes import distinct
from vagent.tools.objects.tracks import ObjectTrack, Sample, box_of, follow, followed, rounded, samples, sure
from vagent.tools.text.gate import FrameGate
from vagent.tools.text.lines import pack_picture, unpack_picture

_BATCH = 100  # rows written at once
_CHANGE = 4.0  # mean grey-level change of some block of a picture from which it is searched again


def plan(job: Job, track: Track) -> ObjectStage | None:
    """The stage, where it has anything left to do and an engine to do it with.

    Raises:
        EngineUnavailable: the engine was asked for by name and cannot run here, or descriptions are to be looked for
            and nothing here can do so.
    """
    check_find(job.settings)
    engine: ObjectEngine | None = job.engine("objects", None)
    if engine is None:
        return None
    searching = job.settings.objects.model_dump(mode="json", exclude={"batch"})
    sampling = *job.sampling, job.settings.media.image_width
    at = job.pending("objects", track.index, *sampling, searching, engine.revision)
    return None if at is None else ObjectStage(job, *at, engine)


class ObjectStage(Stage):
    """Things in the picture, one row each from when it appeared to when it was gone. Runs in a thread of its own.

    Until the end the rows hold every box, of stretches between two marks; then all are followed anew, across the marks
    and with the shot boundaries known, so that a thing has one row and no row crosses a cut. At each mark the picture
    that the next one is compared with is written down, and what was found in it, so that the marks change no row.
    """

    name = "objects"
    wants = Frame
    backlog = 8

    def __init__(self, job: Job, cursor: float, detail: Mapping[str, Any], engine: ObjectEngine) -> None:
        super().__init__(job, cursor, detail)
        self._engine = engine
        self._looking = job.settings.objects
        self._batch = batches.size("objects", job.settings)
        self._find = tuple(dict.fromkeys(" ".join(one.split()) for one in self._looking.find))
        # What is looked for less often than there are pictures is looked for in the first one of each stretch.
        self._period = max(self._looking.every, 1 / job.settings.media.sample_fps)
        self._waiting: list[tuple[float, Image | None]] = []  # None: the same picture as the one before
        self._samples: list[Sample] = []
        self._gate = FrameGate(_CHANGE)
        self._stretch = self._taken = -1  # number of the stretch that was searched last
        self._there: Sequence[Detection] = ()  # what was found in its picture
        if (state := self.detail.get("search")) is not None:
            self._stretch = self._taken = int(state["stretch"])
            self._gate.last = None if state["gate"] is None else unpack_picture(state["gate"])
            self._there = [Detection(label, box_of(corners), sure) for label, sure, *corners in state["there"]]

    def glance(self, item: Frame | Audio) -> bool:
        assert isinstance(item, Frame)
        if item.image is None or self._number(item.time) == self._stretch:
            return False
        self._stretch = self._number(item.time)
        return True

    def _number(self, time: float) -> int:
        return math.floor(time / self._looking.every + 1e-3)

    def take(self, item: Frame) -> None:
        assert item.image is not None
        self._taken = self._number(item.time)
        self._waiting.append((item.time, item.image if self._gate.changed(item.image) else None))
        if sum(image is not None for _, image in self._waiting) >= self._batch:
            self._search()

    def mark(self, time: float) -> None:
        self._search()
        found, self._samples = self._samples, []
        self.detail["search"] = {
            "stretch": self._taken,
            "gate": None if self._gate.last is None else pack_picture(self._gate.last),
            "there": [[one.label, one.confidence, *one.box] for one in self._there],
        }
        self.commit(time, [self._row(track) for track in follow(found, self._period, time)])

    def finish(self, end: float) -> None:
        self._search()
        cuts = [at for at, _ in self.job.detail("shots").get("boundaries", []) if at < end]
        with self.job.store.transaction():
            tracks = followed(self._seen(), self._period, end, cuts)
            believed = (one for one in tracks if sure(one[1], self._threshold(one[1].label)))
            self.detail.pop("search", None)
            while batch := list(islice(believed, _BATCH)):
                self.job.store.add_evidence([self._row(track.thinned(), number) for number, track in batch])
            self.commit(end, [], done=True)

    def _seen(self) -> Iterator[Sample]:
        """What was found in the whole video; the rows of stretches go as they are read."""
        store = self.job.store

        def rows() -> Iterator[ObjectTrack]:
            for row in store.walk(self.job.video.id, "objects"):
                store.drop_evidence([row.id])
                yield ObjectTrack.from_extra(row.span, row.text, row.confidence or 0.0, row.extra)

        yield from samples(rows())
        yield from ((at, found) for at, found in self._samples if found)

    def _search(self) -> None:
        """Find what is in the pictures that wait; in one that did not change there is what was there before."""
        waiting, self._waiting = self._waiting, []
        images = [image for _, image in waiting if image is not None]
        known, described = self._engine.detect(images), self._engine.find(images, self._find)
        found = iter([distinct([*one, *other], either=False) for one, other in zip(known, described, strict=True)])
        for at, image in waiting:
            if image is not None:
                # Rounded as rows keep them, since those of a stretch that has been written come back from there.
                self._there = [rounded(one) for one in next(found)]
            self._samples.append((at, self._there))

    def _threshold(self, label: str) -> float:
        return self._looking.find_threshold if label in self._find else self._looking.threshold

    def _row(self, track: ObjectTrack, number: int | None = None) -> Evidence:
        return Evidence(
            video=self.job.video.id,
            span=track.span,
            kind="objects",
            text=track.label,
            confidence=track.confidence,
            weak=self._engine.weak,
            engine=self._engine.revision,
            extra={**track.to_extra(), **({} if number is None else {"track": number})},
        )
