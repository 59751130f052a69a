"""The process that calibrates: films that strangers made may crash a decoder, and engines keep memory to themselves.

It says each sample as it comes; whoever listens may kill it at any moment.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from vagent.configs import Settings
from vagent.errors import VagentError
from vagent.index.estimates.excerpts import Place, measure, throwaway
from vagent.index.estimates.samples import Sample
from vagent.index.store import Store
from vagent.tools.engines import Engines

_log = logging.getLogger("vagent.index.estimates.child")

_WARMING = 2.0  # seconds of the stretch that loads the models


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be measured: places one after the other until so many seconds of processor time have gone."""

    settings: Settings
    places: Sequence[Place]
    least: int
    budget: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one place; ``sample`` None where nothing decodes there; ``cold`` the first, which loads models."""

    place: Place
    sample: Sample | None
    cold: bool = False


def main(descriptor: int) -> None:
    """Run the process.

    Args:
        descriptor: of its end of the pipe.
    """
    with Connection(descriptor) as pipe:
        pipe.send("ready")
        order = pipe.recv()
        assert isinstance(order, Order)
        try:
            _work(pipe, order)
        except BrokenPipeError:
            return


def _work(pipe: Connection, order: Order) -> None:
    engines = Engines(order.settings)
    try:
        with throwaway() as store:
            first = order.places[0]
            warming = Place(first.file, first.begin, min(_WARMING, first.length))
            pipe.send(_measured(warming, engines, store, cold=True))
            spent = 0.0
            for number, place in enumerate(order.places):
                if number >= order.least and spent > order.budget:
                    break
                found = _measured(place, engines, store)
                spent += _cpu(found.sample)
                pipe.send(found)
        pipe.send(None)
    finally:
        engines.close()


def _cpu(sample: Sample | None) -> float:
    return 0.0 if sample is None else sample.fixed + sum(sample.cpu.get(name, 0.0) for name in ("scan", "captions"))


def _measured(place: Place, engines: Engines, store: Store, *, cold: bool = False) -> Measured:
    try:
        return Measured(place, measure(place, engines, store), cold)
    except VagentError as error:  # the run on this file will say so; the others still tell what they cost
        _log.info("nothing to learn from %s at %.0f s: %s", place.file, place.begin, error)
        return Measured(place, None, cold)
