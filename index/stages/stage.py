"""What a stage of the decode pass is.

Every stage commits what it has, together with its cursor, each ``media.checkpoint`` seconds of video. A killed run goes
on from the cursor, and because a stage also starts afresh at each such mark, an interrupted run ends with the rows of
one that was never interrupted.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from vagent.errors import LibraryCorruptError
from vagent.index.records import Evidence
from vagent.index.video.job import Job
from vagent.tools.media import Audio, Frame


class Stage(ABC):
    """Takes the items of its kind in order of time; ``begin`` says from which time on it needs them.

    Args:
        job: the video in work.
        cursor: seconds of the video that earlier runs have committed.
        detail: what the earlier run left beside the cursor.
    """

    name: ClassVar[str]
    wants: ClassVar[type[Frame] | type[Audio]]
    backlog: ClassVar[int] = 0  # items that may wait for this stage in a thread of its own; 0: no thread

    def __init__(self, job: Job, cursor: float, detail: Mapping[str, Any]) -> None:
        self.job = job
        self.cursor = cursor
        self.detail = dict(detail)
        self._every = job.settings.media.checkpoint
        self._mark = self._after(cursor)

    def _after(self, time: float) -> float:
        return (math.floor(time / self._every + 1e-9) + 1) * self._every

    @property
    def begin(self) -> float:
        """Seconds from which on this stage needs items."""
        return self.cursor

    def glance(self, item: Frame | Audio) -> bool:
        """See an item pass by, in the decoding thread; True when it is worth the stage's own work."""
        return True

    def offer(self, item: Frame | Audio) -> None:
        """Take an item, and commit first when it lies behind the next mark."""
        if item.time >= self._mark:
            self.mark(self._mark)
            self._mark = self._after(item.time)
        self.take(item)

    @abstractmethod
    def take(self, item: Any) -> None:
        """Work on one frame or block of audio."""

    @abstractmethod
    def mark(self, time: float) -> None:
        """Commit all that is settled; everything before ``time`` has been taken."""

    @abstractmethod
    def finish(self, end: float) -> None:
        """Commit the rest; the video ends at ``end`` seconds."""

    def commit(self, cursor: float, rows: list[Evidence], *, piece: bytes = b"", done: bool = False) -> None:
        """Write rows and cursor in one transaction.

        Args:
            piece: what is added to the stage's pieces. A stage that is done has none: it has read them before.
        """
        store, video = self.job.store, self.job.video.id
        with store.transaction():
            store.add_evidence(rows)
            if done:
                store.drop_pieces(video, self.name)
            elif piece:
                store.add_piece(video, self.name, piece)
            self.job.settle(self.name, cursor, self.detail, done=done)
        self.cursor = cursor


def packed(found: Iterable[Sequence[object]]) -> bytes:
    """Rows of JSON values as a piece: a line each, so that pieces that are joined are one."""
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in found)


def unpacked(data: bytes) -> list[Any]:
    """The rows of joined pieces.

    Raises:
        LibraryCorruptError: they are damaged.
    """
    try:
        return [json.loads(line) for line in data.splitlines()]
    except ValueError as error:
        hint = "`vagent remove` the video and index it again"
        raise LibraryCorruptError(f"what a stage has left cannot be read ({error})", hint=hint) from error
