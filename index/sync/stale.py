"""What a run would do with a video, told without decoding anything.

A ``Look`` is a job whose stages are asked whether they are up to date, and then not run: what depends on what is
written once, where the stages are, so that a run does what a look foretells. What is made from the results of other
stages (clips, vectors, descriptions, summaries) can only be told to follow where one of those is to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from vagent.configs import Settings
from vagent.errors import VagentError
from vagent.index.pictures import Pictures
from vagent.index.recorded import sort
from vagent.index.records import Video
from vagent.index.stages import planned
from vagent.index.store import Store
from vagent.index.summaries import up_to_date
from vagent.index.sync import marks
from vagent.index.sync.marks import Marks
from vagent.index.video import subtitling
from vagent.index.video.captions import caption_clips
from vagent.index.video.cutting import cut_clips
from vagent.index.video.job import KINDS, Job
from vagent.index.video.visual import embed_pictures
from vagent.tools.engines import Engines, Sense, choose
from vagent.tools.media import Chapter, MediaInfo, Track
from vagent.tools.subtitles import Found

Why = Literal["missing", "unfinished", "changed"]

_WRITING = frozenset(KINDS) - {"visual"}  # stages whose rows have texts
FOLLOWS: Mapping[str, frozenset[str]] = {
    "clips": frozenset({"subtitles", "shots", "speech"}),
    "visual": frozenset({"shots", "pictures"}),
    "captions": frozenset({"clips"}),
    "embed": _WRITING,
    "summaries": _WRITING | {"clips"},
}
"""Stages that are made from the results of others -> those others; in the order in which they are looked at."""


@dataclass(frozen=True, slots=True)
class Due:
    """A stage that is to run.

    Attributes:
        why: ``missing`` (it never ran), ``unfinished`` (it was interrupted, and goes on), ``changed`` (a setting, an
            engine, a model or what it is made from is another).
        seconds: of video that it has before it.
    """

    stage: str
    why: Why
    seconds: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a video is from being up to date.

    Attributes:
        due: the stages that are to run.
        follows: stages that run as well where what they are made from changes.
        wanted: all stages that the settings ask for, up to date or not.
        error: why it cannot be told; the run will say the same.
    """

    video: Video
    info: MediaInfo | None = None
    due: tuple[Due, ...] = ()
    follows: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    error: VagentError | None = None

    @property
    def stale(self) -> bool:
        """Whether a run would do anything with it."""
        return bool(self.due or self.follows or self.error)


def standings(store: Store, engines: Engines, videos: Iterable[Video]) -> Iterator[Standing]:
    """How far each video is from being up to date with the settings of ``engines``.

    Those whose marks say that they are cost a glance, as in a run.

    Raises:
        LibraryError: the library cannot be read.
    """
    wanted, found = Marks(engines), store.states(marks.STAGE)
    for video in videos:
        mark = found.get(video.id)
        paths = [video.path, *store.paths(video.id)]
        if video.complete and mark and any(wanted.of(path) == mark.fingerprint for path in paths):
            yield Standing(video)
        else:
            yield standing(store, engines, video, remembered(video))


def standing(store: Store, engines: Engines, video: Video, info: MediaInfo | None, *, hasty: bool = False) -> Standing:
    """How far one video is from being up to date, by what its stages say.

    Args:
        video: its row; one that is not in the library has the number 0.
        info: what its file holds; None: that is not known, and nothing can be told.
        hasty: guess what subtitles there are rather than read through a file that is new.

    Raises:
        LibraryError: the library cannot be read.
    """
    if info is None:
        return Standing(video, due=(Due("all", "missing", video.duration),))
    look = Look(store, video, info, engines, Pictures(store.folder / "frames", video.fingerprint), hasty=hasty)
    try:
        look.at_everything()
    except VagentError as error:
        return Standing(video, info, error=error)
    due = tuple(one for name, one in look.seen.items() if one is not None and name not in look.follows)
    return Standing(video, info, due, tuple(look.follows), tuple(look.seen))


