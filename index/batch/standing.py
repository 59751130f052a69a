"""How far a batch is: files, seconds of video, and when it will be through."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vagent.index.video.job import Progress

_SCAN_SHARE = 0.3  # of the work on a video that is also described clip by clip

USUAL_RATE = 500_000.0
"""Bytes a second of a video, as long as nothing better is known."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a batch stands.

    Attributes:
        files, finished: how many files there are, and how many are through.
        done, total: seconds of video; the total is a guess as long as not every file has been opened.
        left: seconds until it is through; None while that cannot be told.
        running: the files in work, the longest in work first.
    """

    files: int
    finished: int
    done: float
    total: float
    left: float | None
    running: tuple[Progress, ...]


OnStanding = Callable[[Standing], object]


@dataclass(slots=True)
class Tally:
    """Adds up how far a batch is.

    Attributes:
        sizes: bytes of each file.
        lengths: seconds of each file that has been opened, now or earlier.
        described: whether clips are described, which then takes most of the time.
    """

    sizes: dict[Path, int]
    lengths: dict[Path, float]
    described: bool = False
    _ended: set[Path] = field(default_factory=set)
    _running: dict[Path, Progress] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)
    _worked: float = 0.0

    def see(self, file: Path, progress: Progress) -> None:
        """Note how far a file is."""
        self._running[file] = progress
        if progress.total:
            self.lengths[file] = progress.total

    def end(self, file: Path, *, worked: bool) -> None:
        """Note that a file is through; ``worked``: its time says something about that of others."""
        self.put_back(file)
        self._ended.add(file)
        self._worked += self.lengths.get(file, 0.0) if worked else 0.0

    def put_back(self, file: Path) -> None:
        """Note that a file is not in work any more, and not through either."""
        self._running.pop(file, None)

    def standing(self) -> Standing:
        """Where the batch stands now."""
        rate = self._rate()
        lengths = {file: self.lengths.get(file, size / rate) for file, size in self.sizes.items()}
        under_way = sum(self._share(progress) * lengths[file] for file, progress in self._running.items())
        done = sum(lengths[file] for file in self._ended) + under_way
        total = sum(lengths.values())
        worked, passed = self._worked + under_way, time.monotonic() - self._begun
        left = (total - done) * passed / worked if worked > 0 else None
        return Standing(len(self.sizes), len(self._ended), done, total, left, tuple(self._running.values()))

    def _rate(self) -> float:
        """Bytes a second of the files whose length is known; those of the others are taken to be alike."""
        known = [(self.sizes[file], seconds) for file, seconds in self.lengths.items() if seconds > 0]
        size, seconds = sum(size for size, _ in known), sum(seconds for _, seconds in known)
        return max(1.0, size / seconds) if seconds else USUAL_RATE

    def _share(self, progress: Progress) -> float:
        """How much of the work on a video is done."""
        part = min(1.0, progress.done / progress.total) if progress.total else 0.0
        scan = _SCAN_SHARE if self.described else 1.0
        if progress.stage == "subtitles":
            return 0.0
        if progress.stage == "scan":
            return scan * part
        return scan + (1 - scan) * part if progress.stage == "captions" else scan
