"""The stages of an index that one decode pass feeds: shots, pictures, on-screen text, speech.

Every stage commits what it has, together with its cursor, about once a minute of video. A killed run goes on from the
cursor, and because a stage also starts afresh at each such mark, an interrupted run ends with the rows of one that was
never interrupted.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from queue import Queue
from threading import Thread
from typing import Any, ClassVar

from vagent.configs import Settings
from vagent.errors import EngineFailed
from vagent.index.pictures import Pictures
from vagent.index.records import Evidence, Video
from vagent.index.store import Store
from vagent.tools.media import Audio, Frame
from vagent.tools.media.frames import jpeg
from vagent.tools.shots import CONTEXT, Boundary, ShotDetector
from vagent.tools.speech import RATE, SpeechEngine, Utterance
from vagent.tools.speech.vad import Speech, SpeechDetector
from vagent.tools.text import TextEngine
from vagent.tools.text.tracks import Moments, TextReader, TextSpan, fold
from vagent.tools.time import Span

_FAILURES = 5  # stretches of one video that may break the recogniser
_PATIENCE = 1.0  # seconds that giving up waits for the recognition in work; its result would be thrown away


@dataclass(frozen=True, slots=True)
class Context:
    """What every stage of one video works with. ``fingerprints`` has what each stage's result depends on."""

    store: Store
    video: Video
    settings: Settings
    fingerprints: Mapping[str, str]


class Stage(ABC):
    """Takes the items of its kind in order of time; ``begin`` says from which time on it needs them.

    Args:
        context: see there.
        cursor: seconds of the video that earlier runs have committed.
        detail: what the earlier run left beside the cursor.
    """

    name: ClassVar[str]
    wants: ClassVar[type[Frame] | type[Audio]]
    backlog: ClassVar[int] = 0  # items that may wait for this stage in a thread of its own; 0: no thread

    def __init__(self, context: Context, cursor: float, detail: Mapping[str, Any]) -> None:
        self.context = context
        self.cursor = cursor
        self.detail = dict(detail)
        self._every = context.settings.media.checkpoint
        self._mark = self._after(cursor)

    def _after(self, time: float) -> float:
        return (math.floor(time / self._every + 1e-9) + 1) * self._every

    @property
    def begin(self) -> float:
        """Seconds from which on this stage needs items."""
        return self.cursor

    def glance(self, item: Frame | Audio) -> bool:
        """See an item pass by, in the decoding thread; True when it is worth the stage's own work."""
        return True

    def offer(self, item: Frame | Audio) -> None:
        """Take an item, and commit first when it lies behind the next mark."""
        if item.time >= self._mark:
            self.mark(self._mark)
            self._mark = self._after(item.time)
        self.take(item)

    @abstractmethod
    def take(self, item: Any) -> None:
        """Work on one frame or block of audio."""

    @abstractmethod
    def mark(self, time: float) -> None:
        """Commit all that is settled; everything before ``time`` has been taken."""

    @abstractmethod
    def finish(self, end: float) -> None:
        """Commit the rest; the video ends at ``end`` seconds."""

    def commit(self, cursor: float, rows: list[Evidence], *, done: bool = False) -> None:
        """Write rows and cursor in one transaction."""
        store, video = self.context.store, self.context.video.id
        with store.transaction():
            store.add_evidence(rows)
            store.set_stage(
                video,
                self.name,
                self.context.fingerprints[self.name],
                "done" if done else "running",
                cursor,
                self.detail,
            )
        self.cursor = cursor


class ShotStage(Stage):
    """Shot boundaries, kept in the stage's detail until the clips are cut."""

    name = "shots"
    wants = Frame

    def __init__(self, context: Context, cursor: float, detail: Mapping[str, Any]) -> None:
        super().__init__(context, cursor, detail)
        self.detail.setdefault("boundaries", [])
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
        self.detail["boundaries"] += [[b.time, b.kind] for b in settled]
        self.commit(self.cursor if done else until, [], done=done)


class PictureStage(Stage):
    """Small JPEG pictures of the sampled frames."""

    name = "pictures"
    wants = Frame

    def __init__(self, context: Context, cursor: float, detail: Mapping[str, Any], pictures: Pictures) -> None:
        super().__init__(context, cursor, detail)
        self._pictures = pictures
        self._waiting: list[tuple[float, bytes]] = []

    def take(self, item: Frame) -> None:
        if item.image is not None:
            media = self.context.settings.media
            self._waiting.append((item.time, jpeg(item.image, media.picture_width, media.picture_quality)))

    def mark(self, time: float) -> None:
        self._write(time)

    def finish(self, end: float) -> None:
        self._write(end, done=True)

    def _write(self, cursor: float, *, done: bool = False) -> None:
        # Pictures first: a cursor without its pictures would leave a hole; the other way round they are made again.
        self._pictures.add(self._waiting)
        self._waiting = []
        self.commit(cursor, [], done=done)


