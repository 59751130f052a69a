"""What searches ask of every row of evidence, as columns: its video and kind, when it is, how many words it has.

A filter that lets through much of a large library would take longer to read row by row than the search itself. A
catalogue is made of parts, each of a stretch of ids; what is new becomes a further part, and parts of like size are
joined, so that each row is copied a few times however large the library grows (a log-structured merge-tree: O'Neil,
Cheng, Gawlick and O'Neil, 1996).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vagent.index.store.filters import Filters

COLUMNS = 'e.id, e.video, e.kind, e.start, e."end", e.weak'
"""What is read of each row ``e``, in this order; the number of its words comes behind."""

_COMPARED = 4  # wanted values that are compared one by one; beyond that a table is faster
_LIKE = 2  # a part is joined with the next one that has at least half of its rows

Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class State:
    """What changes with every row of evidence that comes or goes.

    While ``last`` stays the same rows can only go, and each that goes changes ``counts``.

    Attributes:
        last: the highest id that was ever given.
        counts: what full-text search keeps of how many rows and words there are.
    """

    last: int
    counts: bytes

    @property
    def rows(self) -> int:
        """Rows of evidence."""
        return self._numbers()[0]

    @property
    def words(self) -> int:
        """Words of all rows together."""
        return self._numbers()[1]

    def _numbers(self) -> tuple[int, int]:
        """The first two numbers, 7 bits a byte, the highest first."""
        found, number = [], 0
        for byte in self.counts:
            number = number << 7 | byte & 0x7F
            if byte < 0x80:
                found.append(number)
                number = 0
        rows, words = [*found, 0, 0][:2]
        return rows, words


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of some rows of evidence, ascending by id."""

    ids: Ids
    videos: NDArray[np.int32]
    kinds: NDArray[np.int8]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    weak: Mask
    words: NDArray[np.int32]  # how many each has


