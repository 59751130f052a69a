"""What a bundle says of one video, in temporary tables beside the library's own: SQL merges them.

Temporary tables belong to one connection, lie in a temporary file of SQLite's and vanish with the process. So the rows
of a video take no memory to speak of, and nothing of them can be seen before they are merged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

import numpy as np

from vagent.errors import BundleError
from vagent.index.bundle.contents import TRAVELLING, Row, Table
from vagent.index.bundle.manifest import Entry
from vagent.index.bundle.rows import read
from vagent.index.store import Store
from vagent.index.words import searchable

_BATCH = 500  # rows written at once
_HINT = "export the library again"


class Staging(Store):
    """A library with room for one video that comes in: tables ``incoming_<name>``, and ``incoming_ids`` for the new
    numbers of evidence. To be used from one thread."""

    def prepare(self) -> None:
        """Makes the temporary tables."""
        for table in TRAVELLING:
            columns = [f'"{column}"' for column in table.columns]
            if table.key == ("id",):
                columns[list(table.columns).index("id")] = "id INTEGER PRIMARY KEY"
            elif table.key:
                columns.append("UNIQUE ({})".format(", ".join(f'"{column}"' for column in table.key)))
            self._run(f"CREATE TEMP TABLE incoming_{table.name} ({', '.join(columns)})")
        self._run("CREATE TEMP TABLE incoming_ids (old INTEGER PRIMARY KEY, new INTEGER NOT NULL)")

    def load(self, path: Path, member: str, entry: Entry, models: Mapping[str, int]) -> None:
        """Fills the temporary tables with an unpacked member.

        Args:
            member: its name in the bundle, for errors.
            models: embedding models and the length of their vectors, as the manifest has them.

        Raises:
            BundleError: a row that cannot be, or other rows than the manifest says.
        """
        for name in ("ids", *(table.name for table in TRAVELLING)):
            self._run(f"DELETE FROM incoming_{name}")
        found: Counter[str] = Counter()
        for table, rows in _batches(read(path, member)):
            if table.name == "vectors":
                _check_vectors(rows, member, models)
            elif table.name == "evidence":
                rows = [_worded(row) for row in rows]
            marks = ", ".join("?" * len(rows[0]))
            self._run_many(f"INSERT OR IGNORE INTO incoming_{table.name} VALUES ({marks})", rows)
            found[table.name] += len(rows)
        self._compare(found, member, entry)

    def _compare(self, found: Mapping[str, int], member: str, entry: Entry) -> None:
        if {name: count for name, count in entry.counts.items() if count} != found or found["videos"] != 1:
            raise BundleError("a member of the bundle holds other rows than its manifest says", member, hint=_HINT)
        for table in TRAVELLING:
            ((count,),) = self._rows(f"SELECT count(*) FROM incoming_{table.name}")
            if count != found.get(table.name, 0):
                raise BundleError(f"a member of the bundle holds a row of {table.name} twice", member, hint=_HINT)
        orphan = "SELECT 1 FROM incoming_vectors WHERE evidence NOT IN (SELECT id FROM incoming_evidence) LIMIT 1"
        if self._rows(orphan):
            raise BundleError("a member of the bundle holds vectors without evidence", member, hint=_HINT)


_EVIDENCE = next(list(table.columns) for table in TRAVELLING if table.name == "evidence")


def _worded(row: Row) -> Row:
    """A row of evidence with its words as full-text search reads them, where it is to find them."""
    *head, found = row
    return (*head, searchable(row[_EVIDENCE.index("text")]) if found else "")


def _batches(rows: Iterator[tuple[Table, Row]]) -> Iterator[tuple[Table, list[Row]]]:
    for name, group in groupby(rows, key=lambda pair: pair[0].name):
        batch: list[Row] = []
        for table, row in group:
            batch.append(row)
            if len(batch) == _BATCH:
                yield table, batch
                batch = []
        if batch:
            yield next(table for table in TRAVELLING if table.name == name), batch


def _check_vectors(rows: list[Row], member: str, models: Mapping[str, int]) -> None:
    for _, model, vector in rows:
        if len(vector) != 2 * models.get(model, -1) or not np.isfinite(np.frombuffer(vector, np.float16)).all():
            raise BundleError("a member of the bundle holds a vector that does not fit its model", member, hint=_HINT)
