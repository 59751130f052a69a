"""On-screen text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vagent.index.job import Job
from vagent.index.records import Evidence
from vagent.index.stages.stage import Stage
from vagent.tools.media import Audio, Frame, Track
from vagent.tools.text import TextEngine
from vagent.tools.text.tracks import Moments, TextReader, TextSpan, fold


def plan(job: Job, track: Track) -> TextStage | None:
    """The stage, where it has anything left to do and an engine to do it with."""
    engine = job.engine("text", "on-screen text was not read")
    if engine is None:
        return None
    reading = job.settings.text.model_dump(mode="json")
    at = job.pending("text", track.index, *job.sampling, job.settings.media.image_width, reading, engine.revision)
    return None if at is None else TextStage(job, *at, engine)


class TextStage(Stage):
    """On-screen text. Runs in a thread of its own: recognition costs as much as decoding."""

    name = "text"
    wants = Frame
    backlog = 12

    def __init__(self, job: Job, cursor: float, detail: Mapping[str, Any], engine: TextEngine) -> None:
        super().__init__(job, cursor, detail)
        self._engine = engine
        self._spans: list[TextSpan] = []
        self._moments = Moments()
        self._reader = self._fresh()

    def _fresh(self) -> TextReader:
        settings = self.job.settings
        return TextReader(self._engine, settings.text, 1 / settings.media.sample_fps, self._moments)

    def glance(self, item: Frame | Audio) -> bool:
        assert isinstance(item, Frame)
        self._moments.watch(item.time, item.signature)
        return item.image is not None

    def take(self, item: Frame) -> None:
        assert item.image is not None
        self._spans += self._reader.feed(item.time, item.image)

    def mark(self, time: float) -> None:
        self._close(time)
        self._reader = self._fresh()

    def finish(self, end: float) -> None:
        self._close(end)
        store, video = self.job.store, self.job.video.id
        rows = store.evidence(video, kinds=["screen_text"])
        with store.transaction():
            store.clear(video, ["screen_text"])
            gap = max(2.0, 1.5 / self.job.settings.media.sample_fps)
            found = [TextSpan.from_extra(row.span, row.text, row.confidence or 0.0, row.extra) for row in rows]
            self.commit(end, [self._row(span) for span in fold(found, gap)], done=True)

    def _close(self, time: float) -> None:
        spans = self._spans + self._reader.finish(time)
        self._spans = []
        self.commit(time, [self._row(span) for span in spans])

    def _row(self, span: TextSpan) -> Evidence:
        return Evidence(
            video=self.job.video.id,
            span=span.span,
            kind="screen_text",
            text=span.text,
            confidence=span.confidence,
            weak=self._engine.weak,
            engine=self._engine.revision,
            extra=span.to_extra(),
        )
