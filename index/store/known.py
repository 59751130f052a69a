"""The room of what is known of every row of evidence without asking the database row by row: the catalogue."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vagent.index.store.catalogue import COLUMNS, Catalogue, Ids, Part, State
from vagent.index.store.columns import to_json
from vagent.index.store.database import Database
from vagent.index.store.filters import Filters, conditions
from vagent.index.store.shelf import Shelf

_log = logging.getLogger("vagent.index.store.known")

_FEW = 16  # videos whose rows are looked for by the index of the database; of more, columns are faster
_SMALL = 20_000  # rows that are no work to read
_ASKED = 4  # filters whose rows are kept
_READ = 50_000  # rows read at once
_SELECT = f"SELECT {COLUMNS}, d.sz FROM evidence e LEFT JOIN evidence_fts_docsize d ON d.id = e.id"
_COMPARED = 64  # rows of what was on disk that are compared with the database


class KnownRows(Database):
    """Which evidence there is, by video, kind and time."""

    def __init__(self, folder: Path, *, write: bool = True, wait: float = 30.0) -> None:
        self._catalogue: Catalogue | None = None
        self._asked: dict[tuple[State, str], Ids] = {}
        self._catalogue_lock = threading.Lock()
        self._shelf = Shelf(folder)
        super().__init__(folder, write=write, wait=wait)

    def evidence_ids(self, filters: Filters) -> Ids:
        """Ids of the evidence that the filters let through, ascending."""
        few = filters.videos is not None and len(filters.videos) <= _FEW
        known = None if few else self._known()
        if known is not None:
            return self._let_through(known, filters)
        where, values = conditions(filters)
        rows = self._rows(f"SELECT e.id FROM evidence e WHERE {where} ORDER BY e.id", values)
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))

    def videos_of(self, ids: Sequence[int]) -> dict[int, int]:
        """The video of each row of evidence that is there."""
        known = self._known()
        if known is not None:
            videos = known.videos_of(np.array(ids, np.int64)).tolist()
            return {number: video for number, video in zip(ids, videos, strict=True) if video >= 0}
        sql = "SELECT id, video FROM evidence WHERE id IN (SELECT value FROM json_each(?))"
        return dict(self._rows(sql, (to_json([int(number) for number in ids]),)))

    def evidence_state(self) -> State | None:
        """What changes with each row of evidence that comes or goes; None inside a transaction, which may be undone."""
        return None if self._handle().depth else self._state_now()

    def _state_now(self) -> State:
        sql = (
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'evidence'), 0),"
            " (SELECT block FROM evidence_fts_data WHERE id = 1)"
        )
        ((last, counts),) = self._rows(sql)
        return State(int(last), bytes(counts or b""))

    def _let_through(self, known: Catalogue, filters: Filters) -> Ids:
        """The channels of a search ask the same, and so do the searches of one question."""
        asked = (known.state, repr(filters))
        with self._catalogue_lock:
            ids = self._asked.get(asked)
        if ids is None:
            ids = known.let_through(filters)
            with self._catalogue_lock:
                self._asked = dict([*self._asked.items(), (asked, ids)][-_ASKED:])
        return ids

    def _known(self) -> Catalogue | None:
        """The catalogue of the evidence as it is now; None inside a transaction, and where there is little."""
        state = self.evidence_state()
        if state is None or state.rows <= _SMALL:
            return None
        with self._catalogue_lock:
            if self._catalogue is None or self._catalogue.state != state:
                self._catalogue = self._caught_up()
            return self._catalogue

    def _caught_up(self) -> Catalogue:
        with self.snapshot():
            state, library = self._state_now(), self._library()
            held = self._catalogue or self._loaded(library, state)
            if held is not None:
                held = self._brought_to(held, state)
            if held is None:
                _log.info("making the catalogue of %d rows of evidence", state.rows)
                held = Catalogue(state, tuple(self._columns(0)))
        return self._shelf.keep(library, held)

    def _loaded(self, library: str, state: State) -> Catalogue | None:
        """What is on disk, where it is of this database: a copy from before may have been put in its place."""
        kept = self._shelf.load(library)
        if kept is None:
            return None
        ids = np.concatenate([np.empty(0, np.int64), *(part.ids for part in kept.parts)])
        some = ids[np.unique(np.linspace(0, len(ids) - 1, _COMPARED).astype(int))] if len(ids) else ids
        where = "e.id IN (SELECT value FROM json_each(?)) ORDER BY e.id"
        rows = [_values(row) for row in self._rows(f"{_SELECT} WHERE {where}", (to_json(some.tolist()),))]
        there = np.array([row[0] for row in rows], np.int64)
        if kept.state.last <= state.last and kept.rows_of(there) == rows:
            return kept
        self._shelf.refuse("it does not fit the database")
        return None

    def _brought_to(self, held: Catalogue, state: State) -> Catalogue | None:
        """What is new is added, what has gone is taken out; None where that does not give as many rows as there are."""
        held = replace(held.with_rows(self._columns(held.last)), state=state)
        if len(held) != state.rows:
            there = {number for (number,) in self._rows("SELECT id FROM videos")}
            held = held.without(held.of_videos(set(held.counts()) - there))
        if len(held) != state.rows:
            counts: dict[int, int] = dict(self._rows("SELECT video, count(*) FROM evidence GROUP BY video"))
            fewer = [video for video, count in held.counts().items() if counts.get(video) != count]
            sql = "SELECT id FROM evidence WHERE video IN (SELECT value FROM json_each(?))"
            left = np.array([number for (number,) in self._rows(sql, (to_json(fewer),))], np.int64)
            held = held.without(np.setdiff1d(held.of_videos(fewer), left))
        return held if len(held) == state.rows else None

    def _columns(self, after: int) -> Iterator[Part]:
        sql = f"{_SELECT} WHERE e.id > ? ORDER BY e.id LIMIT ?"
        while rows := self._rows(sql, (after, _READ)):
            after = rows[-1][0]
            yield Part.of([_values(row) for row in rows])

    def _library(self) -> str:
        return str(self._rows("SELECT value FROM meta WHERE key = 'library'")[0][0])


def _values(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row as the catalogue has it. Full-text search keeps numbers of words 7 bits a byte, the highest first."""
    *columns, weak, size = row
    number = 0
    for byte in size or b"":
        number = number << 7 | byte & 0x7F
    return *columns, bool(weak), number
