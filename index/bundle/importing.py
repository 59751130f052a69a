"""A bundle into a library: all of it is verified first, then video after video is merged."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vagent.errors import LibraryBusyError, StorageError
from vagent.index.batch.leases import Holder
from vagent.index.bundle.archive import Reader
from vagent.index.bundle.frames import admit, place
from vagent.index.bundle.manifest import FRAMES, ROWS, Entry
from vagent.index.bundle.merging import Merger, Outcome
from vagent.index.bundle.steps import BundleStep, OnStep, alone, disk, held
from vagent.index.pictures import Pictures
from vagent.index.store.tables import VERSION

_FOLDER = "incoming"


@dataclass(frozen=True, slots=True)
class Merged:
    """What an import came to.

    Attributes:
        added: videos that the library did not know.
        extended: videos of which the bundle knew more, or other paths.
        unchanged: videos of which it knew nothing new.
        busy: paths of videos that another process was indexing; a second import takes them too.
        kept: path -> stages that both libraries finished with other settings or engines; the library's own stayed.
        rows: how many more the library has now, by table.
    """

    added: int
    extended: int
    unchanged: int
    busy: tuple[str, ...]
    kept: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, int]


def import_library(folder: Path, file: Path, on_step: OnStep | None = None) -> Merged:
    """Merges a bundle into the library in ``folder``.

    Every video is one transaction. An import that is broken off, by whatever, leaves the library whole; the next one
    goes on, as what was merged before is found to be there.

    Raises:
        SourceError: the file cannot be read.
        BundleError: it is no bundle, damaged, forged or of a newer vagent. Where a hash or a name is wrong, nothing at
            all was merged; where a row cannot be, nothing of its video and of those after it.
        LibraryBusyError: another process imports into the library.
        LibraryError: the library cannot be written.
    """
    with Reader(file, VERSION) as bundle, Merger(folder) as library, Holder(library) as holder:
        entries = bundle.manifest.videos
        _check_space(folder, library, entries)
        for done, entry in enumerate(bundle.unpack()):
            _tell(on_step, BundleStep("verify", done, len(entries), entry.path))
        library.prepare()
        outcomes: list[tuple[Entry, Outcome | None]] = []
        with _staged(folder) as staging:
            for done, entry in enumerate(bundle.unpack(staging)):
                _tell(on_step, BundleStep("merge", done, len(entries), entry.path))
                outcomes.append((entry, _merge(library, holder, bundle.manifest.models, entry, staging)))
        _tell(on_step, BundleStep("merge", len(entries), len(entries)))
    return _summary(outcomes)


def _merge(library: Merger, holder: Holder, models: Mapping[str, int], entry: Entry, staging: Path) -> Outcome | None:
    """Merges an unpacked video; None where another process is at it."""
    names = [name for name, _ in entry.members()]
    library.load(staging / ROWS, names[0], entry, models)
    with alone(library, holder, entry.fingerprint) as free:
        if not free:
            return None
        pictures = Pictures(library.folder / "frames", entry.fingerprint)
        admitted = None
        if library.wants_pictures(entry, here=pictures.path.is_file()):
            admitted = admit(staging / FRAMES, names[1], staging)
        with library.transaction():
            outcome = library.merge(entry, models, pictures=admitted is not None)
            holder.check(entry.fingerprint)
            # Last, so that rows that say there are pictures are never committed without them.
            if admitted is not None:
                place(admitted, pictures)
        return outcome


def _check_space(folder: Path, library: Merger, entries: tuple[Entry, ...]) -> None:
    """What the videos that are new here take when unpacked must fit, and the largest of all beside them."""
    sizes = {entry.fingerprint: sum(content.size for _, content in entry.members()) for entry in entries}
    needed = sum(size for mark, size in sizes.items() if library.by_fingerprint(mark) is None) + max(
        sizes.values(), default=0
    )
    with disk("the library cannot be used", folder):
        free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"the bundle unpacks to {needed >> 20} MiB, the disk has {free >> 20} MiB left",
            str(folder),
            hint="free space or choose another folder with --library",
        )


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """An empty folder in the library for one import at a time; what a killed one left is removed."""
    staging = folder / _FOLDER
    with held(folder, _FOLDER) as free:
        if not free:
            raise LibraryBusyError("another process imports into the library", str(folder), hint="try again later")
        with disk("the bundle cannot be unpacked", staging):
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            try:
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)


def _tell(on_step: OnStep | None, step: BundleStep) -> None:
    if on_step is not None:
        on_step(step)


def _summary(outcomes: list[tuple[Entry, Outcome | None]]) -> Merged:
    merged = [outcome for _, outcome in outcomes if outcome is not None]
    rows: Counter[str] = Counter()
    for outcome in merged:
        rows.update(outcome.rows)
    return Merged(
        added=sum(outcome.new for outcome in merged),
        extended=sum(outcome.changed and not outcome.new for outcome in merged),
        unchanged=sum(not outcome.changed for outcome in merged),
        busy=tuple(entry.path for entry, outcome in outcomes if outcome is None),
        kept={entry.path: outcome.kept for entry, outcome in outcomes if outcome is not None and outcome.kept},
        rows=dict(rows),
    )
