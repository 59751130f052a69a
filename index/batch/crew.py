"""The worker processes of a batch, as the batch sees them."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from vagent.configs import Settings
from vagent.errors import EngineFailed
from vagent.index.batch.messages import Said, Setup, Task
from vagent.index.video.job import Progress
from vagent.tools import children

_PROGRAM = "vagent.index.batch.worker"
_GRACE = 1.0  # seconds from being asked to stop to being killed
_DEAD = 5.0  # seconds that a killed process may take to go; one that waits for a lost disk never does

_REASONS = {
    signal.SIGKILL: "killed, maybe because memory ran out",
    signal.SIGSEGV: "a decoder or an engine crashed",
    signal.SIGABRT: "a decoder or an engine gave up",
    signal.SIGBUS: "a decoder crashed, or the file shrank while it was read",
    signal.SIGILL: "an engine needs another processor",
    signal.SIGFPE: "a decoder or an engine crashed",
}


class Worker:
    """One worker process and the talk with it.

    Attributes:
        settings: those of its share.
        task, progress: the file it has in work, and how far that is.
        holder: the name that its leases carry, once it has said so.
        fresh: whether it never had a file.
        last_words: the last line that it or a library in it wrote, once it has gone.
    """

    def __init__(self, settings: Settings) -> None:
        self.task: Task | None = None
        self.progress: Progress | None = None
        self.holder: str | None = None
        self.fresh = True
        self.last_words = ""
        self._moved = time.monotonic()
        self.settings = settings
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.process, self.pipe = children.start(_PROGRAM, settings.threads, self._said)
        self.pipe.send(Setup(settings))

    def give(self, task: Task) -> None:
        """Hand over a file; a worker that has died meanwhile is found out by whoever listens."""
        self.task, self.progress, self.fresh, self._moved = task, None, False, time.monotonic()
        with suppress(OSError):
            self.pipe.send(task)

    def hear(self) -> Said | None:
        """The next thing it says; None where it has died."""
        try:
            said: Said = self.pipe.recv()
        except (EOFError, OSError):
            return None
        if not isinstance(said, Progress):
            self._moved = time.monotonic()
        elif self.progress is None or (said.stage, said.done) != (self.progress.stage, self.progress.done):
            self.progress, self._moved = said, time.monotonic()
        return said

    @property
    def patience(self) -> float:
        """Seconds that it may go without progress."""
        given = self.settings.index
        minutes = (self.progress.total or 0.0) / 60 if self.progress else 0.0
        return max(given.least_patience, given.patience * minutes)

    @property
    def overdue(self) -> bool:
        """Whether it has had a file for too long without progress."""
        return self.task is not None and time.monotonic() - self._moved > self.patience

    def kill(self) -> int | None:
        """End it at once; its exit status, negative for a signal, or None where it does not even die."""
        self.process.kill()
        return self.wait()

    def wait(self) -> int | None:
        """Wait until it has gone, and free what it held; its exit status, or None where it is still there."""
        status: int | None = None
        with suppress(subprocess.TimeoutExpired):
            status = self.process.wait(_DEAD)
        self.pipe.close()
        if not self._said.closed:
            self.last_words = _last_line(self._said)
            self._said.close()
        return status


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read()[-10_000:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def start(settings: Settings) -> Worker:
    """A new worker.

    Raises:
        EngineFailed: no process can be started.
    """
    try:
        return Worker(settings)
    except OSError as error:
        raise EngineFailed(f"no process can be started to index in ({error})") from error


def stop(workers: Sequence[Worker]) -> None:
    """Ask all to stop at the next safe point, and kill those that have not within a second."""
    try:
        for worker in workers:
            worker.process.terminate()
        until = time.monotonic() + _GRACE
        for worker in workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, until - time.monotonic()))
    finally:  # a second Ctrl-C kills
        for worker in workers:
            worker.kill()


def retire(workers: Sequence[Worker]) -> None:
    """Let workers go that have nothing left to do."""
    for worker in workers:
        with suppress(OSError):
            worker.pipe.send(None)
    for worker in workers:
        if worker.wait() is None:
            worker.kill()


def death(status: int | None) -> str:
    """How a process ended, in words.

    Args:
        status: its exit status, negative for a signal.
    """
    if status is None:
        return "its process does not even die"
    if status >= 0:
        return f"its process ended with status {status}"
    try:
        named = signal.Signals(-status)
    except ValueError:
        return f"its process was ended by signal {-status}"
    return f"{_REASONS.get(named, 'its process was ended')} (signal {-status}, {named.name})"
