"""Which of many files need work: one look at each, one query for all.

A file whose path, size and time of change are as before is not opened. A file of a size that is known is read in part,
to find out whether it is a video that was moved or copied here. All others are left to indexing.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vagent.errors import SourceError
from vagent.index.records import Video
from vagent.index.sources.fingerprint import fingerprint
from vagent.index.store import Place, Store
from vagent.index.store.columns import StageState
from vagent.index.sync import marks
from vagent.index.sync.marks import Beside, Marks, subtitle_files
from vagent.index.sync.proposals import proposed, waits
from vagent.index.video.pipeline import Report

_log = logging.getLogger("vagent.index.sync.survey")


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at some files has shown.

    Attributes:
        settled: reports of the files that need no work, by file.
        left: the other files, in order.
        present: every file that was seen, with links followed.
        known: the videos of the library that files hold, by number.
    """

    settled: dict[Path, Report]
    left: list[Path]
    present: frozenset[str]
    known: Mapping[Path, int] = field(default_factory=dict)


@dataclass(slots=True)
class Surveyor:
    """Looks at files.

    Args:
        store: the library's database.
        up_to_date: what the marks of videos have to be; None: no video counts as up to date.
        patient: whether a file that waits for the user's word goes on waiting.
        noting: whether what has moved is written down.
    """

    store: Store
    up_to_date: Marks | None
    patient: bool = True
    noting: bool = True
    _places: dict[str, Place] = field(init=False)
    _videos: dict[int, Video] = field(init=False)
    _marks: dict[int, StageState] = field(init=False)
    _sizes: set[int] = field(init=False)
    _folders: dict[str, str] = field(init=False, default_factory=dict)
    _beside: dict[str, Beside] = field(init=False, default_factory=dict)

    def look(self, files: Sequence[Path]) -> Survey:
        """Find out which files need work, and note which have moved.

        Raises:
            LibraryError: the library cannot be read or written.
        """
        with self.store.snapshot():
            self._places = {place.path: place for place in self.store.places()}
            self._videos = {video.id: video for video in self.store.videos()}
            self._marks = self.store.states(marks.STAGE)
        self._sizes = {place.size for place in self._places.values()}
        known: dict[Path, int] = {}
        present = set()
        for file in files:
            found = self._whereabouts(file)
            if found is None:
                continue
            present.add(found[0])
            video = self._identify(file, *found)
            if video is not None:
                known[file] = video
        settled = self._settled(known)
        return Survey(settled, [file for file in files if file not in settled], frozenset(present), known)

    def _whereabouts(self, file: Path) -> tuple[str, os.stat_result] | None:
        """Where a file really lies, and its state; None where indexing has to say what is wrong."""
        folder, name = os.path.split(os.path.abspath(file))  # noqa: PTH100 - thousands of files, and one call each
        try:
            if folder not in self._folders:
                self._folders[folder] = os.path.realpath(folder)
            path = os.path.join(self._folders[folder], name)  # noqa: PTH118
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                path = os.path.realpath(path)
                status = os.stat(path)  # noqa: PTH116
        except (OSError, ValueError):
            return None
        return path, status

    def _identify(self, file: Path, path: str, status: os.stat_result) -> int | None:
        """The video that a file holds; None where that takes more than a look."""
        place = self._places.get(path)
        if place is not None and (place.size, place.mtime_ns) == (status.st_size, status.st_mtime_ns):
            if self.noting and self._videos[place.video].missing is not None:
                self.store.mark_missing([place.video], missing=False)
            return place.video
        if place is None and status.st_size not in self._sizes:
            return None
        try:
            mark = fingerprint(file)
        except SourceError:
            return None  # indexing says why
        video = self.store.by_fingerprint(mark)
        if video is not None and not self.noting:
            return video.id
        if video is not None:
            self.store.see_path(video.id, path, status.st_size, status.st_mtime_ns)
            self._places[path] = Place(path, status.st_size, status.st_mtime_ns, video.id)
            self._videos[video.id] = self.store.video(video.id)
            return video.id
        if place is not None and self.noting:  # something else lies there now
            self.store.drop_place(path)
        return None

    def _settled(self, known: dict[Path, int]) -> dict[Path, Report]:
        """Reports of the files that need no work. Of copies of one video one at most does."""
        files: dict[int, list[Path]] = {}
        for file, found in known.items():
            files.setdefault(found, []).append(file)
        settled = {}
        for number, copies in files.items():
            video = self._videos[number]
            report = self._report(video, copies)
            work = [] if report is not None else [self._representative(video, copies)]
            for file in copies:
                if file not in work:
                    settled[file] = _for(file, video, report, copies)
        return settled

    def _report(self, video: Video, files: Iterable[Path]) -> Report | None:
        """What is known of a video that needs no work."""
        if (like := proposed(video)) is not None and self.patient:
            return waits(video, like, self._videos.get(like.video))
        mark = self._marks.get(video.id)
        if not video.complete or mark is None or self.up_to_date is None:
            return None
        if not any(self._mark(file) == mark.fingerprint for file in files):
            return None
        counts, engines = mark.detail.get("counts", {}), mark.detail.get("engines", {})
        return Report(video.path, "unchanged", video, counts, engines)

    def _mark(self, file: Path) -> str:
        assert self.up_to_date is not None
        path = os.path.abspath(file)  # noqa: PTH100
        folder = os.path.dirname(path)  # noqa: PTH120
        if folder not in self._beside:
            self._beside[folder] = subtitle_files(folder)
        return self.up_to_date.of(path, self._beside[folder])

    @staticmethod
    def _representative(video: Video, files: Sequence[Path]) -> Path:
        """The copy that is worked on: the one the video goes by, where it is among them."""
        return next((file for file in files if os.path.realpath(file) == video.path), files[0])


def _for(file: Path, video: Video, report: Report | None, copies: Sequence[Path]) -> Report:
    """The report of one of a video's files."""
    notices = report.notices if report is not None else ()
    if len(copies) > 1:
        others = [other.name if other.parent == file.parent else str(other) for other in copies if other != file]
        notices = (*notices, f"the same video as {', '.join(others)}")
    if report is None:
        return Report(str(file), "unchanged", video, notices=notices)
    return Report(str(file), report.status, video, report.counts, report.engines, notices=notices)
