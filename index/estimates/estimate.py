"""What indexing some files will cost, before it begins: time, room in the library, models to fetch.

What is to be done with each file is what a run would find to do (``sync/survey``, ``sync/stale``). What that costs is
learnt from films that were indexed on this machine with the same settings, and from a calibration on the files
themselves, which counts as much as ten minutes of such films and is left out once there is an hour of them.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from vagent.configs import Settings
from vagent.errors import VagentError
from vagent.index.batch import quarantine
from vagent.index.batch.settling import Look, look
from vagent.index.batch.shares import shares
from vagent.index.batch.standing import USUAL_RATE
from vagent.index.estimates.actuals import machine
from vagent.index.estimates.actuals import preset as preset_key
from vagent.index.estimates.calibration import Calibration, calibrate
from vagent.index.estimates.downloads import Download, downloads
from vagent.index.estimates.memory import Memory
from vagent.index.estimates.samples import SCANNED, Cost, Rates, Work, earlier
from vagent.index.records import Video
from vagent.index.store import Store
from vagent.index.sync.marks import Marks
from vagent.index.sync.stale import Standing, remembered, standing
from vagent.index.sync.survey import Surveyor
from vagent.index.video.job import stage_fingerprint
from vagent.tools.engines import Engines
from vagent.tools.media import MediaInfo
from vagent.tools.media.probe import probe
from vagent.tools.weights.machine import measure

_log = logging.getLogger("vagent.index.estimates")

_CALIBRATED = 600.0  # seconds of whole films that a calibration counts as much as
_ENOUGH = 3600.0  # seconds of whole films from which none is needed
_PRINTS = 18  # bytes a second of what a film is known by in another encoding

Status = Literal["new", "unfinished", "stale"]


@dataclass(frozen=True, slots=True)
class VideoEstimate:
    """What one video will cost.

    Attributes:
        stages: what is to be done with it.
        seconds: on the clock, in one process.
    """

    path: str
    status: Status
    stages: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What indexing with one preset will cost.

    Attributes:
        files: how many there are.
        videos: those that need work, with what each costs.
        unchanged: how many need none.
        unreadable: files that cannot be indexed, or that are left alone because they could not be.
        seconds: on the clock until all is done; None: there is work, and nothing to tell its cost by.
        cpu: seconds of processor time.
        workers: processes side by side.
        database, pictures, vectors: bytes by which the library grows.
        downloads: models that are not on this machine.
        learnt: seconds of whole films indexed here before that it rests on.
        measured: stretches of these files that it rests on.
        nodes: machines of a cluster that the processes are spread over; 0: it is this machine that would work.
        notices: what else should be known of how this was told.
        error: why it cannot be done with this preset.
    """

    preset: str
    files: int
    videos: tuple[VideoEstimate, ...] = ()
    unchanged: int = 0
    unreadable: tuple[str, ...] = ()
    seconds: float | None = 0.0
    cpu: float = 0.0
    workers: int = 1
    database: int = 0
    pictures: int = 0
    vectors: int = 0
    downloads: tuple[Download, ...] = ()
    learnt: float = 0.0
    measured: int = 0
    nodes: int = 0
    notices: tuple[str, ...] = ()
    error: VagentError | None = None

    @property
    def bytes(self) -> int:
        """By how much the library grows."""
        return self.database + self.pictures + self.vectors


@dataclass(frozen=True, slots=True)
class Undone:
    """A film that needs work; ``stamp`` is its time of change, or what else changes when the file does."""

    size: int
    stamp: int
    status: Status
    work: Work


@dataclass(frozen=True, slots=True)
class Team:
    """Who would do the work.

    Attributes:
        machine: what tells their machine from others of another speed; see ``actuals.machine``.
        workers: processes side by side; ``cores``: of all of them together.
        calibrate: measures stretches of films as one of these processes would index them.
        nodes: machines of a cluster; 0: it is this one.
        start: which of the seconds that were measured go by before a process begins.
        afresh: whether they go by before each film.
    """

    machine: str
    workers: int
    cores: int
    calibrate: Callable[[Sequence[Work]], Calibration]
    nodes: int = 0
    start: Literal["start", "loading"] = "start"
    afresh: bool = False


