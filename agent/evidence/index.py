"""The library as the agent sees it: the handle that actions work on, and that no driver ever holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

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

    def summaries(self, video: int) -> list[Evidence]:
        """Summaries of one video: rows of kind ``summary``, the whole first; made when they are first asked for."""
        ...

    def describe(self, video: int) -> Mapping[str, Any]:
        """Facts of the file: container, size, tracks, subtitles."""
        ...
