"""Everything that a library holds either travels in a bundle or stays for a reason."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from vagent.index.bundle.contents import STAYING, TRAVELLING
from vagent.index.store import Store

BY_NAME = {table.name: table for table in TRAVELLING}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Tables of today's libraries and their columns; those in which FTS5 keeps its own are not ours."""
    folder = tmp_path_factory.mktemp("library")
    Store(folder).close()
    with closing(sqlite3.connect(folder / "library.db")) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        ours = [name for name in names if not name.startswith(("sqlite_", "evidence_fts_"))]
        return {name: [row[1] for row in database.execute(f"PRAGMA table_info({name})")] for name in ours}


def test_every_table_travels_or_stays(schema: dict[str, list[str]]) -> None:
    assert sorted(schema) == sorted([*BY_NAME, *STAYING])


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_column_travels_or_stays(schema: dict[str, list[str]], name: str) -> None:
    table = BY_NAME[name]
    assert sorted(schema[name]) == sorted([*table.columns, *table.stays])


def test_every_table_of_a_video_travels_unless_it_is_of_this_machine(schema: dict[str, list[str]]) -> None:
    of_videos = {name for name, columns in schema.items() if {"video", "evidence"} & set(columns)}
    assert of_videos - set(BY_NAME) == {"actuals"}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("videos", "duration", float("nan")),
        ("videos", "duration", -1.0),
        ("videos", "duration", "60"),
        ("videos", "info", "[]"),
        ("videos", "info", "{"),
        ("videos", "gaps", "[[3, 1]]"),
        ("videos", "gaps", "{}"),
        ("videos", "complete", 2),
        ("videos", "complete", True),
        ("videos", "missing", "yesterday"),
        ("videos", "missing", "2026-01-01T00:00:00"),
        ("videos", "title", 1),
        ("paths", "path", 5),
        ("paths", "path", "a\0b"),
        ("paths", "size", 2**63),
        ("paths", "size", 1.5),
        ("stages", "status", "over"),
        ("stages", "detail", "null"),
        ("shots", "start_kind", "jump"),
        ("clips", "end", 0.5),
        ("evidence", "kind", "smell"),
        ("evidence", "kind", ["subtitle"]),
        ("evidence", "text", "half \ud800 a pair"),
        ("evidence", "text", None),
        ("evidence", "extra", "[" * 100_000),
        ("vectors", "vector", "text"),
        ("prints", "data", None),
        ("pieces", "part", -1),
        ("pieces", "data", "text"),
    ],
)
def test_what_no_library_may_hold_is_found(table: str, column: str, value: object) -> None:
    good = {
        "videos": ("/a.mp4", 60.0, "{}", "[[1,2]]", 1, "2026", "2026-01-01T00:00:00Z", None, 1999, "de"),
        "paths": (b"/\xff.mp4", 1, 2, "2026"),
        "stages": ("text", "f", "done", 0.0, "{}", "2026"),
        "shots": (0.0, 1.0, "cut"),
        "clips": (1.0, 2),
        "evidence": (1, "subtitle", 0.0, 1.0, "text", None, 0, "", "{}", 1),
        "vectors": (1, "m", b"1234"),
        "prints": ("frames", b""),
        "pieces": ("shots", 0, b'[12.5,"cut"]\n'),
    }[table]
    assert BY_NAME[table].check(good) is None
    at = list(BY_NAME[table].columns).index(column)
    assert BY_NAME[table].check((*good[:at], value, *good[at + 1 :])) == column
