"""How videos come into a library: files and folders are looked through, and what needs work is indexed."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vagent.configs import Settings
from vagent.errors import SourceError
from vagent.index.forecast import Compared, Forecast, check_workers
from vagent.index.records import Video
from vagent.index.sources.files import names_a_file, video_files
from vagent.index.sources.fingerprint import fingerprint
from vagent.index.sources.urls import is_url
from vagent.index.store import Problem, Store
from vagent.tools.engines import Engines

if TYPE_CHECKING:  # questions need none of what indexes, which takes longer to import than to answer some of them
    from vagent.index.batch.files import FileIndexer
    from vagent.index.batch.leases import Holder
    from vagent.index.batch.listeners import Listeners, OnReport
    from vagent.index.batch.standing import OnStanding
    from vagent.index.sync.newcomers import Relink
    from vagent.index.video.job import OnProgress
    from vagent.index.video.pipeline import Report


class Intake(Forecast):
    """The part of a library that takes videos in."""

    settings: Settings
    store: Store
    engines: Engines
    _holder: Holder | None = None

    def add(
        self,
        sources: Path | str | Iterable[Path | str],
        on_progress: OnProgress | None = None,
        *,
        workers: int | None = None,
        retry: bool = False,
        relink: Relink | None = None,
        ray: str | None = None,
        on_standing: OnStanding | None = None,
        on_report: OnReport | None = None,
    ) -> list[Report]:
        """Index files and folders; what is up to date is left alone.

        A file named by itself is indexed in this process; those of folders are in processes of their own, so that none
        that crashes or hangs costs the others anything. A file that fails is reported, and left alone until it changes.
        A file that moved or was copied is known by its content; a video of a folder whose file is gone is marked as
        missing.

        Args:
            sources: files and folders.
            on_progress: told a few times a second how far each file is.
            workers: how many processes; None: as the settings say. Not with ``ray``.
            retry: also what is in quarantine.
            relink: whether a film of the library that comes in another encoding takes over its index (``always``),
                waits (``ask``) or is indexed (``never``); None: as the settings say.
            ray: the address of a Ray cluster, whose nodes index instead of processes here; empty: the one that the
                settings name, or one that is started on this machine. Sources may be URLs then.
            on_standing: told as often how far all files are together.
            on_report: told of each file that is through.

        Returns:
            One report a file, in order, then one for each video that is gone.

        Raises:
            SourceError: a source names nothing, or looks like a disk that is not mounted.
            EngineUnavailable, EngineFailed: the cluster cannot be used.
            SettingsError: workers were asked for of a cluster.
            StorageError, LibraryCorruptError, LibraryBusyError: the library itself fails, for instance because the disk
                is full; what was committed stays.
        """
        from vagent.index.batch import quarantine
        from vagent.index.batch.listeners import Listeners
        from vagent.index.sync.folders import look_through

        listeners = Listeners(on_progress, on_standing, on_report)
        named = [sources] if isinstance(sources, str | Path) else list(sources)
        relink = relink or self.settings.sync.relink
        if ray is not None:
            check_workers(workers)
            return self._add_by_cluster(named, listeners, ray, retry=retry, relink=relink)
        plan = look_through(self.store, self.engines, named, patient=relink == "ask")
        if on_report is not None:
            for report in (*plan.settled.values(), *plan.gone):
                on_report(report)
        spread = workers is not None or not names_a_file(named)
        done = self._index(plan.left, listeners, spread=spread, workers=workers, retry=retry, relink=relink)
        quarantine.clear(self.store, plan.settled)
        reports = plan.merged(done)
        self._name(reports)
        self._leases().sweep()
        return reports

    def _add_by_cluster(
        self, named: Sequence[Path | str], listeners: Listeners, address: str, *, retry: bool, relink: Relink
    ) -> list[Report]:
        from vagent.index.cluster.adding import add_by_cluster

        self.compared = None
        sync = self.settings.sync.model_copy(update={"relink": relink})
        settings = self.settings.model_copy(update={"sync": sync})
        run = self.store.start_run(settings.model_dump(mode="json"), {"sources": [str(one) for one in named]})
        reports = add_by_cluster(
            self.store, self._leases(), settings, named, listeners, address=address or None, retry=retry
        )
        self.store.finish_run(run, "done", Counter(report.status for report in reports))
        self._name(reports)
        self._leases().sweep()
        return reports

    def prepare(
        self,
        source: Path | str,
        on_progress: OnProgress | None = None,
        *,
        again: bool = False,
        on_standing: OnStanding | None = None,
    ) -> list[Report]:
        """Index what a question to ``source`` needs: files that are not in the library, or not completely.

        What is complete is used as it is, whatever preset it was indexed with, unless ``again``.

        Raises:
            VagentError: none of the files can be indexed; the first one's error.
            SourceError: the source names nothing, on disk or in the library.
        """
        try:
            files = video_files(Path(source))
        except SourceError:
            if self._paths_of(source):
                return []  # the file has gone, what it showed has not
            raise
        missing = files if again else [file for file in files if not self._ready(file)]
        if not missing:
            return []
        from vagent.index.batch.listeners import Listeners

        # Whoever asks about this very file wants an answer from it, not a question back.
        listeners = Listeners(on_progress, on_standing)
        reports = self._index(missing, listeners, spread=not names_a_file([source]), relink="never")
        self._name(reports)
        errors = [report.error for report in reports if report.error is not None]
        if errors and len(errors) == len(files):
            raise errors[0]
        return reports

    def _name(self, reports: Iterable[Report]) -> None:
        from vagent.index.sources.titles import name_videos

        done = [report.video.id for report in reports if report.video and report.status in ("indexed", "relinked")]
        name_videos(self.store, done)

    def _ready(self, file: Path) -> bool:
        known = self._known(file)
        return known is not None and known.complete and known.path == str(file.resolve())

    def _index(
        self,
        files: Sequence[Path],
        listeners: Listeners,
        *,
        spread: bool,
        relink: Relink,
        workers: int | None = None,
        retry: bool = False,
    ) -> list[Report]:
        """Index files: in processes of their own where the work is ``spread``, else one after the other here."""
        self.compared, begun = None, time.monotonic()
        if not files:
            return []
        from vagent.index.batch.files import index_one
        from vagent.index.batch.run import Batch
        from vagent.index.batch.shares import shares

        run = self.store.start_run(self.settings.model_dump(mode="json"), {"files": [str(file) for file in files]})
        sync = self.settings.sync.model_copy(update={"relink": relink})
        settings = self.settings.model_copy(update={"sync": sync})
        each = shares(settings, len(files), workers or settings.index.workers) if spread else [settings]
        expected = self._foretold(files, each)
        if not spread:
            reports = [index_one(self._indexer(relink), file, listeners, retry=retry) for file in files]
        else:
            self.engines.close()  # their memory is the workers' now
            reports = Batch(self.store, each, listeners, retry=retry).run(files)
        self.store.finish_run(run, "done", Counter(report.status for report in reports))
        if expected is not None and all(report.status == "indexed" for report in reports):
            self.compared = Compared(expected, time.monotonic() - begun)
        return reports

    def _indexer(self, relink: Relink) -> FileIndexer:
        from vagent.index.batch.files import FileIndexer

        return FileIndexer(self.store, self.engines, self._leases(), relink)

    def _leases(self) -> Holder:
        from vagent.index.batch.leases import Holder

        if self._holder is None:
            self._holder = Holder(self.store)
        return self._holder

    def problems(self) -> list[Problem]:
        """The files in quarantine and those that failed, by path; what is gone from the disk is forgotten."""
        found = []
        for problem in self.store.problems():
            if is_url(problem.path) or os.path.lexists(problem.path):
                found.append(problem)
            else:
                self.store.remove_problem(problem.path)
        return found

    def _paths_of(self, source: Path | str) -> list[Video]:
        wanted = str(source) if is_url(source) else str(Path(source).expanduser().absolute())
        return [video for video in self.store.videos() if wanted in self.store.paths(video.id)]

    def _known(self, file: Path) -> Video | None:
        status = file.stat()
        known = self.store.by_path(str(file.resolve()), status.st_size, status.st_mtime_ns)
        return known or self.store.by_fingerprint(fingerprint(file))

    def _let_go(self) -> None:
        """Give back what this process holds of the library."""
        if self._holder is not None:
            self._holder.close()
