"""The library's tables, and how a library written by an older vagent becomes one of today.

``PRAGMA user_version`` holds the version of the schema. A library is brought up to date in one transaction; a copy of
the database lies beside it until that transaction has been committed.
"""

from __future__ import annotations

import logging
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from vagent.errors import LibraryCorruptError, LibraryVersionError, StorageError
from vagent.index.words import TOKENIZER

_log = logging.getLogger("vagent.index.schema")

VERSION = 1

REBUILD = "delete library.db and index the videos again; the video files themselves are untouched"

_TABLES = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE videos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    duration REAL NOT NULL,
    info TEXT NOT NULL DEFAULT '{{}}',
    gaps TEXT NOT NULL DEFAULT '[]',
    complete INTEGER NOT NULL DEFAULT 0,
    added TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE TABLE paths (
    path TEXT PRIMARY KEY,
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    seen TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE INDEX paths_video ON paths (video);

CREATE TABLE stages (
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    stage TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed')),
    cursor REAL NOT NULL DEFAULT 0,
    detail TEXT NOT NULL DEFAULT '{{}}',
    changed TEXT NOT NULL,
    PRIMARY KEY (video, stage)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started TEXT NOT NULL,
    finished TEXT,
    status TEXT NOT NULL,
    settings TEXT NOT NULL DEFAULT '{{}}',
    detail TEXT NOT NULL DEFAULT '{{}}'
);

CREATE TABLE shots (
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    start REAL NOT NULL,
    "end" REAL NOT NULL,
    start_kind TEXT NOT NULL,
    PRIMARY KEY (video, start, "end")
);
CREATE TABLE clips (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    start REAL NOT NULL,
    "end" REAL NOT NULL
);
CREATE INDEX clips_video ON clips (video, start);

-- words: the text as full-text search reads it (composed, scripts without spaces cut into characters)
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    kind TEXT NOT NULL,
    start REAL NOT NULL,
    "end" REAL NOT NULL,
    text TEXT NOT NULL,
    confidence REAL,
    weak INTEGER NOT NULL DEFAULT 0,
    engine TEXT NOT NULL DEFAULT '',
    extra TEXT NOT NULL DEFAULT '{{}}',
    words TEXT NOT NULL
);
CREATE INDEX evidence_video ON evidence (video, start);

CREATE VIRTUAL TABLE evidence_fts USING fts5(
    words, content='evidence', content_rowid='id', tokenize="{TOKENIZER}"
);
CREATE VIRTUAL TABLE evidence_terms USING fts5vocab('evidence_fts', 'row');
CREATE TRIGGER evidence_fts_insert AFTER INSERT ON evidence BEGIN
    INSERT INTO evidence_fts (rowid, words) VALUES (new.id, new.words);
END;
CREATE TRIGGER evidence_fts_delete AFTER DELETE ON evidence BEGIN
    INSERT INTO evidence_fts (evidence_fts, rowid, words) VALUES ('delete', old.id, old.words);
END;
CREATE TRIGGER evidence_fts_update AFTER UPDATE OF id, words ON evidence BEGIN
    INSERT INTO evidence_fts (evidence_fts, rowid, words) VALUES ('delete', old.id, old.words);
    INSERT INTO evidence_fts (rowid, words) VALUES (new.id, new.words);
END;

-- added and removed count every vector that came and went: a cache of the vectors knows by them whether it is current
CREATE TABLE embedding_models (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    dimension INTEGER NOT NULL,
    added INTEGER NOT NULL DEFAULT 0,
    removed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    evidence INTEGER NOT NULL REFERENCES evidence ON DELETE CASCADE,
    model INTEGER NOT NULL REFERENCES embedding_models ON DELETE CASCADE,
    vector BLOB NOT NULL,
    UNIQUE (evidence, model)
);
CREATE INDEX vectors_model ON vectors (model, id);
CREATE TRIGGER vectors_insert AFTER INSERT ON vectors BEGIN
    UPDATE embedding_models SET added = added + 1 WHERE id = new.model;
END;
CREATE TRIGGER vectors_delete AFTER DELETE ON vectors BEGIN
    UPDATE embedding_models SET removed = removed + 1 WHERE id = old.model;
END;
CREATE TRIGGER vectors_update AFTER UPDATE ON vectors BEGIN
    UPDATE embedding_models SET removed = removed + 1, added = added + 1 WHERE id = new.model;
END;
"""

_NAMES = {
    *("meta", "videos", "paths", "stages", "runs", "shots", "clips"),
    *("evidence", "evidence_fts", "evidence_terms", "embedding_models", "vectors"),
}

Step = Callable[[sqlite3.Connection], None]

STEPS: Mapping[int, Step] = {}
"""Migrations: version n -> what turns a library of version n into one of version n + 1, inside a transaction."""


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
    missing = _NAMES - _tables(connection)
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
    for statement in _statements(_TABLES):
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('library', ?)", (uuid.uuid4().hex,))
    connection.execute("PRAGMA user_version = 1")


def _migrate(connection: sqlite3.Connection, file: Path, version: int, steps: Mapping[int, Step]) -> None:
    before = _version(connection)
    copy = file.with_name(f"{file.stem}-version-{before}.db")
    _log.info("bringing the library from version %d to %d; a copy is kept meanwhile at %s", before, version, copy)
    _copy(connection, copy)

    def climb(connection: sqlite3.Connection) -> None:
        for current in range(_version(connection), version):
            steps[current](connection)
            connection.execute(f"PRAGMA user_version = {current + 1}")

    _execute_together(connection, climb)
    copy.unlink(missing_ok=True)


def _copy(connection: sqlite3.Connection, copy: Path) -> None:
    try:
        copy.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError("an old copy of the library cannot be replaced", str(copy), hint=str(error)) from error
    target = sqlite3.connect(copy)
    try:
        connection.backup(target)
    finally:
        target.close()


def _execute_together(connection: sqlite3.Connection, work: Step) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        work(connection)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(script: str) -> list[str]:
    """Single statements of a script: ``executescript`` would commit before it starts."""
    found: list[str] = []
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text)
            text = ""
    return found


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
