"""Who works on a video: a right that lasts for a minute, is renewed while its holder lives, and lapses when it dies.

Two things keep two workers off one video. The lock file of the video is the operating system's: it goes in the moment
its holder dies, but file systems shared by several machines do not always honour it. The lease is a row of the database
that everybody reads who can open the library; a dead holder's lapses by itself. Whoever works on a video holds both.

A holder that was held up for longer than its lease lasts (a suspended machine) finds out before it commits anything:
``check`` is called inside each transaction that ends a step of work.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from vagent.errors import LibraryBusyError, LibraryError
from vagent.index.store import Lease, Store

_log = logging.getLogger("vagent.index.batch.leases")

LASTS = 60.0
"""Seconds that a lease lasts unless it is renewed; clocks of machines that share a library may differ by half of it."""


class Holder:
    """One process that works on videos, and the leases it holds; renewed by a thread that starts with the first.

    Args:
        store: the library's database.
        lasts: seconds that a lease lasts unless it is renewed.
    """

    def __init__(self, store: Store, lasts: float = LASTS) -> None:
        self._store = store
        self._lasts = lasts
        self._host = socket.gethostname()
        self._pid = os.getpid()
        self.id = f"{self._host}:{self._pid}:{secrets.token_hex(8)}"
        self._held: set[str] = set()
        self._stop = threading.Event()
        self._renewer: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def take(self, name: str) -> bool:
        """Take a lease; False where somebody else holds it and is not known to be dead."""
        with self._store.transaction():
            current = self._store.lease(name)
            if current is not None and not self._is_free(current):
                return False
            self._store.put_lease(Lease(name, self.id, self._host, self._pid, time.time() + self._lasts))
        self._held.add(name)
        if self._renewer is None:
            self._renewer = threading.Thread(target=self._renew, name="vagent-leases", daemon=True)
            self._renewer.start()
        return True

    def holds(self, name: str) -> bool:
        """Whether a lease is still this holder's."""
        current = self._store.lease(name)
        return current is not None and current.holder == self.id

    def check(self, name: str) -> None:
        """Whether work on something may be committed; inside the transaction that does it.

        Raises:
            LibraryBusyError: somebody else has taken the lease over meanwhile.
        """
        if not self.holds(name):
            raise LibraryBusyError("another process has taken over the video meanwhile", hint="nothing is lost")

    def drop(self, name: str) -> None:
        """Give a lease back."""
        self._held.discard(name)
        self._store.drop_lease(name, self.id)

    def sweep(self) -> None:
        """Take away what the dead have left: a process that is killed when its work is done gives nothing back."""
        for lease in self._store.leases():
            if lease.holder != self.id and self._is_free(lease):
                self._store.drop_lease(lease.name, lease.holder)

    def close(self) -> None:
        """Give everything back, where the library can still be written, and stop renewing."""
        self._stop.set()
        if self._renewer is not None:
            self._renewer.join()
        with suppress(LibraryError):  # what cannot be given back lapses
            for name in list(self._held):
                self.drop(name)

    def _is_free(self, lease: Lease) -> bool:
        if lease.holder == self.id or lease.until <= time.time():
            return True
        return lease.host == self._host and not _alive(lease.pid)

    def _renew(self) -> None:
        while not self._stop.wait(self._lasts / 3):
            try:
                self._store.renew_leases(self.id, time.time() + self._lasts)
            except LibraryError as error:  # the work itself meets the same error, and ends with it
                _log.info("leases could not be renewed: %s", error)


def _alive(pid: int) -> bool:
    """Whether a process of this machine lives; one that has ended and that nobody has waited for does not.

    In a container whose first process waits for nobody, the killed stay in the table of processes for good.
    """
    import psutil

    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # somebody else's, and alive
        return True
