"""Which videos are out of date, and what bringing them up to date would cost. Nothing is opened that need not be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vagent.configs import Settings
from vagent.errors import VagentError
from vagent.index.batch.shares import shares
from vagent.index.estimates.actuals import machine
from vagent.index.estimates.actuals import preset as preset_key
from vagent.index.estimates.calibration import Calibration
from vagent.index.estimates.memory import Memory
from vagent.index.estimates.samples import SCANNED, Rates, Sample, Work, earlier
from vagent.index.records import Video
from vagent.index.store import Store
from vagent.index.sync.marks import Marks
from vagent.index.sync.stale import Due, Standing, standings
from vagent.tools.engines import Engines
from vagent.tools.weights.machine import measure

_TOLD = SCANNED | {"visual", "captions", "summaries"}  # stages whose cost cannot be guessed from other stages'


@dataclass(frozen=True, slots=True)
class Stale:
    """A video that is out of date under the settings in force.

    Attributes:
        due: the stages that are to run, and why.
        follows: stages that run as well where what they are made from changes.
        seconds: that a run would take for it on this machine, in one process; None where nothing tells that.
        rough: the seconds are those that other settings or engines took.
        error: why the video cannot be brought up to date.
    """

    video: Video
    due: tuple[Due, ...]
    follows: tuple[str, ...]
    seconds: float | None = None
    rough: bool = False
    error: VagentError | None = None


def out_of_date(store: Store, engines: Engines, videos: Sequence[Video]) -> list[Stale]:
    """The videos that a run would do anything with; those whose files are gone are left out, as a run leaves them.

    Raises:
        LibraryError: the library cannot be read.
    """
    found = [one for one in standings(store, engines, [v for v in videos if v.missing is None]) if one.stale]
    if not found:
        return []
    samples, rough = _samples(store, engines, len(found))
    return [_priced(one, samples, rough=rough) for one in found]


def _priced(found: Standing, samples: Sequence[tuple[Sample, float]], *, rough: bool) -> Stale:
    length = found.video.duration
    stages = {due.stage: due.seconds for due in found.due} | dict.fromkeys(found.follows, length)
    told = {stage for sample, _ in samples for stage in sample.wall}
    seconds = None
    if samples and not found.error and not (_TOLD & stages.keys()) - told and "all" not in stages:
        seconds = Rates(samples).of(Work(found.video.path, length, stages)).wall
    return Stale(found.video, found.due, found.follows, seconds, rough, found.error)


def _samples(store: Store, engines: Engines, videos: int) -> tuple[list[tuple[Sample, float]], bool]:
    """What is known of costs on this machine; and whether it is known only of other settings."""
    settings: Settings = shares(engines.settings, videos, engines.settings.index.workers)[0]
    here = machine(settings.cores, settings.device, measure(settings).card)
    name = preset_key(settings.preset, Marks(engines).common)
    exact = [(one, one.seconds) for one in earlier(store.actuals(here, name))]
    kept = Memory(store.folder).calibration(name, here)
    if kept is not None:
        exact += [(one, one.seconds) for one in Calibration.from_json(kept).samples]
    if exact:
        return exact, False
    return [(one, one.seconds) for one in earlier(store.actuals(here))], True
