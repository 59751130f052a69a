"""One video sent from one library to another and back, while somebody works on it: bundles of one video each.

What is sent is a bundle like any other, verified and checked in the same way. Only its pictures may be those alone that
the other side lacks: they are most of what a video takes, and never change once their stage has gone past them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from vagent.errors import BundleError
from vagent.index.bundle.archive import Reader, Writer
from vagent.index.bundle.choosing import State
from vagent.index.bundle.contents import TRAVELLING
from vagent.index.bundle.exporting import Source, write_video
from vagent.index.bundle.following import Follower
from vagent.index.bundle.frames import admit, append, place
from vagent.index.bundle.manifest import FRAMES, ROWS, Entry
from vagent.index.bundle.steps import disk
from vagent.index.pictures import Pictures
from vagent.index.records import Video
from vagent.index.store.tables import VERSION

_LOOKS = [table for table in TRAVELLING if table.name in {"videos", "stages", "shots", "clips", "prints"}]
"""What tells how videos look and sound, and no more."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A bundle of one video on its way.

    Attributes:
        file: the bundle.
        since: its pictures are those of this second and later, to be added; ``-inf``: all, in the place of others.
        pictures: how far their stage has come; None where nobody has begun with them.
    """

    file: Path
    since: float
    pictures: State | None


class Post(Follower, Source):
    """A library that sends and receives single videos. To be used from one thread.

    Args:
        folder: the library's.
        scratch: an empty folder for what is on its way.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        super().__init__(folder)
        self._scratch = scratch
        self.prepare()

    def pack(self, fingerprint: str, file: Path, before: State | None = None) -> Parcel | None:
        """Writes a bundle of one video, as it stands in this moment.

        Args:
            before: how far the pictures had come that the other side has; None: it has none.

        Returns:
            What was written; None where there is no such video.

        Raises:
            StorageError: the file cannot be written.
            LibraryError: the library cannot be read.
        """
        video = self.by_fingerprint(fingerprint)
        if video is None:
            return None
        pictures = self.pictures_stage(video.id)
        since = _since(before, pictures)
        with disk("a video cannot be sent", file), file.open("wb") as stream:
            bundle = Writer(stream)
            entry = write_video(self, bundle, self._scratch, video, since)
            if entry is None:
                return None
            bundle.finish(self.manifest([entry]))
        return Parcel(file, since, pictures)

    def lengths(self) -> list[tuple[int, str, float]]:
        """Number, fingerprint and seconds of the complete videos of which it is known how they look."""
        sql = (
            "SELECT id, fingerprint, duration FROM videos WHERE complete"
            " AND id IN (SELECT video FROM prints WHERE kind = 'pictures') ORDER BY id"
        )
        return [(int(number), str(mark), float(seconds)) for number, mark, seconds in self._rows(sql)]

    def pack_looks(self, videos: Sequence[Video], file: Path) -> None:
        """Writes a bundle with what tells how some videos look and sound, for another library to compare with.

        Raises:
            StorageError: the file cannot be written.
            LibraryError: the library cannot be read.
        """
        with disk("videos cannot be sent", file), file.open("wb") as stream:
            bundle = Writer(stream)
            found = (write_video(self, bundle, self._scratch, video, inf, _LOOKS) for video in videos)
            bundle.finish(self.manifest([entry for entry in found if entry is not None]))

    def receive_looks(self, file: Path) -> None:
        """Takes in what tells how some videos look and sound.

        Raises:
            BundleError: the bundle is damaged.
            LibraryError: the library cannot be written.
        """
        with Reader(file, VERSION) as bundle, disk("videos cannot be unpacked", self._scratch):
            for entry in bundle.unpack(self._scratch):
                name, _ = next(entry.members())
                self.load(self._scratch / ROWS, name, entry, bundle.manifest.models)
                with self.transaction():
                    self.follow(entry, bundle.manifest.models)

    def receive(self, fingerprint: str, parcel: Parcel, guard: Callable[[], object]) -> bool:
        """Brings a video to the state that a bundle holds, in one transaction.

        Args:
            fingerprint: which video it must be.
            guard: called in the transaction; what it raises undoes all of it.

        Returns:
            Whether that changed anything.

        Raises:
            BundleError: the bundle is damaged, or holds anything else.
            LibraryError: the library cannot be written.
        """
        with Reader(parcel.file, VERSION) as bundle, disk("a video cannot be unpacked", self._scratch):
            if [entry.fingerprint for entry in bundle.manifest.videos] != [fingerprint]:
                raise BundleError("another video was sent than was asked for", fingerprint)
            (entry,) = bundle.unpack(self._scratch)
            names = [name for name, _ in entry.members()]
            self.load(self._scratch / ROWS, names[0], entry, bundle.manifest.models)
            admitted = admit(self._scratch / FRAMES, names[1], self._scratch) if entry.frames else None
            with self.transaction():
                changed = self.follow(entry, bundle.manifest.models)
                guard()
                # Last, so that rows that say there are pictures are never committed without them.
                if admitted is not None:
                    self._put(entry, admitted, parcel.since)
        return changed

    def _put(self, entry: Entry, admitted: Path, since: float) -> None:
        pictures = Pictures(self.folder / "frames", entry.fingerprint)
        if since > -inf:
            append(admitted, pictures)
        else:
            place(admitted, pictures)


def _since(before: State | None, now: State | None) -> float:
    """From which second on there are pictures that the other side lacks."""
    if before is None or now is None or before.fingerprint != now.fingerprint or now.cursor < before.cursor:
        return -inf
    return before.cursor
