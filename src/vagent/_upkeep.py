"""The upkeep of a library in the SDK: which files are watched, missing and forgotten, which models are in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from vagent._intake import address_of

if TYPE_CHECKING:
    from vagent.index.batch.listeners import OnReport
    from vagent.index.library import VideoLibrary
    from vagent.index.records import Video
    from vagent.index.sync.newcomers import Relink
    from vagent.index.video.pipeline import Report


class Upkeep:
    """What ``Library`` has to keep in step with the files, and small."""

    _index: VideoLibrary

    def release(self) -> list[str]:
        """Let go of the models that nobody is using, for instance to leave their memory to another program; each comes
        back at its next use. The setting ``idle`` does so by itself.

        Returns:
            The senses whose models left memory.
        """
        return self._index.engines.release()

    def watch(
        self,
        folders: str | Path | Iterable[str | Path],
        *,
        stop: threading.Event | None = None,
        workers: int | None = None,
        relink: Relink | None = None,
        ray: str | bool = False,
        report: OnReport | None = None,
        notice: Callable[[str], object] | None = None,
    ) -> None:
        """Keep folders in step with the library until ``stop`` is set; they may go and come back meanwhile.

        Args:
            stop: set it from another thread; None: only KeyboardInterrupt ends it, which leaves an index to go on with.
            workers, relink: as for ``add``.
            ray: index on the nodes of a Ray cluster, as for ``add``. Where it cannot be reached any more, files wait
                until it can.
            report: told of each file that something happened to.
            notice: told in words what else happens.

        Raises:
            SourceError: not a folder.
            EngineUnavailable: the cluster cannot be used, or not from the beginning on.
            SettingsError: workers were asked for of a cluster.
            LibraryError: the library itself fails, for instance because the disk is full.
        """
        from vagent.errors import SourceError
        from vagent.index.cluster.reaching import lasting
        from vagent.index.sources.urls import is_url
        from vagent.index.sync.watching import Patient, Watcher

        named = [folders] if isinstance(folders, str | Path) else list(folders)

        for url in filter(is_url, named):
            hint = "run vagent index with it from time to time: what has not changed is not sent"
            raise SourceError("only folders can be watched, and this is a URL", str(url), hint=hint)

        def look(folder: Path) -> list[Report]:
            # Even a single file gets a process of its own: none that crashes a decoder may end the watch.
            return self._index.add(folder, workers=workers or 0, relink=relink)

        def send(folder: Path) -> list[Report]:
            return self._index.add(folder, workers=workers, relink=relink, ray=address)

        address = address_of(ray)
        watcher = Watcher(
            [Path(folder) for folder in named],
            look if address is None else Patient(send),
            quiet=self._index.settings.sync.quiet,
            on_report=report or _unheard,
            on_notice=notice or _unheard,
            apart=self._index.folder,
        )
        with nullcontext() if address is None else lasting(address or self._index.settings.cluster.address):
            watcher.run(stop or threading.Event())

    def missing(self, sources: str | Path | Iterable[str | Path] = (), *, days: float = 0.0) -> list[Video]:
        """The videos whose files are gone. What they showed can still be asked for.

        Args:
            sources: only what lay at or below these, whether it has been noticed before or not.
            days: only what has been missing for so long.
        """
        from vagent.index.sync.missing import forgettable

        named = [sources] if isinstance(sources, str | Path) else list(sources)
        return forgettable(self._index.store, [Path(source) for source in named], timedelta(days=days))

    def prune(self, sources: str | Path | Iterable[str | Path] = (), *, days: float = 0.0) -> list[Video]:
        """Forget the videos whose files are gone; arguments as those of ``missing``. Returns what was forgotten."""
        found = self.missing(sources, days=days)
        for video in found:
            self._index.remove(video)
        return found


def _unheard(_: object) -> None:
    """Stands for a listener where nobody listens."""
