"""A film on its way through a cluster, as the head keeps it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from vagent.errors import SourceError
from vagent.index.batch.settling import Look, look
from vagent.index.batch.standing import USUAL_RATE
from vagent.index.cluster.fleet import Task
from vagent.index.cluster.messages import Film
from vagent.index.records import Video
from vagent.index.sources.urls import RemoteVideo, remote_videos
from vagent.index.store import Store
from vagent.index.video.job import Progress


@dataclass(eq=False, slots=True)
class Entry:
    """A film that is to be indexed.

    Attributes:
        seconds: how long it is; None where no earlier run has opened it.
        begun: whether an earlier run has begun with it.
        fingerprint: of its content, once a node has read it.
        new: whether the library knew nothing of it when it was sent out.
        task: what is out for it.
        progress: how far that is, as far as it has been heard of.
        tries: tasks that crashed with it; ``losses``: nodes that were lost with it.
        looks: how often it was in another's hands or still being written.
        heard: when something was last heard of its task, on the monotonic clock.
        incoming: the parcel that arrives.
        twins: other paths of the same film, which wait for it.
    """

    film: Film
    seconds: float | None = None
    begun: bool = False
    fingerprint: str = ""
    new: bool = False
    task: Task | None = None
    progress: Progress | None = None
    tries: int = 0
    losses: int = 0
    looks: int = 0
    heard: float = 0.0
    incoming: BinaryIO | None = None
    twins: list[Entry] = field(default_factory=list)

    @property
    def key(self) -> Path:
        """For tables; it need not be a path that exists."""
        return Path(self.film.listed)

    @property
    def seen(self) -> Look:
        """The film as the head saw it."""
        return Look(self.film.size, self.film.stamp, 0)

    def goes_out(self, task: Task) -> None:
        """Notes that a task has been started for it."""
        self.task, self.progress, self.heard = task, None, time.monotonic()

    def comes_back(self) -> None:
        """Notes that no task is out for it any more."""
        self.task = None
        if self.incoming is not None:
            self.incoming.close()
            self.incoming = None


def seen_anew(film: Film) -> Film:
    """A film as it is now; as it was where it cannot be looked at, which the node says better."""
    try:
        if film.remote is not None:
            (found,) = remote_videos(film.remote.file.url)
            return film_of(found)
        seen = look(Path(film.listed))
    except SourceError:
        return film
    return replace(film, size=seen.size, stamp=seen.mtime_ns)


def film_of(video: RemoteVideo) -> Film:
    """The film behind a URL."""
    return Film(video.file.url, video.file.url, video.file.size, video.file.stamp, video)


def film_at(file: Path) -> Film:
    """The film that a file holds; of one that cannot be looked at nothing is known."""
    listed = file.absolute()
    return seen_anew(Film(str(listed.resolve()), str(listed), 0, 0))


def entries(store: Store, films: list[Film]) -> list[Entry]:
    """The films in the order in which they go out: what was begun first, then the longest."""
    made = [_entry(film, store.by_path(film.name, film.size, film.stamp)) for film in films]
    return sorted(made, key=lambda entry: (not entry.begun, -_weight(entry)))


def _entry(film: Film, known: Video | None) -> Entry:
    return Entry(film) if known is None else Entry(film, known.duration, begun=not known.complete)


def _weight(entry: Entry) -> float:
    return entry.film.size / USUAL_RATE if entry.seconds is None else entry.seconds
