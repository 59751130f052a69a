"""The part of a library that tells what is to come: what indexing would cost, and what is out of date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vagent.configs import Settings
from vagent.errors import SettingsError
from vagent.index.records import Video
from vagent.index.sources.files import names_a_file, video_files
from vagent.index.store import Store
from vagent.tools.engines import Engines

if TYPE_CHECKING:
    from vagent.index.estimates.estimate import Estimate
    from vagent.index.estimates.stale import Stale


@dataclass(frozen=True, slots=True)
class Compared:
    """What a run was estimated to take, and what it took; both in seconds."""

    estimated: float
    taken: float

    @property
    def off(self) -> float:
        """By which part the run took longer than was estimated; negative where it was shorter."""
        return self.taken / self.estimated - 1 if self.estimated else 0.0


def check_workers(workers: int | None) -> None:
    """What is asked of a cluster, refused.

    Raises:
        SettingsError: a number of processes.
    """
    if workers is not None:
        hint = "its nodes run as many films side by side as they have room for; cluster.cpus sets the cores of each"
        raise SettingsError("a cluster takes no number of workers", workers, hint=hint)


class Forecast:
    """What a library tells before anything is done."""

    settings: Settings
    store: Store
    engines: Engines
    compared: Compared | None = None
    """How the last ``add`` compares with its estimate; None where there was none for all of its files."""

    def estimate(
        self,
        sources: Path | str | Iterable[Path | str],
        presets: Sequence[str] | None = None,
        *,
        workers: int | None = None,
        retry: bool = False,
        ray: str | None = None,
        on_preset: Callable[[str], object] | None = None,
    ) -> list[Estimate]:
        """What indexing files and folders would cost, with some presets; None: with the one in force.

        The library stays as it is, but that what was measured is kept beside it.

        Args:
            ray: the address of a Ray cluster, as for ``add``: what it would cost there.

        Raises:
            SourceError: a source names nothing.
            SettingsError: no such preset; workers were asked for of a cluster.
            EngineUnavailable: an engine was asked for by name and cannot run here; the cluster cannot be used.
        """
        from vagent.configs.presets import at_preset
        from vagent.index.estimates.estimate import Estimator

        named = [sources] if isinstance(sources, str | Path) else list(sources)
        each = [at_preset(self.settings, preset) for preset in presets or (self.settings.preset,)]
        if ray is not None:
            from vagent.index.cluster.foreseeing import foresee

            check_workers(workers)
            return foresee(self.store, each, named, address=ray or None, retry=retry, on_preset=on_preset)
        files = list(dict.fromkeys(file for source in named for file in video_files(Path(source))))
        spread = workers is not None or not names_a_file(named)
        estimator = Estimator(self.store, files, spread=spread, workers=workers, retry=retry)
        found = []
        for settings in each:
            if on_preset is not None:
                on_preset(settings.preset)
            found.append(estimator.of(settings))
        return found

    def stale(self, videos: Sequence[Video] | None = None) -> list[Stale]:
        """The videos that are out of date under the settings in force, and what a run over them would cost.

        Nothing is decoded.
        """
        from vagent.index.estimates.stale import out_of_date

        chosen = sorted(self.store.videos(), key=lambda video: video.path) if videos is None else videos
        return out_of_date(self.store, self.engines, chosen)

    def _foretold(self, files: Sequence[Path], each: Sequence[Settings]) -> float | None:
        """Seconds that were foretold for just these files."""
        from vagent.index.estimates.actuals import preset
        from vagent.index.estimates.estimate import foretold
        from vagent.index.sync.marks import Marks

        name = preset(self.settings.preset, Marks(self.engines).common)
        return foretold(self.store, name, files, each)
