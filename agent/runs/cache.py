"""What models said to what, kept in one SQLite file so that the same call need not be made twice.

The file is a cache and nothing more: where it is damaged, locked, full or of another version, a notice says so, calls
are made as if there were none, and the answer is the same. Several threads and processes may use it at once.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

_log = logging.getLogger("vagent.agent.runs")

_T = TypeVar("_T")

_VERSION = 1
_TABLES = (
    # checksum: SQLite notices a torn page, not a flipped bit
    "CREATE TABLE calls (key TEXT PRIMARY KEY, engine TEXT NOT NULL, method TEXT NOT NULL, output TEXT NOT NULL,"
    " notices TEXT NOT NULL, seconds REAL NOT NULL, checksum TEXT NOT NULL, used INTEGER NOT NULL)",
    "CREATE INDEX calls_used ON calls (used)",
)
_LOG = 4 << 20  # bytes of SQLite's write-ahead log that stay on disk
_ROOM = 0.9  # part of the bound that is left full when room is made
_LARGEST = 0.25  # part of the bound that one output may take: it would drive out everything else
_TOUCHED = 256  # entries whose use is written down at once
_REST = 30.0  # seconds that a cache which failed is left alone: whoever waits for it waits once
_ASKED = 500  # keys looked up in one statement


@dataclass(frozen=True, slots=True)
class Kept:
    """One call that was made.

    Attributes:
        key: as ``keys.call_key`` gives it.
        engine: name and revision.
        output: JSON.
        seconds: what the call took when it was made.
        notices: what the engine had told by then, for instance that it was shown less because memory was short.
    """

    key: str
    engine: str
    method: str
    output: Any
    seconds: float
    notices: tuple[str, ...] = ()


class CallCache:
    """The cache of model calls in a file. Never raises for what is wrong with the file.

    Args:
        file: made when the first call is kept.
        megabytes: how large it may become; what was not used for longest goes first.
        wait: seconds to wait for another process that writes.
    """

    def __init__(self, file: Path, megabytes: float, *, wait: float = 2.0) -> None:
        self.file = file
        self.notices: list[str] = []
        """Why the cache is not used, each reason once."""
        self._limit = int(megabytes * (1 << 20))
        self._wait = wait
        self._connection: sqlite3.Connection | None = None
        self._close: Callable[[], object] = lambda: None
        self._touched: dict[str, None] = {}
        self._rests_until = 0.0
        self._lock = threading.RLock()
        self._busy: dict[str, _Turn] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, keys: Sequence[str]) -> dict[str, Kept]:
        """Those of some calls that are kept, by key."""
        if not self.file.exists():
            return {}
        found = self._try(lambda db: _read(db, list(dict.fromkeys(keys)))) or {}
        with self._lock:
            self._touched.update(dict.fromkeys(found))
            if len(self._touched) >= _TOUCHED:
                self._try(self._remember_use)
        return found

    def put(self, calls: Sequence[Kept]) -> None:
        """Keep some calls; what was kept under their keys before is replaced."""
        rows = [(call, json.dumps(call.output, separators=(",", ":"))) for call in calls]
        small = [(call, output) for call, output in rows if len(output) <= _LARGEST * self._limit]
        if small:
            self._try(lambda db: self._put(db, small))

    @contextmanager
    def turn(self, key: str) -> Iterator[None]:
        """Of the threads of this process that want to make one call only one is inside at a time: the others find what
        it has kept. Processes do not wait for each other, and make such a call twice at worst."""
        with self._lock:
            turn = self._busy.setdefault(key, _Turn(threading.Lock()))
            turn.threads += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._lock:
                turn.threads -= 1
                if not turn.threads:
                    del self._busy[key]

    def close(self) -> None:
        """Write down what was used, and let go of the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._touched:
                self._try(self._remember_use)
            self._drop()

    # ------------------------------------------------------------------ statements

    def _put(self, db: sqlite3.Connection, calls: Sequence[tuple[Kept, str]]) -> None:
        with _transaction(db):
            self._touch(db)
            used = _next(db)
            for call, output in calls:
                notices = json.dumps(call.notices)
                row = (call.key, call.engine, call.method, output, notices, call.seconds, _checksum(output, notices))
                db.execute("INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, used))
            crowded = _bytes(db) > self._limit
            if crowded:
                self._make_room(db)
        if crowded:
            db.executescript("PRAGMA incremental_vacuum")  # ``execute`` would give back a single page

    def _make_room(self, db: sqlite3.Connection) -> None:
        """Takes out what was not used for longest. What an entry takes on disk is known only when it has gone."""
        while (needed := _bytes(db) - int(_ROOM * self._limit)) > 0:
            oldest: list[tuple[int]] = []
            for row, size in db.execute("SELECT rowid, length(output) FROM calls ORDER BY used, rowid"):
                oldest.append((row,))
                needed -= size
                if needed <= 0:
                    break
            if not oldest:
                return
            db.executemany("DELETE FROM calls WHERE rowid = ?", oldest)

    def _remember_use(self, db: sqlite3.Connection) -> None:
        with _transaction(db):
            self._touch(db)

    def _touch(self, db: sqlite3.Connection) -> None:
        keys = list(self._touched)
        used = _next(db) if keys else 0
        db.executemany("UPDATE calls SET used = ? WHERE key = ?", [(used, key) for key in keys])
        self._touched.clear()

    # ------------------------------------------------------------------ the file

    def _try(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """What some work gives; None where the file does not let it be done, which is told."""
        with self._lock:
            if time.monotonic() < self._rests_until:
                return None
            try:
                return work(self._opened())
            except (sqlite3.Error, OSError, _Foreign) as error:
                self._drop()
                self._rests_until = time.monotonic() + _REST
                self._tell(error)
                return None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and not self.file.exists():
            self._drop()  # somebody has deleted it: what is written from now on would go to nowhere
        if self._connection is None:
            self._connection = self._open()
            self._close = weakref.finalize(self, self._connection.close)
        return self._connection

    def _open(self) -> sqlite3.Connection:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.file, timeout=self._wait, isolation_level=None, check_same_thread=False)
        try:
            if _is_new(db):
                db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # works only before anything is in it
            self._use_wal(db)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA journal_size_limit = {_LOG}")
            if _is_new(db):
                with _transaction(db):
                    if _is_new(db):  # still: no other process was quicker
                        _create(db)
        except BaseException:
            db.close()
            raise
        return db

    def _use_wal(self, db: sqlite3.Connection) -> None:
        # SQLite does not wait for others while it changes the mode, so this does.
        until = time.monotonic() + self._wait
        while True:
            try:
                db.execute("PRAGMA journal_mode = WAL").fetchall()
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection = None
            self._close()

    def _tell(self, error: Exception) -> None:
        advice = "move" if isinstance(error, _Foreign) else "see whether it can be written, or delete"
        notice = f"the cache of model calls is not used, calls are made anew ({error}); {advice} {self.file}"
        _log.warning("%s", notice)
        if notice not in self.notices:
            self.notices.append(notice)


class _Foreign(Exception):
    """A file that is not ours to write."""


@dataclass(slots=True)
class _Turn:
    lock: threading.Lock
    threads: int = 0


def _read(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Kept]:
    found: dict[str, Kept] = {}
    sql = "SELECT key, engine, method, output, seconds, notices, checksum FROM calls WHERE key IN ({})"
    for first in range(0, len(keys), _ASKED):
        some = keys[first : first + _ASKED]
        rows = db.execute(sql.format(", ".join("?" * len(some))), some)
        for key, engine, method, output, seconds, notices, checksum in rows:
            if checksum == _checksum(output, notices):
                found[key] = Kept(key, engine, method, json.loads(output), seconds, tuple(json.loads(notices)))
    return found


def _is_new(db: sqlite3.Connection) -> bool:
    """Whether nothing is in the file yet; a file of another program or format is left as it is."""
    if db.in_transaction:
        version, tables = _pragma(db, "user_version"), _tables(db)
    else:
        with _transaction(db, "DEFERRED"):  # both of one moment: another process may be making the tables
            version, tables = _pragma(db, "user_version"), _tables(db)
    if version not in (0, _VERSION):
        raise _Foreign(f"it has format {version}, this vagent knows {_VERSION}")
    if version == 0 and tables:
        raise _Foreign("it belongs to something else")
    return version == 0


def _tables(db: sqlite3.Connection) -> int:
    (count,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return int(count)


def _create(db: sqlite3.Connection) -> None:
    for statement in _TABLES:
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {_VERSION}")


@contextmanager
def _transaction(db: sqlite3.Connection, sort: str = "IMMEDIATE") -> Iterator[None]:
    db.execute(f"BEGIN {sort}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk may have made SQLite roll back already
            db.execute("ROLLBACK")
        raise


def _bytes(db: sqlite3.Connection) -> int:
    """What the entries take on disk."""
    pages = _pragma(db, "page_count") - _pragma(db, "freelist_count")
    return pages * _pragma(db, "page_size")


def _next(db: sqlite3.Connection) -> int:
    """A number above those of all uses so far; a clock could be set back."""
    (last,) = db.execute("SELECT coalesce(max(used), 0) FROM calls").fetchone()
    return int(last) + 1


def _pragma(db: sqlite3.Connection, name: str) -> int:
    (value,) = db.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _checksum(output: str, notices: str) -> str:
    return hashlib.sha256(f"{output}\n{notices}".encode()).hexdigest()[:16]
