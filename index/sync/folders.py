"""From what the user names to what has to be done there: files are found, looked at, and missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vagent.errors import SourceError
from vagent.index.records import Video
from vagent.index.sources.files import video_files
from vagent.index.store import Store
from vagent.index.sync.marks import Marks
from vagent.index.sync.missing import check_reachable, mark_gone, unreachable
from vagent.index.sync.survey import Surveyor
from vagent.index.video.pipeline import Report
from vagent.tools.engines import Engines


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with some files and folders.

    Attributes:
        files: all files found, in order.
        settled: reports of those that need no work.
        left: the others.
        gone: reports of videos whose files have gone, and of folders that look like disks that are not mounted.
    """

    files: list[Path]
    settled: dict[Path, Report]
    left: list[Path]
    gone: list[Report]

    def merged(self, reports: Sequence[Report]) -> list[Report]:
        """All reports in order of the files, where ``reports`` are of those that were left."""
        all_ = {**self.settled, **dict(zip(self.left, reports, strict=True))}
        return [*(all_[file] for file in self.files), *self.gone]


def look_through(store: Store, engines: Engines | Marks, sources: Iterable[Path | str], *, patient: bool) -> Plan:
    """Find the files that some sources stand for, and which of them need work; note what moved and what is gone.

    Args:
        engines: those that would index them, or the marks of videos that are up to date for them.
        patient: whether files that wait for the user's word go on waiting.

    Raises:
        SourceError: a source names nothing, or looks like a disk that is not mounted.
        LibraryError: the library cannot be read or written.
    """
    named = [Path(source) for source in sources]
    files = list(dict.fromkeys(file for source in named for file in _files(store, source)))
    marks = engines if isinstance(engines, Marks) else Marks(engines)
    survey = Surveyor(store, marks, patient).look(files)
    gone = mark_gone(store, [source for source in named if source.expanduser().is_dir()], survey.present)
    reports = [report_of_missing(video, replaced=video.path in survey.present) for video in gone.missing]
    reports += [Report(folder, "failed", error=unreachable(folder)) for folder in gone.unmounted]
    return Plan(files, survey.settled, survey.left, reports)


def report_of_missing(video: Video, *, replaced: bool = False) -> Report:
    """The report of a video whose file has just been found to be gone."""
    why = "its path holds another video now" if replaced else "its file is gone"
    return Report(video.path, "missing", video, notices=(f"{why}; what it showed is kept until `vagent prune`",))


def _files(store: Store, source: Path) -> list[Path]:
    try:
        return video_files(source)
    except SourceError:
        if source.expanduser().is_dir():
            check_reachable(store, source)
        raise
