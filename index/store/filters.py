"""Which evidence a search may use, as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vagent.index.records import Kind
from vagent.index.store.columns import to_json


@dataclass(frozen=True, slots=True)
class Filters:
    """Which evidence a search may use; None means any.

    Attributes:
        videos, kinds: only these.
        start, end: only what overlaps this stretch of its video, in seconds; nothing that begins at ``end`` or later.
        weak: False leaves out weak evidence.
    """

    videos: Sequence[int] | None = None
    kinds: Sequence[Kind] | None = None
    start: float | None = None
    end: float | None = None
    weak: bool | None = None

    @property
    def empty(self) -> bool:
        """True where nothing is filtered out."""
        return self == Filters()

    @property
    def single(self) -> bool:
        """True where only one video is let through."""
        return self.videos is not None and len(set(self.videos)) == 1


def conditions(filters: Filters) -> tuple[str, list[Any]]:
    """The filters as SQL over ``evidence e`` with its values."""
    parts: list[tuple[str, list[Any]]] = [("1", [])]
    if filters.videos is not None:
        parts.append(("e.video IN (SELECT value FROM json_each(?))", [to_json([int(v) for v in filters.videos])]))
    if filters.kinds is not None:
        parts.append(("e.kind IN (SELECT value FROM json_each(?))", [to_json(list(filters.kinds))]))
    if filters.start is not None:
        parts.append(('(e."end" > ? OR (e."end" = ? AND e.start = ?))', [filters.start] * 3))
    if filters.end is not None:
        # A point in time is a stretch too: what is there at that moment.
        parts.append(("(e.start < ? OR (e.start = ? AND ? = ?))", [filters.end] * 3 + [filters.start or 0.0]))
    if filters.weak is False:
        parts.append(("NOT e.weak", []))
    return " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]
