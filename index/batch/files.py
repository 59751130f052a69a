"""One file into the library, whatever it is: identified, leased, indexed, and in quarantine where that fails.

This is the work of every process that indexes, be it the only one, a worker of a batch or a task on another machine.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from vagent.errors import (
    LibraryBusyError,
    LibraryCorruptError,
    LibraryVersionError,
    MediaError,
    StorageError,
    VagentError,
)
from vagent.index.batch import quarantine
from vagent.index.batch.cut_short import cut_short
from vagent.index.batch.leases import Holder
from vagent.index.batch.listeners import Listeners
from vagent.index.batch.settling import Look, look, moved_since
from vagent.index.batch.standing import Tally
from vagent.index.pictures import Pictures
from vagent.index.records import Video
from vagent.index.sources.fingerprint import fingerprint
from vagent.index.store import Place, Store
from vagent.index.sync.newcomers import Newcomers, Relink
from vagent.index.video.job import OnProgress, Progress
from vagent.index.video.pipeline import Report, VideoIndexer
from vagent.tools import heap
from vagent.tools.engines import Engines
from vagent.tools.media.probe import probe

_log = logging.getLogger("vagent.index.batch.files")

_OF_THE_LIBRARY = (StorageError, LibraryCorruptError, LibraryVersionError, LibraryBusyError)
"""What ends a run rather than the work on one file."""

_TAKE = "try again when it is complete, or take it as it is with `vagent index FILE --retry`"


class FileIndexer:
    """Indexes files, one after the other.

    Args:
        store: the library's database.
        engines: the engines of this process, with the settings in force.
        holder: who takes the leases.
        relink: what is done with a film of the library in another encoding; None: as the settings say.
    """

    def __init__(self, store: Store, engines: Engines, holder: Holder, relink: Relink | None = None) -> None:
        heap.steady()
        self._store = store
        self._engines = engines
        self._holder = holder
        self._settle = engines.settings.index.settle
        self._unfinished = engines.settings.index.unfinished
        self._newcomers = Newcomers(store, engines, relink or engines.settings.sync.relink)

    def index(self, file: Path, on_progress: OnProgress | None = None, *, retry: bool = False) -> Report:
        """Index a file, or say why not; what is up to date is left alone.

        Args:
            on_progress: told a few times a second how far it is.
            retry: also what is in quarantine, or cut short.

        Raises:
            StorageError, LibraryCorruptError, LibraryBusyError: the library fails, whatever the file.
        """
        phase = _Phase(on_progress)
        before: Look | None = None
        try:
            before = look(file)
            if not retry and (problem := quarantine.known(self._store, file, before)):
                return left_alone(file, problem.stage, problem.reason)
            if not retry and (short := self._under_way(file, before)):
                return waiting(file, short, _TAKE)
            report = self._work(file, before, phase)
        except _OF_THE_LIBRARY:
            raise
        except VagentError as error:
            if before is not None and isinstance(error, MediaError) and moved_since(file, before, self._settle):
                return waiting(file, error.what)
            stage = quarantine.stage_of(error, phase.name)
            if isinstance(error, MediaError) and (short := cut_short(file)):
                error = MediaError(f"{error.what}; the file is cut short: {short}", str(file), hint=error.hint)
            return self._failed(file, before, stage, error)
        quarantine.clear(self._store, [file])
        if report.status == "indexed" and (short := cut_short(file)):
            told = f"the file is cut short: {short}; only what is there was indexed"
            return replace(report, notices=(*report.notices, told))
        return report

    def _under_way(self, file: Path, seen: Look) -> str | None:
        """Why a file counts as being copied still: it is cut short, and has changed not long ago."""
        if seen.age() >= self._unfinished:
            return None
        known = self._store.by_path(str(file.resolve()), seen.size, seen.mtime_ns)
        return None if known is not None and known.complete else cut_short(file)

    def give_up(self, file: Path, error: VagentError) -> Report:
        """Note that the work on a file ended with an error that is nobody's to catch."""
        try:
            seen = look(file)
        except VagentError:
            seen = None
        return self._failed(file, seen, "engine", error)

    def _failed(self, file: Path, seen: Look | None, stage: str, error: VagentError) -> Report:
        _log.info("not indexed: %s: %s", file, error)
        lasting = quarantine.record(self._store, file, seen or Look(0, 0, 0), stage, error.what)
        return Report(path=str(file), status="quarantined" if lasting else "failed", error=error, stage=stage)

    def _work(self, file: Path, before: Look, on_progress: OnProgress) -> Report:
        video, new = self._identify(file, before)
        with self._alone(video) as ours:
            if not ours:
                return busy(file)
            video = self._store.video(video.id)  # what another process did before the lock was ours
            info = probe(file)
            place = Place(str(file.resolve()), before.size, before.mtime_ns, video.id)
            met = self._newcomers.meet(file, video, info, place, self._alone)
            if met.report is not None:
                return met.report
            pictures = Pictures(self._store.folder / "frames", video.fingerprint)
            indexer = VideoIndexer(
                *(self._store, video, info, self._engines, pictures, on_progress),
                guard=lambda: self._holder.check(video.fingerprint),
                known=met.known,
            )
            try:
                report = indexer.run()
            except LibraryBusyError:
                if self._holder.holds(video.fingerprint):
                    raise
                return busy(file)
            if not look(file).same(before):
                if new:
                    self._store.remove_video(video.id)
                    pictures.remove()
                return waiting(file, "it changed while it was indexed")
            return replace(report, notices=(*report.notices, met.told)) if met.told else report

    @contextmanager
    def _alone(self, video: Video) -> Iterator[bool]:
        """Work on a video that nobody else works on; False where somebody does."""
        lock = FileLock(self._store.folder / "locks" / f"{video.fingerprint}.lock")
        try:
            held = lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        except OSError as error:
            raise StorageError(f"the library cannot be written ({error})", str(self._store.folder)) from error
        with held:
            if not self._holder.take(video.fingerprint):
                yield False
                return
            try:
                yield True
            finally:
                self._holder.drop(video.fingerprint)

    def _identify(self, file: Path, seen: Look) -> tuple[Video, bool]:
        """The video whose bytes the file holds, and whether it is new to the library."""
        path = str(file.resolve())
        known = self._store.by_path(path, seen.size, seen.mtime_ns)
        if known is not None:
            return known, False
        info = probe(file)
        mark = fingerprint(file)
        known = self._store.by_fingerprint(mark)
        if known is not None:
            self._store.see_path(known.id, path, seen.size, seen.mtime_ns)
            return self._store.video(known.id), False
        return self._store.add_video(mark, path, seen.size, seen.mtime_ns, info.duration or 0.0, {}), True


