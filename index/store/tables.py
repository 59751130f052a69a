"""The library's tables, and the steps from each version of them to the next.

Whoever changes a table raises ``VERSION``, adds a step, and freezes a library of the new version in ``tests/data``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping

from vagent.index.words import TOKENIZER

VERSION = 3

_CARE = """
-- files that cannot be indexed: left alone until the file (size, mtime_ns) or vagent's version changes
CREATE TABLE problems (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    version TEXT NOT NULL,
    tries INTEGER NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL
);
-- who works on what, over several machines; until: seconds since 1970
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    until REAL NOT NULL
);
-- what a video looks and sounds like, whatever its container and codec
CREATE TABLE prints (
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    kind TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (video, kind)
);
-- what indexing has cost: a measurement outlives its video
CREATE TABLE actuals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    preset TEXT NOT NULL,
    machine TEXT NOT NULL,
    video INTEGER REFERENCES videos ON DELETE SET NULL,
    stage TEXT NOT NULL,
    media_seconds REAL NOT NULL,
    wall REAL NOT NULL,
    cpu REAL NOT NULL,
    bytes INTEGER NOT NULL
);
"""

_PIECES = """
-- what a stage of the decode pass has found so far and no row of evidence holds, in the order it came: added to at each
-- checkpoint, and joined when the stage is done, so that nothing is written twice
CREATE TABLE pieces (
    video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    stage TEXT NOT NULL,
    part INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (video, stage, part)
);
"""

TABLES = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE videos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    duration REAL NOT NULL,
    info TEXT NOT NULL DEFAULT '{{}}',
    gaps TEXT NOT NULL DEFAULT '[]',
    complete INTEGER NOT NULL DEFAULT 0,
    added TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    missing TEXT,
    title TEXT,
    year INTEGER,
    language TEXT
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
{_CARE}{_PIECES}"""

NAMES = frozenset(
    {
        *("meta", "videos", "paths", "stages", "runs", "shots", "clips"),
        *("evidence", "evidence_fts", "evidence_terms", "embedding_models", "vectors"),
        *("problems", "leases", "prints", "actuals", "pieces"),
    }
)

Step = Callable[[sqlite3.Connection], None]


def statements(script: str) -> Iterator[str]:
    """Single statements of a script: ``executescript`` would commit before it starts."""
    text = ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            yield text
            text = ""


def _to_2(connection: sqlite3.Connection) -> None:
    """Indexing that is left alone: quarantine, leases, costs, prints, and what a film is called."""
    for column in ("missing TEXT", "title TEXT", "year INTEGER", "language TEXT"):
        connection.execute(f"ALTER TABLE videos ADD COLUMN {column}")
    for statement in statements(_CARE):
        connection.execute(statement)


def _to_3(connection: sqlite3.Connection) -> None:
    """What stages have found so far, a piece a checkpoint. What an older version wrote is read where it stands."""
    for statement in statements(_PIECES):
        connection.execute(statement)


STEPS: Mapping[int, Step] = {1: _to_2, 2: _to_3}
"""Migrations: version n -> what turns a library of version n into one of version n + 1, inside a transaction."""
