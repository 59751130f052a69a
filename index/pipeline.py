"""One video into the library: subtitles first, then one decode pass for the other senses, then clips and embeddings."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from vagent.errors import MediaError, VagentError
from vagent.index.passages import embed_video
from vagent.index.pictures import Pictures
from vagent.index.records import Evidence, Kind, Video
from vagent.index.segment import clips, shots
from vagent.index.stages import Context, PictureStage, Runner, ShotStage, SpeechStage, Stage, TextStage, spans_of
from vagent.index.store import Store
from vagent.tools.engines import Engines
from vagent.tools.media import Frame, Gap, Item, MediaInfo, Track
from vagent.tools.media.probe import pick
from vagent.tools.media.reader import read
from vagent.tools.shots import Boundary
from vagent.tools.speech import RATE
from vagent.tools.subtitles import Found, find, good
from vagent.tools.time import format_time

_VERSION = 1  # raised when a stage's method changes, so that its old results are made again
_HEADER_SLACK = 2.0  # seconds by which a header may promise more than decodes without being a lie

_SCANNED = ("shots", "pictures", "text", "speech")
_KINDS: Mapping[str, tuple[Kind, ...]] = {"subtitles": ("subtitle",), "text": ("screen_text",), "speech": ("speech",)}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the indexing of one video is; ``done`` and ``total`` in seconds of video, total None when unknown."""

    path: str
    stage: Literal["subtitles", "scan", "embed"]
    done: float
    total: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """What indexing one file came to.

    Attributes:
        status: ``indexed`` (something was done), ``unchanged`` (nothing had to be), ``failed`` (see ``error``).
        counts: evidence rows per kind.
        engines: sense -> engine and revision.
        seconds: stage -> wall seconds of this run.
        notices: what the user should know: tracks left out, gaps, senses without an engine.
    """

    path: str
    status: Literal["indexed", "unchanged", "failed"]
    video: Video | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    engines: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    error: VagentError | None = None


OnProgress = Callable[[Progress], object]


