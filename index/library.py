"""A library: many videos, what is known of them, and one search over all of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import SourceError, VagentError
from vagent.index.batch import quarantine
from vagent.index.batch.files import FileIndexer, index_one
from vagent.index.batch.leases import Holder
from vagent.index.batch.listeners import Listeners, OnReport
from vagent.index.batch.run import Batch
from vagent.index.batch.shares import shares
from vagent.index.batch.standing import OnStanding
from vagent.index.fingerprint import fingerprint
from vagent.index.job import KINDS, OnProgress
from vagent.index.pictures import Pictures
from vagent.index.pipeline import Report
from vagent.index.records import KINDS as EVIDENCE_KINDS
from vagent.index.records import Clip, Evidence, Kind, Moment, Shot, Video
from vagent.index.search import Filters, Searcher
from vagent.index.sources import video_files
from vagent.index.store import Problem, Store
from vagent.index.summaries import fingerprint as fingerprint_of_summaries
from vagent.index.summaries import summarise
from vagent.index.sync.folders import look_through
from vagent.index.sync.newcomers import Relink
from vagent.index.titles import name_videos
from vagent.tools.engines import Engines
from vagent.tools.media.probe import probe
from vagent.tools.time import Span, format_time


@dataclass(frozen=True, slots=True)
class Searched:
    """A stretch of a video that an answer rests on having searched, and the senses indexed there."""

    video: Video
    span: Span
    kinds: tuple[Kind, ...]


class VideoLibrary:
    """One folder with the database, the vectors and the pictures of any number of videos.

    Any number of processes may read it; one at a time indexes a given video.

    Args:
        settings: the settings in force; they name the folder.

    Raises:
        LibraryError: it cannot be opened; the message says what to do.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.library_dir
        self.store = Store(self.folder)
        self.engines = Engines(self.settings)
        self._searcher: Searcher | None = None
        self._holder: Holder | None = None
        self._summed_up: dict[int, tuple[str, list[Evidence]]] = {}

    def close(self) -> None:
        """Let go of the database, the models and the worker processes."""
        if self._holder is not None:
            self._holder.close()
        self.engines.close()
        self.store.close()

    # -- what goes in

    def add(
        self,
        sources: Path | str | Iterable[Path | str],
        on_progress: OnProgress | None = None,
        *,
        workers: int | None = None,
        retry: bool = False,
        relink: Relink | None = None,
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
            workers: how many processes; None: as the settings say.
            retry: also what is in quarantine.
            relink: whether a film of the library that comes in another encoding takes over its index (``always``),
                waits (``ask``) or is indexed (``never``); None: as the settings say.
            on_standing: told as often how far all files are together.
            on_report: told of each file that is through.

        Returns:
            One report a file, in order, then one for each video that is gone.

        Raises:
            SourceError: a source names nothing, or looks like a disk that is not mounted.
            StorageError, LibraryCorruptError, LibraryBusyError: the library itself fails, for instance because the disk
                is full; what was committed stays.
        """
        listeners = Listeners(on_progress, on_standing, on_report)
        named = [sources] if isinstance(sources, str | Path) else list(sources)
        relink = relink or self.settings.sync.relink
        plan = look_through(self.store, self.engines, named, patient=relink == "ask")
        if on_report is not None:
            for report in (*plan.settled.values(), *plan.gone):
                on_report(report)
        spread = workers is not None or not _is_file(named)
        done = self._index(plan.left, listeners, spread=spread, workers=workers, retry=retry, relink=relink)
        quarantine.clear(self.store, plan.settled)
        reports = plan.merged(done)
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
        # Whoever asks about this very file wants an answer from it, not a question back.
        listeners = Listeners(on_progress, on_standing)
        reports = self._index(missing, listeners, spread=not _is_file([source]), relink="never")
        if missing:
            self._name(reports)
        errors = [report.error for report in reports if report.error is not None]
        if errors and len(errors) == len(files):
            raise errors[0]
        return reports

    def _name(self, reports: Iterable[Report]) -> None:
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
        if not files:
            return []
        run = self.store.start_run(self.settings.model_dump(mode="json"), {"files": [str(file) for file in files]})
        if not spread:
            reports = [index_one(self._indexer(relink), file, listeners, retry=retry) for file in files]
        else:
            self.engines.close()  # their memory is the workers' now
            sync = self.settings.sync.model_copy(update={"relink": relink})
            settings = self.settings.model_copy(update={"sync": sync})
            each = shares(settings, len(files), workers or settings.index.workers)
            reports = Batch(self.store, each, listeners, retry=retry).run(files)
        self.store.finish_run(run, "done", Counter(report.status for report in reports))
        return reports

    def _indexer(self, relink: Relink) -> FileIndexer:
        return FileIndexer(self.store, self.engines, self._leases(), relink)

    def _leases(self) -> Holder:
        if self._holder is None:
            self._holder = Holder(self.store)
        return self._holder

    def problems(self) -> list[Problem]:
        """The files in quarantine and those that failed, by path; what is gone from the disk is forgotten."""
        found = []
        for problem in self.store.problems():
            if os.path.lexists(problem.path):
                found.append(problem)
            else:
                self.store.remove_problem(problem.path)
        return found

    def plan(self, sources: Path | str | Iterable[Path | str]) -> list[dict[str, str]]:
        """What ``add`` would do with each file, without doing it: ``video``, ``status`` and ``reason``.

        Raises:
            SourceError: a source names nothing.
        """
        files = _files(sources)
        return [{"video": str(file), **self._outlook(file)} for file in files]

    def _outlook(self, file: Path) -> dict[str, str]:
        try:
            known = self._known(file)
            info = probe(file) if known is None else None
        except VagentError as error:
            return {"status": "failed", "reason": str(error)}
        if known is not None:
            state = (
                "indexed before; only what the settings changed is done" if known.complete else "goes on where it was"
            )
            return {"status": "known", "reason": state}
        length = format_time(info.duration) if info and info.duration else "unknown length"
        return {"status": "new", "reason": length}

    def remove(self, video: Video) -> None:
        """Forget a video: its rows, vectors and pictures. The video file is not touched."""
        self.store.remove_video(video.id)
        self._pictures(video).remove()

    # -- what is there

    def videos(self) -> list[Video]:
        """All videos, by path."""
        return sorted(self.store.videos(), key=lambda video: video.path)

    def find(self, source: Path | str) -> list[Video]:
        """The indexed videos that a file or folder stands for.

        Raises:
            SourceError: nothing there, or none of it is in the library.
        """
        path = Path(source)
        if not _exists(path):
            if known := self._paths_of(source):
                return known
            raise SourceError("no such file or folder, and none of that name in the library", str(source))
        found = [video for file in video_files(path) if (video := self._known(file)) is not None]
        if not found:
            raise SourceError("not in the library", str(source), hint=f"run: vagent index {str(source)!r}")
        return found

    def _paths_of(self, source: Path | str) -> list[Video]:
        wanted = str(Path(source).expanduser().absolute())
        return [video for video in self.store.videos() if wanted in self.store.paths(video.id)]

    def _known(self, file: Path) -> Video | None:
        status = file.stat()
        known = self.store.by_path(str(file.resolve()), status.st_size, status.st_mtime_ns)
        return known or self.store.by_fingerprint(fingerprint(file))

    def video(self, video: int) -> Video:
        """The row of one video."""
        return self.store.video(video)

    def shots(self, video: int) -> list[Shot]:
        """The shots of one video, in order."""
        return self.store.shots(video)

    def clips(self, video: int) -> list[Clip]:
        """The clips of one video, in order."""
        return self.store.clips(video)

    def evidence(self, video: int, span: Span | None = None, kinds: Sequence[Kind] | None = None) -> list[Evidence]:
        """Evidence rows of one video in order of time; with a span, those that overlap it.

        Args:
            kinds: only these; None: all but summaries, which say nothing that other evidence does not.
        """
        chosen = [kind for kind in EVIDENCE_KINDS if kind != "summary"] if kinds is None else kinds
        return self.store.evidence(video, span=span, kinds=chosen)

    def summaries(self, video: int) -> list[Evidence]:
        """Summaries of one video: rows of kind ``summary``, the whole first, then each chapter with its scenes.

        They are made when they are first asked for and kept in the library, until what they rest on changes. Where the
        library cannot be written they are made for this process alone, and their ids are 0. ``extra`` holds ``level``
        (``video``, ``chapter``, ``scene``), ``title`` and ``from``, the ids of the evidence they rest on; where a model
        could not write them, ``notice`` of the whole says why.

        Raises:
            EngineUnavailable: the chat model was asked for by name and cannot run here.
        """
        row = self.store.video(video)
        _, embeddings = self.engines.get("embeddings")
        _, chat = self.engines.get("chat")
        done = self._summed_up.get(video)
        mark = fingerprint_of_summaries(self.store, row, self.settings, embeddings)
        if done is None or done[0] != mark:
            done = self._summed_up[video] = mark, summarise(self.store, row, self.settings, embeddings, chat).rows
        return list(done[1])

    def describe(self, video: int) -> Mapping[str, Any]:
        """Facts of the file: container, size, tracks, subtitles."""
        return self.store.video(video).info

    def pictures(self, video: int, times: Sequence[float]) -> list[tuple[float, bytes]]:
        """The kept JPEG pictures shown at some times, in order, without repeats."""
        return self._pictures(self.store.video(video)).nearest(times)

    def _pictures(self, video: Video) -> Pictures:
        return Pictures(self.folder / "frames", video.fingerprint)

    # -- search

    @property
    def searcher(self) -> Searcher:
        """The search over this library; loads the embedding engine on first use."""
        if self._searcher is None:
            _, engine = self.engines.get("embeddings")
            self._searcher = Searcher(
                self.store, self.folder, engine, self.settings.search, lambda: self.engines.get("visual")[1]
            )
        return self._searcher

    def search(
        self,
        query: str,
        *,
        videos: Sequence[int] | None = None,
        kinds: Sequence[Kind] | None = None,
        start: float | None = None,
        end: float | None = None,
        limit: int | None = None,
    ) -> list[Moment]:
        """Moments that match a query, best first.

        Args:
            query: words or a question.
            videos: only these; None: all.
            kinds: only these senses; None: all.
            start, end: only evidence within these seconds.
            limit: how many; None: as the settings say.

        Raises:
            QuestionError: the query is empty.
        """
        filters = Filters(videos=videos, kinds=kinds, start=start, end=end)
        return self.searcher.search(query, filters=filters, limit=limit or self.settings.search.limit)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Unit vectors of some texts, shape (n, dimension); None where embeddings are off."""
        _, engine = self.engines.get("embeddings")
        return None if engine is None else engine.embed(texts)

    def searched(self, videos: Sequence[int], start: float | None = None, end: float | None = None) -> list[Searched]:
        """Which stretch of each video was searched, and by which senses."""
        found = []
        for number in videos:
            video = self.store.video(number)
            whole = Span(0.0, video.duration)
            span = Span(start or 0.0, max(start or 0.0, video.duration if end is None else end)).clamp(whole)
            found.append(Searched(video, span, self._kinds(number)))
        return found

    def _kinds(self, video: int) -> tuple[Kind, ...]:
        """The senses that have run over a video, whether or not they found anything."""
        done = {name: stage for name, stage in self.store.stages(video).items() if stage.status == "done"}
        if not self.store.counts(video).get("subtitle"):
            done.pop("subtitles", None)
        if "speech" in done and not done["speech"].detail.get("recognised"):
            del done["speech"]  # speech was located, not recognised
        return tuple(kind for stage, kinds in KINDS.items() if stage in done for kind in kinds)


def _files(sources: Path | str | Iterable[Path | str]) -> list[Path]:
    """The files that some sources stand for, each once."""
    named = [sources] if isinstance(sources, str | Path) else list(sources)
    return list(dict.fromkeys(file for source in named for file in video_files(Path(source))))


def _is_file(sources: Sequence[Path | str]) -> bool:
    """Whether somebody named one file by itself, and not a folder."""
    return len(sources) == 1 and not Path(sources[0]).expanduser().is_dir()


def _exists(path: Path) -> bool:
    try:
        return path.expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False
