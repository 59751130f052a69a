"""What happens to a file that the library does not know: most are indexed, but one that is a known film in another
encoding waits for the user's word, or takes over that film's index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vagent.errors import LibraryBusyError
from vagent.index.records import Video
from vagent.index.store import Place, Store
from vagent.index.sync.lookalikes import Found, Lookalikes
from vagent.index.sync.marks import Marks
from vagent.index.sync.proposals import KEY, Likeness, proposed, waits
from vagent.index.sync.relinking import may_relink, relink
from vagent.index.sync.stretches import Known
from vagent.index.video.pipeline import Report
from vagent.tools.engines import Engines
from vagent.tools.media import MediaInfo

Relink = Literal["ask", "always", "never"]

Alone = Callable[[Video], AbstractContextManager[bool]]
"""Keeps all others off a video; gives False where somebody else is at it."""


@dataclass(frozen=True, slots=True)
class Met:
    """What is to be done with a new file.

    Attributes:
        report: where it is not to be indexed; None: it is.
        told: what there is to tell where it is indexed.
        known: stretches that videos of the library show too, as far as samples tell.
    """

    report: Report | None = None
    told: str = ""
    known: Sequence[Known] = ()


class Newcomers:
    """Meets the files that have no index yet.

    Args:
        store: the library's database.
        engines: the engines of this process, with the settings in force.
        relink: whether a known film in another encoding takes over that film's index.
    """

    def __init__(self, store: Store, engines: Engines, relink: Relink) -> None:
        self._store = store
        self._engines = engines
        self._policy = relink
        self._lookalikes = Lookalikes(store, engines.settings)

    def meet(self, file: Path, video: Video, info: MediaInfo, place: Place, alone: Alone) -> Met:
        """What is to be done with a file that nobody else works on.

        Raises:
            StorageError, LibraryError: the library fails.
        """
        begun = video.complete or bool(self._store.stages(video.id))
        if self._policy == "never":
            return Met(known=self._lookalikes.stretches(info) if self._takes_over and not begun else ())
        if video.complete:
            return Met()
        found = self._known(video) or (Found() if begun else self._lookalikes.find(info))
        if found.like is None:
            return Met(None, found.related or "", found.known if self._takes_over else ())
        if self._policy == "ask" or not may_relink(self._store, found.like):
            return Met(self._propose(file, video, found.like))
        old = self._store.video(found.like.video)
        with alone(old) as ours:
            if not ours:
                error = LibraryBusyError("another process is indexing what it looks like", old.path)
                return Met(Report(str(file), "busy", video, error=error))
            return Met(relink(self._store, Marks(self._engines), video, info, place, found.like))

    @property
    def _takes_over(self) -> bool:
        """Whether there is evidence that a new file may take over before it is decoded."""
        settings = self._engines.settings
        return settings.sync.reuse and settings.speech.when != "never" and settings.engines.speech != "off"

    def _known(self, video: Video) -> Found | None:
        """What an earlier run found out, where that still holds."""
        like = proposed(video)
        if like is None or like.video not in {old.id for old in self._store.videos() if old.complete}:
            return None
        return Found(like)

    def _propose(self, file: Path, video: Video, like: Likeness) -> Report | None:
        self._store.update_video(video.id, info={KEY: like.to_dict()})
        return waits(self._store.video(video.id), like, self._store.video(like.video))
