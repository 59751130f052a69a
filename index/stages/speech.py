"""What is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vagent.index.records import Evidence
from vagent.index.stages.stage import Stage, packed, unpacked
from vagent.index.sync.stretches import Known
from vagent.index.sync.utterances import Before
from vagent.index.video.job import Job, stage_fingerprint
from vagent.tools.media import Audio, Track
from vagent.tools.speech import RATE, SpeechEngine, Utterance
from vagent.tools.speech.listening import Heard, Listener
from vagent.tools.speech.vad import Speech, SpeechDetector
from vagent.tools.subtitles import good
from vagent.tools.time import Span

_TRACKS = 64  # tracks that a file may have
_FAILURES = 5  # stretches of one video that may break the recogniser


def plan(job: Job, track: Track) -> SpeechStage | None:
    """The stage, where speech is wanted and it has anything left to do; without an engine speech is only located."""
    if not _wanted(job):
        return None
    speech = job.settings.speech
    language = speech.language or track.language
    settings = job.settings.model_copy(update={"speech": speech.model_copy(update={"language": language})})
    engine = job.engine("speech", "speech is located, but not recognised", settings)
    listening = settings.speech.model_dump(exclude={"when", "batch"})
    depends = settings.media.checkpoint, listening, engine.revision if engine else None
    at = job.pending("speech", track.index, *depends)
    if at is None:
        return None
    cursor, detail = at
    if not detail and job.known:
        detail = {"known": [one.to_list() for one in job.known]}
    before = _before(job, detail, depends) if engine and settings.sync.reuse else None
    return SpeechStage(job, cursor, detail, engine, before)


def _before(job: Job, detail: Mapping[str, Any], depends: Sequence[object]) -> Before | None:
    """What other videos know of this one's speech."""
    # The number of the track is the file's own affair: what it sounds like is compared.
    alike = {stage_fingerprint("speech", number, *depends) for number in range(_TRACKS)}
    known = [Known.from_list(one) for one in detail.get("known", ())]
    return Before.of(job.store, job.video, known, lambda state: state.fingerprint in alike)


def _wanted(job: Job) -> bool:
    when = job.settings.speech.when
    if when != "missing" or job.subtitles is None or job.subtitles.chosen is None:
        return when != "never"
    return not good(job.subtitles.chosen, job.info.duration or 0.0, job.settings.subtitles)


def spans_of(detail: Mapping[str, Any]) -> list[Span]:
    """The stretches of speech that a speech stage recorded in its detail."""
    return [Span(start, end) for start, end in detail.get("spans", [])]


class SpeechStage(Stage):
    """What is said: voice activity, then the recogniser, in a thread of its own.

    The stretches of speech are a piece at each commit, and stand in the stage's detail once it is done.
    """

    name = "speech"
    wants = Audio
    backlog = 64

    def __init__(
        self,
        job: Job,
        cursor: float,
        detail: Mapping[str, Any],
        engine: SpeechEngine | None,
        before: Before | None = None,
    ) -> None:
        super().__init__(job, cursor, detail)
        self._before = before
        self.detail.setdefault("failed", [])
        self.detail["recognised"] = engine is not None
        self._engine = engine
        self._listener = None if engine is None else Listener(engine, self.detail.get("listener"))
        self._detector: SpeechDetector | None = None
        self._rows: list[Evidence] = []
        self._spans: list[list[float]] = []
        self._due = False

    def take(self, item: Audio) -> None:
        if self._detector is None:
            skip = max(0, round((self.cursor - item.time) * RATE))
            if skip >= len(item.samples):
                return
            item = Audio(item.time + skip / RATE, item.samples[skip:])
            self._detector = SpeechDetector(self.job.settings.speech, start=item.time)
        if self._before is not None:
            self._before.hear(item.time, item.samples)
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
        if self._before is not None:
            self.job.notices += self._before.notices()

    def _recognise(self, found: list[Speech]) -> None:
        for speech in found:
            self._spans.append([speech.span.start, speech.span.end])
            known = None if self._before is None else self._before.said(speech.span)
            if known is not None:
                self._rows += known
            elif self._listener is not None:
                self._note(self._listener.offer(speech))

    def _note(self, heard: Sequence[Heard]) -> None:
        for one in heard:
            self._rows += map(self._row, one.utterances)
            if one.error is None:
                continue
            # One stretch that breaks the recogniser is noted and told; a recogniser that is broken ends the run.
            self.detail["failed"].append([one.span.start, one.span.end, str(one.error)])
            if len(self.detail["failed"]) >= _FAILURES:
                raise one.error

    def _commit(self, cursor: float, *, done: bool = False) -> None:
        if self._listener is not None:
            self._note(self._listener.flush())
            self.detail["listener"] = self._listener.state
        rows, self._rows = self._rows, []
        spans, self._spans = self._spans, []
        if done:
            before = unpacked(self.job.store.pieces(self.job.video.id, self.name))
            self.detail["spans"] = [*self.detail.get("spans", ()), *before, *spans]
        self.commit(cursor, rows, piece=packed(spans), done=done)

    def _row(self, utterance: Utterance) -> Evidence:
        assert self._engine is not None
        translated = {"translated_from": utterance.translated_from} if utterance.translated_from else {}
        words = [[w.span.start, w.span.end, w.text] for w in utterance.words]
        return Evidence(
            video=self.job.video.id,
            span=utterance.span,
            kind="speech",
            text=utterance.text,
            confidence=utterance.confidence,
            weak=self._engine.weak,
            engine=self._engine.revision,
            extra={"words": words, "language": utterance.language} | translated,
        )
