"""What happens to a file that the library does not know: most are indexed, but one that is a known film in another
encoding waits for the user's word, or takes over that film's index."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from vagent.errors import LibraryBusyError
from vagent.index.records import Video
from vagent.index.store import Place, Store
from vagent.index.sync.lookalikes import Found, Lookalikes
from vagent.index.sync.marks import Marks
from vagent.index.sync.proposals import KEY, Likeness, proposed, waits
from vagent.index.sync.relinking import may_relink, relink
from vagent.index.video.pipeline import Report
from vagent.tools.engines import Engines
from vagent.tools.media import MediaInfo

Relink = Literal["ask", "always", "never"]

Alone = Callable[[Video], AbstractContextManager[bool]]
"""Keeps all others off a video; gives False where somebody else is at it."""


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

    def meet(self, file: Path, video: Video, info: MediaInfo, place: Place, alone: Alone) -> tuple[Report | None, str]:
        """What is to be done with a file that nobody else works on.

        Returns:
            A report, where it is not to be indexed; and what there is to tell where it is, or an empty text.

        Raises:
            StorageError, LibraryError: the library fails.
        """
        if self._policy == "never" or video.complete:
            return None, ""
        found = self._known(video) or self._found(video, info)
        if found.like is None:
            return None, found.related or ""
        if self._policy == "ask" or not may_relink(self._store, found.like):
            return self._propose(file, video, found.like), ""
        old = self._store.video(found.like.video)
        with alone(old) as ours:
            if not ours:
                error = LibraryBusyError("another process is indexing what it looks like", old.path)
                return Report(str(file), "busy", video, error=error), ""
            return relink(self._store, Marks(self._engines), video, info, place, found.like), ""

    def _known(self, video: Video) -> Found | None:
        """What an earlier run found out, where that still holds."""
        like = proposed(video)
        if like is None or like.video not in {old.id for old in self._store.videos() if old.complete}:
            return None
        return Found(like)

    def _found(self, video: Video, info: MediaInfo) -> Found:
        begun = bool(self._store.stages(video.id))
        return Found() if begun else self._lookalikes.find(info)

    def _propose(self, file: Path, video: Video, like: Likeness) -> Report | None:
        self._store.update_video(video.id, info={KEY: like.to_dict()})
        return waits(self._store.video(video.id), like, self._store.video(like.video))
