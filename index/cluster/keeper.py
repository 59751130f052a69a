"""The library as the head keeps it: films are given out under a lease, and come back piece by piece."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from vagent.errors import LibraryBusyError, StorageError
from vagent.index.batch.files import busy
from vagent.index.batch.leases import Holder
from vagent.index.bundle.post import Parcel, Post
from vagent.index.bundle.steps import disk
from vagent.index.cluster.entries import Entry
from vagent.index.cluster.messages import Alike, Block, Delivered, Film, Spent
from vagent.index.cluster.scratch import scratch
from vagent.index.pictures import Pictures
from vagent.index.records import Video
from vagent.index.store import Place, Store
from vagent.index.sync import marks
from vagent.index.sync.marks import Beside, Marks
from vagent.index.sync.matching import rates
from vagent.index.sync.newcomers import Relink
from vagent.index.sync.proposals import KEY, waits
from vagent.index.sync.relinking import may_relink, relink
from vagent.index.video.pipeline import Report

_log = logging.getLogger("vagent.index.cluster.keeper")

_PATIENCE = 10.0  # seconds to wait for whoever looks at a video for a moment


class Keeper:
    """The one writer of a library whose films are worked on elsewhere.

    Args:
        store: the library's database.
        holder: who takes the leases.
        up_to_date: what the marks of videos have to be, for the engines of the nodes.
    """

    def __init__(self, store: Store, holder: Holder, up_to_date: Marks) -> None:
        self.store = store
        self._holder = holder
        self._marks = up_to_date
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = stack.enter_context(scratch(self.store.folder / "arriving"))
            (self._folder / "post").mkdir()
            self._post = stack.enter_context(Post(self.store.folder, self._folder / "post"))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def know(self, film: Film, fingerprint: str) -> Video | None:
        """The video that a film is, which from now on is known to lie there; None where it is new."""
        known = self.store.by_fingerprint(fingerprint)
        if known is not None:
            self.store.see_path(known.id, film.name, film.size, film.stamp)
        return known

    def is_up_to_date(self, film: Film, video: Video) -> bool:
        """Whether a video needs no work."""
        return is_up_to_date(self.store, self._marks, film, video)

    def give_out(self, entry: Entry) -> bool:
        """Takes the lease of a film; False where somebody else works on it."""
        return self._holder.take(entry.fingerprint)

    def take_back(self, entry: Entry) -> None:
        """Gives the lease of a film back."""
        entry.comes_back()
        self._holder.drop(entry.fingerprint)

    def seed(self, entry: Entry) -> Path | None:
        """What is known of a film, for a node to go on from: a file that is overwritten by the next one; None where
        there is nothing."""
        video = self.store.by_fingerprint(entry.fingerprint)
        entry.new = video is None
        if video is None or not self.store.stages(video.id):
            return None
        parcel = self._post.pack(entry.fingerprint, self._folder / "seed")
        return None if parcel is None else parcel.file

    def looks(self, entry: Entry, duration: float) -> Path | None:
        """How the videos look that a new film of so many seconds may be another encoding of: a file that is overwritten
        by the next one; None where there are none."""
        # Asked of each new film: the rows of all videos as a whole would take longer than to merge it.
        videos = [
            self.store.video(number)
            for number, fingerprint, seconds in self._post.lengths()
            if fingerprint != entry.fingerprint and rates(duration, seconds)
        ]
        if not videos:
            return None
        file = self._folder / "looks"
        self._post.pack_looks(videos, file)
        return file

    def settle(self, entry: Entry, said: Alike, policy: Relink) -> Report:
        """What becomes of a film that is another encoding of a video: it takes over that one's index, or waits.

        Raises:
            LibraryError: the library cannot be written.
        """
        old = self.store.by_fingerprint(said.fingerprint)
        if old is None or not old.complete:  # it was removed meanwhile: another look tells what the film is now
            return busy(entry.film.listed)
        like = replace(said.like, video=old.id)
        film = entry.film
        new = self.store.add_video(entry.fingerprint, film.name, film.size, film.stamp, said.info.duration or 0.0, {})
        if policy != "always" or not may_relink(self.store, like):
            self.store.update_video(new.id, info={KEY: like.to_dict()})
            report = waits(self.store.video(new.id), like, old)
            assert report is not None
            return replace(report, path=film.listed)
        if not self._holder.take(old.fingerprint):
            return busy(film.listed)
        try:
            place = Place(film.name, film.size, film.stamp, new.id)
            return replace(relink(self.store, self._marks, new, said.info, place, like), path=film.listed)
        finally:
            self._holder.drop(old.fingerprint)

    def take_in(self, entry: Entry, said: Block | Delivered) -> None:
        """Takes in a piece of what a node sends of a film; the last one brings the library to that state.

        Raises:
            LibraryBusyError: somebody else has taken the film over meanwhile.
            BundleError: what came is damaged.
            LibraryError: the library cannot be written.
        """
        file = self._folder / entry.fingerprint
        with disk("what a node sends cannot be kept", file):
            if isinstance(said, Block):
                if entry.incoming is None:
                    entry.incoming = file.open("wb")
                entry.incoming.write(said.data)
                return
            if entry.incoming is not None:
                entry.incoming.close()
                entry.incoming = None
        with self._alone(entry):
            parcel = Parcel(file, said.since, said.pictures)
            changed = self._post.receive(entry.fingerprint, parcel, lambda: self._holder.check(entry.fingerprint))
            self.know(entry.film, entry.fingerprint)
        file.unlink()
        _log.debug("taken in: %s, changed: %s", entry.film.listed, changed)

    def note(self, entry: Entry, said: Spent) -> None:
        """Writes down what a film has cost its node, for estimates of what comes next."""
        video = self.store.by_fingerprint(entry.fingerprint)
        if video is not None:
            self.store.add_actuals([replace(one, video=video.id) for one in said.costs])

    def finish(self, entry: Entry, report: Report) -> Report:
        """What a node reports, with the video as it stands here."""
        video = self.store.by_fingerprint(entry.fingerprint)
        if video is None:
            return report
        if report.status == "waiting" and entry.new:  # what was read of it is of no video
            self.store.remove_video(video.id)
            Pictures(self.store.folder / "frames", video.fingerprint).remove()
            return report
        mark = self.store.stage(video.id, marks.STAGE)
        through = report.status in ("indexed", "unchanged") and mark is not None and mark.fingerprint
        if entry.film.remote is not None and mark is not None and through:
            # The node saw copies of the subtitle files; the next run sees those behind the URL.
            fingerprint = mark_of(self._marks, entry.film)
            self.store.set_stage(video.id, marks.STAGE, fingerprint, mark.status, mark.cursor, mark.detail)
        return replace(report, video=self.store.video(video.id)) if report.error is None else report

    @contextmanager
    def _alone(self, entry: Entry) -> Iterator[None]:
        """Holds the lock file of a video, which others hold for a moment before they see that it is leased."""
        lock = FileLock(self.store.folder / "locks" / f"{entry.fingerprint}.lock")
        try:
            with lock.acquire(timeout=_PATIENCE):
                yield
        except Timeout as error:
            raise LibraryBusyError("another process has taken over the video", entry.film.listed) from error
        except OSError as error:
            raise StorageError(f"the library cannot be written ({error})", str(self.store.folder)) from error


def is_up_to_date(store: Store, up_to_date: Marks, film: Film, video: Video) -> bool:
    """Whether a video needs no work, as far as marks tell."""
    mark = store.stage(video.id, marks.STAGE)
    return video.complete and mark is not None and mark.fingerprint == mark_of(up_to_date, film)


def mark_of(up_to_date: Marks, film: Film) -> str:
    """What the mark of a film has to be for it to be up to date."""
    if film.remote is None:
        return up_to_date.of(film.listed)
    beside = sorted((one.name.lower(), one.name, one.size, one.stamp) for one in film.remote.subtitles)
    return up_to_date.of(film.remote.file.name, Beside(beside))
