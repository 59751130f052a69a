"""What pictures show, as vectors: a text query finds a picture without anybody having described it.

The kept pictures are embedded after the decode pass: the first of each shot and one every few seconds. A picture that
looks like the one before it gives no row of its own, the row before lasts longer instead: an hour of slides is a few
dozen rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.errors import MediaError
from vagent.index.pictures import parts
from vagent.index.recorded import recorded
from vagent.index.records import Evidence
from vagent.index.video.job import Job
from vagent.tools import batches
from vagent.tools.media.frames import unjpeg
from vagent.tools.time import Span
from vagent.tools.visual import Image, VisualEngine

_ALIKE = 0.99  # inner product of two pictures' vectors from which they are one and the same
_STILL = 6  # grey levels by which no part of a picture may differ for it to be the same
_SLACK = 1e-3  # seconds by which a picture may come early

Small = NDArray[np.int16]


def embed_pictures(job: Job) -> None:
    """Embeds what is not embedded yet of one video; committed after each batch.

    Raises:
        EngineUnavailable: the engine was asked for by name and cannot run here.
        EngineFailed: it broke.
        StorageError: the pictures cannot be read, or the rows not be written.
    """
    if job.video_track is None:
        return
    engine = job.engine("visual", None)
    if engine is None:
        return
    cuts = [shot.span.start for shot in job.store.shots(job.video.id)]
    every = job.settings.visual.every
    at = job.pending("visual", job.fingerprint_of("pictures"), cuts, every, engine.model)
    if at is None:
        return
    times = key_times(job.pictures.times(), cuts, every)
    if not times:
        job.notices.append("pictures were not embedded: none are kept of this video; `vagent remove` it and index anew")
        return
    keys = _Keys(job, engine, cuts)
    cursor, detail = at
    keys.resume(detail)
    left = times[bisect_right(times, cursor) if detail else 0 :]
    size = batches.size("visual", job.settings)
    for first in range(0, len(left), size):
        keys.take(left[first : first + size])
    keys.finish(job.store.video(job.video.id).duration)
    if keys.broken:
        job.notices.append(f"{keys.broken} kept pictures cannot be read, and were not embedded")


def key_times(times: Sequence[float], cuts: Sequence[float], every: float) -> list[float]:
    """The pictures to embed: the first of each shot, and within it one every ``every`` seconds.

    Args:
        times: of all pictures, in order.
        cuts: where shots begin, in order.
    """
    found: list[float] = []
    for time in times:
        same = bool(found) and bisect_right(cuts, time) == bisect_right(cuts, found[-1])
        if not same or time - found[-1] >= every - _SLACK:
            found.append(time)
    return found


@dataclass(slots=True)
class _Key:
    """A picture with a row of its own, which lasts until the next."""

    time: float
    vector: NDArray[np.float32]


@dataclass(slots=True)
class _Keys:
    """Turns pictures into rows. What a later run needs stands in the stage's detail: the time of the picture whose row
    is still open."""

    job: Job
    engine: VisualEngine
    cuts: Sequence[float]
    open: _Key | None = None
    broken: int = 0
    _last: tuple[float, Small] | None = field(default=None)

    def resume(self, detail: Mapping[str, Any]) -> None:
        """Go on where an earlier run stopped."""
        if not detail:
            return
        for time, image in self._images([detail["open"]]):
            self.open, self._last = _Key(time, self.engine.embed_images([image])[0]), (time, parts(image))

    def take(self, times: Sequence[float]) -> None:
        """Embed some pictures and commit the rows that end with them."""
        changed = [(time, image) for time, image in self._images(times) if self._changed(time, image)]
        vectors = self.engine.embed_images([image for _, image in changed])
        closed: list[tuple[_Key, float]] = []
        for (time, _), vector in zip(changed, vectors, strict=True):
            before = self.open
            if before and self._shot(before.time) == self._shot(time) and float(before.vector @ vector) >= _ALIKE:
                continue
            if before:
                closed.append((before, time))
            self.open = _Key(time, vector)
        self._commit(closed, times[-1])

    def finish(self, end: float) -> None:
        """The video ends."""
        closed = [(self.open, max(end, self.open.time))] if self.open else []
        self._commit(closed, end, done=True)

    def _commit(self, closed: Sequence[tuple[_Key, float]], cursor: float, *, done: bool = False) -> None:
        job = self.job
        rows = [
            Evidence(
                video=job.video.id,
                span=Span(key.time, end),
                kind="visual",
                text="",
                weak=self.engine.weak,
                engine=self.engine.revision,
                extra={"picture": key.time},
            )
            for key, end in closed
        ]
        detail = {"open": self.open.time} if self.open else {}
        with job.store.transaction():
            if rows:
                ids = job.store.add_evidence(rows)
                vectors = np.stack([key.vector for key, _ in closed])
                job.store.put_vectors(recorded(self.engine.model), ids, vectors)
            job.settle("visual", cursor, detail, done=done)
        job.tell("visual", cursor)

    def _images(self, times: Sequence[float]) -> Iterator[tuple[float, Image]]:
        for time, jpeg in self.job.pictures.nearest(times):
            try:
                image = unjpeg(jpeg)
            except MediaError:
                self.broken += 1
                continue
            yield time, image

    def _changed(self, time: float, image: Image) -> bool:
        """Whether a picture differs in any part from the last one that did, or begins a shot.

        That spares the model most of the work, and changes nothing: the same picture has the same vector.
        """
        small, last = parts(image), self._last
        same = last is not None and self._shot(last[0]) == self._shot(time)
        if last is not None and same and int(np.abs(small - last[1]).max()) < _STILL:
            return False
        self._last = (time, small)
        return True

    def _shot(self, time: float) -> int:
        return bisect_right(self.cuts, time)
