"""What a task takes of a node, found out on a node: the head may have neither the cards nor the models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import version

from vagent.configs import Settings
from vagent.errors import VagentError
from vagent.index.batch.shares import EACH, memory_of_models
from vagent.index.sync.marks import Marks
from vagent.tools.engines import Engines
from vagent.tools.weights.machine import measure

_STEP = 0.05  # parts of a card are asked for in steps of this size
_WHOLE = 0.95  # of a card from which on a task has it to itself
_SPARE = 1_000_000_000  # bytes of a card that a process takes beside its models


@dataclass(frozen=True, slots=True)
class Needs:
    """What a node says before anything is sent to it.

    Attributes:
        version: of vagent there.
        marks: what makes a video up to date with the engines there; see ``Marks.common``.
        models: bytes that the models of the engines take that it would choose.
        card: bytes of its graphics card; 0 where the task sees none.
        error: why it cannot tell.
    """

    version: str
    marks: str = ""
    models: int = 0
    card: int = 0
    error: VagentError | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What one task asks Ray for: cores, graphics cards (parts too), bytes of main memory."""

    cpus: float
    gpus: float
    memory: int


def find_out(settings: Settings) -> Needs:
    """What this node needs to index with these settings."""
    engines = Engines(settings)
    try:
        needed = memory_of_models(settings)
        return Needs(version("vagent"), Marks(engines).common, needed, measure(settings).card if needed else 0)
    except VagentError as error:
        return Needs(version("vagent"), error=error)
    finally:
        engines.close()


def request(settings: Settings, needs: Needs) -> Request:
    """What a task asks for: models lie on the card where the node has one, else in main memory."""
    cluster = settings.cluster
    on_card = needs.card > 0 and settings.device != "cpu"
    gpus = cluster.gpus
    if gpus is None:
        gpus = _part((needs.models + _SPARE) / needs.card) if on_card and needs.models else 0.0
    return Request(cluster.cpus, gpus, EACH + (0 if on_card else needs.models))


def _part(share: float) -> float:
    """A part of a card as Ray takes it: below one, or a whole number."""
    return math.ceil(share) if share > _WHOLE else round(math.ceil(share / _STEP - 1e-9) * _STEP, 2)


def settings_of(settings: Settings, asked: Request) -> Settings:
    """The settings of a task that got what it asked for."""
    given: dict[str, object] = {"threads": max(1, int(asked.cpus))}
    if asked.gpus == 0 and settings.device == "auto":
        given["device"] = "cpu"  # the cards of the node are others'
    return settings.model_copy(update=given)
