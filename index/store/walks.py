"""The room of the walks: what was found in one video, in order of time, without all of it being in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from vagent.index.records import Evidence, Kind
from vagent.index.store import columns
from vagent.index.store.columns import to_json
from vagent.index.store.database import Database
from vagent.tools.time import Span

_PAGE = 500  # rows that are read at once
_TO_EMBED = "trim(e.text) <> '' AND e.kind <> 'summary'"


@dataclass(frozen=True, slots=True)
class Line:
    """What embedding needs of a row of evidence; ``embedded``: a model has a vector of it."""

    id: int
    kind: Kind
    span: Span
    text: str
    embedded: bool


class Walks(Database):
    """Rows of one video, read a page at a time.

    Between two pages others may write, and so may the caller: rows that come while somebody walks are not met, those
    that go are not met any more.
    """

    def walk(self, video: int, kind: Kind) -> Iterator[Evidence]:
        """The evidence of one kind."""
        for row in self._pages(video, "e.kind, e.text, e.confidence, e.weak, e.engine, e.extra", "e.kind = ?", [kind]):
            number, start, end, *values = row
            yield self._converted((video, start, end, *values, number))

    def told(self, video: int, kinds: Sequence[Kind]) -> Iterator[tuple[Kind, float, float, str, bool]]:
        """Kind, start, end, text and weakness of the evidence of some kinds, in an order that no number tells."""
        there = "e.kind IN (SELECT value FROM json_each(?))"
        rows = self._pages(video, "e.kind, e.text, e.weak", there, [to_json(list(kinds))])
        for _, together in groupby(rows, key=lambda row: row[1]):
            values = [(kind, start, end, text, bool(weak)) for _, start, end, kind, text, weak in together]
            yield from sorted(values, key=lambda row: (row[2], row[0], row[3], row[4]))

    def lines(self, video: int, model: str) -> Iterator[Line]:
        """All evidence whose texts are embedded, and whether this model has."""
        embedded = (
            "EXISTS (SELECT 1 FROM vectors v JOIN embedding_models m ON m.id = v.model"
            " WHERE v.evidence = e.id AND m.name = ?)"
        )
        for number, start, end, kind, text, there in self._pages(
            video, f"e.kind, e.text, {embedded}", _TO_EMBED, [model]
        ):
            yield Line(number, kind, Span(start, end), text, bool(there))

    def lacking(self, video: int, model: str) -> int:
        """How many texts of a video have no vector of this model yet."""
        sql = (
            f"SELECT count(*) FROM evidence e WHERE e.video = ? AND {_TO_EMBED} AND NOT EXISTS"
            " (SELECT 1 FROM vectors v JOIN embedding_models m ON m.id = v.model"
            "  WHERE v.evidence = e.id AND m.name = ?)"
        )
        ((count,),) = self._rows(sql, (video, model))
        return int(count)

    def spans(self, video: int, kind: Kind) -> list[Span]:
        """When each row of one kind is, in order of time."""
        sql = 'SELECT start, "end" FROM evidence WHERE video = ? AND kind = ? ORDER BY start, id'
        return self._read(lambda row: Span(*row), sql, (video, kind))

    def drop_evidence(self, ids: Sequence[int]) -> None:
        """Removes some rows of evidence."""
        self._run("DELETE FROM evidence WHERE id IN (SELECT value FROM json_each(?))", (to_json(list(ids)),))

    def _converted(self, row: tuple[Any, ...]) -> Evidence:
        try:
            return columns.evidence(row)
        except (ValueError, TypeError, KeyError) as error:
            raise self._corrupt(f"a row cannot be read: {error}") from error

    def _pages(self, video: int, names: str, where: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        ((last,),) = self._rows("SELECT coalesce(max(id), 0) FROM evidence")
        sql = (
            f'SELECT e.id, e.start, e."end", {names} FROM evidence e WHERE {where} AND e.video = ? AND e.id <= ?'
            f" AND (e.start, e.id) > (?, ?) ORDER BY e.start, e.id LIMIT {_PAGE}"
        )
        at: tuple[float, int] = (-1.0, 0)
        while page := self._rows(sql, (*values, video, last, *at)):
            yield from page
            at = page[-1][1], page[-1][0]
