"""Columns of the database as records, and records as columns."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from vagent.index.records import Evidence, Film, Video
from vagent.index.words import clean, searchable
from vagent.tools.time import Span

Status = Literal["running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class StageState:
    """How far one stage of indexing has come with one video.

    Attributes:
        fingerprint: hash of the settings and engines it ran with.
        cursor: seconds of the video that are done and committed.
        detail: JSON values of the stage's own.
    """

    stage: str
    fingerprint: str
    status: Status
    cursor: float = 0.0
    detail: Mapping[str, Any] = field(default_factory=dict)


def video(row: tuple[Any, ...]) -> Video:
    """A row of ``videos``."""
    number, fingerprint, path, duration, info, gaps, complete, *known = row
    spans = tuple(Span(*gap) for gap in json.loads(gaps))
    return Video(number, fingerprint, shown_path(path), float(duration), mapping(info), spans, bool(complete), *known)


def film(row: tuple[Any, ...]) -> Film:
    """What a row of ``videos`` is chosen by."""
    number, path, duration, *known = row
    return Film(number, shown_path(path), float(duration), *known)


def stage(row: tuple[Any, ...]) -> StageState:
    """A row of ``stages``."""
    stage, fingerprint, status, cursor, detail = row
    return StageState(stage, fingerprint, status, float(cursor), mapping(detail))


def evidence(row: tuple[Any, ...]) -> Evidence:
    """A row of ``evidence``."""
    video, start, end, kind, text, confidence, weak, engine, extra, number = row
    return Evidence(video, Span(start, end), kind, text, confidence, bool(weak), engine, mapping(extra), number)


def evidence_values(row: Evidence) -> tuple[Any, ...]:
    """The values of a new row of ``evidence``."""
    text = clean(row.text)
    head = (row.video, row.kind, row.span.start, row.span.end, text, row.confidence, row.weak)
    # What sums up evidence is no evidence: its words are not found among those that were said and written.
    return (*head, row.engine, to_json(row.extra), "" if row.kind == "summary" else searchable(text))


def to_json(value: Any) -> str:
    """JSON as it is stored: short, and always valid UTF-8."""
    if isinstance(value, Mapping):
        value = dict(value)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Half a surrogate pair (an odd file name) is not UTF-8; escaped it comes back as it was.
    return text if text.isprintable() else json.dumps(value, allow_nan=False, separators=(",", ":"))


def mapping(text: str) -> dict[str, Any]:
    """A JSON object as stored."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def stored_path(path: str | os.PathLike[str]) -> str | bytes:
    """A path as stored: text, or bytes where the file system's name is not UTF-8."""
    text = os.fspath(path)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def shown_path(stored: str | bytes) -> str:
    """A stored path as Python writes it."""
    return os.fsdecode(stored) if isinstance(stored, bytes) else stored


def now() -> str:
    """The time of day as it is stored."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
