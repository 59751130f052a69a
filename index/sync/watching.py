"""Keeps folders in step with the library for as long as it runs.

That something changed is told by the operating system; what changed is found out by looking through the folder, which
costs one look at each file. So nothing is lost where events are: on network disks, or when too many come at once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vagent.errors import EngineUnavailable, SourceError
from vagent.index.sources.files import VIDEO_SUFFIXES
from vagent.index.video.pipeline import Report
from vagent.tools.subtitles.sidecar import SUFFIXES

Look = Callable[[Path], list[Report]]
OnReport = Callable[[Report], object]
OnNotice = Callable[[str], object]

_TICK = 1.0  # seconds between two looks at whether the folders are still there
_AGAIN = 3.0  # seconds after which files that are still being written, or in other hands, are looked at again ...
_RARELY = 60.0  # ... twice as many after each look at which nothing has changed, up to so many
_REGULAR = 600.0  # seconds after which everything is looked at even if nothing was told to have changed
_LONGEST = 15  # times the quiet that is waited for while changes go on
_PENDING = frozenset({"waiting", "busy"})


class Patient:
    """A look that others have to do, who may be out of reach for a while: from the second one on they are waited for.

    Args:
        look: as the watcher takes it.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._reached = False

    def __call__(self, folder: Path) -> list[Report]:
        """The look; the report of a folder that waits where nobody could do it.

        Raises:
            EngineUnavailable: the very first one could not be done.
        """
        try:
            reports = self._look(folder)
        except EngineUnavailable as error:
            if not self._reached:
                raise
            return [Report(str(folder), "waiting", error=error)]
        self._reached = True
        return reports


class Watcher:
    """Watches folders.

    Args:
        folders: that are watched, with all below them; they may go and come back.
        look: looks through a folder and indexes what needs it.
        quiet: seconds without a change before a look.
        on_report: told of each file that something happened to; of one that waits or fails once.
        on_notice: told in words what else happens.
        apart: a folder whose changes are the library's own.

    Raises:
        SourceError: what is to be watched is no folder.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        look: Look,
        *,
        quiet: float,
        on_report: OnReport,
        on_notice: OnNotice,
        apart: Path,
    ) -> None:
        for folder in folders:
            if folder.expanduser().is_file():
                raise SourceError("only folders can be watched", str(folder), hint="name the folder it lies in")
        self._folders = [folder.expanduser().absolute() for folder in folders]
        self._look = look
        self._quiet = quiet
        self._on_report = on_report
        self._on_notice = on_notice
        self._apart = os.path.realpath(apart) + os.sep
        self._told: dict[str, str] = {}
        self._away: set[Path] = set()
        self._looked = 0.0

    def run(self, stop: threading.Event) -> None:
        """Watch until ``stop`` is set, or KeyboardInterrupt is raised in the main thread.

        Raises:
            LibraryError: the library fails.
        """
        while not stop.is_set():
            there = self._there()
            if not there:
                stop.wait(_TICK)
                continue
            try:
                self._watch(there, stop)
            except FileNotFoundError:  # it has gone since
                stop.wait(_TICK)

    def _watch(self, there: dict[Path, tuple[int, int]], stop: threading.Event) -> None:
        """Watch these folders until one of them goes, or another comes."""
        import watchfiles

        events = watchfiles.watch(
            *there,
            watch_filter=self._counts,
            step=round(self._quiet * 1000),
            debounce=round(_LONGEST * self._quiet * 1000),
            rust_timeout=round(_TICK * 1000),
            yield_on_timeout=True,
            stop_event=stop,
        )
        first, pending, again = True, False, _AGAIN
        for changes in events:
            if self._there() != there:
                return
            passed = time.monotonic() - self._looked
            # The first look comes when the watch stands: what changes from then on is told.
            if first or changes or passed >= _REGULAR or (pending and passed >= again):
                again = _AGAIN if first or changes else min(2 * again, _RARELY)
                first, pending = False, self._look_through(list(there))
                self._looked = time.monotonic()

    def _there(self) -> dict[Path, tuple[int, int]]:
        """The folders that are there, and which they are: another disk may be mounted at the same place."""
        found = {}
        for folder in self._folders:
            try:
                status = folder.stat()
            except OSError as error:
                if folder not in self._away:
                    self._on_notice(f"{folder} cannot be reached ({error.strerror}); waiting for it to come back")
                    self._away.add(folder)
                continue
            if folder in self._away:
                self._on_notice(f"{folder} is back")
                self._away.discard(folder)
            found[folder] = (status.st_dev, status.st_ino)
        return found

    def _look_through(self, folders: Sequence[Path]) -> bool:
        """Look through folders; True where something has to be looked at again soon."""
        pending = False
        for folder in folders:
            try:
                reports = self._look(folder)
            except SourceError as error:  # nothing in it, or a disk that is not mounted
                if self._is_new(str(folder), str(error)):
                    self._on_notice(str(error))
                continue
            self._told.pop(str(folder), None)
            for report in reports:
                pending |= report.status in _PENDING
                if report.status == "unchanged":
                    self._told.pop(report.path, None)
                elif self._is_new(report.path, f"{report.status}: {report.error or report.notices}"):
                    self._on_report(report)
        return pending

    def _is_new(self, what: str, said: str) -> bool:
        """Whether something was not the last thing said about this."""
        new = self._told.get(what) != said
        self._told[what] = said
        return new

    def _counts(self, change: Any, path: str) -> bool:
        """Whether a change may concern a video: of folders it is not known what was in them."""
        if (os.path.realpath(path) + os.sep).startswith(self._apart):
            return False
        suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - called for every change on a disk
        return suffix in VIDEO_SUFFIXES or suffix in SUFFIXES or not os.path.isfile(path)  # noqa: PTH113
