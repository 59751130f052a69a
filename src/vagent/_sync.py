"""What `vagent index --watch` and `vagent prune` do and print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vagent import _render
from vagent._indexing import summary, terminable
from vagent.errors import SettingsError
from vagent.tools.time import format_time

if TYPE_CHECKING:
    from vagent.index.records import Video
    from vagent.index.sync.newcomers import Relink
    from vagent.index.video.pipeline import Report
    from vagent.sdk import Library


def policy(relink: bool | None) -> Relink | None:
    """What an option asks for; None where it was not given."""
    return None if relink is None else ("always" if relink else "never")


def watch(
    library: Library,
    folders: Sequence[str],
    *,
    workers: int | None,
    relink: Relink | None,
    json: bool,
    ray: str | None = None,
) -> None:
    """Keep folders in step until Ctrl-C or SIGTERM; prints a line for each thing that happens, as it happens."""

    def on_report(report: Report) -> None:
        line = _render.as_json_lines([_render.report(report)]) if json else summary([report]).splitlines()[0]
        told = [] if json else [f"  {_render.safe(notice)}" for notice in report.notices]
        sys.stdout.write("\n".join([line, *told]) + "\n")
        sys.stdout.flush()

    def on_notice(text: str) -> None:
        sys.stderr.write(f"notice: {_render.safe(text)}\n")
        sys.stderr.flush()

    with terminable():
        try:
            given: dict[str, Any] = {"workers": workers, "relink": relink, "ray": ray or ray == ""}
            library.watch(folders, **given, report=on_report, notice=on_notice)
        except KeyboardInterrupt:
            typer.echo("stopped; what was in work goes on with the next run", err=True)


def prune(library: Library, paths: Sequence[str], *, days: float, dry_run: bool, sure: bool, json: bool) -> None:
    """List the videos whose files are gone, and forget them once the user has agreed.

    Raises:
        SettingsError: nobody is there to agree.
    """
    found = library.missing(paths, days=days)
    rows = [_row(video) for video in found]
    if json:
        typer.echo(_render.as_json_lines(rows), nl=bool(rows))
    elif not rows:
        typer.echo("nothing is missing")
    else:
        typer.echo("\n".join(_line(row) for row in rows))
    if dry_run or not rows or not (sure or _agreed(len(rows))):
        return
    for video in found:
        library.index.remove(video)
    if not json:
        typer.echo(f"{len(rows)} forgotten")


def _agreed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise SettingsError("nobody is there to agree", f"{count} to forget", hint="use --yes, or --dry-run to look")
    return typer.confirm(f"Forget what {'this video' if count == 1 else f'these {count} videos'} showed?", err=True)


def _row(video: Video) -> dict[str, Any]:
    return {
        "video": video.path,
        "fingerprint": video.fingerprint,
        "duration": round(video.duration, 3),
        "missing": video.missing,
        "folder": Path(video.path).parent.is_dir(),
    }


def _line(row: dict[str, Any]) -> str:
    folder = "" if row["folder"] else "; its folder is gone too: is a disk not mounted?"
    return f"{format_time(row['duration'])}  {_render.safe(row['video'])}  missing since {row['missing'][:10]}{folder}"
