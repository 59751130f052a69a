"""The commands `vagent export-library` and `vagent import-library`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vagent._options import JsonOption, LibraryOption

if TYPE_CHECKING:
    from vagent.index.bundle.exporting import Exported
    from vagent.index.bundle.importing import Merged
    from vagent.index.bundle.steps import BundleStep, OnStep

_WORDS = {"export": "exporting", "verify": "verifying", "merge": "merging"}
_QUIET = 10.0  # seconds between two plain lines


def export_library(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The bundle to write, for instance films.tar.zst.")],
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="Only these videos and folders; none: the whole library."),
    ] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Write the library into one file, to move it or to merge it with another.

    Holds all that was found in the videos, and not the videos. Exit code 1 where some are being indexed and left out.
    """
    from vagent import _render
    from vagent.sdk import Library

    begun = time.monotonic()
    with Library(library) as opened, _watched(enabled=not json) as on_step:
        done = opened.export(file, sources or None, progress=on_step)
    told = {**asdict(done), "file": str(done.file), "seconds": round(time.monotonic() - begun, 3)}
    typer.echo(_render.as_json(told) if json else _exported(done))
    _tell_of_busy(done.busy, "left out: export again when that is done")


def import_library(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle that `vagent export-library` wrote.")],
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Merge an exported library into this one.

    All of the file is verified before anything is merged. Videos are known by their content: what is here already is
    not doubled, what was found there and not here is added. Can be stopped at any time; the same command goes on.
    """
    from vagent import _progress, _render
    from vagent.sdk import Library

    begun = time.monotonic()
    with Library(library) as opened, _watched(enabled=not json) as on_step:
        done = opened.merge(file, progress=on_step)
    told = {**asdict(done), "seconds": round(time.monotonic() - begun, 3)}
    typer.echo(_render.as_json(told) if json else _merged(done))
    _progress.note(
        [
            f"{Path(path).name}: {', '.join(stages)} were done here with other settings or engines, and stay"
            for path, stages in done.kept.items()
        ]
    )
    _tell_of_busy(done.busy, "not merged: import again when that is done")


def _exported(done: Exported) -> str:
    from vagent import _render
    from vagent.tools.weights.download import amount

    rows = f"{done.rows.get('evidence', 0)} rows of evidence"
    return f"exported {_videos(done.videos)} with {rows} to {_render.safe(str(done.file))} ({amount(done.size)})"


def _merged(done: Merged) -> str:
    return f"merged: {_videos(done.added)} new, {done.extended} extended, {done.unchanged} as they were"


def _videos(count: int) -> str:
    return "1 video" if count == 1 else f"{count} videos"


def _tell_of_busy(paths: tuple[str, ...], consequence: str) -> None:
    """Say which videos another process was indexing, and end with exit code 1 where there are any."""
    from vagent import _progress

    _progress.note([f"{Path(path).name}: another process is indexing it; {consequence}" for path in paths])
    if paths:
        raise typer.Exit(1)


@contextmanager
def _watched(*, enabled: bool) -> Iterator[OnStep | None]:
    """A callback that shows on stderr how far a bundle is: a bar on a terminal, plain lines elsewhere."""
    if not enabled:
        yield None
    elif sys.stderr.isatty():
        with _bar() as on_step:
            yield on_step
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[OnStep]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=None)
        phase = ""

        def on_step(step: BundleStep) -> None:
            nonlocal phase
            if step.phase != phase:
                phase = step.phase
                shown.reset(task, description=_WORDS[phase], total=step.total)
            shown.update(task, completed=step.done)

        yield on_step


def _lines() -> OnStep:
    """A line now and then; none where all is done in seconds."""
    told = time.monotonic()

    def on_step(step: BundleStep) -> None:
        nonlocal told
        if time.monotonic() - told >= _QUIET:
            told = time.monotonic()
            typer.echo(f"{_WORDS[step.phase]}: {step.done} of {_videos(step.total)}", err=True)

    return on_step
