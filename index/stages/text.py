"""On-screen text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby, islice
from typing import Any

from vagent.index.records import Evidence
from vagent.index.stages.stage import Stage
from vagent.index.video.job import Job
from vagent.tools.media import Audio, Frame, Track
from vagent.tools.text import TextEngine
from vagent.tools.text.spans import fold_once, in_order
from vagent.tools.text.tracks import Moments, TextReader, TextSpan

_BATCH = 100  # changes written at once


def plan(job: Job, track: Track) -> TextStage | None:
    """The stage, where it has anything left to do and an engine to do it with."""
    engine = job.engine("text", "on-screen text was not read")
    if engine is None:
        return None
    reading = job.settings.text.model_dump(mode="json")
    at = job.pending("text", track.index, *job.sampling, job.settings.media.image_width, reading, engine.revision)
    return None if at is None else TextStage(job, *at, engine)


class TextStage(Stage):
    """On-screen text. Runs in a thread of its own: recognition costs as much as decoding.

    At each mark the reader's state is written down, so that a later run goes on as if there had been none, and what is
    still on the screen gets rows that are replaced at the next mark: it can be found as soon as it was read.
    """

    name = "text"
    wants = Frame
    backlog = 12

    def __init__(self, job: Job, cursor: float, detail: Mapping[str, Any], engine: TextEngine) -> None:
        super().__init__(job, cursor, detail)
        self._engine = engine
        self._spans: list[TextSpan] = []
        self._moments = Moments()
        settings = job.settings
        interval = 1 / settings.media.sample_fps
        self._reader = TextReader(engine, settings.text, interval, self._moments, self.detail.get("reader"))
        self._since = self._reader.since

    @property
    def begin(self) -> float:
        """What a text is looked for between are the frames since the last sample."""
        return self.cursor if self._since is None else min(self._since, self.cursor)

    def glance(self, item: Frame | Audio) -> bool:
        assert isinstance(item, Frame)
        self._moments.watch(item.time, item.signature)
        return item.image is not None

    def take(self, item: Frame) -> None:
        assert item.image is not None
        self._spans += self._reader.feed(item.time, item.image)

    def mark(self, time: float) -> None:
        spans, self._spans = self._spans, []
        store = self.job.store
        with store.transaction():
            self._clear_open()
            still = self._reader.so_far(time)
            self.detail["reader"] = self._reader.state
            self.detail["open"] = min((span.span.end for span in still), default=None)
            self.commit(time, [*map(self._row, spans), *(self._row(span, still=True) for span in still)])

    def finish(self, end: float) -> None:
        spans, self._spans = self._spans + self._reader.finish(end), []
        store = self.job.store
        with store.transaction():
            self._clear_open()
            self.detail.pop("reader", None)
            store.add_evidence([self._row(span) for span in spans])
            while self._fold(max(2.0, 1.5 / self.job.settings.media.sample_fps)):
                pass
            self._order()
            self.commit(end, [], done=True)

    def _fold(self, gap: float) -> bool:
        """Join what is one text, rewriting only rows that this changes; whether there were any."""
        store, changes = self.job.store, 0
        changed = fold_once(self._written(), gap)
        while batch := list(islice(changed, _BATCH)):
            changes += len(batch)
            store.drop_evidence([number for number in batch if isinstance(number, int)])
            store.add_evidence([self._row(span) for span in batch if isinstance(span, TextSpan)])
        return changes > 0

    def _order(self) -> None:
        """Have what appeared in one moment stand there from the top down: by time, then by number."""
        for _, together in groupby(self._written(), key=lambda one: one[1].span.start):
            held = list(together)
            spans = [span for _, span in held]
            if (ordered := sorted(spans, key=in_order)) != spans:
                self.job.store.drop_evidence([number for number, _ in held])
                self.job.store.add_evidence([self._row(span) for span in ordered])

    def _written(self) -> Iterator[tuple[int, TextSpan]]:
        for row in self.job.store.walk(self.job.video.id, "screen_text"):
            yield row.id, TextSpan.from_extra(row.span, row.text, row.confidence or 0.0, row.extra)

    def _clear_open(self) -> None:
        since = self.detail.pop("open", None)
        if since is not None:
            self.job.store.clear_open(self.job.video.id, "screen_text", since)

    def _row(self, span: TextSpan, *, still: bool = False) -> Evidence:
        return Evidence(
            video=self.job.video.id,
            span=span.span,
            kind="screen_text",
            text=span.text,
            confidence=span.confidence,
            weak=self._engine.weak,
            engine=self._engine.revision,
            extra=span.to_extra() | ({"open": True} if still else {}),
        )
