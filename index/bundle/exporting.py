"""A library, or some of its videos, into a bundle."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from math import inf
from pathlib import Path

from vagent.errors import StorageError
from vagent.index.batch.leases import Holder
from vagent.index.bundle.archive import Writer, is_bundle
from vagent.index.bundle.contents import TRAVELLING, Row, Table
from vagent.index.bundle.frames import gather
from vagent.index.bundle.manifest import FORMAT, FRAMES, ROWS, Entry, Manifest, member
from vagent.index.bundle.rows import write
from vagent.index.bundle.steps import BundleStep, OnStep, alone, disk
from vagent.index.pictures import Pictures
from vagent.index.records import Video
from vagent.index.store import Store
from vagent.index.store.tables import VERSION

_PATH = 4096  # characters of a path that the manifest shows


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to.

    Attributes:
        file: the bundle.
        size: its bytes.
        videos: how many it holds.
        busy: paths of videos that it lacks, because another process was indexing them.
        rows: how many it holds, by table.
    """

    file: Path
    size: int
    videos: int
    busy: tuple[str, ...]
    rows: Mapping[str, int]


def export_library(
    folder: Path, file: Path, videos: Sequence[str] | None = None, on_step: OnStep | None = None
) -> Exported:
    """Writes a bundle of the library in ``folder``.

    Others may go on indexing: each video is read in one transaction, under its lock and its lease, so that its rows and
    pictures fit each other. One that is being indexed is left out and told of. The bundle comes into its place when it
    is complete; one that was there is replaced then.

    Args:
        videos: fingerprints of those to export; None: all.

    Raises:
        StorageError: the bundle cannot be written, or something that is no bundle lies in its place.
        LibraryError: the library cannot be read.
    """
    file = file.absolute()
    with disk("the bundle cannot be written", file):
        if file.exists() and not is_bundle(file):
            raise StorageError("what lies there is no bundle of a library", str(file), hint="choose another name")
        with (
            tempfile.TemporaryDirectory(prefix=f".{file.name[:100]}.", dir=file.parent) as name,
            Source(folder) as source,
            Holder(source) as holder,
        ):
            scratch = Path(name)
            new = scratch / "bundle"
            with new.open("wb") as stream:
                entries, busy = _write(source, holder, Writer(stream), scratch, videos, on_step)
                stream.flush()
                os.fsync(stream.fileno())
                size = stream.tell()
            new.replace(file)
    rows: Counter[str] = Counter()
    for entry in entries:
        rows.update(entry.counts)
    return Exported(file, size, len(entries), tuple(busy), dict(rows))


def _write(
    source: Source,
    holder: Holder,
    bundle: Writer,
    scratch: Path,
    videos: Sequence[str] | None,
    on_step: OnStep | None,
) -> tuple[list[Entry], list[str]]:
    """Everything into the bundle; returns what it holds, and the paths of what was left out."""
    entries: list[Entry] = []
    busy: list[str] = []
    wanted = [video for video in source.videos() if videos is None or video.fingerprint in videos]
    for done, video in enumerate(wanted):
        if on_step is not None:
            on_step(BundleStep("export", done, len(wanted), video.path))
        with alone(source, holder, video.fingerprint) as free:
            if not free:
                busy.append(video.path)
                continue
            entry = write_video(source, bundle, scratch, video)
        if entry is not None:
            entries.append(entry)
    if on_step is not None:
        on_step(BundleStep("export", len(wanted), len(wanted)))
    bundle.finish(source.manifest(entries))
    return entries, busy


def write_video(
    source: Source,
    bundle: Writer,
    scratch: Path,
    video: Video,
    since: float = -inf,
    tables: Sequence[Table] = TRAVELLING,
) -> Entry | None:
    """Appends the members of one video.

    Rows come first and pictures after them: so there is a picture of all that the rows say there is, also where
    somebody works on the video meanwhile.

    Args:
        scratch: an empty folder for the members.
        since: only pictures of this second and later ones; of the rows all are written.
        tables: only rows of these.

    Returns:
        What the manifest says of it; None where it was removed meanwhile.
    """
    rows = scratch / "rows"
    with source.snapshot():
        if source.by_fingerprint(video.fingerprint) is None:
            return None
        with rows.open("wb") as stream:
            counts = {table.name: write(stream, table, source.travelling(table, video.id)) for table in tables}
    pictures = Pictures(source.folder / "frames", video.fingerprint)
    frames = gather(pictures, scratch, since) if since < inf and pictures.path.is_file() else None
    return Entry(
        fingerprint=video.fingerprint,
        path=video.path.encode("utf-8", "replace").decode()[:_PATH],
        counts=counts,
        rows=bundle.add(member(video.fingerprint, ROWS), rows),
        frames=None if frames is None else bundle.add(member(video.fingerprint, FRAMES), frames),
    )


class Source(Store):
    """A library that is read for a bundle."""

    def travelling(self, table: Table, video: int) -> Iterator[Row]:
        """The rows of a video that travel, one by one."""
        with self._errors():
            yield from self._run(table.select(), (video,))

    def manifest(self, entries: Sequence[Entry]) -> Manifest:
        """What a bundle of these videos says of itself."""
        ((library,),) = self._rows("SELECT value FROM meta WHERE key = 'library'")
        models = self._rows("SELECT name, dimension FROM embedding_models WHERE added > removed ORDER BY id")
        return Manifest(
            format=FORMAT,
            vagent=version("vagent"),
            schema_version=VERSION,
            library=library,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            models=dict(models),
            videos=tuple(entries),
        )
