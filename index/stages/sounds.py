"""Sounds that are no speech."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from vagent.index.records import Evidence
from vagent.index.stages.stage import Stage
from vagent.index.video.job import Job
from vagent.tools import batches
from vagent.tools.media import Audio, Track
from vagent.tools.sounds import HOP, RATE, WINDOW, Samples, Sound, SoundEngine, window
from vagent.tools.sounds.spans import SpanJoiner
from vagent.tools.time import Span

_LEAST = round(1.0 * RATE)  # samples that the last window must have, unless it is the only one


def plan(job: Job, track: Track) -> SoundStage | None:
    """The stage, where it has anything left to do and an engine to do it with."""
    engine = job.engine("sounds", None)
    if engine is None:
        return None
    listening = job.settings.sounds.model_dump(mode="json", exclude={"batch", "model"})
    at = job.pending("sounds", track.index, listening, (WINDOW, HOP), engine.revision)
    return None if at is None else SoundStage(job, *at, engine)


class SoundStage(Stage):
    """Sounds, one row each from where it begins to where it ends. Runs in a thread of its own.

    Windows lie on one grid from the video's start on, and go through the model in batches that lie on it too; a commit
    leaves behind the number of the next window and the sounds that are still heard. So it makes no difference where a
    run was interrupted.
    """

    name = "sounds"
    wants = Audio
    backlog = 64

    def __init__(self, job: Job, cursor: float, detail: Mapping[str, Any], engine: SoundEngine) -> None:
        super().__init__(job, cursor, detail)
        self._engine = engine
        self._batch = batches.size("sounds", job.settings)
        self._joiner = SpanJoiner(job.settings.sounds.threshold, self.detail.get("open"))
        self._next = self._joiner.judged  # number of the next window
        self._samples: Samples = np.zeros(0, np.int16)  # what is heard from its beginning on
        self._rows: list[Evidence] = []

    def take(self, item: Audio) -> None:
        missing = round((item.time - window(self._next).start) * RATE) - len(self._samples)
        if missing <= -len(item.samples):
            return  # heard by an earlier run
        silence = np.zeros(max(0, missing), np.int16)
        self._samples = np.concatenate([self._samples, silence, item.samples[max(0, -missing) :]])
        while len(self._samples) >= self._at(last := self._next + self._batch - self._next % self._batch - 1)[1]:
            self._judge(last)

    def mark(self, time: float) -> None:
        self._commit(window(self._next).start)

    def finish(self, end: float) -> None:
        heard = window(self._next).start + len(self._samples) / RATE
        last = self._next - 1
        while len(self._samples) >= self._at(last + 1)[0] + _LEAST or (last < 0 and len(self._samples)):
            last += 1
        self._judge(last, heard)
        self._note(self._joiner.finish(min(end, heard)), heard)
        self._commit(end, done=True)

    def _at(self, number: int) -> tuple[int, int]:
        """Where a window lies in the samples that are held."""
        span, begin = window(number), window(self._next).start
        return round((span.start - begin) * RATE), round((span.end - begin) * RATE)

    def _judge(self, last: int, heard: float = math.inf) -> None:
        """Take the next windows, up to ``last``, through the model; those without any sound need none."""
        windows = [self._samples[slice(*self._at(number))] for number in range(self._next, last + 1)]
        loud = [samples for samples in windows if samples.any()]
        found = iter(self._engine.tag(loud) if loud else ())
        rest = self._samples[self._at(last + 1)[0] :]
        for number, samples in enumerate(windows, self._next):
            self._note(self._joiner.feed(number, next(found) if samples.any() else {}), heard)
        self._next, self._samples = last + 1, rest

    def _note(self, sounds: list[Sound], heard: float) -> None:
        for sound in sounds:
            span = Span(sound.span.start, min(sound.span.end, heard))
            self._rows.append(
                Evidence(
                    video=self.job.video.id,
                    span=span,
                    kind="sound",
                    text=sound.label,
                    confidence=round(sound.confidence, 4),
                    weak=self._engine.weak,
                    engine=self._engine.revision,
                )
            )

    def _commit(self, cursor: float, *, done: bool = False) -> None:
        self.detail["open"] = self._joiner.state
        rows, self._rows = self._rows, []
        self.commit(cursor, rows, done=done)
