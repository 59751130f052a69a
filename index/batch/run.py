"""Many files into a library, side by side in worker processes, so that none of them costs another anything.

A worker that dies costs the file in work one try: it is tried once more, in a process of its own, and then goes into
quarantine. A worker that makes no progress for too long is killed, and its file goes there at once. A library that
fails (a full disk) ends the run. All that is committed stays.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path

from vagent.configs import Settings
from vagent.errors import EngineFailed, LibraryError, MediaError, SourceError
from vagent.index.batch import crew, quarantine
from vagent.index.batch.crew import Worker
from vagent.index.batch.files import waiting
from vagent.index.batch.listeners import Listeners
from vagent.index.batch.messages import Broken, Ready, Task
from vagent.index.batch.queue import Entry, queue
from vagent.index.batch.settling import Look, look
from vagent.index.batch.standing import Tally
from vagent.index.store import Store
from vagent.index.video.job import Progress
from vagent.index.video.pipeline import Report
from vagent.tools.time import format_time

_log = logging.getLogger("vagent.index.batch.run")

_GLANCE = 0.5  # seconds between two looks at workers that say nothing
_TOLD = 0.2  # seconds between two reports of how far all is
_TRIES = 2  # workers that a file may cost
_STILLBORN = 2  # workers one after the other that may die before they are ready
_LAST_LOOKS = 2  # looks at a file that is still being written when all others are through


class Batch:
    """One run over many files.

    Args:
        store: the library's database.
        shares: the settings of each worker; at most one process is started for each.
        listeners: told how it goes.
        retry: also what is in quarantine.
    """

    def __init__(self, store: Store, shares: Sequence[Settings], listeners: Listeners, *, retry: bool = False) -> None:
        self._store = store
        self._shares = list(shares)
        self._listeners = listeners
        self._retry = retry
        self._settle = shares[0].index.settle
        self._queue: deque[Entry] = deque()
        self._aside: list[Entry] = []
        self._again: deque[Entry] = deque()
        self._entries: dict[Path, Entry] = {}
        self._workers: list[Worker] = []
        self._reports: dict[Path, Report] = {}
        self._stillborn = 0
        self._told = 0.0

    def run(self, files: Sequence[Path]) -> list[Report]:
        """Index the files.

        Returns:
            One report a file, in the order of the files.

        Raises:
            StorageError, LibraryCorruptError, LibraryBusyError: the library fails.
            EngineFailed: no worker can be started.
            KeyboardInterrupt: it was stopped; the workers have been too.
        """
        entries = queue(self._store, files)
        self._entries = {entry.file: entry for entry in entries}
        self._queue.extend(entries)
        self._tally = Tally(
            {entry.file: entry.size for entry in entries},
            {entry.file: entry.seconds for entry in entries if entry.seconds is not None},
            described=self._shares[0].captions.use,
        )
        try:
            while len(self._reports) < len(self._entries):
                self._feed()
                self._listen()
            crew.retire(self._workers)
        except BaseException:
            crew.stop(self._workers)
            self._forget_leases(self._workers)
            raise
        return [self._reports[file] for file in files]

    # -- what is next

    def _feed(self) -> None:
        """Give every idle worker a file; start workers while there are more files than workers."""
        while self._has_room() and (entry := self._next()) is not None:
            worker = self._idle(alone=entry.tries > 0)
            worker.give(Task(entry.file, self._retry, alone=entry.tries > 0))

    def _next(self) -> Entry | None:
        """The file whose turn it is; files that are still being written are put aside."""
        if self._again:
            return self._again.popleft()
        while self._queue:
            entry = self._queue.popleft()
            if entry.seen is None or entry.seen.age() >= self._settle:
                return entry
            self._put_aside(entry)
        return self._settled()

    def _put_aside(self, entry: Entry) -> None:
        """Come back to a file later; how often it was in vain counts once there is nothing else to do."""
        entry.looks += not self._queue and all(worker.task is None for worker in self._workers)
        age = entry.seen.age() if entry.seen else 0.0
        entry.not_before = time.monotonic() + (self._settle - age if age < self._settle else _GLANCE)
        self._aside.append(entry)

    def _settled(self) -> Entry | None:
        """A file that was put aside and has not changed since; one that goes on changing waits for another run."""
        for entry in [entry for entry in self._aside if entry.not_before <= time.monotonic()]:
            self._aside.remove(entry)
            seen, before = _look(entry.file), entry.seen
            entry.seen = seen
            if seen is None or before is None or seen.same(before):
                return entry
            if entry.looks < _LAST_LOOKS:
                self._put_aside(entry)
            else:
                self._end(entry.file, waiting(entry.file, "its size or time of change moves"))
        return None

    def _has_room(self) -> bool:
        return len(self._workers) < len(self._shares) or any(worker.task is None for worker in self._workers)

    def _idle(self, *, alone: bool) -> Worker:
        """A worker for the next file: one that is idle, else a new one; there is room for it."""
        idle = [worker for worker in self._workers if worker.task is None]
        for worker in idle:
            if worker.fresh or not alone:
                return worker
        if idle:  # a file that broke a worker gets one that nothing else has been in
            self._workers.remove(idle[0])
            crew.retire(idle[:1])
        taken = {id(worker.settings) for worker in self._workers}
        worker = crew.start(next(share for share in self._shares if id(share) not in taken))
        self._workers.append(worker)
        return worker

    # -- what the workers say

    def _listen(self) -> None:
        """Hear what the workers say, for a moment."""
        speaking = wait([worker.pipe for worker in self._workers], _GLANCE) if self._workers else []
        if not self._workers:
            time.sleep(min(_GLANCE, self._settle))  # all that is left is still being written
        for worker in [worker for worker in self._workers if worker.pipe in speaking]:
            self._hear(worker)
        for worker in [worker for worker in self._workers if worker.overdue]:
            self._give_up(worker)
        if self._listeners.standing is not None and time.monotonic() - self._told > _TOLD:
            self._told = time.monotonic()
            self._listeners.standing(self._tally.standing())

    def _hear(self, worker: Worker) -> None:
        said = worker.hear()
        if said is None:
            self._died(worker)
        elif isinstance(said, Broken):
            raise said.error
        elif isinstance(said, Ready):
            worker.holder = said.holder
        elif isinstance(said, Progress) and worker.task is not None:
            self._tally.see(worker.task.file, said)
            if self._listeners.progress is not None:
                self._listeners.progress(said)
        elif isinstance(said, Report) and worker.task is not None:
            alone, file = worker.task.alone, worker.task.file
            worker.task = None
            self._heard_of(file, said)
            if alone:
                self._workers.remove(worker)
                crew.retire([worker])

    def _heard_of(self, file: Path, report: Report) -> None:
        entry = self._entries[file]
        # Another process has it, or it is being written: by the time that all others are through, that may be over.
        if report.status in ("busy", "waiting") and entry.looks < _LAST_LOOKS:
            entry.seen = _look(file)
            self._tally.put_back(file)
            self._put_aside(entry)
        else:
            self._end(file, report)

    def _end(self, file: Path, report: Report) -> None:
        self._reports[file] = report
        self._tally.end(file, worked=report.status == "indexed")
        if self._listeners.report is not None:
            self._listeners.report(report)

    # -- what goes wrong

    def _died(self, worker: Worker) -> None:
        """A worker has gone, and with it a try of its file."""
        status = worker.wait()
        self._workers.remove(worker)
        self._forget_leases([worker])
        reason = crew.death(status)
        _log.info("a worker has gone: %s; its last words: %s", reason, worker.last_words)
        self._stillborn = self._stillborn + 1 if worker.holder is None else 0
        if self._stillborn > _STILLBORN:
            raise EngineFailed("processes to index in do not start", worker.last_words or reason)
        if worker.task is None:
            return
        entry = self._entries[worker.task.file]
        entry.tries += worker.holder is not None
        self._tally.put_back(entry.file)
        if entry.tries >= _TRIES:
            self._quarantine(entry, "crash", f"{reason} {_where(worker)}")
        else:
            self._again.append(entry)

    def _give_up(self, worker: Worker) -> None:
        """Kill a worker that makes no progress."""
        assert worker.task is not None
        entry = self._entries[worker.task.file]
        worker.kill()
        self._workers.remove(worker)
        self._forget_leases([worker])
        entry.tries += 1
        self._quarantine(entry, "hang", f"no progress for {worker.patience:.0f} s {_where(worker)}")

    def _quarantine(self, entry: Entry, stage: str, reason: str) -> None:
        seen = _look(entry.file) or Look(0, 0, 0)
        quarantine.record(self._store, entry.file, seen, stage, reason, entry.tries)
        error = MediaError(reason, str(entry.file), hint="it is left alone until it changes, or use --retry")
        self._end(entry.file, Report(path=str(entry.file), status="quarantined", error=error, stage=stage))

    def _forget_leases(self, workers: Sequence[Worker]) -> None:
        """Give back what dead workers held; what cannot be given back lapses."""
        with suppress(LibraryError):
            for worker in workers:
                if worker.holder is not None:
                    self._store.drop_leases(worker.holder)


def _where(worker: Worker) -> str:
    """How far a worker was, for a reason in words."""
    if worker.progress is None:
        return "while the file was opened"
    return f"in the stage {worker.progress.stage!r} at {format_time(worker.progress.done)}"


def _look(file: Path) -> Look | None:
    """A glance at a file; None where it cannot be looked at, which whoever indexes it says better."""
    try:
        return look(file)
    except SourceError:
        return None
