"""What indexing by a cluster will cost, before it begins.

What is to be done is told here, as for one machine; what that costs is learnt from films that the nodes have indexed
with the same settings, and from stretches of these films that a node measures, where it sees them. A film behind a URL
is not opened for it: how long it is is guessed by its size, and that is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vagent.configs import Settings
from vagent.errors import EngineUnavailable, VagentError
from vagent.index.batch import quarantine
from vagent.index.batch.settling import Look
from vagent.index.batch.standing import USUAL_RATE
from vagent.index.cluster.entries import film_of
from vagent.index.cluster.fleet import Fleet
from vagent.index.cluster.keeper import is_up_to_date
from vagent.index.cluster.messages import Film
from vagent.index.cluster.reaching import inside
from vagent.index.estimates.actuals import machine, preset
from vagent.index.estimates.calibration import Calibration, calibrate
from vagent.index.estimates.downloads import Download, downloads
from vagent.index.estimates.estimate import Estimate, Estimator, Team, Undone, undone
from vagent.index.estimates.samples import Work
from vagent.index.records import Video
from vagent.index.sources.files import video_files
from vagent.index.sources.urls import is_url, remote_videos
from vagent.index.store import Store
from vagent.index.sync.marks import Marks
from vagent.index.sync.proposals import proposed
from vagent.index.sync.stale import remembered
from vagent.tools.engines import Engines
from vagent.tools.media import MediaInfo, Track
from vagent.tools.weights.machine import measure

_log = logging.getLogger("vagent.index.cluster.foreseeing")

_MEASURED = 1800.0  # seconds that a node may take to find time for measuring, and to measure


@dataclass(frozen=True, slots=True)
class Means:
    """What a node says of itself: as ``actuals.machine`` has it, and the models that it has to fetch."""

    machine: str
    downloads: tuple[Download, ...]


def means(settings: Settings) -> Means:
    """What this node has, with the settings of a task."""
    here = machine(settings.cores, settings.device, measure(settings).card)
    return Means(here, tuple(downloads(settings)))


def foresee(
    store: Store,
    each: Sequence[Settings],
    sources: Sequence[Path | str],
    *,
    address: str | None = None,
    retry: bool = False,
    on_preset: Callable[[str], object] | None = None,
) -> list[Estimate]:
    """What indexing by a cluster will cost with each of some settings; where it cannot be done with one of several, its
    estimate says so.

    Args:
        address: of the cluster; None: as the settings say.
        on_preset: told before each.

    Raises:
        SourceError: a source names nothing.
        EngineUnavailable, EngineFailed: the cluster cannot be used, or with none of the settings.
        LibraryError: the library cannot be read.
    """
    estimator = ClusterEstimator(store, sources, retry=retry)
    found: list[Estimate] = []
    with inside(address or each[0].cluster.address):
        for settings in each:
            if on_preset is not None:
                on_preset(settings.preset)
            try:
                found.append(estimator.of(settings))
            except EngineUnavailable as error:
                found.append(Estimate(settings.preset, estimator.files, seconds=None, error=error))
    errors = [one.error for one in found if one.error is not None]
    if len(errors) == len(found):
        raise errors[0]
    return found


@dataclass(slots=True)
class ClusterEstimator:
    """Estimates for some sources into one library, which stays as it is, by the cluster that this process is in.

    Args:
        sources: files, folders and URLs.
        retry: also what is in quarantine.

    Raises:
        SourceError: a source names nothing.
    """

    store: Store
    sources: Sequence[Path | str]
    retry: bool = False
    _local: Estimator = field(init=False)
    _remote: list[Film] = field(init=False)

    def __post_init__(self) -> None:
        urls = [source for source in self.sources if isinstance(source, str) and is_url(source)]
        paths = [source for source in self.sources if source not in urls]
        files = dict.fromkeys(file for source in paths for file in video_files(Path(source)))
        self._local = Estimator(self.store, list(files), retry=self.retry)
        behind = {video.file.url: film_of(video) for url in urls for video in remote_videos(url)}
        self._remote = list(behind.values())

    @property
    def files(self) -> int:
        """How many films there are."""
        return len(self._local.files) + len(self._remote)

    def of(self, settings: Settings) -> Estimate:
        """What indexing with some settings will cost on the nodes that are there now.

        Raises:
            EngineUnavailable, EngineFailed: the cluster cannot be used, or none of its nodes with these settings.
            LibraryError: the library cannot be read.
        """
        with Fleet(settings) as fleet:
            return self._of(settings, fleet)

    def _of(self, settings: Settings, fleet: Fleet) -> Estimate:
        there = fleet.asked(means, fleet.settings)
        marks = Marks(fleet.needs.marks)
        engines = Engines(settings)
        try:
            as_here = Marks(engines).common == marks.common
            found, unchanged, unreadable = self._local.undone(engines, marks)
            remote = list(self._behind(engines, marks))
        finally:
            engines.close()
        found += [one for one in remote if isinstance(one, Undone)]
        bad = [film.listed for film, one in zip(self._remote, remote, strict=True) if isinstance(one, VagentError)]
        places = fleet.places
        plain = Estimate(
            *(settings.preset, self.files),
            unchanged=unchanged + sum(one is None for one in remote),
            unreadable=(*unreadable, *bad),
            workers=sum(places),
            downloads=there.downloads,
            nodes=len(places),
        )
        if not found:
            return plain

        def measured(work: Sequence[Work]) -> Calibration:
            # Nothing is fetched to be measured.
            near = [one for one in work if not is_url(one.file)]
            return fleet.asked(calibrate, fleet.settings, near, seconds=_MEASURED) if near else Calibration()

        cores = max(1, int(sum(places) * fleet.cores))
        team = Team(there.machine, sum(places), cores, measured, nodes=len(places), afresh=True)
        priced = self._local.priced(plain, found, team, preset(settings.preset, marks.common))
        behind = [one for one in found if is_url(one.work.file)]
        guessed = sum(one.status == "new" for one in behind)
        return replace(priced, notices=tuple(_told(len(behind), guessed, as_here=as_here)))

    def _behind(self, engines: Engines, marks: Marks) -> Iterator[Undone | VagentError | None]:
        """What is to be done with each film behind a URL; None where that is nothing; why it cannot be told."""
        rate = _bytes_a_second(self.store) if self._remote else USUAL_RATE
        for film in self._remote:
            seen = Look(film.size, film.stamp, 0)
            problem = None if self.retry else quarantine.known(self.store, film.listed, seen)
            video = self.store.by_path(film.name, film.size, film.stamp)
            waits = video is not None and proposed(video) is not None and engines.settings.sync.relink == "ask"
            if problem is not None:
                yield VagentError(problem.reason, film.listed)
            elif video is not None and (waits or is_up_to_date(self.store, marks, film, video)):
                yield None
            else:
                yield self._undone(film, video, seen, engines, rate)

    def _undone(
        self, film: Film, video: Video | None, seen: Look, engines: Engines, rate: float
    ) -> Undone | VagentError | None:
        row = video or Video(0, "", film.name, film.size / rate)
        info = remembered(row) or _presumed(film, row.duration)
        try:
            return undone(self.store, engines, row, info, seen, film.listed)
        except VagentError as error:
            _log.info("no estimate for %s: %s", film.listed, error)
            return error


def _presumed(film: Film, seconds: float) -> MediaInfo:
    """A film that nobody has opened is taken to be as most are: pictures and sound."""
    tracks = (Track(0, "video", "h264", width=1280, height=720), Track(1, "audio", "aac"))
    return MediaInfo(Path(film.name), "", film.size, seconds, 0.0, tracks)


def _bytes_a_second(store: Store) -> float:
    """Of the films of the library, to guess by how long another one is."""
    seconds = {video.id: video.duration for video in store.videos() if video.duration > 0}
    sizes = {place.video: place.size for place in store.places() if place.video in seconds}
    return sum(sizes.values()) / sum(seconds[video] for video in sizes) if sizes else USUAL_RATE


def _told(behind: int, guessed: int, *, as_here: bool) -> Iterator[str]:
    """What an estimate takes for granted."""
    yield "the nodes are taken to be alike, and to have nothing else to do"
    if behind:
        yield "the time to copy films from URLs to the nodes is left out"
    if guessed:
        films = "1 film behind a URL was" if guessed == 1 else f"{guessed} films behind URLs were"
        yield f"{films} not opened: taken to last as their sizes tell, and to hold pictures and sound"
    if not as_here:
        yield "the nodes have other engines or models than this machine, by whose engines the stages to run were told"
