"""What the agent may do, and the handle it does it on. Drivers choose actions; they never hold the index themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.index.records import Evidence, Kind, Moment, Shot, Video
from vagent.tools.engines import Engines
from vagent.tools.time import Span


class Covered(Protocol):
    """A stretch of one video that the index covers, and the senses that ran over it."""

    @property
    def video(self) -> Video: ...
    @property
    def span(self) -> Span: ...
    @property
    def kinds(self) -> Sequence[Kind]: ...


class Index(Protocol):
    """The library as the agent sees it. Times in seconds."""

    @property
    def settings(self) -> Settings: ...

    @property
    def engines(self) -> Engines: ...

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
        """Moments that match a query, best first."""
        ...

    def evidence(self, video: int, span: Span | None = None, kinds: Sequence[Kind] | None = None) -> list[Evidence]:
        """Evidence rows of one video in order of time; with a span, those that overlap it."""
        ...

    def shots(self, video: int) -> list[Shot]:
        """The shots of one video, in order."""
        ...

    def video(self, video: int, /) -> Video:
        """The row of one video."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Unit vectors of some texts, shape (n, dimension); None where embeddings are off."""
        ...

    def pictures(self, video: int, times: Sequence[float]) -> list[tuple[float, bytes]]:
        """The kept JPEG pictures nearest to some times."""
        ...

    def searched(
        self, videos: Sequence[int], start: float | None = None, end: float | None = None
    ) -> Sequence[Covered]:
        """Which stretch of each video the index covers, and by which senses."""
        ...

    def describe(self, video: int) -> Mapping[str, Any]:
        """Facts of the file: container, size, tracks, subtitles."""
        ...


@dataclass(frozen=True, slots=True)
class Search:
    """Find moments by words and by meaning. Use it to find where something is said, written or seen."""

    name: ClassVar[str] = "search"
    query: str
    kinds: tuple[Kind, ...] | None = None
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """Read everything that was said and written in one stretch of one video. Use it when the time is known."""

    name: ClassVar[str] = "transcript"
    video: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Scan:
    """Read all evidence of the videos asked. Use it for counting, for order and for "is there any"."""

    name: ClassVar[str] = "scan"


@dataclass(frozen=True, slots=True)
class Describe:
    """Facts of a file: tracks, languages, duration. Use it for questions about the file, not about what it shows."""

    name: ClassVar[str] = "describe"
    video: int


@dataclass(frozen=True, slots=True)
class Look:
    """Look at the pictures of one short stretch with a video-LLM. Use it for what is seen; ask one full question."""

    name: ClassVar[str] = "look"
    video: int
    start: float
    end: float
    question: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Stop looking for evidence and answer."""

    name: ClassVar[str] = "finish"


Action = Search | Transcript | Scan | Describe | Look | Finish


def arguments(action: Action) -> dict[str, Any]:
    """The arguments of an action as JSON values, those that were not given left out."""
    values = {f.name: getattr(action, f.name) for f in fields(action)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items() if v is not None}
