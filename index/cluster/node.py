"""What a task does on its node: it indexes one film into a library of its own, as a batch of one, and sends what that
comes to as it goes.

The library on the node lies in scratch and holds nothing but this film. The film is opened by a worker process, so that
a decoder that crashes or hangs does not take the task with it, and ends in quarantine by the rules of every batch.
Nothing here knows of Ray: the task is a generator of messages.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from vagent.configs import Settings
from vagent.errors import StorageError, VagentError
from vagent.index.batch.files import waiting
from vagent.index.batch.listeners import Listeners
from vagent.index.batch.run import Batch
from vagent.index.batch.settling import look
from vagent.index.batch.standing import Standing
from vagent.index.bundle.choosing import State
from vagent.index.bundle.post import Parcel, Post
from vagent.index.bundle.steps import disk
from vagent.index.cluster.messages import (
    Alike,
    Alive,
    Asks,
    Block,
    Broken,
    Delivered,
    Errand,
    Film,
    Identity,
    Said,
    Spent,
)
from vagent.index.cluster.scratch import scratch
from vagent.index.sources.fingerprint import fingerprint
from vagent.index.sources.urls import RemoteFile, copy, fingerprint_url
from vagent.index.store import Store
from vagent.index.sync.proposals import proposed
from vagent.index.video.job import Progress
from vagent.index.video.pipeline import Report
from vagent.tools.media.probe import probe

_GLANCE = 1.0  # seconds between two messages
_BLOCK = 8 << 20  # bytes of a parcel that travel at once
_STOPS = 30.0  # seconds that the work may take to stop


class Stopped(BaseException):
    """Nobody waits for the work any more."""


def identify(film: Film) -> Identity:
    """The fingerprint of a film, read on this node."""
    try:
        return Identity(fingerprint(Path(film.listed)) if film.remote is None else fingerprint_url(film.remote.file))
    except VagentError as error:
        return Identity(error=error)


Answer = Callable[[], Iterable[bytes] | None]
"""What the head answers to ``Asks``: a bundle with the looks of videos, in blocks; None where there are none."""


def work(errand: Errand, seed: Iterable[bytes] | None = None, answer: Answer | None = None) -> Iterator[Said]:
    """Index a film.

    Args:
        errand: which, and how.
        seed: what is known of it already: a parcel, in blocks.
        answer: waits for the head's answer; None: the film is compared with no other.

    Returns:
        What there is to tell, at least once in a few seconds while the work goes on: progress, parcels, and last a
        report, or that this node cannot do the work.
    """
    try:
        with scratch(errand.settings.cluster.scratch) as folder:
            yield from _Desk(errand, folder).run(seed, answer)
    except VagentError as error:
        yield Broken(error)


class _Desk:
    """One film in work.

    Args:
        folder: an empty one.
    """

    def __init__(self, errand: Errand, folder: Path) -> None:
        self._errand = errand
        self._folder = folder
        self._film = errand.film
        self._sent: tuple[object, ...] | None = None
        self._pictures: State | None = None
        index = errand.settings.index
        if self._film.remote is not None:  # a copy of our own does not change any more
            index = index.model_copy(update={"settle": 0.0})
        # Whatever it looks like, the head decides what comes of that.
        policy = "never" if errand.settings.sync.relink == "never" else "ask"
        sync = errand.settings.sync.model_copy(update={"relink": policy})
        given = {"library": folder / "library", "index": index, "sync": sync}
        self._settings = errand.settings.model_copy(update=given)

    def run(self, seed: Iterable[bytes] | None, answer: Answer | None) -> Iterator[Said]:
        """Everything, from the file to the report."""
        file = Path(self._film.listed)
        if self._film.remote is not None:
            file = self._folder / "film" / self._film.remote.file.name
            yield from self._fetch(file)
            if fingerprint(file) != self._errand.fingerprint:
                yield self._named(waiting(file, "it changed while it was copied"), file)
                return
        room = self._folder / "post"
        room.mkdir()
        with Post(self._settings.library_dir, room) as post:
            if seed is not None:
                self._begin(post, seed, file)
            elif answer is not None and self._settings.sync.relink != "never":
                yield from self._compare(post, file, answer)
            yield from self._watch(post, file)

    def _fetch(self, file: Path) -> Iterator[Said]:
        """Copies the film and its subtitles."""
        assert self._film.remote is not None
        with disk("the film cannot be copied", file):
            file.parent.mkdir()
            if shutil.disk_usage(file.parent).free < self._film.size:
                hint = "set cluster.scratch to a larger disk"
                raise StorageError("the node's disk has no room for the film", self._film.name, hint=hint)
            yield from _copied(self._film.remote.file, file)
            for subtitle in self._film.remote.subtitles:
                yield from _copied(subtitle, file.parent / subtitle.name)

    def _compare(self, post: Post, file: Path, answer: Answer) -> Iterator[Said]:
        """Takes in how the videos look that a new film may be another encoding of."""
        try:
            duration = probe(file).duration
        except VagentError:  # the worker process meets the same, and says so
            return
        if duration is None:
            return
        yield Asks(duration)
        looks = answer()
        if looks is not None:
            bundle = self._folder / "looks"
            with disk("what the head answers cannot be kept", bundle), bundle.open("wb") as stream:
                for block in looks:
                    stream.write(block)
            post.receive_looks(bundle)
            bundle.unlink()

    def _begin(self, post: Post, seed: Iterable[bytes], file: Path) -> None:
        """Takes up the film where the head says that it is."""
        parcel = self._folder / "seed"
        with disk("the film cannot be taken up", parcel), parcel.open("wb") as stream:
            for block in seed:
                stream.write(block)
        post.receive(self._errand.fingerprint, Parcel(parcel, float("-inf"), None), lambda: None)
        parcel.unlink()
        seen = look(file)
        video = post.by_fingerprint(self._errand.fingerprint)
        assert video is not None
        post.see_path(video.id, str(file.resolve()), seen.size, seen.mtime_ns)
        self._sent, self._pictures = post.mark(video.id), post.pictures_stage(video.id)

    def _watch(self, post: Post, file: Path) -> Iterator[Said]:
        """The work, which goes on in a thread, and what there is to tell of it."""
        shipped = time.monotonic()
        with _Work(self._settings, file) as work:
            while (report := work.wait(_GLANCE)) is None:
                yield work.progress() or Alive()
                if time.monotonic() - shipped >= self._settings.cluster.ship:
                    yield from self._ship(post)
                    shipped = time.monotonic()
        if report.status not in ("quarantined", "failed") and post.by_fingerprint(self._errand.fingerprint) is None:
            report = waiting(file, "it holds another film now than when it was looked at")
        if report.status == "alike":
            yield self._alike(post, file)
            return
        yield from self._ship(post)
        if costs := tuple(post.actuals()):
            yield Spent(costs)
        yield self._named(report, file)

    def _alike(self, post: Post, file: Path) -> Alike:
        """What the film turned out to be."""
        video = post.by_fingerprint(self._errand.fingerprint)
        like = None if video is None else proposed(video)
        assert like is not None
        return Alike(post.video(like.video).fingerprint, like, probe(file))

    def _ship(self, post: Post) -> Iterator[Said]:
        """Sends the film as it stands, where it has changed since it was last sent."""
        video = post.by_fingerprint(self._errand.fingerprint)
        if video is None or (mark := post.mark(video.id)) == self._sent:
            return
        parcel = post.pack(video.fingerprint, self._folder / "parcel", self._pictures)
        assert parcel is not None
        with parcel.file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                yield Block(block)
        yield Delivered(parcel.since, parcel.pictures)
        self._sent, self._pictures = mark, parcel.pictures

    def _named(self, report: Report, file: Path) -> Report:
        """The report as the library calls the film: nobody knows where on the node its copy lay."""
        name, here = self._film.listed, str(file)
        error = report.error
        if error is not None:
            value = name if str(error.value) == here else error.value
            what = error.what.replace(here, name)
            error = type(error)(what, value, allowed=error.allowed, hint=error.hint)
        notices = tuple(notice.replace(here, name) for notice in report.notices)
        return replace(report, path=name, error=error, notices=notices, video=None)


class _Work:
    """The batch of one film, in a thread of its own.

    Args:
        settings: those of the node's own library.
        file: the film, or its copy.
    """

    def __init__(self, settings: Settings, file: Path) -> None:
        self._settings = settings
        self._file = file
        self._ended: SimpleQueue[Report | BaseException] = SimpleQueue()
        self._progress: Progress | None = None
        self._given_up = False
        self._thread = Thread(target=self._run, name="vagent-film", daemon=True)

    def __enter__(self) -> _Work:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._given_up = True
        self._thread.join(_STOPS)

    def wait(self, seconds: float) -> Report | None:
        """The report, where it comes within so many seconds.

        Raises:
            VagentError: this node cannot do the work.
        """
        try:
            ended = self._ended.get(timeout=seconds)
        except Empty:
            return None
        if isinstance(ended, BaseException):
            raise ended
        return ended

    def progress(self) -> Progress | None:
        """What is new since this was last asked."""
        told, self._progress = self._progress, None
        return told

    def _run(self) -> None:
        listeners = Listeners(progress=self._see, standing=self._look_up)
        try:
            with Store(self._settings.library_dir) as store:
                (report,) = Batch(store, [self._settings], listeners).run([self._file])
            self._ended.put(report)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._ended.put(error)

    def _see(self, progress: Progress) -> None:
        self._progress = progress

    def _look_up(self, standing: Standing) -> None:
        """Called by the batch a few times a second: where it learns that it is to stop."""
        if self._given_up:
            raise Stopped


def _copied(file: RemoteFile, target: Path) -> Iterator[Said]:
    told = 0.0
    for _ in copy(file, target):
        if time.monotonic() - told > _GLANCE:
            told = time.monotonic()
            yield Alive()
