"""What the database holds of a video as JSON, one line a row.

A line ``{"table": "clips", "columns": ["start", "end"]}`` is followed by the rows of that table as lists. Bytes are
written as ``{"bytes": "<base64>"}``; everything else is a number, a text or null.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from vagent.errors import BundleError, LibraryCorruptError
from vagent.index.bundle.contents import TRAVELLING, Row, Table

_LINE = 64 << 20  # bytes of a line, at most
_TABLES = {table.name: table for table in TRAVELLING}


def write(stream: BinaryIO, table: Table, rows: Iterable[Row]) -> int:
    """Appends the rows of a table; returns how many there were.

    Raises:
        LibraryCorruptError: a value that no row may hold.
    """
    count = 0
    _put(stream, {"table": table.name, "columns": list(table.columns)})
    for row in rows:
        _put(stream, [_packed(value) for value in row])
        count += 1
    return count


def read(path: Path, member: str) -> Iterator[tuple[Table, Row]]:
    """The rows of a member that has been unpacked, checked one by one.

    Args:
        member: its name in the bundle, for errors.

    Raises:
        BundleError: a line cannot be read, or holds what no row may hold.
    """
    table: Table | None = None
    places: list[int | None] = []
    for number, line in enumerate(_lines(path, member), 1):
        value = _parsed(line, member, number)
        if isinstance(value, dict):
            table, places = _begun(value, member, number)
            continue
        if table is None or not isinstance(value, list) or len(value) != sum(at is not None for at in places):
            raise _unfit("is no row of a table", member, number)
        row = tuple(None if at is None else _unpacked(value[at], member, number) for at in places)
        wrong = table.check(row)
        if wrong is not None:
            raise _unfit(f"holds what cannot be in {table.name}.{wrong}", member, number)
        yield table, row


def _put(stream: BinaryIO, value: Any) -> None:
    try:
        line = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        stream.write(line.encode() + b"\n")
    except ValueError as error:
        hint = "`vagent remove` the video and index it again"
        raise LibraryCorruptError(f"the library holds a row that cannot be exported ({error})", hint=hint) from error


def _lines(path: Path, member: str) -> Iterator[bytes]:
    with path.open("rb") as stream:
        number = 1
        while line := stream.readline(_LINE + 1):
            if len(line) > _LINE:
                raise _unfit("is too long", member, number)
            yield line
            number += 1


def _parsed(line: bytes, member: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _unfit("is not JSON", member, number) from error


def _begun(value: dict[str, Any], member: str, number: int) -> tuple[Table, list[int | None]]:
    """A table, and where in the lines that follow each of its columns stands; None where an older bundle lacks it."""
    name, columns = value.get("table"), value.get("columns")
    table = _TABLES.get(name) if isinstance(name, str) else None
    if table is None or not isinstance(columns, list) or len(set(map(str, columns))) < len(columns):
        raise _unfit("begins no known table", member, number)
    if any(not isinstance(column, str) or column not in table.columns for column in columns):
        raise _unfit(f"names a column that {table.name} does not have", member, number)
    return table, [columns.index(column) if column in columns else None for column in table.columns]


def _packed(value: Any) -> Any:
    return {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _unpacked(value: Any, member: str, number: int) -> Any:
    if not isinstance(value, (dict, list)):
        return value
    try:
        if isinstance(value, dict) and list(value) == ["bytes"]:
            return base64.b64decode(value["bytes"], validate=True)
    except (ValueError, TypeError) as error:
        raise _unfit("holds bytes that are not base64", member, number) from error
    raise _unfit("holds a value of an unknown sort", member, number)


def _unfit(what: str, member: str, number: int) -> BundleError:
    return BundleError(f"line {number} {what}", member, hint="export the library again")
