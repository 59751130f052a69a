"""The command line: parses, calls the SDK, prints. Answers go to stdout, progress and notices to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vagent._model_commands import models_app
from vagent._options import (
    Driver,
    DriverOption,
    EngineOption,
    FindOption,
    FromOption,
    JsonOption,
    LanguageOption,
    LibraryOption,
    NoCacheOption,
    PathOption,
    Preset,
    PresetOption,
    RelinkOption,
    SaveOption,
    Sense,
    SourceArgument,
    TitleOption,
    UntilOption,
    WatchOption,
    YearOption,
    chosen_settings,
    chosen_videos,
)
from vagent._portable import export_library, import_library
from vagent.errors import QuestionError, SettingsError, SourceError, VagentError

if TYPE_CHECKING:
    from vagent.index.records import Kind
    from vagent.sdk import Library

app = typer.Typer(
    name="vagent",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Ask questions of long videos and get answers with the moments that prove them.\n\n"
    'Start with: [bold]vagent ask film.mp4 "Who pays the bill?"[/bold]\n\n'
    "Everything runs on this machine. Answers go to stdout, progress and notices to stderr; --json prints one object "
    "for programs. Exit codes: 0 done (also an honest 'not in this video'), 1 an error in one line, 2 wrong usage.",
)


@app.command()
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
    with _open(library, preset, engine, find, driver) as opened:
        if question is not None:
            opened.check(question, choices)
        if source is not None:
            _prepare(opened, source, quiet=json, again=bool(preset or engine or find))
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


@app.command()
def replay(
    run: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="A saved answer, or the file of one; none: the last.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the saved answers instead.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask again with today's models, and compare.")] = False,
    json: JsonOption = False,
    engine: EngineOption = None,
    preset: PresetOption = None,
    library: LibraryOption = None,
) -> None:
    """Go over a saved answer again, without asking any model: `vagent ask ... --save` saves one.

    Tells whether the same answer came out, and what has changed since it was given.
    """
    from vagent import _progress, _render, _replay

    with _open(library, preset, engine) as opened:
        if listing:
            _print(_replay.listing(opened, json=json))
            return
        found = opened.replay(run or _replay.last(opened), fresh=fresh)
        typer.echo(_replay.verdict(found), err=True)
        _progress.note((*found.answer.notices, *found.notices))
        typer.echo(_render.as_json(found.to_dict()) if json else _replay.text(found))


@app.command()
def index(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Video files and folders of videos.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be indexed, and index nothing.")] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, max=1024, help="Processes side by side. Default: what suits."),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Also try what is in quarantine.")] = False,
    relink: RelinkOption = None,
    watch: WatchOption = False,
    json: JsonOption = False,
    find: FindOption = None,
    engine: EngineOption = None,
    preset: PresetOption = None,
    library: LibraryOption = None,
) -> None:
    """Index videos, so that questions about them are answered in seconds.

    Can be stopped at any time and goes on where it was. A file that cannot be indexed never stops the others; it is
    left alone until it changes (see `vagent list --problems`). Files that moved are known again, and videos whose
    files are gone are marked as missing (see `vagent prune`).
    """
    from vagent import _indexing, _render, _sync

    with _open(library, preset, engine, find) as opened:
        if dry_run:
            plan = opened.plan(paths)
            typer.echo(_render.as_json_lines(plan) if json else _render.plan(plan))
            return
        policy = _sync.policy(relink)
        if watch:
            _sync.watch(opened, paths, workers=workers, relink=policy, json=json)
            return
        through = _indexing.run(opened, paths, workers=workers, retry=retry, relink=policy, json=json)
    if not through:
        raise typer.Exit(1)


@app.command()
def search(
    source: Annotated[
        str, typer.Argument(metavar="[SOURCE]", help="A video or folder; leave it out to search the whole library.")
    ],
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
    from vagent import _render

    where, what = (None, source) if query is None else (source, query)
    with _open(library, preset, engine, find) as opened:
        if where is not None:
            _prepare(opened, where, quiet=json, again=bool(preset or engine or find))
        kinds: list[Kind] | None = [k.value for k in kind] if kind else None
        which = chosen_videos(path, title, year, language)
        moments = opened.search(what, source=where, which=which, kinds=kinds, start=start, until=until, limit=limit)
        typer.echo(_render.as_json(_render.found(what, moments)) if json else _render.moments(moments))


@app.command()
def show(
    source: SourceArgument,
    kind: Annotated[list[Sense] | None, typer.Option("--kind", help="Print all evidence of this kind.")] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Show what the index holds of a video: tracks, shots, evidence per sense and with which engines."""
    from vagent import _render

    with _open(library) as opened:
        shown = [_render.holdings(opened.index, video, [k.value for k in kind or []]) for video in opened.find(source)]
        _print(_render.as_json_lines(shown) if json else "\n\n".join(map(_render.show, shown)))


