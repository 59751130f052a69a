"""One SQLite database shared by threads and processes: connections, transactions and errors.

Every thread has a connection of its own, so that readers never wait for a writer and never see half a transaction.
All errors of sqlite3 become errors of ``vagent.errors`` here.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from vagent.errors import LibraryBusyError, LibraryCorruptError, LibraryError, StorageError, TimeError
from vagent.index.store import schema

_log = logging.getLogger("vagent.index.store.database")

_T = TypeVar("_T")
_Row = tuple[Any, ...]

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_STORAGE = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the library cannot be written",
    sqlite3.SQLITE_IOERR: "the disk could not be read or written",
    sqlite3.SQLITE_CANTOPEN: "the library cannot be opened",
    sqlite3.SQLITE_PERM: "no permission",
    sqlite3.SQLITE_TOOBIG: "a row is too large",
    sqlite3.SQLITE_NOMEM: "out of memory",
}
# Up to this size the whole file is checked when a library is opened (about 0.1 s); beyond it, `verify` does.
_CHECKED_BYTES = 64 * 2**20


class _Handle:
    """A connection that is closed with its thread; sqlite3 would warn about one left open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.depth = 0
        self.close = weakref.finalize(self, connection.close)


class Database:
    """``library.db`` in a folder.

    Args:
        folder: made if it is not there.
        write: False opens the library as it is and never changes a byte of it.
        wait: seconds to wait for another process's transaction.

    Raises:
        LibraryError: no library there to read, or one of its kinds: newer, corrupt, busy, no permission.
    """

    def __init__(self, folder: Path, *, write: bool = True, wait: float = 30.0) -> None:
        self.folder = folder
        self.file = folder / "library.db"
        self._write = write
        self._wait = wait
        self._local = threading.local()
        self._handles: weakref.WeakSet[_Handle] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False
        self._identity: tuple[int, int] | None = None
        self._prepare()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections of all threads; none may be in use."""
        with self._lock:
            self._closed = True
            handles = list(self._handles)
        with self._errors():
            for handle in handles:
                handle.close()

    def verify(self) -> None:
        """Reads the whole database and checks that it holds together, full-text index included.

        Raises:
            LibraryCorruptError: it does not.
        """
        self._check_pages()
        if self._write:
            self._run("INSERT INTO evidence_fts (evidence_fts, rank) VALUES ('integrity-check', 1)")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what is done inside is committed at the end, or undone when an error leaves the block.

        Inside another transaction it becomes a part of it, which can be undone by itself.

        Raises:
            LibraryBusyError: another process kept writing for longer than ``wait``.
        """
        handle = self._handle()
        connection = handle.connection
        inner = handle.depth > 0
        if not inner:
            self._still_there()
        with self._errors():
            connection.execute(f"SAVEPOINT level_{handle.depth}" if inner else "BEGIN IMMEDIATE")
        handle.depth += 1
        try:
            yield
            with self._errors():
                connection.execute(f"RELEASE level_{handle.depth - 1}" if inner else "COMMIT")
        except BaseException:
            # A full disk may have made SQLite roll back already.
            if connection.in_transaction:
                with self._errors():
                    self._undo(connection, handle.depth - 1)
            raise
        finally:
            handle.depth -= 1

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read inside is the state of one moment, whatever others write meanwhile.

        Raises:
            LibraryError: inside a transaction, which sees what may never come to be.
        """
        handle = self._handle()
        if handle.depth:
            raise LibraryError("a snapshot cannot be taken inside a transaction", str(self.file))
        with self._errors():
            handle.connection.execute("BEGIN")
        handle.depth += 1
        try:
            yield
        finally:
            handle.depth -= 1
            if handle.connection.in_transaction:
                with self._errors():
                    handle.connection.execute("ROLLBACK")

    @staticmethod
    def _undo(connection: sqlite3.Connection, level: int) -> None:
        if level:
            connection.execute(f"ROLLBACK TO level_{level}")
            connection.execute(f"RELEASE level_{level}")
        else:
            connection.execute("ROLLBACK")

    def _prepare(self) -> None:
        try:
            if self._write:
                self.folder.mkdir(parents=True, exist_ok=True)
            elif not self.file.is_file():
                raise LibraryError("there is no library", str(self.folder), hint="make one with `vagent index PATH`")
        except OSError as error:
            raise StorageError("the library's folder cannot be used", str(self.folder), hint=str(error)) from error
        try:
            connection = self._handle().connection
            with self._errors():
                if self._write:
                    schema.prepare(connection, self.file)
                else:
                    schema.check(connection, self.file)
            status = self.file.stat()
            self._identity = (status.st_dev, status.st_ino)
            if status.st_size <= _CHECKED_BYTES:
                self._check_pages()
        except BaseException:
            self.close()
            raise

    def _check_pages(self) -> None:
        found = self._rows("PRAGMA quick_check(1)")
        if found != [("ok",)]:
            raise self._corrupt(str(found[0][0]) if found else "no answer")

    def _handle(self) -> _Handle:
        handle: _Handle | None = getattr(self._local, "handle", None)
        if handle is None or not handle.close.alive:
            with self._lock:
                if self._closed:
                    raise LibraryError("the library is closed", str(self.folder))
                with self._errors():
                    handle = _Handle(self._connect())
                self._handles.add(handle)
            self._local.handle = handle
        return handle

    def _still_there(self) -> None:
        """SQLite goes on writing to a file that has been deleted or replaced, and nobody would ever see the rows."""
        try:
            status = self.file.stat()
        except OSError:
            status = None
        if self._identity is not None and (status is None or (status.st_dev, status.st_ino) != self._identity):
            hint = "put it back, or index the videos again"
            raise StorageError("the library was deleted or replaced while it was in use", str(self.file), hint=hint)

    def _connect(self) -> sqlite3.Connection:
        self._still_there()
        connection = sqlite3.connect(
            self._address(), uri=True, timeout=self._wait, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            if self._write:
                self._use_wal(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait for others while it changes the mode, so this does.
        until = time.monotonic() + self._wait
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                if mode != "wal":
                    _log.warning("%s stays in journal mode %s: readers wait for writers", self.file, mode)
                return

    def _address(self) -> str:
        address = self.file.absolute().as_uri()
        if self._write:
            return address
        # In a folder that cannot be written SQLite cannot make the files that WAL mode needs. Where no -wal file lies
        # beside the database, nobody has anything to add to it, so it may be read as a file that never changes.
        wal = self.file.with_name(self.file.name + "-wal")
        frozen = not wal.exists() and not _writable(self.folder)
        return f"{address}?mode=ro{'&immutable=1' if frozen else ''}"

    def _run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        with self._errors():
            return self._handle().connection.execute(sql, values)

    def _run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._errors():
            self._handle().connection.executemany(sql, rows)

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[_Row]:
        with self._errors():
            return self._handle().connection.execute(sql, values).fetchall()

    def _read(self, convert: Callable[[_Row], _T], sql: str, values: Sequence[Any] = ()) -> list[_T]:
        rows = self._rows(sql, values)
        try:
            return [convert(row) for row in rows]
        except (ValueError, TypeError, KeyError, TimeError) as error:
            raise self._corrupt(f"a row cannot be read: {error}") from error

    def _corrupt(self, reason: str) -> LibraryCorruptError:
        return LibraryCorruptError(f"the library is damaged ({reason})", str(self.file), hint=schema.REBUILD)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._translate(error) from error
        except UnicodeDecodeError as error:  # the message of sqlite3 itself quotes what it cannot read
            raise self._corrupt(str(error)) from error

    def _translate(self, error: sqlite3.Error) -> LibraryError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits refine it
        text, file = str(error), str(self.file)
        if code in _BUSY:
            return LibraryBusyError(
                "another process is writing to the library", file, hint="try again when it has finished"
            )
        if code in _CORRUPT or text.startswith(("no such table", "no such column", "Could not decode")):
            return self._corrupt(text)
        if code in _STORAGE:
            return StorageError(
                f"{_STORAGE[code]} ({text})", file, hint="free space or choose another folder with --library"
            )
        if isinstance(error, sqlite3.IntegrityError):
            return LibraryError(
                f"a row does not fit the library ({text})", file, hint="was its video removed meanwhile?"
            )
        if self._closed:
            return LibraryError("the library is closed", file)
        return LibraryError(f"the library refused a statement ({text})", file)


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK)
