"""What `vagent index` and `vagent list --problems` do and print."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from vagent import _estimating, _progress, _render
from vagent._board import board
from vagent.tools.time import format_time

if TYPE_CHECKING:
    from vagent.index.sync.newcomers import Relink
    from vagent.index.video.pipeline import Report
    from vagent.sdk import Library

_BAD = frozenset({"quarantined", "failed"})
_SHORT = 20  # with more files than this, those that nothing was done with get no line of their own
_WORDS = {"alike": "looks like a video of the library, and waits for your word", "missing": "its file is gone"}
_STATES = ("indexed", "relinked", "unchanged", "alike", "missing", "quarantined", "failed", "waiting", "busy")


def run(
    library: Library,
    paths: Sequence[str],
    *,
    workers: int | None,
    retry: bool,
    relink: Relink | None,
    json: bool,
    ray: str | None = None,
) -> bool:
    """Index files and folders and print what that came to, as JSON a line each time a file is through.

    Returns:
        Whether everything that can be indexed is.
    """

    def on_report(report: Report) -> None:
        if json:
            typer.echo(_render.as_json_lines([_render.report(report)]))

    with terminable(), board(enabled=not json) as on_standing:
        given: dict[str, Any] = {"workers": workers, "retry": retry, "relink": relink}
        given["ray"] = ray or ray == ""
        reports = library.add(paths, **given, standing=on_standing, report=on_report)
    _progress.tell(reports)
    if not json:
        typer.echo(summary(reports))
    if library.compared is not None:
        _progress.line(_estimating.compared(library.compared))
    return not any(report.status in _BAD for report in reports)


def summary(reports: Sequence[Report]) -> str:
    """What indexing came to: a line a file, and one for all."""
    shown = [one for one in reports if one.status != "unchanged" or len(reports) <= _SHORT]
    width = max((len(one.status) for one in reports), default=0)
    lines = [f"{one.status:{width}}  {_render.safe(Path(one.path).name)}  {_outcome(one)}" for one in shown]
    tally = {state: sum(one.status == state for one in reports) for state in _STATES}
    lines.append(", ".join(f"{count} {state}" for state, count in tally.items() if count))
    return "\n".join(lines)


def _outcome(one: Report) -> str:
    if one.error is not None:
        return str(one.error)
    if one.status in _WORDS:
        return _WORDS[one.status]
    length = format_time(one.video.duration) if one.video else ""
    return f"{length}  {_render.tally(one.counts) or 'no evidence'}  {sum(one.seconds.values()):.1f} s"


def problems(library: Library) -> list[dict[str, Any]]:
    """The objects that ``list --problems --json`` prints."""
    return [
        {
            "video": problem.path,
            "stage": problem.stage,
            "reason": problem.reason,
            "tries": problem.tries,
            "version": problem.version,
            "first_seen": problem.first_seen,
            "last_seen": problem.last_seen,
        }
        for problem in library.problems()
    ]


def listing(rows: Sequence[Mapping[str, Any]]) -> str:
    """Files that cannot be indexed, for people."""
    if not rows:
        return "no problems"
    lines = []
    for row in rows:
        tries = f"{row['tries']} tries" if row["tries"] > 1 else "1 try"
        lines.append(f"{_render.safe(row['video'])}\n    {row['stage']}: {_render.safe(row['reason'])} ({tries})")
    return "\n".join([*lines, "", "Tried again when a file changes, or with: vagent index --retry PATH"])


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the work as Ctrl-C does: at once, and to be gone on with."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
