"""What exporting and importing share: telling how far they are, one worker a video, and errors of the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from vagent.errors import StorageError
from vagent.index.batch.leases import Holder
from vagent.index.store import Store


@dataclass(frozen=True, slots=True)
class BundleStep:
    """How far a bundle is; ``done`` and ``total`` in videos.

    Attributes:
        path: of the video that comes next; empty at the end.
    """

    phase: Literal["export", "verify", "merge"]
    done: int
    total: int
    path: str = ""


OnStep = Callable[[BundleStep], object]


@contextmanager
def held(folder: Path, name: str) -> Iterator[bool]:
    """Holds a lock file of the library in ``folder``; gives False, and holds nothing, where another process has it.

    Raises:
        StorageError: there cannot be one.
    """
    lock = FileLock(folder / "locks" / f"{name}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise StorageError("the library cannot be written", str(folder), hint=str(error)) from error
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def alone(store: Store, holder: Holder, fingerprint: str) -> Iterator[bool]:
    """Works on a video that nobody else works on, as indexing does: with its lock and its lease. False where somebody
    else does.

    Raises:
        StorageError: the library cannot be written.
    """
    with held(store.folder, fingerprint) as free:
        if not free or not holder.take(fingerprint):
            yield False
            return
        try:
            yield True
        finally:
            holder.drop(fingerprint)


@contextmanager
def disk(what: str, path: Path) -> Iterator[None]:
    """What the disk refuses, as an error that says what could not be done."""
    try:
        yield
    except OSError as error:
        hint = "free space or choose another place"
        raise StorageError(f"{what} ({error.strerror or error})", str(path), hint=hint) from error