@dataclass(slots=True)
class Estimator:
    """Estimates for some files into one library; nothing of the library is changed, but what was measured is kept.

    Args:
        files: those that are to be indexed.
        spread: whether they are indexed in processes of their own.
        workers: how many processes; None: what suits.
        retry: also what is in quarantine.
    """

    store: Store
    files: Sequence[Path]
    spread: bool = True
    workers: int | None = None
    retry: bool = False
    _memory: Memory = field(init=False)
    _infos: dict[Path, MediaInfo | VagentError] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._memory = Memory(self.store.folder)

    def of(self, settings: Settings) -> Estimate:
        """What indexing with some settings will cost.

        Raises:
            LibraryError: the library cannot be read.
            EngineUnavailable: an engine was asked for by name and cannot run here.
        """
        engines = Engines(settings)
        try:
            marks = Marks(engines)
            undone, unchanged, unreadable = self.undone(engines, marks)
        finally:
            engines.close()
        each = shares(settings, len(undone), self.workers or settings.index.workers) if self.spread else [settings]
        plain = Estimate(
            *(settings.preset, len(self.files)),
            unchanged=unchanged,
            unreadable=tuple(unreadable),
            workers=len(each),
            downloads=tuple(downloads(settings)),
        )
        if not undone:
            return plain
        team = Team(
            machine(each[0].cores, each[0].device, measure(settings).card),
            *(len(each), _cores(each), lambda work: calibrate(each[0], work)),
            start="start" if self.spread else "loading",
        )
        return self.priced(plain, undone, team, preset_key(settings.preset, marks.common))

    def priced(self, plain: Estimate, undone: Sequence[Undone], team: Team, name: str) -> Estimate:
        """An estimate with what the work costs that it is about.

        Args:
            name: what tells this way to index from others; see ``actuals.preset``.
        """
        known = list(earlier(self.store.actuals(team.machine, name)))
        learnt = sum(sample.seconds for sample in known)
        key = stage_fingerprint(
            *(name, team.machine, [[one.work.file, one.size, one.stamp, sorted(one.work.stages)] for one in undone])
        )
        kept = self._memory.calibration(name, team.machine, key)
        measured = Calibration.from_json(kept) if kept else Calibration()
        if not kept and learnt < _ENOUGH:
            measured = team.calibrate([one.work for one in undone if SCANNED & one.work.stages.keys()])
        samples = [(sample, sample.seconds) for sample in known]
        if learnt < _ENOUGH:
            share = _CALIBRATED / max(1, len(measured.samples))
            samples += [(sample, share) for sample in measured.samples]
        if not samples:
            return replace(plain, seconds=None, videos=tuple(_priced(one, Cost()) for one in undone))
        rates = Rates(samples)
        costs = [rates.of(one.work) for one in undone]
        start: float = getattr(measured, team.start)
        # What a cluster does is compared with nothing afterwards.
        foretold = None if team.nodes else _foretold(undone, costs, start)
        self._memory.note(name, team.machine, key, measured.to_json(), foretold)
        if team.afresh:
            costs, start = [replace(cost, wall=cost.wall + start) for cost in costs], 0.0
        room: Any = _room(undone, costs)
        cpu = sum(cost.cpu for cost in costs)
        return replace(
            plain,
            videos=tuple(map(_priced, undone, costs)),
            seconds=makespan([cost.wall for cost in costs], team.workers, start, cpu, team.cores),
            cpu=cpu,
            learnt=learnt,
            measured=len(measured.samples) if learnt < _ENOUGH else 0,
            **room,
        )

    def undone(self, engines: Engines, marks: Marks) -> tuple[list[Undone], int, list[str]]:
        """What needs work, how many files need none, and which cannot be worked on.

        Args:
            engines: which stages a film needs is as they say; ``marks``: those of films that are up to date.
        """
        patient = engines.settings.sync.relink == "ask"
        survey = Surveyor(self.store, marks, patient, noting=False).look(self.files)
        undone: list[Undone] = []
        unreadable: list[str] = []
        unchanged = len(survey.settled)
        for file in survey.left:
            try:
                one = self._undone(file, survey.known.get(file), engines)
            except VagentError as error:
                _log.info("no estimate for %s: %s", file, error)
                unreadable.append(str(file))
                continue
            undone += [one] if one else []
            unchanged += one is None
        return undone, unchanged, unreadable

    def _undone(self, file: Path, number: int | None, engines: Engines) -> Undone | None:
        """What is to be done with a file; None where that is nothing.

        Raises:
            VagentError: it cannot be read, or is in quarantine.
        """
        seen = look(file)
        problem = None if self.retry else quarantine.known(self.store, file, seen)
        if problem is not None:
            raise VagentError(problem.reason, str(file))
        video = Video(0, "", str(file), 0.0) if number is None else self.store.video(number)
        info = remembered(video) or self._info(file)
        length = video.duration or info.duration or seen.size / USUAL_RATE
        return undone(self.store, engines, replace(video, duration=length), replace(info, path=file), seen, str(file))

    def _info(self, file: Path) -> MediaInfo:
        if file not in self._infos:
            try:
                self._infos[file] = probe(file)
            except VagentError as error:
                self._infos[file] = error
        found = self._infos[file]
        if isinstance(found, VagentError):
            raise found
        return found


