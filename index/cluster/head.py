"""The head of a run over many machines: sends films out, takes in what comes back, and puts right what goes wrong.

A node that is lost is nobody's fault: its films go out again, with all that has arrived of them. A task that crashes
costs its film a try, as a worker process does on one machine; what happens to worker processes on the nodes the nodes
deal with themselves, and report. The head opens no film.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from vagent.configs import Settings
from vagent.errors import (
    BundleError,
    EngineFailed,
    LibraryBusyError,
    LibraryError,
    MediaError,
    SourceError,
    VagentError,
)
from vagent.index.batch import quarantine
from vagent.index.batch.files import busy, left_alone
from vagent.index.batch.listeners import Listeners
from vagent.index.batch.standing import Tally
from vagent.index.cluster.entries import Entry, entries, seen_anew
from vagent.index.cluster.fleet import Fleet, Gone, Heard, Task
from vagent.index.cluster.keeper import Keeper
from vagent.index.cluster.messages import Alike, Asks, Block, Broken, Delivered, Errand, Film, Identity, Spent
from vagent.index.records import Video
from vagent.index.video.job import Progress
from vagent.index.video.pipeline import Report
from vagent.tools.time import format_time

_log = logging.getLogger("vagent.index.cluster.head")

_GLANCE = 0.5  # seconds between two looks at tasks that say nothing
_TOLD = 0.2  # seconds between two reports of how far all is
_COUNTED = 5.0  # seconds between two counts of the nodes
_TRIES = 2  # tasks that a film may crash
_LAST_LOOKS = 2  # looks at a film that is another's or still being written when all others are through


class Head:
    """One run over many films.

    Args:
        keeper: of the library.
        fleet: where tasks run.
        settings: the settings in force.
        listeners: told how it goes.
        retry: also what is in quarantine.
    """

    def __init__(
        self, keeper: Keeper, fleet: Fleet, settings: Settings, listeners: Listeners, *, retry: bool = False
    ) -> None:
        self._keeper = keeper
        self._fleet = fleet
        self._settings = settings
        self._listeners = listeners
        self._retry = retry
        self._queue: deque[Entry] = deque()
        self._aside: deque[Entry] = deque()
        self._out: dict[Task, Entry] = {}
        self._known: dict[str, Entry] = {}
        self._reports: dict[str, Report] = {}
        self._told = self._counted = 0.0
        self._room = 1

    def run(self, films: Sequence[Film]) -> list[Report]:
        """Index films.

        Returns:
            One report a film, in their order.

        Raises:
            StorageError, LibraryCorruptError, LibraryBusyError: the library fails.
            KeyboardInterrupt: it was stopped. What had arrived stays, here as in all other cases.
        """
        ordered = entries(self._keeper.store, list(films))
        self._queue.extend(ordered)
        self._tally = Tally(
            {entry.key: entry.film.size for entry in ordered},
            {entry.key: entry.seconds for entry in ordered if entry.seconds is not None},
            described=self._settings.captions.use,
        )
        try:
            while len(self._reports) < len(ordered):
                self._feed()
                for task, said in self._fleet.listen(_GLANCE):
                    self._hear(task, said)
                self._look_after()
        except BaseException:
            self._recall()
            raise
        return [self._reports[film.listed] for film in films]

    # -- what is next

    def _feed(self) -> None:
        """Send out films while there is room for more."""
        if time.monotonic() - self._counted > _COUNTED:
            self._counted, self._room = time.monotonic(), self._fleet.room
        while len(self._out) < self._room and (entry := self._next()) is not None:
            problem = None if self._retry else quarantine.known(self._keeper.store, entry.film.listed, entry.seen)
            if problem is not None:
                self._end(entry, left_alone(entry.film.listed, problem.stage, problem.reason))
            elif entry.fingerprint:
                self._send(entry)
            else:
                self._goes_out(entry, self._fleet.identify(entry.film))

    def _next(self) -> Entry | None:
        """The film whose turn it is; those that were put aside come when nothing else is left."""
        if self._queue:
            return self._queue.popleft()
        return self._aside.popleft() if self._aside and not self._out else None

    def _goes_out(self, entry: Entry, task: Task) -> None:
        entry.goes_out(task)
        self._out[task] = entry

    def _meet(self, entry: Entry, told: Identity) -> None:
        """A node has read what a film is."""
        if told.error is not None:
            self._fails(entry, "open", told.error)
            return
        entry.fingerprint = told.fingerprint
        other = self._known.setdefault(told.fingerprint, entry)
        video = self._keeper.know(entry.film, told.fingerprint)
        if other is not entry and other.film.listed not in self._reports:
            other.twins.append(entry)
        elif video is not None and self._keeper.is_up_to_date(entry.film, video):
            self._end(entry, self._unchanged(entry, video, other))
        else:
            self._send(entry)

    def _send(self, entry: Entry) -> None:
        """A film goes to a node, with all that is known of it."""
        if not self._keeper.give_out(entry):
            self._put_aside(entry, busy(entry.film.listed))
            return
        errand = Errand(entry.film, entry.fingerprint, self._fleet.settings)
        self._goes_out(entry, self._fleet.index(errand, self._keeper.seed(entry)))

    def _put_aside(self, entry: Entry, report: Report) -> None:
        """Come back to a film when all others are through: by then nobody else may have it, or it may be complete."""
        entry.looks += 1
        if entry.looks > _LAST_LOOKS:
            self._end(entry, report)
        else:
            self._tally.put_back(entry.key)
            self._aside.append(entry)

    # -- what the nodes say

    def _hear(self, task: Task, said: Heard) -> None:
        entry = self._out.get(task)
        if entry is None:  # given up in this very round
            return
        entry.heard = time.monotonic()
        if isinstance(said, Identity):
            self._comes_back(entry)
            self._meet(entry, said)
        elif isinstance(said, Progress):
            entry.progress = replace(said, path=entry.film.listed)
            self._tally.see(entry.key, entry.progress)
            if self._listeners.progress is not None:
                self._listeners.progress(entry.progress)
        elif isinstance(said, Block | Delivered):
            self._take_in(entry, said)
        elif isinstance(said, Asks):
            self._fleet.answer(task, self._keeper.looks(entry, said.duration))
        elif isinstance(said, Alike):
            settled = self._keeper.settle(entry, said, self._settings.sync.relink)
            self._comes_back(entry)
            self._heard_of(entry, settled)
        elif isinstance(said, Spent):
            self._keeper.note(entry, said)
        elif isinstance(said, Report):
            self._comes_back(entry)
            self._heard_of(entry, said)
        elif isinstance(said, Broken):
            self._comes_back(entry)
            self._lost(entry, str(said.error), said.error)
        elif isinstance(said, Gone):
            self._comes_back(entry)
            self._went(entry, said)

    def _take_in(self, entry: Entry, said: Block | Delivered) -> None:
        try:
            self._keeper.take_in(entry, said)
        except LibraryBusyError:
            if entry.task is not None:
                self._fleet.cancel(entry.task)
            self._comes_back(entry)
            self._put_aside(entry, busy(entry.film.listed))
        except BundleError as error:
            if entry.task is not None:
                self._fleet.cancel(entry.task)
            self._comes_back(entry)
            self._lost(entry, str(error), error)

    def _heard_of(self, entry: Entry, report: Report) -> None:
        report = self._keeper.finish(entry, report)
        if report.status in ("busy", "waiting"):
            self._forget(entry)
            self._put_aside(entry, report)
        elif report.error is not None:
            self._fails(entry, report.stage or "engine", report.error, _TRIES if report.stage == "crash" else 1)
        else:
            quarantine.clear(self._keeper.store, [entry.film.listed])
            self._end(entry, report)

    def _comes_back(self, entry: Entry) -> None:
        if entry.task is not None:
            self._out.pop(entry.task, None)
        if entry.fingerprint:
            self._keeper.take_back(entry)
        else:
            entry.comes_back()

    def _end(self, entry: Entry, report: Report) -> None:
        self._reports[entry.film.listed] = report
        self._tally.end(entry.key, worked=report.status == "indexed")
        if self._listeners.report is not None:
            self._listeners.report(report)
        for number, twin in enumerate(entry.twins):
            if report.video is not None:
                video = self._keeper.know(twin.film, twin.fingerprint) or report.video
                self._end(twin, self._unchanged(twin, video, entry))
            elif number == 0:  # maybe this copy can be read
                self._known[twin.fingerprint] = twin
                twin.twins += entry.twins[1:]
                self._queue.append(twin)

    @staticmethod
    def _unchanged(entry: Entry, video: Video, other: Entry) -> Report:
        told = (f"the same video as {other.film.listed}",) if other is not entry else ()
        return Report(entry.film.listed, "unchanged", video, notices=told)

    def _forget(self, entry: Entry) -> None:
        """What a film is has to be found out anew."""
        entry.film = seen_anew(entry.film)
        if self._known.get(entry.fingerprint) is entry and not entry.twins:
            del self._known[entry.fingerprint]
        entry.fingerprint = ""

    # -- what goes wrong

    def _look_after(self) -> None:
        """Give up tasks of which nothing is heard any more, and tell how far all is."""
        now, patience = time.monotonic(), self._settings.index.least_patience
        for task, entry in list(self._out.items()):
            silent = (task.node is not None or not entry.fingerprint) and now - entry.heard > patience
            if silent:
                self._fleet.cancel(task)
                self._comes_back(entry)
                self._lost(entry, f"nothing was heard of its node for {patience:.0f} s")
        if self._listeners.standing is not None and now - self._told > _TOLD:
            self._told = now
            self._listeners.standing(self._tally.standing())

    def _went(self, entry: Entry, gone: Gone) -> None:
        """A task ended without a report."""
        _log.info("a task has gone: %s: %s", entry.film.listed, gone)
        if gone.how == "lost":
            self._lost(entry, gone.reason)
        elif gone.how == "defect":
            self._fails(entry, "engine", EngineFailed(f"vagent itself failed ({gone.reason})"))
        else:
            entry.tries += 1
            if entry.tries >= _TRIES:
                reason = f"{gone.reason} {_where(entry)}"
                self._fails(entry, "crash", MediaError(reason, entry.film.listed), entry.tries)
            else:
                self._again(entry)

    def _lost(self, entry: Entry, reason: str, error: VagentError | None = None) -> None:
        """A node was lost, or cannot work; its film goes to another one, a few times."""
        entry.losses += 1
        _log.warning("a node was lost with %s %s: %s", entry.film.listed, _where(entry), reason)
        if entry.losses < self._settings.cluster.tries:
            self._again(entry)
            return
        why = f"{entry.losses} nodes were lost with it, the last one {_where(entry)} ({reason})"
        self._fails(
            entry, "node", error or EngineFailed(why, entry.film.listed, hint="the next run goes on from there")
        )

    def _again(self, entry: Entry) -> None:
        self._tally.put_back(entry.key)
        self._queue.appendleft(entry)

    def _fails(self, entry: Entry, stage: str, error: VagentError, tries: int = 1) -> None:
        """Note why a film cannot be indexed, as a batch on one machine does."""
        status: Literal["quarantined", "failed"]
        lasting = quarantine.record(self._keeper.store, entry.film.listed, entry.seen, stage, error.what, tries)
        if isinstance(error, SourceError) and entry.film.remote is None and error.hint is None:
            error = SourceError(error.what, error.value, hint="does every node see it under this path?")
        status = "quarantined" if lasting else "failed"
        self._end(entry, Report(entry.film.listed, status, error=error, stage=stage))

    def _recall(self) -> None:
        """End all tasks; take in what they had sent, and give the films back."""
        with suppress(LibraryError):  # what cannot be written goes with whatever ended the run
            for task, said in self._fleet.recall():
                entry = self._out.get(task)
                if entry is not None and isinstance(said, Block | Delivered):
                    self._keeper.take_in(entry, said)
        for entry in list(self._out.values()):
            with suppress(LibraryError):  # a lease that cannot be given back lapses
                self._comes_back(entry)


def _where(entry: Entry) -> str:
    """How far a film was, for a reason in words."""
    if entry.progress is None:
        return "before it was opened"
    return f"in the stage {entry.progress.stage!r} at {format_time(entry.progress.done)}"
