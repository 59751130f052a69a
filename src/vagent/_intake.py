"""The part of a library's SDK that takes videos in: what is indexed, what that will cost, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vagent.index.batch.listeners import OnReport
    from vagent.index.batch.standing import OnStanding
    from vagent.index.job import Progress
    from vagent.index.library import VideoLibrary
    from vagent.index.pipeline import Report
    from vagent.index.store import Problem
    from vagent.index.sync.newcomers import Relink


class Intake:
    """How videos come into ``Library``."""

    _index: VideoLibrary

    def add(
        self,
        sources: str | Path | Iterable[str | Path],
        *,
        progress: Callable[[Progress], object] | None = None,
        workers: int | None = None,
        retry: bool = False,
        relink: Relink | None = None,
        ray: str | bool = False,
        standing: OnStanding | None = None,
        report: OnReport | None = None,
    ) -> list[Report]:
        """Index files and folders; what is up to date is left alone, and one bad file does not stop the others.

        One file is indexed in this process, several in processes of their own. Files that moved are known by their
        content; videos of a folder whose files are gone are marked as missing, and stay until ``prune``.

        Args:
            progress: told a few times a second how far each file is.
            workers: how many processes; None: what suits this machine.
            retry: also files that could not be indexed before and have not changed since.
            relink: what is done with a film of the library that comes in another encoding: it takes over the film's
                index (``always``), waits (``ask``) or is indexed (``never``); None: as the settings say.
            ray: index on the nodes of a Ray cluster, by its address; True: the one that the settings name, or one that
                is started on this machine. Sources may then be URLs: ``s3://bucket/films``.
            standing: told as often how far all files are together.
            report: told of each file that is through.

        Raises:
            SourceError: a source names nothing.
            EngineUnavailable: the cluster cannot be used.
            LibraryError: the library itself fails, for instance because the disk is full.
        """
        given: dict[str, Any] = {"workers": workers, "retry": retry, "relink": relink}
        if ray is not False:
            given["ray"] = "" if ray is True else ray
        return self._index.add(sources, progress, **given, on_standing=standing, on_report=report)

    def problems(self) -> list[Problem]:
        """The files that cannot be indexed, and why."""
        return self._index.problems()

    def prepare(
        self,
        source: str | Path,
        *,
        again: bool = False,
        progress: Callable[[Progress], object] | None = None,
        standing: OnStanding | None = None,
    ) -> list[Report]:
        """Index what a question to ``source`` needs and the library does not have yet.

        Args:
            source: a file or a folder.
            again: also bring up to date what was indexed completely, maybe with other settings.
            progress: told a few times a second how far each video is.
            standing: told as often how far all of them are together.

        Raises:
            VagentError: none of the files can be indexed; the first one's error.
        """
        return self._index.prepare(source, progress, again=again, on_standing=standing)

    def plan(self, sources: str | Path | Iterable[str | Path]) -> list[dict[str, str]]:
        """What ``add`` would do with each file: ``video``, ``status`` (new, resume, done) and ``reason``."""
        return self._index.plan(sources)
