"""How far fetching a model is, on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vagent._render import safe
from vagent.tools.time import format_time

if TYPE_CHECKING:
    from vagent.tools.weights.download import Fetching, OnFetch

_QUIET = 10.0  # seconds between two plain lines


@contextmanager
def bar(*, enabled: bool = True) -> Iterator[OnFetch | None]:
    """A callback for ``fetch`` that shows how far it is."""
    if not enabled:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _rich_bar() as on_fetch:
            yield on_fetch
    else:
        yield plain()


@contextmanager
def _rich_bar() -> Iterator[OnFetch]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import TransferSpeedColumn as Speed

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), Speed(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def on_fetch(given: Fetching) -> None:
            if given.model not in tasks:
                for task in tasks.values():
                    shown.remove_task(task)
                tasks.clear()
                tasks[given.model] = shown.add_task(escape(safe(given.model)), total=given.total)
            shown.update(tasks[given.model], completed=given.done, total=given.total)

        yield on_fetch


def plain() -> OnFetch:
    """Lines: one when a model begins, and one now and then."""
    from vagent.tools.weights.download import amount

    begun: dict[str, tuple[float, int]] = {}
    told = 0.0

    def on_fetch(given: Fetching) -> None:
        nonlocal told
        now = time.monotonic()
        if given.model not in begun:
            begun[given.model] = now, given.done
            sys.stderr.write(f"fetching {safe(given.model)} ({amount(given.total)})\n")
        elif now - told >= _QUIET and now - begun[given.model][0] >= _QUIET:
            since, at_first = begun[given.model]
            rate = (given.done - at_first) / (now - since)
            left = f", about {format_time((given.total - given.done) / rate)} left" if rate > 0 else ""
            sys.stderr.write(f"  {amount(given.done)} of {amount(given.total)}{left}\n")
        else:
            return
        sys.stderr.flush()
        told = now

    return on_fetch
