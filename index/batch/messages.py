"""What a batch and its worker processes say to each other, pickled through a pipe that only the two of them hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vagent.configs import Settings
from vagent.errors import VagentError
from vagent.index.video.job import Progress
from vagent.index.video.pipeline import Report


@dataclass(frozen=True, slots=True)
class Setup:
    """To the worker, first of all: the settings of its share."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Task:
    """To the worker: index a file.

    Attributes:
        retry: also what is in quarantine.
        alone: it broke a worker before, and has this one to itself.
    """

    file: Path
    retry: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """From the worker: it has opened the library; ``holder`` is the name its leases carry."""

    holder: str


@dataclass(frozen=True, slots=True)
class Broken:
    """From the worker: the library itself fails, and with it the run."""

    error: VagentError


Said = Ready | Progress | Report | Broken
"""What a worker may say."""
