"""The part of a library's SDK that takes videos in: what is indexed, what that will cost, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vagent.index.batch.listeners import OnReport
    from vagent.index.batch.standing import OnStanding
    from vagent.index.estimates.estimate import Estimate
    from vagent.index.estimates.stale import Stale
    from vagent.index.forecast import Compared
    from vagent.index.library import VideoLibrary
    from vagent.index.store import Problem
    from vagent.index.sync.newcomers import Relink
    from vagent.index.video.job import Progress
    from vagent.index.video.pipeline import Report
    from vagent.index.which import Which


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
            workers: how many processes; None: what suits this machine. Not with ``ray``.
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
            SettingsError: workers were asked for of a cluster.
            LibraryError: the library itself fails, for instance because the disk is full.
        """
        given: dict[str, Any] = {"workers": workers, "retry": retry, "relink": relink, "ray": address_of(ray)}
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

    def estimate(
        self,
        sources: str | Path | Iterable[str | Path],
        presets: Sequence[str] | None = None,
        *,
        workers: int | None = None,
        retry: bool = False,
        ray: str | bool = False,
        on_preset: Callable[[str], object] | None = None,
    ) -> list[Estimate]:
        """What indexing files and folders would cost: seconds, bytes and models, for each preset.

        Learnt from what was indexed here before with the same settings, and as long as that is little, measured on
        short stretches of the files, which takes a few seconds. Nothing is indexed.

        Of a cluster it is told what its nodes would take, by what they took before and by stretches that one of them
        measures. Films behind URLs are not opened for it; ``notices`` of an estimate say what that leaves to guess, and
        ``error`` why the cluster cannot index with a preset at all.

        Args:
            presets: ``quick``, ``standard``, ``deep``; None: the one in force.
            workers: how many processes; None: what suits this machine.
            retry: also files that could not be indexed before and have not changed since.
            ray: what it would cost on the nodes of a Ray cluster, named as for ``add``.
            on_preset: told before each preset.

        Raises:
            SourceError: a source names nothing.
            SettingsError: no such preset; workers were asked for of a cluster.
            EngineUnavailable: an engine was asked for by name and cannot run here; the cluster cannot be used.
        """
        given: dict[str, Any] = {"workers": workers, "retry": retry, "ray": address_of(ray)}
        return self._index.estimate(sources, presets, **given, on_preset=on_preset)

    def stale(self, which: Which | None = None) -> list[Stale]:
        """The videos that are out of date under the settings in force: which stages, why, and the seconds of a run.

        Nothing is decoded. Videos whose files are gone are left out.

        Args:
            which: only those that fit: by path, title, year or language.

        Raises:
            SourceError: none fits.
        """
        videos = self._index.videos()
        return self._index.stale(which.of(videos) if which else videos)

    @property
    def compared(self) -> Compared | None:
        """How long the last ``add`` took, beside what was estimated before; None where nothing was for its files."""
        return self._index.compared


def address_of(ray: str | bool) -> str | None:
    """Which cluster is meant: its address, empty for the one that the settings name; None: none is."""
    return None if ray is False else "" if ray is True else ray