@app.command("list")
def list_videos(
    problems: Annotated[
        bool, typer.Option("--problems", help="List the files that cannot be indexed instead, and why.")
    ] = False,
    path: PathOption = None,
    title: TitleOption = None,
    year: YearOption = None,
    language: LanguageOption = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """List the videos of the library."""
    from vagent import _indexing, _render

    with _open(library) as opened:
        if problems:
            found = _indexing.problems(opened)
            _print(_render.as_json_lines(found) if json else _indexing.listing(found))
            return
        rows = _render.listed_all(opened.index, opened.videos(chosen_videos(path, title, year, language)))
        _print(_render.as_json_lines(rows) if json else _render.listing(rows, opened.folder))


@app.command()
def remove(source: SourceArgument, library: LibraryOption = None) -> None:
    """Forget a video or a folder of videos. The video files are not touched."""
    from vagent import _render

    with _open(library) as opened:
        for video in opened.remove(source):
            typer.echo(f"removed {_render.safe(video.path)}")


@app.command()
def prune(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH...]", help="Only what lay here; also what has not been noticed to be gone yet."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be forgotten, and forget nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0, help="Only what has been missing for so long.")
    ] = 0.0,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Forget videos whose files are gone. Until then they can still be asked about, and are known when they return."""
    from vagent import _sync

    with _open(library) as opened:
        _sync.prune(opened, paths or [], days=older_than, dry_run=dry_run, sure=yes, json=json)


@app.command()
def doctor(json: JsonOption = False, engine: EngineOption = None, preset: PresetOption = None) -> None:
    """Tell what works on this machine, which engine each sense takes and why, and what would make it better."""
    from vagent import _doctor, _render

    findings = _doctor.examine(chosen_settings(None, preset, engine))
    typer.echo(_render.as_json(findings) if json else _render.doctor(findings))


app.add_typer(models_app, name="models")
app.command("export-library")(export_library)
app.command("import-library")(import_library)


@app.command()
def config(
    action: Annotated[str, typer.Argument(metavar="show|path|default", help="What to print.")] = "show",
    json: JsonOption = False,
) -> None:
    """Print the settings in force (show), where your settings file is (path), or every setting explained (default)."""
    from vagent import _render, configs

    if action == "path":
        typer.echo(str(configs.config_file()))
    elif action == "default":
        typer.echo(configs.default_text(), nl=False)
    elif action == "show":
        values = configs.load().model_dump(mode="json")
        typer.echo(_render.as_json(values) if json else _render.as_yaml(values))
    else:
        raise SettingsError("unknown part of the settings", action, allowed=["show", "path", "default"])


def _version(wanted: bool) -> None:
    if wanted:
        from vagent import __version__

        typer.echo(f"vagent {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""


_INTERRUPTED = 130  # exit code of a program that Ctrl-C ended


def main() -> None:
    """Entry point of the command ``vagent``: errors become one line on stderr and exit code 1."""
    try:
        app()
    except VagentError as error:
        if os.environ.get("VAGENT_DEBUG") == "1":
            raise
        typer.echo(f"vagent: {error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != _INTERRUPTED:  # that is what Typer makes of Ctrl-C
            raise
        typer.echo("vagent: stopped; what was done so far is kept, run the same command again to go on", err=True)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone (`vagent list | head`); that is no error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _print(text: str) -> None:
    """Print a text; an empty one prints no line either."""
    typer.echo(text, nl=bool(text))


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


@contextmanager
def _open(
    library: Path | None,
    preset: Preset | None = None,
    engine: list[str] | None = None,
    find: list[str] | None = None,
    driver: Driver | None = None,
) -> Iterator[Library]:
    from vagent import _fetching
    from vagent.sdk import Library
    from vagent.tools.weights.download import watch

    settings = chosen_settings(library, preset, engine, find, driver)
    opened = Library.from_settings(settings)
    try:
        with watch(_fetching.plain()):  # an engine asked for by name may have to fetch its model first
            yield opened
    finally:
        opened.close()


def _prepare(opened: Library, source: str, *, quiet: bool, again: bool) -> None:
    """Index what is not indexed yet, with a progress bar."""
    from vagent import _progress
    from vagent._board import board

    with board(enabled=not quiet) as on_standing:
        reports = opened.prepare(source, again=again, standing=on_standing)
    _progress.tell(reports)


if __name__ == "__main__":
    main()
