"""What a stretch of video has cost, and what follows from that for others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from vagent.index.store import Actual

PHASES = ("embed", "visual", "captions", "summaries")
"""What is done after the decode pass, and costs in proportion to a video's length."""

VIDEO_STAGES = frozenset({"shots", "pictures", "print of pictures", "text", "objects"})
AUDIO_STAGES = frozenset({"speech", "print of sound", "sounds"})
SCANNED = VIDEO_STAGES | AUDIO_STAGES


@dataclass(frozen=True, slots=True)
class Sample:
    """What indexing a stretch of video has cost.

    Attributes:
        seconds: of video.
        wall, cpu: seconds of each phase, and of each stage of the decode pass.
        bytes: what the library grew by, by stage.
        fixed: seconds that the video cost however long it is.
        file: where it is from; empty for a whole video of an earlier run.
    """

    seconds: float
    wall: Mapping[str, float]
    cpu: Mapping[str, float]
    bytes: Mapping[str, int] = field(default_factory=dict)
    fixed: float = 0.0
    file: str = ""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Sample:
        """A sample as it was kept."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, seconds of processor time in all threads, and bytes by stage."""

    wall: float = 0.0
    cpu: float = 0.0
    bytes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done with one video: stage -> seconds of video before it."""

    file: str
    seconds: float
    stages: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Rates:
    """What a second of video costs, learnt from samples.

    Attributes:
        samples: those to learn from, with the weight of each.
    """

    samples: Sequence[tuple[Sample, float]]

    def of(self, work: Work) -> Cost:
        """What some work will cost; of a file that has samples of its own, by those."""
        own = [(sample, weight) for sample, weight in self.samples if sample.file == work.file]
        known = own + [(sample, weight) for sample, weight in self.samples if not sample.file] if own else self.samples
        total = sum(weight for _, weight in known)
        costs = [(_cost(sample, work), weight / total) for sample, weight in known]
        sizes: dict[str, float] = {}
        for cost, share in costs:
            for stage, size in cost.bytes.items():
                sizes[stage] = sizes.get(stage, 0.0) + share * size
        return Cost(
            sum(share * cost.wall for cost, share in costs),
            sum(share * cost.cpu for cost, share in costs),
            {stage: round(size) for stage, size in sizes.items()},
        )


def _cost(sample: Sample, work: Work) -> Cost:
    """What some work costs if a second of it costs what a second of the sample did."""
    whole, part = _critical(sample, SCANNED), _critical(sample, frozenset(work.stages))
    scan = part / whole if whole else 0.0
    scanned = max((left for stage, left in work.stages.items() if stage in SCANNED), default=0.0)
    wall = cpu = 0.0
    for phase in ("scan", *PHASES):
        wanted = scanned * scan if phase == "scan" else work.stages.get(phase, 0.0)
        wall += sample.wall.get(phase, 0.0) / sample.seconds * wanted
        cpu += sample.cpu.get(phase, 0.0) / sample.seconds * wanted
    sizes = {stage: size / sample.seconds * work.stages.get(stage, 0.0) for stage, size in sample.bytes.items()}
    fixed = sample.fixed if work.stages else 0.0
    return Cost(wall + fixed, cpu + fixed, {stage: round(size) for stage, size in sizes.items() if size})


def _critical(sample: Sample, stages: frozenset[str]) -> float:
    """Seconds of the part of a decode pass that holds the others up, where it feeds only these stages."""
    busy = [sample.wall.get(stage, 0.0) for stage in stages & SCANNED]
    # Sound alone decodes in no time worth speaking of, beside pictures.
    return max([*busy, sample.wall.get("decode", 0.0) if stages & VIDEO_STAGES else 0.0], default=0.0)


def earlier(actuals: Iterable[Actual]) -> Iterator[Sample]:
    """Whole runs over whole videos, as samples; what was interrupted tells too little."""
    for _, rows in groupby(actuals, key=lambda row: (row.video, row.at)):
        costs = {row.stage: row for row in rows}
        scan = costs.get("scan")
        if scan is None or not SCANNED & costs.keys() or scan.media_seconds <= 0:
            continue
        rest = sum(row.wall for name, row in costs.items() if name in ("subtitles", "clips"))
        yield Sample(
            scan.media_seconds,
            {name: row.wall for name, row in costs.items()},
            {name: row.cpu for name, row in costs.items()},
            {name: row.bytes for name, row in costs.items() if row.bytes},
            rest,
        )
