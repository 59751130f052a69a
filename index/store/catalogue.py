"""What filters ask of evidence, in memory: which row is of which video and kind, and when it is.

A filter that lets through much of a large library would take longer to read row by row than the search itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.index.store.filters import Filters

COLUMNS = 'id, video, kind, start, "end", weak'
"""What is read of each row, in this order."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Columns of evidence, ascending by id."""

    ids: NDArray[np.int64]
    videos: NDArray[np.int32]
    kinds: NDArray[np.int8]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    weak: NDArray[np.bool_]
    names: tuple[str, ...] = ()  # of the kinds, by their number

    @property
    def last(self) -> int:
        """The highest id; 0 where there is none."""
        return int(self.ids[-1]) if len(self.ids) else 0

    def with_rows(self, rows: Sequence[tuple[Any, ...]]) -> Catalogue:
        """This and more rows of ``COLUMNS``, whose ids are higher."""
        if not rows:
            return self
        ids, videos, kinds, starts, ends, weak = zip(*rows, strict=True)
        names = tuple(dict.fromkeys((*self.names, *kinds)))
        number = {name: place for place, name in enumerate(names)}
        return Catalogue(
            np.concatenate([self.ids, np.array(ids, np.int64)]),
            np.concatenate([self.videos, np.array(videos, np.int32)]),
            np.concatenate([self.kinds, np.fromiter((number[kind] for kind in kinds), np.int8, len(kinds))]),
            np.concatenate([self.starts, np.array(starts, np.float64)]),
            np.concatenate([self.ends, np.array(ends, np.float64)]),
            np.concatenate([self.weak, np.array(weak, bool)]),
            names,
        )

    def of_videos(self, videos: Sequence[int]) -> Catalogue:
        """The rows of some videos."""
        kept = _among(self.videos, videos)
        return Catalogue(
            self.ids[kept],
            self.videos[kept],
            self.kinds[kept],
            self.starts[kept],
            self.ends[kept],
            self.weak[kept],
            self.names,
        )

    def let_through(self, filters: Filters) -> NDArray[np.int64]:
        """Ids of the rows that the filters let through, ascending; the language does not count here."""
        kept = np.ones(len(self.ids), bool)
        if filters.videos is not None:
            kept &= _among(self.videos, filters.videos)
        if filters.kinds is not None:
            kept &= _among(self.kinds, [self.names.index(kind) for kind in filters.kinds if kind in self.names])
        if filters.start is not None:
            kept &= (self.ends > filters.start) | ((self.ends == filters.start) & (self.starts == filters.start))
        if filters.end is not None:
            inside = self.starts < filters.end
            kept &= inside | (self.starts == filters.end) if filters.end == (filters.start or 0.0) else inside
        if filters.weak is False:
            kept &= ~self.weak
        return self.ids[kept]


def _among(numbers: NDArray[Any], wanted: Sequence[int]) -> NDArray[np.bool_]:
    """Which of many small numbers are wanted; a table of all that there can be is ten times as fast as looking."""
    table = np.zeros(int(numbers.max(initial=0)) + 1, bool)
    table[[number for number in wanted if 0 <= number < len(table)]] = True
    return np.asarray(table[numbers], bool)


def empty() -> Catalogue:
    """Of no rows."""
    return Catalogue(
        np.empty(0, np.int64),
        np.empty(0, np.int32),
        np.empty(0, np.int8),
        np.empty(0),
        np.empty(0),
        np.empty(0, bool),
    )
