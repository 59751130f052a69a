"""The pictures of a video on their way from one library to another.

In a bundle they are a SQLite file, as in a library. One that strangers made is read with care: nothing in it is run,
it must hold the one table and nothing else, and its rows are copied into a file of our own making. What lies in a
library was never anybody else's file.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from math import inf
from pathlib import Path
from typing import Any

from vagent.errors import BundleError, StorageError
from vagent.index.pictures import Pictures

_HEAD = b"SQLite format 3\0"
_TABLE = "CREATE TABLE pictures (time REAL PRIMARY KEY, jpeg BLOB NOT NULL) WITHOUT ROWID"
_PICTURE = 16 << 20  # bytes of a picture, at most
_TOGETHER = 200  # pictures read at once
_JPEG = b"\xff\xd8"
_HINT = "export the library again"


def gather(pictures: Pictures, folder: Path, since: float = -inf) -> Path:
    """Copies a library's pictures of a video into a file of their own in ``folder``.

    Args:
        since: only those of this second and later.

    Raises:
        StorageError: they cannot be read, or the copy not be written.
    """
    target = Pictures(folder, "gathered")
    target.remove()
    target.add(_own(pictures.path, since))
    return target.path


def admit(file: Path, member: str, folder: Path) -> Path:
    """Copies the pictures of an unpacked member into a file of our own making in ``folder``.

    Args:
        member: its name in the bundle, for errors.

    Raises:
        BundleError: it is no SQLite file, is damaged, or holds anything but pictures.
        StorageError: the copy cannot be written.
    """
    target = Pictures(folder, "admitted")
    target.remove()
    with file.open("rb") as stream:
        if stream.read(len(_HEAD)) != _HEAD:
            raise BundleError("a member of the bundle is not a SQLite file", member, hint=_HINT)
    target.add(_foreign(file, member))
    return target.path


def append(file: Path, pictures: Pictures) -> None:
    """Adds admitted pictures to those there are.

    Raises:
        StorageError: they cannot be written.
    """
    pictures.add(_own(file, -inf))


def place(file: Path, pictures: Pictures) -> None:
    """Puts an admitted file in the place of the pictures there were; readers see the old ones or the new ones.

    Raises:
        StorageError: it cannot be put there.
    """
    try:
        pictures.path.parent.mkdir(parents=True, exist_ok=True)
        # A journal that a killed writer left would be rolled back into the new file.
        pictures.path.with_name(pictures.path.name + "-journal").unlink(missing_ok=True)
        file.replace(pictures.path)
    except OSError as error:
        raise StorageError(f"the pictures cannot be written ({error})", str(pictures.path)) from error


def _own(file: Path, since: float) -> Iterator[tuple[float, bytes]]:
    """A few at a time: who writes pictures meanwhile must not wait until all have been copied."""
    few = "SELECT time, jpeg FROM pictures WHERE time >= ? AND time > ? ORDER BY time LIMIT ?"
    last = -inf
    try:
        # Not opened for reading alone: a writer that was killed may have left a journal to roll back.
        with closing(sqlite3.connect(file)) as database:
            while rows := database.execute(few, (since, last, _TOGETHER)).fetchall():
                yield from rows
                last = rows[-1][0]
    except sqlite3.Error as error:
        hint = "delete the file, `vagent remove` the video and index it again"
        raise StorageError(f"the pictures cannot be read ({error})", str(file), hint=hint) from error


def _foreign(file: Path, member: str) -> Iterator[tuple[float, bytes]]:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            _guard(database, member)
            for time, jpeg in database.execute("SELECT time, jpeg FROM pictures ORDER BY time"):
                if not _fits(time, jpeg):
                    raise BundleError("a member of the bundle holds what is no picture", member, hint=_HINT)
                yield time, jpeg
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise BundleError(f"a member of the bundle is a damaged SQLite file ({error})", member, hint=_HINT) from error


def _guard(database: sqlite3.Connection, member: str) -> None:
    """Lets nothing in a foreign file run, and makes sure that there is nothing but the table of pictures."""
    for pragma in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON", "mmap_size = 0"):
        database.execute(f"PRAGMA {pragma}")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _PICTURE + 4096)
    if database.execute("SELECT type, name, sql FROM sqlite_master").fetchall() != [("table", "pictures", _TABLE)]:
        raise BundleError("a member of the bundle holds more than a table of pictures", member, hint=_HINT)
    if database.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
        raise BundleError("a member of the bundle is a damaged SQLite file", member, hint=_HINT)


def _fits(time: Any, jpeg: Any) -> bool:
    return (
        isinstance(time, float)
        and math.isfinite(time)
        and isinstance(jpeg, bytes)
        and jpeg.startswith(_JPEG)
        and len(jpeg) <= _PICTURE
    )