class TextStage(Stage):
    """On-screen text. Runs in a thread of its own: recognition costs as much as decoding."""

    name = "text"
    wants = Frame
    backlog = 12

    def __init__(self, context: Context, cursor: float, detail: Mapping[str, Any], engine: TextEngine) -> None:
        super().__init__(context, cursor, detail)
        self._engine = engine
        self._spans: list[TextSpan] = []
        self._moments = Moments()
        self._reader = self._fresh()

    def _fresh(self) -> TextReader:
        settings = self.context.settings
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
        store, video = self.context.store, self.context.video.id
        rows = store.evidence(video, kinds=["screen_text"])
        with store.transaction():
            store.clear(video, ["screen_text"])
            gap = max(2.0, 1.5 / self.context.settings.media.sample_fps)
            found = [TextSpan.from_extra(row.span, row.text, row.confidence or 0.0, row.extra) for row in rows]
            self.commit(end, [self._row(span) for span in fold(found, gap)], done=True)

    def _close(self, time: float) -> None:
        spans = self._spans + self._reader.finish(time)
        self._spans = []
        self.commit(time, [self._row(span) for span in spans])

    def _row(self, span: TextSpan) -> Evidence:
        return Evidence(
            video=self.context.video.id,
            span=span.span,
            kind="screen_text",
            text=span.text,
            confidence=span.confidence,
            weak=self._engine.weak,
            engine=self._engine.revision,
            extra=span.to_extra(),
        )


class SpeechStage(Stage):
    """What is said: voice activity, then the recogniser, in a thread of its own."""

    name = "speech"
    wants = Audio
    backlog = 64

    def __init__(self, context: Context, cursor: float, detail: Mapping[str, Any], engine: SpeechEngine | None) -> None:
        super().__init__(context, cursor, detail)
        self.detail.setdefault("spans", [])
        self.detail.setdefault("failed", [])
        self.detail["recognised"] = engine is not None
        self._engine = engine
        self._detector: SpeechDetector | None = None
        self._rows: list[Evidence] = []
        self._due = False

    def take(self, item: Audio) -> None:
        if self._detector is None:
            skip = max(0, round((self.cursor - item.time) * RATE))
            if skip >= len(item.samples):
                return
            item = Audio(item.time + skip / RATE, item.samples[skip:])
            self._detector = SpeechDetector(self.context.settings.speech, start=item.time)
        self._recognise(self._detector.feed(item.samples))
        if self._due and not self._detector.speaking:
            # Committed only between utterances, so that none is cut in two by a mark.
            self._recognise(self._detector.finish())
            self._commit(item.time + len(item.samples) / RATE)
            self._detector, self._due = None, False

    def mark(self, time: float) -> None:
        self._due = True

    def finish(self, end: float) -> None:
        if self._detector is not None:
            self._recognise(self._detector.finish())
        self._commit(end, done=True)

    def _recognise(self, found: list[Speech]) -> None:
        for speech in found:
            self.detail["spans"].append([speech.span.start, speech.span.end])
            if self._engine is None:
                continue
            try:
                self._rows += map(self._row, self._engine.transcribe(speech.samples, speech.span.start))
            except EngineFailed as error:
                # One stretch that breaks the recogniser is noted and told; a recogniser that is broken ends the run.
                self.detail["failed"].append([speech.span.start, speech.span.end, str(error)])
                if len(self.detail["failed"]) >= _FAILURES:
                    raise

    def _commit(self, cursor: float, *, done: bool = False) -> None:
        rows, self._rows = self._rows, []
        self.commit(cursor, rows, done=done)

    def _row(self, utterance: Utterance) -> Evidence:
        assert self._engine is not None
        words = [[w.span.start, w.span.end, w.text] for w in utterance.words]
        return Evidence(
            video=self.context.video.id,
            span=utterance.span,
            kind="speech",
            text=utterance.text,
            confidence=utterance.confidence,
            weak=self._engine.weak,
            engine=self._engine.revision,
            extra={"words": words, "language": utterance.language},
        )


@dataclass(slots=True)
class _End:
    time: float


@dataclass(slots=True)
class Runner:
    """Feeds one stage, in a thread of its own where the stage asks for one; what breaks there is raised here."""

    stage: Stage
    _queue: Queue[Frame | Audio | _End | None] = field(init=False)
    _thread: Thread | None = field(init=False, default=None)
    _error: BaseException | None = field(init=False, default=None)
    _begin: float = field(init=False)

    def __post_init__(self) -> None:
        self._begin = self.stage.begin
        self._queue = Queue(self.stage.backlog)
        if self.stage.backlog:
            self._thread = Thread(target=self._work, name=f"vagent-{self.stage.name}", daemon=True)
            self._thread.start()

    def offer(self, item: Frame | Audio) -> None:
        """Hand over an item that the stage wants; waits while its backlog is full.

        Raises:
            VagentError: whatever the stage raised.
        """
        if not isinstance(item, self.stage.wants) or item.time < self._begin - self._lead(item):
            return
        if not self.stage.glance(item):
            return
        if self._thread is None:
            self.stage.offer(item)
        else:
            self._raise()
            self._queue.put(item)

    def finish(self, end: float) -> None:
        """All items have been offered and the video ends at ``end`` seconds."""
        if self._thread is None:
            self.stage.finish(end)
            return
        self._queue.put(_End(end))
        self._thread.join()
        self._raise()

    def stop(self) -> None:
        """Give up: leave the rest undone, keep what was committed."""
        if self._thread is not None and self._thread.is_alive():
            self._error = self._error or InterruptedError()
            self._queue.put(None)
            self._thread.join(timeout=_PATIENCE)

    @staticmethod
    def _lead(item: Frame | Audio) -> float:
        return len(item.samples) / RATE if isinstance(item, Audio) else 0.0

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                if self._error is not None:
                    pass  # the queue is still emptied, so that nobody waits for a place in it
                elif isinstance(item, _End):
                    self.stage.finish(item.time)
                else:
                    self.stage.offer(item)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that feeds us
                self._error = error
            if isinstance(item, _End):
                return


def spans_of(detail: Mapping[str, Any]) -> list[Span]:
    """The stretches of speech that a speech stage recorded in its detail."""
    return [Span(start, end) for start, end in detail.get("spans", [])]
