"""Whether a file is still being written: copied, downloaded, recorded.

A file that has changed within the last seconds waits, and so does one that changes between two looks at it. What was
read of a file that changed meanwhile is not what the file holds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from vagent.errors import SourceError


@dataclass(frozen=True, slots=True)
class Look:
    """What a glance at a file shows: its size in bytes and its times of change in nanoseconds since 1970."""

    size: int
    mtime_ns: int
    ctime_ns: int

    def age(self) -> float:
        """Seconds since the file last changed in any way; infinite where its time lies in the future."""
        seconds = time.time() - max(self.mtime_ns, self.ctime_ns) / 1e9
        return seconds if seconds >= 0 else float("inf")  # somebody's clock is wrong: looking twice has to do

    def same(self, other: Look) -> bool:
        """Whether nothing was written between two looks."""
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)


def look(file: Path) -> Look:
    """A glance at a file: one call to the system.

    Raises:
        SourceError: it cannot be looked at.
    """
    try:
        found = file.stat()
    except OSError as error:
        raise SourceError(f"the file cannot be read ({error.strerror})", str(file)) from error
    except ValueError as error:
        raise SourceError(f"the path cannot be used ({error})", str(file)) from error
    return Look(found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def moved_since(file: Path, before: Look, settle: float) -> bool:
    """Whether a file has been written to since a look at it; waits until the look is ``settle`` seconds old.

    Raises:
        SourceError: it cannot be looked at any more.
    """
    rest = settle - before.age()
    if rest > 0:
        time.sleep(min(rest, settle))
    return not look(file).same(before)
