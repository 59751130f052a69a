"""The commands that answer and search: `vagent ask`, `vagent replay` and `vagent search`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vagent._opening import opening, prepare, put
from vagent._options import (
    DriverOption,
    EngineOption,
    FindOption,
    FromOption,
    JsonOption,
    LanguageOption,
    LibraryOption,
    NoCacheOption,
    PathOption,
    PresetOption,
    SaveOption,
    Sense,
    TitleOption,
    UntilOption,
    YearOption,
    chosen_videos,
)
from vagent.errors import QuestionError, SourceError

if TYPE_CHECKING:
    from vagent.index.records import Kind


def ask(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE", help="A video file or a folder of videos; leave it out to ask the whole library."
        ),
    ] = None,
    question: Annotated[
        str | None, typer.Argument(metavar="QUESTION", help="The question; without one a chat begins.")
    ] = None,
    choices: Annotated[
        list[str] | None, typer.Option("--choices", metavar="TEXT", help="An option to choose from. Repeatable.")
    ] = None,
    start: FromOption = None,
    until: UntilOption = None,
    chat: Annotated[
        str | None, typer.Option("--chat", metavar="NAME", help="Go on with the chat of this name, or begin it.")
    ] = None,
    driver: DriverOption = None,
    save: SaveOption = False,
    no_cache: NoCacheOption = False,
    path: PathOption = None,
    title: TitleOption = None,
    year: YearOption = None,
    language: LanguageOption = None,
    json: JsonOption = False,
    find: FindOption = None,
    engine: EngineOption = None,
    preset: PresetOption = None,
    library: LibraryOption = None,
) -> None:
    """Answer a question about a video, a folder or the library, with the moments that prove it.

    A video that is not in the library yet is indexed first, once.
    """
    from vagent import _chat, _progress, _render, _replay, _steps

    source, question = _whom(source, question, library)
    with opening(library, preset, engine, find, driver) as opened:
        if question is not None:
            opened.check(question, choices, start=start, until=until)
        if source is not None:
            prepare(opened, source, quiet=json, again=bool(preset or engine or find))
        which = chosen_videos(path, title, year, language)
        limits: dict[str, Any] = {"source": source, "which": which, "start": start, "until": until}
        kept: dict[str, Any] = {"save": save, "cache": False if no_cache else None}
        if question is None:
            if choices:
                raise QuestionError("options need a question", hint="give the question after SOURCE")
            _chat.chat(opened.chat(chat, **limits), json=json, **kept)
            return
        if chat is None:
            events = opened.stream(question, choices=choices, **limits, **kept)
        else:
            events = opened.chat(chat, **limits).stream(question, choices=choices, **kept)
        answer = _steps.watched(events, shown=not json and sys.stderr.isatty())
        _progress.note(answer.notices)
        _replay.tell_run(answer)
        typer.echo(_render.as_json(answer.to_dict()) if json else _render.answer(answer))


def replay(
    run: Annotated[
        str | None, typer.Argument(metavar="ID", help="A saved answer, or the file of one; none: the last.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the saved answers instead.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask again with today's models, and compare.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the saved answer instead.")] = False,
    json: JsonOption = False,
    engine: EngineOption = None,
    preset: PresetOption = None,
    library: LibraryOption = None,
) -> None:
    """Go over a saved answer again, without asking any model: `vagent ask ... --save` saves one.

    Tells whether the same answer came out, and what has changed since it was given.
    """
    from vagent import _progress, _render, _replay

    if listing and (run or fresh or delete):
        raise typer.BadParameter("it lists all of them, and does nothing else", param_hint="--list")
    if delete and fresh:
        raise typer.BadParameter("it goes not with --fresh", param_hint="--delete")
    with opening(library, preset, engine) as opened:
        if listing:
            put(_replay.listing(opened, json=json))
            return
        if delete:
            put(_replay.deleted(opened, run, json=json))
            return
        found = opened.replay(run or _replay.last(opened), fresh=fresh)
        typer.echo(_replay.verdict(found), err=True)
        _progress.note((*found.answer.notices, *found.notices))
        typer.echo(_render.as_json(found.to_dict()) if json else _replay.text(found))


def search(
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="A video or folder; leave it out to search the whole library."),
    ] = None,
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="Words or a question.")] = None,
    kind: Annotated[list[Sense] | None, typer.Option("--kind", help="Only this kind of evidence. Repeatable.")] = None,
    start: FromOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Moments to print.")] = 10,
    path: PathOption = None,
    title: TitleOption = None,
    year: YearOption = None,
    language: LanguageOption = None,
    json: JsonOption = False,
    find: FindOption = None,
    engine: EngineOption = None,
    preset: PresetOption = None,
    library: LibraryOption = None,
) -> None:
    """Find moments by what is said and what is written, best first, without an answer."""
    from vagent import _progress, _render

    where, what = (None, source) if query is None else (source, query)
    if what is None:
        raise typer.BadParameter("say what to look for", param_hint="QUERY")
    if where is None and _exists(what):
        _progress.note([f"the whole library was searched for {what!r}; to search there, add what to look for"])
    with opening(library, preset, engine, find) as opened:
        if where is not None:
            prepare(opened, where, quiet=json, again=bool(preset or engine or find))
        kinds: list[Kind] | None = [k.value for k in kind] if kind else None
        which = chosen_videos(path, title, year, language)
        moments = opened.search(what, source=where, which=which, kinds=kinds, start=start, until=until, limit=limit)
        notices = opened.notices(where, which)
        _progress.note(notices)
        typer.echo(_render.as_json(_render.found(what, moments, notices)) if json else _render.moments(moments))


def _whom(source: str | None, question: str | None, library: Path | None) -> tuple[str | None, str | None]:
    """``ask --library DIR "a question"`` has one argument too: a question, unless it names something on disk."""
    if source is None or question is not None or _exists(source):
        return source, question
    if library is None and " " not in source.strip():
        raise SourceError("no such file or folder", source, hint="to ask the whole library, write a whole question")
    return None, source


def _exists(source: str) -> bool:
    try:
        return Path(source).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False
