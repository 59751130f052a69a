"""The library as the agent sees it, with a ``Calls`` between it and the models that it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from vagent.agent.evidence.index import Covered, Index
from vagent.agent.runs.models import VECTOR, RecordedChat, RecordedLooker, revision
from vagent.agent.runs.recorder import Calls, Seat, Unrecorded
from vagent.configs import Settings
from vagent.index.records import Evidence, Kind, Moment, Shot, Video
from vagent.tools.engines import Choice, Engines, Sense
from vagent.tools.time import Span

ENGINE = "engine"
"""Method under which it is written down which engine a sense takes."""

_MOMENTS = TypeAdapter(list[Moment])
_ROWS = TypeAdapter(list[Evidence])


@dataclass(frozen=True, slots=True)
class Taken:
    """The engine that a sense took, as a run writes it down.

    Attributes:
        revision: name and version; empty where the sense is off or nothing can run.
        model: the model as the library records it, where the engine makes vectors.
        notices: what it had told before the question.
    """

    sense: Sense
    name: str
    reason: str
    revision: str = ""
    model: str = ""
    scores: bool = False
    weak: bool = False
    billions: float | None = None
    notices: tuple[str, ...] = ()

    @classmethod
    def of(cls, choice: Choice, engine: Any) -> Taken:
        """What is written down of a choice."""
        if engine is None:
            return cls(choice.sense, choice.name, choice.reason)
        return cls(
            choice.sense,
            choice.name,
            choice.reason,
            revision(engine),
            str(getattr(engine, "model", "")),
            bool(getattr(engine, "scores", False)),
            bool(getattr(engine, "weak", False)),
            getattr(engine, "billions", None),
            tuple(getattr(engine, "notices", ())),
        )


_TAKEN = TypeAdapter(Taken)


class RecordedIndex:
    """A library whose searches and models pass through a ``Calls``. Only what is read from the database does not: it is
    the truth, and a replay is to see whether it still says the same.

    Args:
        settings: settings in force; None: those of the library.
    """

    def __init__(self, index: Index, calls: Calls, settings: Settings | None = None) -> None:
        self._index = index
        self._calls = calls
        self._settings = settings or index.settings
        self._engines = RecordedEngines(index.engines, calls, self._settings)
        self._seat = Seat("library")

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    @property
    def engines(self) -> Engines:
        """The engines; those that talk are recorded ones."""
        return self._engines

    def search(
        self,
        query: str,
        *,
        videos: Sequence[int] | None = None,
        kinds: Sequence[Kind] | None = None,
        start: float | None = None,
        end: float | None = None,
        limit: int | None = None,
    ) -> list[Moment]:
        """Moments that match a query, best first: a search embeds its query, so what it found is written down."""
        given: dict[str, Any] = {"videos": videos, "kinds": kinds, "start": start, "end": end, "limit": limit}
        return self._calls.one(
            self._seat,
            "search",
            {"query": query, **given},
            _MOMENTS,
            lambda: self._index.search(query, **given),
            local=True,
        )

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Unit vectors of some texts; None where embeddings are off."""
        taken = self._engines.taken("embeddings")
        if not taken.revision:
            return None
        seat = Seat(taken.revision if taken.model in taken.revision else f"{taken.revision} {taken.model}")

        def make(missing: list[int]) -> Sequence[NDArray[np.float32] | None]:
            made = self._index.embed([texts[i] for i in missing])
            return [None] * len(missing) if made is None else list(made)

        found = self._calls.many(seat, "embed", [{"text": text} for text in texts], VECTOR, make)
        vectors = [vector for vector in found if vector is not None]
        if len(vectors) < len(found):
            return None
        return np.stack(vectors) if vectors else np.zeros((0, 0), np.float32)

    def evidence(self, video: int, span: Span | None = None, kinds: Sequence[Kind] | None = None) -> list[Evidence]:
        """Evidence rows of one video in order of time; with a span, those that overlap it."""
        return self._index.evidence(video, span, kinds)

    def shots(self, video: int) -> list[Shot]:
        """The shots of one video, in order."""
        return self._index.shots(video)

    def video(self, video: int, /) -> Video:
        """The row of one video."""
        return self._index.video(video)

    def pictures(self, video: int, times: Sequence[float]) -> list[tuple[float, bytes]]:
        """The kept JPEG pictures nearest to some times."""
        return self._index.pictures(video, times)

    def searched(
        self, videos: Sequence[int], start: float | None = None, end: float | None = None
    ) -> Sequence[Covered]:
        """Which stretch of each video the index covers, and by which senses."""
        return self._index.searched(videos, start, end)

    def summaries(self, video: int) -> list[Evidence]:
        """Summaries of one video. A chat model may have to write them first, so they are written down too."""
        return self._calls.one(
            self._seat, "summaries", {"video": video}, _ROWS, lambda: self._index.summaries(video), local=True
        )

    def describe(self, video: int) -> Mapping[str, Any]:
        """Facts of the file."""
        return self._index.describe(video)


class RecordedEngines(Engines):
    """Engines that are asked through a ``Calls``: which one a sense takes, and what those say that talk."""

    def __init__(self, engines: Engines, calls: Calls, settings: Settings) -> None:
        super().__init__(settings)
        self._engines = engines
        self._calls = calls
        self._found: dict[Sense, tuple[Choice, Any | None, Taken]] = {}

    def get(self, sense: Sense, settings: Settings | None = None) -> tuple[Choice, Any | None]:
        """See ``Engines.get``; each sense keeps its engine for the whole question."""
        return self._get(sense, settings)[:2]

    def taken(self, sense: Sense) -> Taken:
        """Which engine a sense takes."""
        return self._get(sense, None)[2]

    def _get(self, sense: Sense, settings: Settings | None) -> tuple[Choice, Any | None, Taken]:
        if sense in self._found:
            return self._found[sense]
        real: list[tuple[Choice, Any | None]] = []

        def make() -> Taken:
            real.append(self._engines.get(sense, settings))
            return Taken.of(*real[0])

        taken = self._calls.one(Seat("library"), ENGINE, {"sense": sense}, _TAKEN, make, local=True)
        choice: Choice
        engine: Any
        choice, engine = real[0] if real else absent(taken, self.settings)
        if engine is not None and sense == "videollm":
            engine = RecordedLooker(engine, self._calls, self.settings)
        elif engine is not None and sense == "chat":
            engine = RecordedChat(engine, self._calls, self.settings)
        self._found[sense] = choice, engine, taken
        return self._found[sense]


class Absent:
    """Stands in a replay for an engine of the run: it has what the engine was known by, and says nothing."""

    name: ClassVar[str]

    def __init__(self, taken: Taken, settings: Settings) -> None:
        self.settings = settings
        self.revision = taken.revision
        self.model = taken.model
        self.scores = taken.scores
        self.weak = taken.weak
        self.billions = taken.billions
        self.notices = list(taken.notices)
        self.spent = 0

    def answer(self, *_: Any, **__: Any) -> NoReturn:
        """No engine is there."""
        raise Unrecorded(self.revision)

    score_choices = reply = embed = embed_query = embed_texts = embed_images = seek = answer


def absent(taken: Taken, settings: Settings) -> tuple[Choice, Absent | None]:
    """The choice of a run again, with a stand-in for its engine."""
    if not taken.revision:
        return Choice(taken.sense, None, taken.reason), None
    kind = type("Absent", (Absent,), {"name": taken.name})
    return Choice(taken.sense, kind, taken.reason), kind(taken, settings)
