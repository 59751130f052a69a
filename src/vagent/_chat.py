"""`vagent ask SOURCE` without a question: one question a line, until the input ends."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from vagent import _progress, _render, _replay, _steps
from vagent.errors import QuestionError

if TYPE_CHECKING:
    from vagent._talk import Chat


def chat(with_videos: Chat, *, json: bool, save: bool = False, cache: bool | None = None) -> None:
    """Read questions from stdin and answer each; a question that cannot be used is told and the chat goes on."""
    at_terminal = sys.stdin.isatty()
    if at_terminal:
        typer.echo("Ask away; an empty line or Ctrl-D ends the chat.", err=True)
    while True:
        if at_terminal:
            typer.echo("> ", nl=False, err=True)
        question = sys.stdin.readline()
        if not question or (at_terminal and not question.strip()):
            return
        if not question.strip():
            continue
        try:
            events = with_videos.stream(question.strip(), save=save, cache=cache)
            given = _steps.watched(events, shown=not json and sys.stderr.isatty())
        except QuestionError as error:
            typer.echo(f"vagent: {error}", err=True)
            continue
        _progress.note(given.notices)
        _replay.tell_run(given)
        typer.echo(_render.as_json_lines([given.to_dict()]) if json else _render.answer(given) + "\n")
