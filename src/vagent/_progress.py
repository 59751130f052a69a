"""Notices on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vagent._render import safe

if TYPE_CHECKING:
    from vagent.index.video.pipeline import Report


def tell(reports: Sequence[Report]) -> None:
    """Notices of an indexing run."""
    for report in reports:
        for notice in report.notices:
            line(f"notice: {safe(Path(report.path).name)}: {safe(notice)}")


def note(notices: Sequence[str]) -> None:
    """What engines had to tell while a question was answered."""
    for notice in notices:
        line(f"notice: {safe(notice)}")


def line(text: str) -> None:
    """Write a line to stderr at once."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