def remembered(video: Video) -> MediaInfo | None:
    """What a video's file holds, as an earlier run has written it down; None where none got so far."""
    facts = video.info
    if "tracks" not in facts:
        return None
    known: dict[str, Any] = {one.name: facts[one.name] for one in fields(MediaInfo) if one.name in facts}
    known["tracks"] = tuple(_made(Track, track) for track in facts["tracks"])
    known["chapters"] = tuple(_made(Chapter, chapter) for chapter in facts.get("chapters", ()))
    return MediaInfo(**{**known, "path": Path(video.path)})


def _made(kind: Any, values: Mapping[str, Any]) -> Any:
    names = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in names})


@dataclass(slots=True)
class Look(Job):
    """A job that finds out what is to be done, and does nothing.

    Attributes:
        seen: stage -> why it is to run; None where it is up to date. Only stages that the settings ask for.
        follows: of these, those that run only where others change what they are made from.
        hasty: subtitles are guessed where they would have to be read.
    """

    hasty: bool = False
    seen: dict[str, Due | None] = field(default_factory=dict)
    follows: list[str] = field(default_factory=list)

    def at_everything(self) -> None:
        """Look at all stages, in the order of a run."""
        self.subtitles = self._at_subtitles()
        planned(self)
        cut_clips(self)
        self._at_vectors()
        embed_pictures(self)
        caption_clips(self)
        self._at_summaries()
        moved = {name for name, due in self.seen.items() if due is not None}
        for stage, made_from in FOLLOWS.items():
            due = self.seen.get(stage)
            # What never ran is sure to; but where nothing is found there is nothing to embed.
            sure = due is not None and due.why == "missing" and stage != "embed"
            if stage in self.seen and moved & made_from and not sure:
                self.follows.append(stage)
                moved.add(stage)

    def pending(self, stage: str, *depends: object) -> None:
        """Note whether a stage is up to date; it is never given anything to do."""
        state = self.state(stage, *depends)
        if state is not None and state.status == "done":
            self.seen[stage] = None
        else:
            self._due(stage, unfinished=state is not None, cursor=state.cursor if state else 0.0)

    def engine(self, sense: Sense, missing: str | None, settings: Settings | None = None) -> Any | None:
        """The engine of a sense. A model that has to be fetched first is not: nothing was made with it yet."""
        choice = choose(sense, settings or self.settings)
        if choice.engine is not None and choice.fetch is not None:
            return choice.engine(settings or self.settings)
        return Job.engine(self, sense, missing, settings)

    def _due(self, stage: str, *, unfinished: bool = False, cursor: float = 0.0) -> None:
        never = self.store.stage(self.video.id, stage) is None
        why: Why = "unfinished" if unfinished else "missing" if never else "changed"
        self.seen[stage] = Due(stage, why, max(0.0, self.length - cursor))

    @property
    def length(self) -> float:
        """Seconds that the video lasts, or is going to."""
        return self.video.duration or self.info.duration or 0.0

    def _at_subtitles(self) -> Found:
        """Read where they may have changed and are there to read; that costs no decoding."""
        found = subtitling.known(self)
        if found is not None:
            self.seen["subtitles"] = None
            return found
        found = subtitling.presumed(self) if self.hasty else subtitling.read(self)
        self.pending("subtitles", *subtitling.depends(found))
        return found

    def _at_vectors(self) -> None:
        engine = self.engine("embeddings", None)
        if engine is None:
            return
        self.seen["embed"] = None
        if self.store.unembedded(engine.model, 1, self.video.id):
            others = set(self.store.embedding_models()) - {engine.model}
            why: Why = "changed" if any(sort(name) == "evidence" for name in others) else "unfinished"
            self.seen["embed"] = Due("embed", why, self.length)

    def _at_summaries(self) -> None:
        if not self.settings.summaries.use:
            return
        embeddings, chat = self.engine("embeddings", None), self.engine("chat", None)
        self.seen["summaries"] = None
        if not up_to_date(self.store, self.video, self.settings, embeddings, chat):
            self._due("summaries")
