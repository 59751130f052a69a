"""Progress on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vagent._render import safe
from vagent.tools.time import format_time

if TYPE_CHECKING:
    from vagent.index.job import Progress
    from vagent.index.pipeline import Report

OnProgress = Callable[["Progress"], None]
WORDS = {
    "subtitles": "reading subtitles",
    "scan": "watching and listening",
    "captions": "describing clips",
    "visual": "embedding pictures",
    "embed": "embedding",
}
"""What each stage is doing, for people."""
QUIET = 10.0
"""Seconds between two plain lines."""


@contextmanager
def bar(*, enabled: bool = True) -> Iterator[OnProgress | None]:
    """A callback for the SDK that shows how far indexing is."""
    if not enabled:
        yield None
    elif sys.stderr.isatty():
        with _rich_bar() as on_progress:
            yield on_progress
    else:
        yield _plain()


@contextmanager
def _rich_bar() -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[at]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def on_progress(given: Progress) -> None:
            name = escape(safe(Path(given.path).name))
            if given.path not in tasks:
                for task in tasks.values():
                    shown.remove_task(task)
                tasks.clear()
                tasks[given.path] = shown.add_task(name, total=given.total, at="")
            shown.update(
                tasks[given.path],
                description=f"{name}  {WORDS[given.stage]}",
                completed=given.done,
                total=given.total,
                at=format_time(given.done),
            )

        yield on_progress


def _plain() -> OnProgress:
    begun: dict[str, float] = {}
    told = 0.0

    def on_progress(given: Progress) -> None:
        nonlocal told
        now = time.monotonic()
        if given.path not in begun:
            begun[given.path] = now
            total = f" ({format_time(given.total)})" if given.total else ""
            line(f"indexing {safe(Path(given.path).name)}{total}")
        elif now - told >= QUIET and given.done > 0 and now - begun[given.path] >= QUIET:
            left = ""
            if given.total and given.stage == "scan":
                rate = given.done / (now - begun[given.path])
                left = f", about {format_time(max(0.0, given.total - given.done) / rate)} left"
            line(f"  {WORDS[given.stage]}: {format_time(given.done)}{left}")
        else:
            return
        told = now

    return on_progress


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
