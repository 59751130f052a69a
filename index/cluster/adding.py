"""Files, folders and URLs into a library by way of a cluster; what is up to date never leaves the head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from vagent.configs import Settings
from vagent.index.batch import quarantine
from vagent.index.batch.leases import Holder
from vagent.index.batch.listeners import Listeners
from vagent.index.cluster.entries import film_at, film_of
from vagent.index.cluster.fleet import Fleet
from vagent.index.cluster.head import Head
from vagent.index.cluster.keeper import Keeper, is_up_to_date
from vagent.index.cluster.messages import Film
from vagent.index.sources.urls import is_url, remote_videos
from vagent.index.store import Store
from vagent.index.sync import marks
from vagent.index.sync.folders import Plan, look_through, report_of_missing
from vagent.index.sync.marks import Marks
from vagent.index.sync.missing import mark_lost
from vagent.index.sync.proposals import proposed, waits
from vagent.index.video.pipeline import Report


def add_by_cluster(
    store: Store,
    holder: Holder,
    settings: Settings,
    sources: Iterable[Path | str],
    listeners: Listeners,
    *,
    address: str | None = None,
    retry: bool = False,
) -> list[Report]:
    """Index files, folders and URLs as tasks of a Ray cluster.

    Args:
        store, holder: the library's database, and who takes its leases: this process is the only one that writes it.
        address: of the cluster; None: as the settings say.
        retry: also what is in quarantine.

    Returns:
        One report a film, in order, then one for each that is gone.

    Raises:
        SourceError: a source names nothing, or looks like a disk that is not mounted.
        EngineUnavailable, EngineFailed: the cluster cannot be used.
        StorageError, LibraryCorruptError, LibraryBusyError: the library itself fails; what was committed stays.
    """
    named = list(sources)
    urls = [source for source in named if isinstance(source, str) and is_url(source)]
    paths = [source for source in named if source not in urls]
    with Fleet(settings, address) as fleet:
        up_to_date = Marks(fleet.needs.marks)
        patient = settings.sync.relink == "ask"
        local = look_through(store, up_to_date, paths, patient=patient) if paths else Plan([], {}, [], [])
        films = [film_at(file) for file in local.left]
        remote, gone = _behind(store, urls)
        settled = {film.listed: report for film in remote if (report := _settled(store, up_to_date, film, patient))}
        films += [film for film in remote if film.listed not in settled]
        if listeners.report is not None:
            for report in (*local.settled.values(), *local.gone, *settled.values(), *gone):
                listeners.report(report)
        quarantine.clear(store, [*local.settled, *settled])
        with Keeper(store, holder, up_to_date) as keeper:
            done = Head(keeper, fleet, settings, listeners, retry=retry).run(films) if films else []
    here = done[: len(local.left)]
    settled |= {report.path: report for report in done[len(local.left) :]}
    return [*local.merged(here), *(settled[film.listed] for film in remote), *gone]


def _behind(store: Store, urls: Sequence[str]) -> tuple[list[Film], list[Report]]:
    """The films behind some URLs, each once, and reports of those that were there and are gone."""
    found: dict[str, Film] = {}
    gone: list[Report] = []
    for url in urls:
        films = {video.file.url: film_of(video) for video in remote_videos(url)}
        found |= films
        # Only a folder's listing says what is not there: nothing lies below a file.
        places, above = store.places(), _plain(url) + "/"
        lost = [place for place in places if _plain(place.path).startswith(above) and place.path not in films]
        gone += [report_of_missing(video) for video in mark_lost(store, places, lost)] if lost else []
    return list(found.values()), gone


def _plain(url: str) -> str:
    """A URL with as few slashes as possible: file systems write their roots in several ways."""
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.strip("/") if separator else url


def _settled(store: Store, up_to_date: Marks, film: Film, patient: bool) -> Report | None:
    """The report of a film that needs no work, told without reading it."""
    video = store.by_path(film.name, film.size, film.stamp)
    if video is None:
        return None
    if patient and (like := proposed(video)) is not None:
        old = next((old for old in store.videos() if old.id == like.video), None)
        return waits(video, like, old)
    if not is_up_to_date(store, up_to_date, film, video):
        return None
    mark = store.stage(video.id, marks.STAGE)
    assert mark is not None
    if video.missing is not None:
        store.mark_missing([video.id], missing=False)
    counts, engines = mark.detail.get("counts", {}), mark.detail.get("engines", {})
    return Report(film.listed, "unchanged", store.video(video.id), counts, engines)
