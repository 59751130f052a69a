"""One video in work: what its stages share, and what is noted down about each of them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from vagent.configs import Settings
from vagent.index.pictures import Pictures
from vagent.index.records import Kind, Video
from vagent.index.store import StageState, Store
from vagent.index.sync.stretches import Known
from vagent.index.video.spending import Cost, processor_seconds
from vagent.tools.engines import Engines, Sense
from vagent.tools.media import MediaInfo, Track
from vagent.tools.media.probe import pick
from vagent.tools.subtitles import Found

_VERSION = 1  # raised when a stage's method changes, so that its old results are made again

KINDS: Mapping[str, tuple[Kind, ...]] = {
    "subtitles": ("subtitle",),
    "speech": ("speech",),
    "text": ("screen_text",),
    "objects": ("objects",),
    "sounds": ("sound",),
    "captions": ("caption",),
    "visual": ("visual",),
}
"""The kinds of evidence that each stage writes: they are cleared when it starts anew."""

Phase = Literal["subtitles", "scan", "captions", "visual", "embed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the indexing of one video is; ``done`` and ``total`` in seconds of video, total None when unknown."""

    path: str
    stage: Phase
    done: float
    total: float | None


OnProgress = Callable[[Progress], object]


def stage_fingerprint(*parts: object) -> str:
    """A short hash of all that a stage's result depends on."""
    text = json.dumps([_VERSION, *parts], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(slots=True)
class Job:
    """One video that is brought up to date with the settings.

    Attributes:
        store: the library's database.
        video: the video's row there.
        info: what its file holds.
        engines: the engines of this process, with the settings in force.
        pictures: where its pictures are kept.
        on_progress: told how far it is, a few times a second.
        guard: called inside each transaction that ends a step; what it raises undoes the step and ends the work.
        known: stretches that videos of the library show too, as far as samples tell.
        subtitles: what was found of them, once they have been read.
        notices: what the user should know.
        used: sense -> engine and revision.
        seconds: phase -> wall seconds.
        costs: phase or stage of the decode pass -> what it has cost; only of those that had something to do.
        worked: whether anything had to be done.
    """

    store: Store
    video: Video
    info: MediaInfo
    engines: Engines
    pictures: Pictures
    on_progress: OnProgress | None = None
    guard: Callable[[], object] | None = None
    known: Sequence[Known] = ()
    subtitles: Found | None = None
    notices: list[str] = field(default_factory=list)
    used: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)
    worked: bool = False
    _fingerprints: dict[str, str] = field(default_factory=dict)
    _engines: list[Any] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.engines.settings

    @property
    def video_track(self) -> Track | None:
        """The track whose frames are read."""
        return pick(self.info, "video", index=self.settings.media.video_track)

    @property
    def audio_track(self) -> Track | None:
        """The track whose sound is heard."""
        media = self.settings.media
        return pick(self.info, "audio", index=media.audio_track, language=media.audio_language)

    @property
    def length(self) -> float:
        """Seconds that the video lasts, as far as is known by now."""
        return self.store.video(self.video.id).duration

    @property
    def decoding(self) -> tuple[object, ...]:
        """What every stage that sees frames depends on; with ``adaptive`` they find what they find with ``all``."""
        return ("reference" if self.settings.media.decode == "reference" else "all",)

    @property
    def sampling(self) -> tuple[object, ...]:
        """What every stage that sees sampled pictures depends on."""
        return *self.decoding, self.settings.media.sample_fps

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Note what a phase costs."""
        begun, spent, before = time.perf_counter(), processor_seconds(), self.worked
        self.worked = False
        try:
            yield
        finally:
            wall = time.perf_counter() - begun
            self.seconds[phase] = self.seconds.get(phase, 0.0) + wall
            if self.worked:
                cost = self.costs.setdefault(phase, Cost())
                cost.wall += wall
                cost.cpu += processor_seconds() - spent
            self.worked = self.worked or before

    def tell(self, phase: Phase, done: float) -> None:
        """Say how many seconds of the video a phase has done."""
        if self.on_progress is not None:
            self.on_progress(Progress(str(self.info.path), phase, done, self.info.duration))

    def engine(self, sense: Sense, missing: str | None, settings: Settings | None = None) -> Any | None:
        """The engine of a sense, noted as used; None where there is none or it is switched off.

        Args:
            missing: what to tell the user where there is none; None: nothing, because nobody expects it.
            settings: settings of this video where they differ from the process's.

        Raises:
            EngineUnavailable: the engine was asked for by name and cannot run here.
        """
        choice, engine = self.engines.get(sense, settings)
        if engine is not None:
            self.used[sense] = engine.revision
            self._engines.append(engine)
        elif missing is not None:
            why = "; ".join(f"{name}: {status.reason}" for name, status in choice.passed_over.items()) or choice.reason
            self.notices.append(f"{missing}: {why}")
        return engine

    def collect_notices(self) -> None:
        """Take over what the engines have to tell the user, once each."""
        for engine in self._engines:
            told = getattr(engine, "notices", [])
            self.notices += [notice for notice in told if notice not in self.notices]

    def state(self, stage: str, *depends: object) -> StageState | None:
        """How far a stage has come with these very settings; None where it never ran with them.

        Whatever asks whether a stage is up to date asks here, so that a run does what a look foretells.
        """
        fingerprint = self._fingerprints[stage] = stage_fingerprint(stage, *depends)
        state = self.store.stage(self.video.id, stage)
        return state if state is not None and state.fingerprint == fingerprint else None

    def fingerprint_of(self, stage: str) -> str | None:
        """The fingerprint that a stage has, or will have once it has run; None where it is not wanted and never ran."""
        if stage in self._fingerprints:
            return self._fingerprints[stage]
        state = self.store.stage(self.video.id, stage)
        return state.fingerprint if state is not None else None

    def pending(self, stage: str, *depends: object) -> tuple[float, Mapping[str, Any]] | None:
        """Cursor and detail to go on from, or None where the stage is done with these very settings."""
        state = self.state(stage, *depends)
        if state is not None:
            if state.status == "done":
                return None
            self.worked = True
            return state.cursor, state.detail
        self.worked = True
        with self.store.transaction():
            self._guard()
            self.forget(stage)
            self.store.set_stage(self.video.id, stage, self._fingerprints[stage], "running")
            self.store.update_video(self.video.id, complete=False)
        return 0.0, {}

    def forget(self, stage: str) -> None:
        """Remove the evidence that a stage wrote, and what it had found beside that when it was broken off."""
        self.store.drop_pieces(self.video.id, stage)
        if stage in KINDS:
            self.store.clear(self.video.id, KINDS[stage])

    def settle(self, stage: str, cursor: float, detail: Mapping[str, Any], *, done: bool = False) -> None:
        """Write down how far a stage is; within the transaction that writes its rows."""
        self._guard()
        status: Literal["done", "running"] = "done" if done else "running"
        self.store.set_stage(self.video.id, stage, self._fingerprints[stage], status, cursor, detail)

    def _guard(self) -> None:
        if self.guard is not None:
            self.guard()

    def detail(self, stage: str) -> Mapping[str, Any]:
        """What a stage has left beside its cursor; nothing where it never ran."""
        state = self.store.stage(self.video.id, stage)
        return state.detail if state else {}