def left_alone(file: Path | str, stage: str, reason: str) -> Report:
    """The report of a file in quarantine."""
    error = MediaError(
        f"{reason} (in quarantine)", str(file), hint="it is tried again when it changes, or with --retry"
    )
    return Report(path=str(file), status="quarantined", error=error, stage=stage)


def waiting(file: Path | str, reason: str, hint: str = "try again when it is complete") -> Report:
    """The report of a file that is still being written."""
    error = MediaError(f"it is still being written ({reason})", str(file), hint=hint)
    return Report(path=str(file), status="waiting", error=error)


def busy(file: Path | str) -> Report:
    """The report of a file, or of what a URL names, that another process works on."""
    error = LibraryBusyError("another process is indexing this video", str(file), hint="try again later")
    return Report(path=str(file), status="busy", error=error)


def index_one(indexer: FileIndexer, file: Path, listeners: Listeners, *, retry: bool = False) -> Report:
    """Index a single file in this process, and tell of it as a batch of one does."""
    tally = Tally({file: 0}, {})

    def on_progress(progress: Progress) -> None:
        tally.see(file, progress)
        if listeners.progress is not None:
            listeners.progress(progress)
        if listeners.standing is not None:
            listeners.standing(tally.standing())

    report = indexer.index(file, on_progress, retry=retry)
    if listeners.report is not None:
        listeners.report(report)
    return report


class _Phase:
    """Passes progress on and remembers which phase it was of; before any, the file is probed."""

    def __init__(self, then: OnProgress | None) -> None:
        self.name = "probe"
        self._then = then

    def __call__(self, progress: Progress) -> None:
        self.name = progress.stage
        if self._then is not None:
            self._then(progress)
