"""Which of a library's tables travel in a bundle, what their columns may hold, and which stay and why.

Every table and every column of the schema is listed here, as travelling or as staying; a test compares the lists with
the schema. Rows come from strangers: each value is checked before it touches a library, so that none can make the
library unreadable.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args, get_type_hints

from vagent.errors import TimeError
from vagent.index.records import KINDS, Shot
from vagent.index.store.columns import Status
from vagent.index.words import clean
from vagent.tools.time import Span

Row = tuple[Any, ...]
Check = Callable[[Any], bool]

_NUMBER = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")  # halves of pairs, which SQLite cannot store
_SHOT_KINDS = get_args(get_type_hints(Shot)["start_kind"])


def _text(value: Any) -> bool:
    return isinstance(value, str) and not _SURROGATE.search(value)


def _clean(value: Any) -> bool:
    return isinstance(value, str) and clean(value) == value


def _whole(value: Any) -> bool:
    return type(value) is int and -_NUMBER <= value < _NUMBER


def _order(value: Any) -> bool:
    return _whole(value) and value >= 0


def _flag(value: Any) -> bool:
    return type(value) is int and value in (0, 1)


def _seconds(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _moment(value: Any) -> bool:
    return _text(value) and datetime.fromisoformat(value).tzinfo is not None


def _path(value: Any) -> bool:
    return _clean(value) or (isinstance(value, bytes) and b"\0" not in value)


def _blob(value: Any) -> bool:
    return isinstance(value, bytes)


def _object(value: Any) -> bool:
    return _text(value) and isinstance(json.loads(value), dict)


def _spans(value: Any) -> bool:
    found = json.loads(value) if _text(value) else None
    return isinstance(found, list) and all(isinstance(Span(*pair), Span) for pair in found)


def _one_of(allowed: Sequence[str]) -> Check:
    return lambda value: value in allowed


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows belong to a video.

    Attributes:
        columns: what travels, and what it may be. A bundle of an older library lacks columns that came later; they are
            None there.
        key: by these columns a row is known among those of its video.
        stays: column -> why it does not travel.
        rows: what follows SELECT and its columns, with one place for the number of the video.
        expressions: what is selected in place of a column.
    """

    name: str
    columns: Mapping[str, Check]
    key: tuple[str, ...]
    stays: Mapping[str, str]
    rows: str = ""
    expressions: Mapping[str, str] = field(default_factory=dict)

    def select(self) -> str:
        """The statement that gives the rows of a video, in the order in which they were stored."""
        names = ", ".join(self.expressions.get(column, f'"{column}"') for column in self.columns)
        return f"SELECT {names} " + (self.rows or f"FROM {self.name} WHERE video = ? ORDER BY rowid")

    def check(self, row: Row) -> str | None:
        """The first column whose value cannot be; None where all can."""
        for (column, check), value in zip(self.columns.items(), row, strict=True):
            try:
                fits = check(value)
            except (ValueError, TypeError, RecursionError, TimeError):
                fits = False
            if not fits:
                return column
        if "end" in self.columns:
            names = list(self.columns)
            if row[names.index("end")] < row[names.index("start")]:
                return "end"
        return None


_NUMBERED = {"video": "every library numbers its videos itself"}

TRAVELLING = (
    Table(
        "videos",
        {
            "path": _path,
            "duration": _seconds,
            "info": _object,
            "gaps": _spans,
            "complete": _flag,
            "added": _text,
            "missing": _or_none(_moment),
            "title": _or_none(_text),
            "year": _or_none(_whole),
            "language": _or_none(_text),
        },
        (),
        {
            "id": "every library numbers its videos itself",
            "fingerprint": "names the members of the bundle",
        },
        "FROM videos WHERE id = ?",
    ),
    Table("paths", {"path": _path, "size": _whole, "mtime_ns": _whole, "seen": _text}, ("path",), _NUMBERED),
    Table(
        "stages",
        {
            "stage": _text,
            "fingerprint": _text,
            "status": _one_of(get_args(Status)),
            "cursor": _number,
            "detail": _object,
            "changed": _text,
        },
        ("stage",),
        _NUMBERED,
    ),
    Table(
        "shots",
        {"start": _seconds, "end": _seconds, "start_kind": _one_of(_SHOT_KINDS)},
        ("start", "end"),
        _NUMBERED,
    ),
    Table("clips", {"start": _seconds, "end": _seconds}, (), {**_NUMBERED, "id": "nothing refers to it"}),
    Table("prints", {"kind": _text, "data": _blob}, ("kind",), _NUMBERED),
    Table("pieces", {"stage": _text, "part": _order, "data": _blob}, ("stage", "part"), _NUMBERED),
    Table(
        "evidence",
        {
            "id": _whole,  # only what else is in the bundle refers to it
            "kind": _one_of(KINDS),
            "start": _seconds,
            "end": _seconds,
            "text": _clean,
            "confidence": _or_none(_number),
            "weak": _flag,
            "engine": _text,
            "extra": _object,
            "words": _flag,  # whether full-text search finds it; the words themselves are made from the text
        },
        ("id",),
        _NUMBERED,
        expressions={"words": "words <> ''"},
    ),
    Table(
        "vectors",
        {"evidence": _whole, "model": _text, "vector": _blob},
        ("evidence", "model"),
        {"id": "nothing refers to it"},
        "FROM evidence e JOIN vectors v ON v.evidence = e.id JOIN embedding_models m ON m.id = v.model"
        " WHERE e.video = ? ORDER BY e.rowid, v.id",
        {"evidence": "v.evidence", "model": "m.name", "vector": "v.vector"},
    ),
)
"""In this order: what refers to something comes after it."""

STAYING = {
    "meta": "says which library this is",
    "runs": "the history of one library",
    "embedding_models": "names and dimensions stand in the manifest, the counts are this library's",
    "evidence_fts": "made from the evidence",
    "evidence_terms": "made from the evidence",
    "problems": "files that cannot be indexed here, which are no videos of the library",
    "leases": "who works on what at the moment",
    "actuals": "what indexing costs on one machine",
}
"""Tables that do not travel, and why."""
