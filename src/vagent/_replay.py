"""`vagent replay`: saved answers as the command line shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from vagent import _progress, _render
from vagent.errors import SourceError

if TYPE_CHECKING:
    from vagent.agent.records import Answer
    from vagent.agent.runs.manifest import Head
    from vagent.agent.runs.replay import Replay
    from vagent.sdk import Library

_SAVE = 'save one with `vagent ask SOURCE "QUESTION" --save`'
_SHOWN = 60  # characters of a question or an answer in a list


def tell_run(answer: Answer) -> None:
    """Tell under which name an answer was saved."""
    if answer.run is not None:
        typer.echo(f"saved as {answer.run}: vagent replay {answer.run}", err=True)


def last(library: Library) -> str:
    """The name of the answer that was saved last.

    Raises:
        SourceError: none was.
    """
    runs = library.runs()
    if not runs:
        raise SourceError("no answer was saved in the library", str(library.folder), hint=_SAVE)
    return runs[0].id


def listing(library: Library, *, json: bool) -> str:
    """The saved answers, newest first; what cannot be read is told on stderr."""
    runs = library.runs(on_error=lambda error: _progress.note([str(error)]))
    if json:
        return _render.as_json_lines(run.model_dump(mode="json") for run in runs)
    return "\n".join(map(_line, runs)) or f"no saved answers in {_render.safe(str(library.folder))}; {_SAVE}"


def deleted(library: Library, run: str | None, *, json: bool) -> str:
    """Delete a saved answer, and say so. The last one has to be named like any other.

    Raises:
        SourceError: none was named, or there is none of that name.
    """
    if run is None:
        raise SourceError("which saved answer is to be deleted was not said", hint="list them with --list")
    name = library.remove_run(run)
    return _render.as_json({"deleted": name}) if json else f"deleted {name}"


def verdict(found: Replay) -> str:
    """What a replay came to, in a line."""
    if found.fresh:
        return "the saved answer came out again" if found.same else "another answer came out"
    came = "the same answer came out" if found.same else "the saved answer is shown"
    return f"{came}; {found.played} saved calls were played back, no model was asked"


def text(found: Replay) -> str:
    """The answer of a replay; where models were asked afresh and say otherwise, the saved one before it."""
    shown = _render.answer(found.answer)
    if found.fresh and not found.same:
        return f"Saved:\n\n{_render.answer(found.saved)}\n\nNow:\n\n{shown}"
    return shown


def _line(run: Head) -> str:
    when = f"{run.when.astimezone():%Y-%m-%d %H:%M}"
    return f"{run.id}  {when}  {_short(run.question)}  ->  {_short(run.answer)}"


def _short(text: str) -> str:
    line = _render.safe(text)
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1].rstrip() + "…"
