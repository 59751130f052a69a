"""Shot boundaries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vagent.index.stages.stage import Stage, packed, unpacked
from vagent.index.video.job import Job
from vagent.tools.media import Frame, Track
from vagent.tools.shots import CONTEXT, Boundary, ShotDetector


def plan(job: Job, track: Track) -> ShotStage | None:
    """The stage, where it has anything left to do."""
    at = job.pending("shots", track.index, *job.decoding)
    return None if at is None else ShotStage(job, *at)


class ShotStage(Stage):
    """Shot boundaries: a piece at each mark, and all of them in the stage's detail once it is done."""

    name = "shots"
    wants = Frame

    def __init__(self, job: Job, cursor: float, detail: Mapping[str, Any]) -> None:
        super().__init__(job, cursor, detail)
        self._detector = ShotDetector()
        self._found: list[Boundary] = []

    @property
    def begin(self) -> float:
        """The detector has to see what lies around a boundary."""
        return max(0.0, self.cursor - CONTEXT)

    def take(self, item: Frame) -> None:
        self._found += self._detector.feed(item.time, item.signature)

    def mark(self, time: float) -> None:
        self._settle(max(self.cursor, time - CONTEXT))

    def finish(self, end: float) -> None:
        self._found += self._detector.finish(end)
        self._settle(math.inf, done=True)

    def _settle(self, until: float, *, done: bool = False) -> None:
        settled = [b for b in self._found if self.cursor <= b.time < until]
        self._found = [b for b in self._found if b.time >= until]
        found = [[b.time, b.kind] for b in settled]
        if done:
            before = unpacked(self.job.store.pieces(self.job.video.id, self.name))
            self.detail["boundaries"] = [*self.detail.get("boundaries", ()), *before, *found]
        self.commit(self.cursor if done else until, [], piece=packed(found), done=done)