def stage_fingerprint(*parts: object) -> str:
    """A short hash of all that a stage's result depends on."""
    text = json.dumps([_VERSION, *parts], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class VideoIndexer:
    """Brings one video up to date with the settings; stages that are done are left alone.

    Args:
        store: the library's database.
        video: the video's row there.
        info: what its file holds.
        engines: the engines of this process, with the settings in force.
        pictures: where its pictures are kept.
        on_progress: told how far it is, a few times a second.
    """

    def __init__(
        self,
        store: Store,
        video: Video,
        info: MediaInfo,
        engines: Engines,
        pictures: Pictures,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._store = store
        self._video = video
        self._info = info
        self._engines = engines
        self._settings = engines.settings
        self._pictures = pictures
        self._on_progress = on_progress
        media = self._settings.media
        self._video_track = pick(info, "video", index=media.video_track)
        self._audio_track = pick(info, "audio", index=media.audio_track, language=media.audio_language)
        self._seconds: dict[str, float] = {}
        self._notices: list[str] = []
        self._used: dict[str, str] = {}
        self._fingerprints: dict[str, str] = {}
        self._worked = False

    def run(self) -> Report:
        """Do what is missing.

        Raises:
            MediaError: nothing in the file decodes.
            VagentError: an engine or the disk failed; what was committed stays, and the next run goes on from there.
        """
        with self._timed("subtitles"):
            found = self._read_subtitles()
        with self._timed("scan"):
            stages = self._plan(found)
            if stages:
                self._scan(stages, found)
        self._tell_of_failures()
        with self._timed("clips"):
            self._cut_clips()
        with self._timed("embed"):
            self._embed()
        self._store.update_video(self._video.id, complete=True)
        return Report(
            path=str(self._info.path),
            status="indexed" if self._worked else "unchanged",
            video=self._store.video(self._video.id),
            counts=self._store.counts(self._video.id),
            engines=self._used,
            seconds={name: round(value, 3) for name, value in self._seconds.items()},
            notices=tuple(self._notices),
        )

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self._seconds[stage] = time.perf_counter() - begun

    def _tell(self, stage: Literal["subtitles", "scan", "embed"], done: float) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(str(self._info.path), stage, done, self._info.duration))

    def _pending(self, stage: str, *depends: object) -> tuple[float, Mapping[str, Any]] | None:
        """Cursor and detail to go on from, or None where the stage is done with these very settings."""
        fingerprint = self._fingerprints[stage] = stage_fingerprint(stage, *depends)
        state = self._store.stage(self._video.id, stage)
        if state is not None and state.fingerprint == fingerprint:
            if state.status == "done":
                return None
            self._worked = True
            return state.cursor, state.detail
        self._worked = True
        with self._store.transaction():
            if stage in _KINDS:
                self._store.clear(self._video.id, _KINDS[stage])
            self._store.set_stage(self._video.id, stage, fingerprint, "running")
            self._store.update_video(self._video.id, complete=False)
        return 0.0, {}

    def _detail(self, stage: str) -> Mapping[str, Any]:
        """What a stage has left beside its cursor; nothing where it never ran."""
        state = self._store.stage(self._video.id, stage)
        return state.detail if state else {}

    def _read_subtitles(self) -> Found:
        self._tell("subtitles", 0.0)
        language = self._audio_track.language if self._audio_track else None
        found = find(self._info, self._settings.subtitles, language)
        self._notices += found.problems
        chosen = found.chosen
        cues = chosen.cues if chosen else ()
        if self._pending("subtitles", [[c.span.start, c.span.end, c.text] for c in cues]) is None:
            return found
        rows = [
            Evidence(
                video=self._video.id,
                span=cue.span,
                kind="subtitle",
                text=cue.text,
                confidence=1.0,
                engine=f"subtitles {chosen.origin}",
                extra={"language": chosen.language, "origin": chosen.origin},
            )
            for cue in cues
            if chosen
        ]
        with self._store.transaction():
            self._store.add_evidence(rows)
            self._store.set_stage(self._video.id, "subtitles", self._fingerprints["subtitles"], "done")
            self._store.update_video(self._video.id, info=describe(self._info, found))
        return found

    def _plan(self, found: Found) -> list[Stage]:
        """The stages that still need items of the decode pass."""
        stages: list[Stage] = []
        context = Context(self._store, self._video, self._settings, self._fingerprints)
        if self._video_track is not None:
            stages += self._plan_video(context, self._video_track)
        if self._audio_track is not None and self._wants_speech(found):
            stages += self._plan_speech(context, self._audio_track)
        return stages

    def _plan_video(self, context: Context, track: Track) -> Iterator[Stage]:
        media = self._settings.media
        base = (track.index, media.decode, media.checkpoint)
        if (at := self._pending("shots", *base)) is not None:
            yield ShotStage(context, *at)
        sampled = (*base, media.sample_fps)
        if (at := self._pending("pictures", *sampled, media.picture_width, media.picture_quality)) is not None:
            yield PictureStage(context, *at, self._pictures)
        choice, engine = self._engines.get("text")
        if engine is None:
            self._notices.append(f"on-screen text was not read: {choice.reason}")
            return
        self._used["text"] = engine.revision
        reading = self._settings.text.model_dump()
        if (at := self._pending("text", *sampled, media.image_width, reading, engine.revision)) is not None:
            yield TextStage(context, *at, engine)

    def _wants_speech(self, found: Found) -> bool:
        when = self._settings.speech.when
        if when != "missing" or found.chosen is None:
            return when != "never"
        return not good(found.chosen, self._info.duration or 0.0, self._settings.subtitles)

    def _plan_speech(self, context: Context, track: Track) -> Iterator[Stage]:
        speech = self._settings.speech
        language = speech.language or track.language
        settings = self._settings.model_copy(update={"speech": speech.model_copy(update={"language": language})})
        choice, engine = self._engines.get("speech", settings)
        if engine is None:
            why = "; ".join(f"{name}: {status.reason}" for name, status in choice.passed_over.items()) or choice.reason
            self._notices.append(f"speech is located, but not recognised: {why}")
        else:
            self._used["speech"] = engine.revision
        listening = settings.speech.model_dump(exclude={"when"})
        base = (track.index, self._settings.media.checkpoint, listening, engine.revision if engine else None)
        if (at := self._pending("speech", *base)) is not None:
            yield SpeechStage(context, *at, engine)

    def _scan(self, stages: list[Stage], found: Found) -> None:
        """The decode pass, from where the least advanced stage stopped."""
        start = min(stage.begin for stage in stages)
        wanted = {stage.wants for stage in stages}
        items = read(
            self._info,
            self._settings,
            video=self._video_track if Frame in wanted else None,
            audio=self._audio_track if wanted != {Frame} else None,
            start=start,
        )
        clock = _Clock()
        gaps = [gap for gap in self._video.gaps if gap.start < start]
        runners = [Runner(stage) for stage in stages]
        told = 0.0
        try:
            for item in items:
                if isinstance(item, Gap):
                    gaps.append(item.span)
                    self._notices.append(
                        f"nothing decodes from {format_time(item.span.start, 1)} to {format_time(item.span.end, 1)}:"
                        f" {item.reason}"
                    )
                    continue
                clock.see(item)
                for runner in runners:
                    runner.offer(item)
                if time.monotonic() - told > 0.2:
                    told = time.monotonic()
                    self._tell("scan", item.time)
            end = self._end(clock, found, resumed=start > 0)
            self._store.update_video(self._video.id, duration=end, gaps=gaps)
            for runner in runners:
                runner.finish(end)
        except BaseException:
            for runner in runners:
                runner.stop()
            raise
        self._tell("scan", end)

    def _tell_of_failures(self) -> None:
        for start, end, why in self._detail("speech").get("failed", ()):
            self._notices.append(f"speech not recognised from {format_time(start, 1)} to {format_time(end, 1)}: {why}")

    def _end(self, clock: _Clock, found: Found, *, resumed: bool) -> float:
        """Seconds that the video lasts: what decodes; the header is believed where it says little more."""
        if not clock.seen and not resumed:
            raise MediaError("nothing in the file can be decoded", str(self._info.path), hint="is it complete?")
        header = self._info.duration or 0.0
        # A pass that only one sense needed, or that began in the middle, must not shorten what an earlier one saw.
        stages = self._store.stages(self._video.id)
        before = any(name in stages and stages[name].status == "done" for name in _SCANNED)
        end = max(clock.end, self._video.duration if before else 0.0)
        if found.chosen and found.chosen.cues:
            # Subtitles may go on over a picture that has ended. Those beside the video may be another cut's: the header
            # says how far to believe them.
            last = max(cue.span.end for cue in found.chosen.cues)
            end = max(end, last if found.chosen.origin.startswith("track ") else min(header, last))
        return header if end < header <= end + _HEADER_SLACK else end

    def _cut_clips(self) -> None:
        video = self._video.id
        duration = self._store.video(video).duration
        found = self._detail("shots").get("boundaries", [])
        boundaries = [Boundary(at, kind) for at, kind in found if at < duration]
        spoken = [row.span for row in self._store.evidence(video, kinds=["subtitle"])]
        if not spoken:
            spoken = spans_of(self._detail("speech"))
        depends = [duration, [b.time for b in boundaries], [[s.start, s.end] for s in spoken]]
        if self._pending("clips", depends, self._settings.clips.model_dump()) is None:
            return
        with self._store.transaction():
            self._store.replace_shots(video, shots(duration, boundaries))
            self._store.replace_clips(
                video, clips(duration, [b.time for b in boundaries], spoken, self._settings.clips)
            )
            self._store.set_stage(video, "clips", self._fingerprints["clips"], "done")

    def _embed(self) -> None:
        choice, engine = self._engines.get("embeddings")
        if engine is None:
            self._notices.append(f"texts were not embedded, so search goes by words alone: {choice.reason}")
            return
        self._used["embeddings"] = engine.revision
        duration = self._store.video(self._video.id).duration
        done = embed_video(
            self._store, self._video.id, engine, lambda rows, total: self._tell("embed", duration * rows / total)
        )
        self._worked = self._worked or done > 0


class _Clock:
    """The end of what has been decoded."""

    def __init__(self) -> None:
        self.end = 0.0
        self.seen = False
        self._frame: float | None = None

    def see(self, item: Item) -> None:
        """Note an item; a frame lasts as long as the one before it did."""
        self.seen = True
        if isinstance(item, Frame):
            lasted = 0.0 if self._frame is None else min(max(item.time - self._frame, 0.0), _HEADER_SLACK)
            self._frame = item.time
            self.end = max(self.end, item.time + lasted)
        elif not isinstance(item, Gap):
            self.end = max(self.end, item.time + len(item.samples) / RATE)


def describe(info: MediaInfo, found: Found) -> dict[str, Any]:
    """What a file holds, as JSON values: facts that questions may ask for."""
    facts = asdict(info)
    del facts["path"]
    facts["name"] = info.path.name
    chosen = found.chosen
    facts["subtitles"] = {
        "chosen": {"origin": chosen.origin, "language": chosen.language, "cues": len(chosen.cues)} if chosen else None,
        "others": list(found.others),
        "problems": list(found.problems),
    }
    return facts
