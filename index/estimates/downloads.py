"""Which models indexing with some settings would fetch, and which would make it better and are not here."""

from __future__ import annotations

from dataclasses import dataclass

from vagent.configs import Settings
from vagent.errors import EngineUnavailable
from vagent.index.sync.marks import senses_used
from vagent.tools.engines import Sense, choose
from vagent.tools.weights.catalog import catalogue, known
from vagent.tools.weights.machine import measure


@dataclass(frozen=True, slots=True)
class Download:
    """A model that is not on this machine.

    Attributes:
        size: bytes; 0 where that is not known.
        fetched: whether indexing fetches it; else ``vagent models pull`` does, and its sense goes without it.
    """

    model: str
    sense: Sense
    size: int
    fetched: bool


def downloads(settings: Settings) -> list[Download]:
    """The models of the senses that indexing uses and that are not here."""
    found = [one for sense in senses_used(settings) if (one := _of(sense, settings)) is not None]
    return list({one.model: one for one in found}.values())


def _of(sense: Sense, settings: Settings) -> Download | None:
    try:
        choice = choose(sense, settings)
    except EngineUnavailable:  # the run says so before it begins
        return None
    if choice.fetch is not None:
        model = known(choice.fetch)
        return Download(choice.fetch, sense, model.size if model else 0, fetched=True)
    if choice.engine is not None and not choice.engine.weak:
        return None
    for engine in choice.passed_over:
        model = catalogue().recommended(sense, engine, measure(settings))
        if model is not None:
            return Download(model.name, sense, model.size, fetched=False)
    return None
