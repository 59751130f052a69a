"""Who wants to know how indexing goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vagent.index.batch.standing import OnStanding
from vagent.index.video.job import OnProgress
from vagent.index.video.pipeline import Report

OnReport = Callable[[Report], object]


@dataclass(frozen=True, slots=True)
class Listeners:
    """What is called while files are indexed.

    Attributes:
        progress: told a few times a second how far each file is.
        standing: told as often how far all files are together.
        report: told of each file that is through.
    """

    progress: OnProgress | None = None
    standing: OnStanding | None = None
    report: OnReport | None = None
