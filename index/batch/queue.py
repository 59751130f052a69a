"""In which order files are indexed: what was begun first, then the longest, so that the last worker is not alone at
the end with a long film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vagent.errors import SourceError
from vagent.index.batch.settling import Look, look
from vagent.index.batch.standing import USUAL_RATE
from vagent.index.store import Store


@dataclass(slots=True)
class Entry:
    """A file that is to be indexed.

    Attributes:
        seen: the last look at it; None where it cannot be looked at.
        seconds: how long it is; None where no earlier run has opened it.
        begun: whether an earlier run has begun with it.
        tries: workers it has cost.
        looks: how often it was found in another's hands or still being written when there was nothing else to do.
        not_before: when it is looked at again, on the monotonic clock.
    """

    file: Path
    seen: Look | None
    seconds: float | None
    begun: bool = False
    tries: int = 0
    looks: int = 0
    not_before: float = 0.0

    @property
    def size(self) -> int:
        """Bytes."""
        return self.seen.size if self.seen else 0

    @property
    def weight(self) -> float:
        """Seconds that it lasts, guessed by its size where they are not known."""
        return self.size / USUAL_RATE if self.seconds is None else self.seconds


def queue(store: Store, files: Sequence[Path]) -> list[Entry]:
    """The files in the order in which they are indexed; opens none of them."""
    entries = [_entry(store, file) for file in files]
    return sorted(entries, key=lambda entry: (not entry.begun, -entry.weight))


def _entry(store: Store, file: Path) -> Entry:
    try:
        seen = look(file)
    except SourceError:
        return Entry(file, None, None)
    known = store.by_path(file.resolve(), seen.size, seen.mtime_ns)
    if known is None:
        return Entry(file, seen, None)
    return Entry(file, seen, known.duration, begun=not known.complete)
