"""Measures a few short stretches of the very files that are to be indexed, evenly spread over all of them."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vagent.configs import Settings
from vagent.index.estimates import child
from vagent.index.estimates.excerpts import Place
from vagent.index.estimates.samples import Rates, Sample, Work
from vagent.tools import children

_log = logging.getLogger("vagent.index.estimates.calibration")

_LENGTH = 6.0  # seconds of one stretch: a few pictures, a sentence or two
_LEAST, _MOST = 8, 24  # stretches that are measured
_BUDGET = 14.0  # seconds of processor time after which no further one is
_PATIENCE = 300.0  # seconds for one stretch; describing one on a slow processor takes minutes
_FALLS = 2  # files that may crash or hang the process


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured.

    Attributes:
        samples: one a stretch.
        start: seconds from starting a process until it can begin to index: the program, and the models.
        loading: seconds of these for the models alone.
    """

    samples: Sequence[Sample] = ()
    start: float = 0.0
    loading: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> Calibration:
        """As it was kept."""
        return cls(tuple(Sample.from_json(one) for one in values["samples"]), values["start"], values["loading"])


def places(work: Sequence[Work]) -> list[Place]:
    """Stretches to measure, in an order whose every beginning is spread evenly over all the files together.

    The places are those of van der Corput's sequence (J. G. van der Corput, Verteilungsfunktionen, 1935).
    """
    total = sum(one.seconds for one in work)
    if total <= 0:
        return []
    found: dict[tuple[str, float], Place] = {}
    for number in range(1, 2 * _MOST):
        at = _corput(number) * total
        for one in work:
            if at < one.seconds or one is work[-1]:
                break
            at -= one.seconds
        length = min(_LENGTH, one.seconds)
        begin = round(max(0.0, min(at, one.seconds - length)) / _LENGTH) * _LENGTH
        begin = max(0.0, min(begin, one.seconds - length))
        found.setdefault((one.file, begin), Place(Path(one.file), begin, length))
    return list(found.values())[:_MOST]


def calibrate(settings: Settings, work: Sequence[Work]) -> Calibration:
    """Measure, in a process of its own.

    Args:
        settings: of one process that indexes.
        work: the files that are to be indexed from the beginning; others tell nothing of them.
    """
    wanted = places(work)
    samples: list[Sample] = []
    start = loading = 0.0
    for _ in range(_FALLS + 1):
        cold, through = None, not wanted
        for said in _said(settings, wanted) if wanted else ():
            if isinstance(said, float):
                start = said
            elif said is None:
                through = True
            elif said.cold:
                cold = said.sample
            else:
                wanted.remove(said.place)
                samples += [said.sample] if said.sample else []
        loading = max(loading, _loading(cold, samples)) if cold else loading
        if through:
            break
        fallen = wanted[0].file  # it crashed or hung there; the run will say so
        _log.info("measuring %s ended early", fallen)
        wanted = [place for place in wanted if place.file != fallen]
    return Calibration(samples, start + loading, loading)


def _loading(cold: Sample, samples: Sequence[Sample]) -> float:
    """By how much the first stretch was slower than the same is later."""
    if not samples:
        return 0.0
    stages = dict.fromkeys({stage for sample in samples for stage in sample.wall}, cold.seconds)
    usual = Rates([(sample, sample.seconds) for sample in samples]).of(Work("", cold.seconds, stages))
    taken = cold.fixed + sum(cold.wall.get(name, 0.0) for name in ("scan", "embed", "visual", "captions", "summaries"))
    return max(0.0, taken - usual.wall)


def _said(settings: Settings, wanted: Sequence[Place]) -> Iterator[child.Measured | float | None]:
    """The seconds that the process took to start, what it measured, and None when it is through; that never comes where
    it dies or hangs."""
    begun = time.perf_counter()
    process, pipe = children.start(child.__name__, settings.threads, subprocess.DEVNULL)
    try:
        with pipe, suppress(EOFError, OSError):
            pipe.send(child.Order(settings, wanted, _LEAST, _BUDGET))
            while pipe.poll(_PATIENCE):
                said = pipe.recv()
                yield time.perf_counter() - begun if said == "ready" else said
    finally:
        process.kill()
        process.wait()


def _corput(number: int) -> float:
    """The number with its binary digits mirrored behind the point."""
    found, share = 0.0, 0.5
    while number:
        number, digit = divmod(number, 2)
        found += share * digit
        share /= 2
    return found