TYPES: dict[str, np.dtype[Any]] = {
    "ids": np.dtype("<i8"),
    "videos": np.dtype("<i4"),
    "kinds": np.dtype("i1"),
    "starts": np.dtype("<f8"),
    "ends": np.dtype("<f8"),
    "weak": np.dtype("?"),
    "words": np.dtype("<i4"),
}
"""The columns and what their numbers are."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of ids.

    Attributes:
        names: of the kinds, by their number.
        gone: which of the rows have been removed since; None: none has.
        file: the name of the file that holds the columns; None: they are in memory alone.
    """

    columns: Columns
    names: tuple[str, ...]
    gone: Mask | None = None
    file: str | None = None

    @classmethod
    def of(cls, rows: Sequence[tuple[Any, ...]]) -> Self:
        """From rows of ``COLUMNS`` and numbers of words, ascending by id; at least one."""
        values = dict(zip(TYPES, zip(*rows, strict=True), strict=True))
        names = tuple(dict.fromkeys(values["kinds"]))
        number = {name: place for place, name in enumerate(names)}
        values["kinds"] = tuple(number[kind] for kind in values["kinds"])
        return cls(Columns(**{name: np.array(values[name], kind) for name, kind in TYPES.items()}), names)

    def __len__(self) -> int:
        """Rows that have not gone."""
        return len(self.columns.ids) - (0 if self.gone is None else int(self.gone.sum()))

    @property
    def first(self) -> int:
        """The lowest id, of a row that may have gone."""
        return int(self.columns.ids[0])

    @property
    def last(self) -> int:
        """The highest id, of a row that may have gone."""
        return int(self.columns.ids[-1])

    @property
    def ids(self) -> Ids:
        """Of the rows that have not gone."""
        return self.columns.ids if self.gone is None else self.columns.ids.take(np.flatnonzero(~self.gone))

    def places(self, ids: Ids) -> NDArray[np.int64]:
        """Where the rows with some ids are; -1 for those that are not here, or have gone."""
        own = self.columns.ids
        if self.last - self.first + 1 == len(own):
            found = np.where((ids >= self.first) & (ids <= self.last), ids - self.first, -1)
        else:
            found = np.minimum(np.searchsorted(own, ids), len(own) - 1)
            found = np.where(own[found] == ids, found, -1)
        if self.gone is not None:
            found[(found >= 0) & self.gone[found]] = -1
        return found

    def without(self, ids: Ids) -> Part:
        """This without some rows."""
        gone = np.zeros(len(self.columns.ids), bool) if self.gone is None else self.gone.copy()
        places = self.places(ids)
        gone[places[places >= 0]] = True
        return replace(self, gone=gone if gone.any() else None)

    def let_through(self, filters: Filters) -> Ids:
        """Ids of the rows that the filters let through, ascending."""
        rows, kept = self.columns, np.ones(len(self.columns.ids), bool)
        if self.gone is not None:
            kept &= ~self.gone
        if filters.videos is not None:
            kept &= _among(rows.videos, filters.videos)
        if filters.kinds is not None:
            kept &= _among(rows.kinds, [self.names.index(kind) for kind in filters.kinds if kind in self.names])
        if filters.start is not None:
            kept &= (rows.ends > filters.start) | ((rows.ends == filters.start) & (rows.starts == filters.start))
        if filters.end is not None:
            inside = rows.starts < filters.end
            kept &= inside | (rows.starts == filters.end) if filters.end == (filters.start or 0.0) else inside
        if filters.weak is False:
            kept &= ~rows.weak
        # Four times as fast as ids[kept], where what is kept and what is not lies mixed.
        return rows.ids.take(np.flatnonzero(kept))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All rows of evidence as the database had them in one state."""

    state: State
    parts: tuple[Part, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def last(self) -> int:
        """The highest id that is known; 0 where there is none."""
        return self.parts[-1].last if self.parts else 0

    def let_through(self, filters: Filters) -> Ids:
        """Ids of the rows that the filters let through, ascending."""
        return _together([part.let_through(filters) for part in self.parts])

    def videos_of(self, ids: Ids) -> NDArray[np.int64]:
        """The video of each row; -1 where there is no such row."""
        return self._of(ids, "videos")

    def words_of(self, ids: Ids) -> NDArray[np.int64]:
        """How many words each row has; -1 where there is no such row."""
        return self._of(ids, "words")

    def _of(self, ids: Ids, column: str) -> NDArray[np.int64]:
        found = np.full(len(ids), -1, np.int64)
        for part in self.parts:
            places = part.places(ids)
            here = np.flatnonzero(places >= 0)
            found[here] = getattr(part.columns, column)[places[here]]
        return found

    def rows_of(self, ids: Ids) -> list[tuple[Any, ...]]:
        """Id, video, kind, start, end, weakness and number of words of some rows; those not here are left out."""
        found: list[tuple[Any, ...]] = []
        for part in self.parts:
            places = part.places(ids)
            here = places[places >= 0]
            columns = {name: getattr(part.columns, name)[here].tolist() for name in TYPES}
            columns["kinds"] = [part.names[kind] for kind in columns["kinds"]]
            found += zip(*columns.values(), strict=True)
        return found

    def counts(self) -> dict[int, int]:
        """How many rows each video has."""
        counts = np.zeros(0, np.int64)
        for part in self.parts:
            videos = part.columns.videos if part.gone is None else part.columns.videos[~part.gone]
            more = np.bincount(videos, minlength=len(counts))
            more[: len(counts)] += counts
            counts = more
        return {int(video): int(counts[video]) for video in np.flatnonzero(counts)}

    def of_videos(self, videos: Iterable[int]) -> Ids:
        """The ids of the rows of some videos, ascending."""
        return self.let_through(Filters(videos=sorted(videos)))

    def with_rows(self, parts: Iterable[Part]) -> Catalogue:
        """This and more rows, whose ids are higher."""
        return replace(self, parts=(*self.parts, *parts))

    def without(self, ids: Ids) -> Catalogue:
        """This without some rows."""
        return replace(self, parts=tuple(part.without(ids) for part in self.parts)) if len(ids) else self

    def joined(self, small: int) -> Catalogue:
        """The same rows in fewer parts.

        Args:
            small: parts in memory that hold fewer rows together are joined with each other alone, not with others.
        """
        parts = [part for part in self.parts if len(part)]
        while len(parts) > 1:
            earlier, later = parts[-2:]
            loose = earlier.file is None and later.file is None
            if not loose and (len(later) < small or len(earlier) > _LIKE * len(later)):
                break
            parts[-2:] = [_joined(earlier, later)]
        return replace(self, parts=tuple(parts))


def rewritten(part: Part) -> Part:
    """The same rows without those that have gone, in memory."""
    return _joined(part)


def _joined(*parts: Part) -> Part:
    names = tuple(dict.fromkeys(name for part in parts for name in part.names))
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in TYPES}
    for part in parts:
        kept = slice(None) if part.gone is None else np.flatnonzero(~part.gone)
        for field in fields(Columns):
            columns[field.name].append(getattr(part.columns, field.name)[kept])
        renumbered = np.array([names.index(name) for name in part.names], np.int8)
        columns["kinds"][-1] = renumbered[columns["kinds"][-1]]
    return Part(Columns(**{name: np.concatenate(several) for name, several in columns.items()}), names)


def _among(numbers: NDArray[Any], wanted: Sequence[int]) -> Mask:
    """Which of many small numbers are wanted; a table of all that there can be is ten times as fast as looking."""
    if len(wanted) <= _COMPARED:
        kept = np.zeros(len(numbers), bool)
        for number in wanted:
            kept |= numbers == number
        return kept
    table = np.zeros(int(numbers.max(initial=0)) + 1, bool)
    table[[number for number in wanted if 0 <= number < len(table)]] = True
    return table.take(numbers)  # twice as fast as table[numbers] where these are small


def _together(several: Sequence[Ids]) -> Ids:
    return several[0] if len(several) == 1 else np.concatenate([np.empty(0, np.int64), *several])
