"""How a library's tables are made, and how a library written by an older vagent becomes one of today.

``PRAGMA user_version`` holds the version of the schema. A library is brought up to date in one transaction; a copy of
the database lies beside it until that transaction has been committed.
"""

from __future__ import annotations

import logging
import sqlite3
import uuid
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from vagent.errors import LibraryCorruptError, LibraryVersionError, StorageError
from vagent.index.store.tables import NAMES, STEPS, TABLES, VERSION, Step, statements

_log = logging.getLogger("vagent.index.store.schema")

REBUILD = "delete library.db and index the videos again; the video files themselves are untouched"


def prepare(
    connection: sqlite3.Connection, file: Path, *, version: int = VERSION, steps: Mapping[int, Step] = STEPS
) -> None:
    """Creates the tables of a new library, or brings an old one up to ``version``.

    Args:
        connection: in autocommit mode, open for writing.
        file: the database, beside which the copy is kept while migrating.

    Raises:
        LibraryVersionError: the library is newer.
        LibraryCorruptError: the database belongs to something else, or tables are missing.
        StorageError: the copy could not be written.
    """
    if _version(connection) == 0:
        _execute_together(connection, _create)
    _check_version(connection, file, version)
    if _version(connection) < version:
        _migrate(connection, file, version, steps)
    check(connection, file, version=version)


def check(connection: sqlite3.Connection, file: Path, *, version: int = VERSION) -> None:
    """Whether this is a library of today's version with all its tables.

    Raises:
        LibraryVersionError: it is of another version.
        LibraryCorruptError: it is not a library, or tables are missing.
    """
    _check_version(connection, file, version)
    if _version(connection) < version:
        raise LibraryVersionError(
            f"the library has the format of an older vagent ({_version(connection)}, now {version})",
            str(file),
            hint="any `vagent index` on it brings it up to date",
        )
    missing = NAMES - _tables(connection)
    if missing:
        raise LibraryCorruptError(f"the library lacks tables ({', '.join(sorted(missing))})", str(file), hint=REBUILD)


def _create(connection: sqlite3.Connection) -> None:
    """Runs inside a transaction, so that of two processes that create one library the second finds it made."""
    if _version(connection) != 0:
        return
    strangers = _tables(connection)
    if strangers:
        raise LibraryCorruptError(
            f"the database is not a vagent library (it holds {', '.join(sorted(strangers)[:3])})",
            hint="choose another folder with --library",
        )
    for statement in statements(TABLES):
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('library', ?)", (uuid.uuid4().hex,))
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _migrate(connection: sqlite3.Connection, file: Path, version: int, steps: Mapping[int, Step]) -> None:
    copies: list[Path] = []

    def climb(connection: sqlite3.Connection) -> None:
        # Inside the transaction: of two processes that open an old library the second finds it up to date, and it
        # cannot touch the copy of the first.
        before = _version(connection)
        if before >= version:
            return
        copy = file.with_name(f"{file.stem}-version-{before}.db")
        _log.info("bringing the library from version %d to %d; a copy is kept meanwhile at %s", before, version, copy)
        _copy(file, copy)
        copies.append(copy)
        for current in range(before, version):
            steps[current](connection)
            connection.execute(f"PRAGMA user_version = {current + 1}")

    _execute_together(connection, climb)
    for copy in copies:
        copy.unlink(missing_ok=True)


def _copy(file: Path, copy: Path) -> None:
    """By a connection of its own: one that is inside a writing transaction cannot be copied from."""
    try:
        copy.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError("an old copy of the library cannot be replaced", str(copy), hint=str(error)) from error
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _execute_together(connection: sqlite3.Connection, work: Step) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        work(connection)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    return {name for (name,) in rows if not name.startswith("sqlite_")}


def _check_version(connection: sqlite3.Connection, file: Path, version: int) -> None:
    found = _version(connection)
    if found > version:
        raise LibraryVersionError(
            f"the library was written by a newer vagent (format {found}, this one reads up to {version})",
            str(file),
            hint="update vagent, or choose another folder with --library",
        )
