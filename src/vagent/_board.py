"""Progress on stderr: a bar for all videos and a line for each in work; plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vagent._progress import line
from vagent._render import safe
from vagent.tools.time import format_time

if TYPE_CHECKING:
    from vagent.index.batch.standing import OnStanding, Standing

_WORDS = {
    "subtitles": "reading subtitles",
    "scan": "watching and listening",
    "captions": "describing clips",
    "visual": "embedding pictures",
    "embed": "embedding",
}
_QUIET = 10.0  # seconds between two plain lines


@contextmanager
def board(*, enabled: bool = True) -> Iterator[OnStanding | None]:
    """A callback for the SDK that shows how far indexing is."""
    if not enabled:
        yield None
    elif sys.stderr.isatty():
        with _rich_board() as on_standing:
            yield on_standing
    else:
        yield _Plain()


@contextmanager
def _rich_board() -> Iterator[OnStanding]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, TaskID, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[at]}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, TaskID] = {}
        whole = shown.add_task("", total=None, at="", visible=False)

        def on_standing(standing: Standing) -> None:
            running = {progress.path: progress for progress in standing.running}
            for path in [path for path in tasks if path not in running]:
                shown.remove_task(tasks.pop(path))
            for path, progress in running.items():
                if path not in tasks:
                    tasks[path] = shown.add_task("", total=None, at="")
                shown.update(
                    tasks[path],
                    description=f"{escape(safe(Path(path).name))}  {_WORDS[progress.stage]}",
                    completed=progress.done,
                    total=progress.total,
                    at=format_time(progress.done) if standing.files > 1 else _at(standing, progress.done),
                )
            shown.update(
                whole,
                description=f"{standing.finished} of {standing.files} videos",
                completed=standing.done,
                total=standing.total or None,
                at=_left(standing),
                visible=standing.files > 1,
            )

        yield on_standing


class _Plain:
    """A line for each video that begins, and now and then one for all."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._told = time.monotonic()

    def __call__(self, standing: Standing) -> None:
        now = time.monotonic()
        for progress in standing.running:
            if progress.path not in self._begun:
                self._begun.add(progress.path)
                total = f" ({format_time(progress.total)})" if progress.total else ""
                line(f"indexing {safe(Path(progress.path).name)}{total}")
        if now - self._told < _QUIET:
            return
        self._told = now
        if standing.files > 1:
            what = f"{standing.finished} of {standing.files} videos: {format_time(standing.done)} of "
            what += format_time(standing.total)
        elif standing.running:
            what = f"{_WORDS[standing.running[0].stage]}: {format_time(standing.running[0].done)}"
        else:
            return
        line(f"  {what}, {_left(standing)}" if _left(standing) else f"  {what}")


def _at(standing: Standing, done: float) -> str:
    return f"{format_time(done)}  {_left(standing)}"


def _left(standing: Standing) -> str:
    return "" if standing.left is None else f"about {format_time(standing.left)} left"