def undone(store: Store, engines: Engines, video: Video, info: MediaInfo, seen: Look, name: str) -> Undone | None:
    """What is to be done with a film; None where that is nothing.

    Args:
        video: its row; one that is not in the library has the number 0.
        info: what its file holds.
        name: the file's path, or its URL.

    Raises:
        VagentError: it cannot be indexed.
    """
    found = standing(store, engines, video, info, hasty=True)
    if found.error is not None:
        raise found.error
    stages = {due.stage: due.seconds for due in found.due} | dict.fromkeys(found.follows, video.duration)
    if not stages:
        return None
    return Undone(seen.size, seen.mtime_ns, status_of(found), Work(name, video.duration, stages))


def status_of(found: Standing) -> Status:
    """What kind of work a video needs."""
    if all(due.why == "missing" for due in found.due) and found.video.id == 0:
        return "new"
    return "unfinished" if not found.video.complete else "stale"


def makespan(walls: Sequence[float], workers: int, start: float, cpu: float, cores: int) -> float:
    """Seconds until all is done by some processes, the longest first; no less than all cores need for all of it.

    Args:
        start: seconds before a process can begin.
        cpu: seconds of processor time of all the work.
    """
    ends = [start] * workers
    for wall in sorted(walls, reverse=True):
        heapq.heapreplace(ends, ends[0] + wall)
    return max(max(ends), start + cpu / cores if workers > 1 else 0.0)


def foretold(store: Store, name: str, files: Sequence[Path], each: Sequence[Settings]) -> float | None:
    """Seconds that the last estimate foretold for just these files; None where it was not for all of them."""
    kept = Memory(store.folder).foretold(name)
    if kept is None or not files:
        return None
    costs = []
    for file in files:
        status = file.stat()
        size, changed, wall, cpu = kept["files"].get(str(file), (None, None, 0.0, 0.0))
        if (size, changed) != (status.st_size, status.st_mtime_ns):
            return None
        costs.append((wall, cpu))
    total = sum(cpu for _, cpu in costs)
    return makespan([wall for wall, _ in costs], len(each), kept["start"], total, _cores(each))


def _foretold(undone: Sequence[Undone], costs: Sequence[Cost], start: float) -> Mapping[str, Any]:
    files = {one.work.file: (one.size, one.stamp, c.wall, c.cpu) for one, c in zip(undone, costs, strict=True)}
    return {"start": start, "files": files}


def _priced(one: Undone, cost: Cost) -> VideoEstimate:
    return VideoEstimate(one.work.file, one.status, tuple(one.work.stages), cost.wall)


def _room(undone: Sequence[Undone], costs: Sequence[Cost]) -> dict[str, int]:
    """Bytes by which the library grows."""
    sizes: dict[str, int] = {"database": 0, "pictures": 0, "vectors": 0}
    for one, cost in zip(undone, costs, strict=True):
        if "print of pictures" in one.work.stages:
            sizes["database"] += round(_PRINTS * one.work.seconds)
        for stage, size in cost.bytes.items():
            sizes["pictures" if stage == "pictures" else "vectors" if stage == "embed" else "database"] += size
    return sizes


def _cores(each: Sequence[Settings]) -> int:
    return sum(settings.cores for settings in each)
