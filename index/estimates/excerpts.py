"""Indexes a short stretch of a film as if it were all of it, into a library that is thrown away, and measures that."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vagent.errors import MediaError
from vagent.index.estimates.actuals import grown
from vagent.index.estimates.samples import SCANNED, Sample
from vagent.index.pictures import Pictures
from vagent.index.records import Video
from vagent.index.store import Store
from vagent.index.video import subtitling
from vagent.index.video.pipeline import VideoIndexer
from vagent.index.video.spending import processor_seconds
from vagent.tools.engines import Engines
from vagent.tools.media import Gap, Item, MediaInfo, Track
from vagent.tools.media.probe import probe
from vagent.tools.media.reader import read
from vagent.tools.subtitles import Found


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a file, in seconds."""

    file: Path
    begin: float
    length: float


@contextmanager
def throwaway() -> Iterator[Store]:
    """A library for as long as it takes."""
    with tempfile.TemporaryDirectory(prefix="vagent-calibration-") as folder, Store(Path(folder)) as store:
        yield store


def measure(place: Place, engines: Engines, store: Store) -> Sample:
    """Index a stretch of a file and tell what it cost, less the way to it.

    Args:
        store: a library that is thrown away afterwards.

    Raises:
        MediaError: nothing decodes there.
        VagentError: an engine or the disk failed.
    """
    info = probe(place.file)
    name = f"{len(store.videos()):040x}"
    video = store.add_video(name, place.file.with_name(f"{name}.part"), info.size, 0, place.length, {})
    begun, spent = time.perf_counter(), processor_seconds()
    excerpt = Excerpt(store, video, info, engines, place)
    excerpt.run()
    wall, cpu = time.perf_counter() - begun, processor_seconds() - spent
    return excerpt.sample(wall - excerpt.led_wall, cpu - excerpt.led_cpu)


class Excerpt(VideoIndexer):
    """Indexes a stretch of a film; its times are counted from the beginning of the stretch."""

    def __init__(self, store: Store, video: Video, info: MediaInfo, engines: Engines, place: Place) -> None:
        short = replace(info, duration=place.length)
        super().__init__(store, video, short, engines, Pictures(store.folder / "frames", video.fingerprint))
        self._whole = info
        self._place = place
        self.led_wall = self.led_cpu = 0.0  # what it cost to get to the stretch, from the last key frame before it

    def _read_subtitles(self) -> Found:
        return subtitling.presumed(self._job)

    def _items(self, video: Track | None, audio: Track | None, start: float) -> Iterator[Item]:
        begin, end = self._place.begin, self._place.begin + self._place.length
        begun, spent = time.perf_counter(), processor_seconds()
        for item in read(self._whole, self._job.settings, video=video, audio=audio, start=begin):
            if isinstance(item, Gap):
                continue
            if not self.led_wall:
                self.led_wall, self.led_cpu = time.perf_counter() - begun, processor_seconds() - spent
            if item.time >= end:
                return
            yield replace(item, time=max(0.0, item.time - begin))

    def sample(self, wall: float, cpu: float) -> Sample:
        """What the run has cost.

        Raises:
            MediaError: nothing decoded there.
        """
        job = self._job
        costs, seconds = job.costs, job.store.video(job.video.id).duration
        if "scan" not in costs or seconds <= 0:
            raise MediaError("nothing decodes there", str(self._place.file))
        walls = {stage: cost.wall for stage, cost in costs.items()}
        cpus = {stage: cost.cpu for stage, cost in costs.items()}
        proportional = sum(cost.wall for stage, cost in costs.items() if stage not in SCANNED | {"decode", "clips"})
        walls["scan"] -= self.led_wall
        cpus["scan"] -= self.led_cpu
        walls["decode"] = max(0.0, walls["decode"] - self.led_wall)
        extra = self._beginning()
        walls["scan"] = max(0.0, walls["scan"] - extra)
        fixed = max(0.0, wall + self.led_wall - proportional)
        return Sample(seconds, walls, cpus, grown(job), fixed, str(self._place.file))

    def _beginning(self) -> float:
        """Seconds by which the slowest stage took longer for its first step than for others, where a whole film has one
        such step a commit: what does not move is read once, and then found to be the same."""
        job = self._job
        slowest = max((cost for stage, cost in job.costs.items() if stage in SCANNED), key=lambda cost: cost.wall)
        if slowest.steps < 2 or slowest.wall < job.costs["decode"].wall:
            return 0.0
        usual = (slowest.wall - slowest.first) / (slowest.steps - 1)
        share = max(0.0, 1.0 - self._place.length / job.settings.media.checkpoint)
        return share * max(0.0, slowest.first - usual)
