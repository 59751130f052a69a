"""The small JPEG pictures kept of a video, one SQLite file a video, so that looking at a moment costs milliseconds.

They are a cache of the video: the folder may be deleted, and indexing again makes them again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from vagent.errors import StorageError
from vagent.tools.time import Span

if TYPE_CHECKING:  # whoever only looks at kept pictures needs neither
    import numpy as np
    from numpy.typing import NDArray

_PARTS = (32, 18)  # across and down
_SCHEMA = "CREATE TABLE IF NOT EXISTS pictures (time REAL PRIMARY KEY, jpeg BLOB NOT NULL) WITHOUT ROWID"


def inside(kept: Sequence[tuple[float, bytes]], span: Span) -> list[tuple[float, bytes]]:
    """The pictures taken within a stretch. One from before it may show the scene before a cut: it is taken only where
    there is no other."""
    return [(time, jpeg) for time, jpeg in kept if span.start <= time < span.end] or list(kept[-1:])


def parts(image: NDArray[np.uint8]) -> NDArray[np.int16]:
    """How bright and of what colour each of 32 x 18 parts of a picture is: shape (18, 32, 3), 0 to 255. Two pictures
    are compared by them, so that noise and blocks do not make them differ."""
    import cv2
    import numpy as np

    return np.asarray(cv2.resize(image, _PARTS, interpolation=cv2.INTER_AREA), np.int16)


class Pictures:
    """The pictures of one video.

    Args:
        folder: where all videos' pictures lie.
        fingerprint: the video's.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.path = folder / f"{fingerprint}.db"

    def add(self, pictures: Iterable[tuple[float, bytes]]) -> None:
        """Store (time in seconds, JPEG) pairs; a picture of the same time is replaced.

        Raises:
            StorageError: they cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path)) as database, database:
                database.execute(_SCHEMA)
                database.executemany("INSERT OR REPLACE INTO pictures VALUES (?, ?)", pictures)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"the pictures cannot be written ({error})", str(self.path)) from error

    def nearest(self, times: Sequence[float]) -> list[tuple[float, bytes]]:
        """The picture shown at each time (the last one not after it, else the first), without repeats, in order.

        Empty where there are no pictures, for instance because the folder was deleted.
        """
        if not self.path.is_file():
            return []
        found: dict[float, bytes] = {}
        try:
            with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as database:
                for time in times:
                    row = (
                        database.execute(
                            "SELECT time, jpeg FROM pictures WHERE time <= ? ORDER BY time DESC LIMIT 1", (time,)
                        ).fetchone()
                        or database.execute("SELECT time, jpeg FROM pictures ORDER BY time LIMIT 1").fetchone()
                    )
                    if row:
                        found[row[0]] = row[1]
        except sqlite3.Error as error:
            hint = "delete the file and index the video again"
            raise StorageError(f"the pictures cannot be read ({error})", str(self.path), hint=hint) from error
        return sorted(found.items())

    def times(self) -> list[float]:
        """Seconds of all pictures, in order; empty where there are none.

        Raises:
            StorageError: they cannot be read.
        """
        if not self.path.is_file():
            return []
        try:
            with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as database:
                return [time for (time,) in database.execute("SELECT time FROM pictures ORDER BY time")]
        except sqlite3.Error as error:
            hint = "delete the file and index the video again"
            raise StorageError(f"the pictures cannot be read ({error})", str(self.path), hint=hint) from error

    def remove(self) -> None:
        """Delete them all."""
        for suffix in ("", "-journal", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
