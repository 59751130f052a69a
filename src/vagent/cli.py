"""The command line: parses, calls the SDK, prints. Answers go to stdout, progress and notices to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from inspect import cleandoc
from typing import Annotated

import typer
from typer.core import TyperCommand

from vagent import _asking, _cycles, _library_commands, _stopping, _terminal
from vagent._model_commands import models_app
from vagent._options import EngineOption, JsonOption, PresetOption, chosen_settings
from vagent._portable import export_library, import_library
from vagent._ray_option import RayCommand
from vagent._stopping import INTERRUPTED, STOPPED
from vagent.errors import SettingsError, VagentError

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


def _command(run: Callable[..., None], name: str | None = None, cls: type[TyperCommand] | None = None) -> None:
    """A command whose help is its docstring, each paragraph flowing over the lines of the terminal."""
    paragraphs = cleandoc(run.__doc__ or "").split("\n\n")
    told = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    app.command(name, cls=cls or TyperCommand, help=told)(run)


_command(_asking.ask)
_command(_asking.replay)
_command(_library_commands.index, cls=RayCommand)
_command(_asking.search)
_command(_library_commands.show)
_command(_library_commands.list_videos, "list")
_command(_library_commands.remove)
_command(_library_commands.prune)


@app.command()
def doctor(json: JsonOption = False, engine: EngineOption = None, preset: PresetOption = None) -> None:
    """Tell what works on this machine, which engine each sense takes and why, and what would make it better."""
    from vagent import _doctor, _render

    findings = _doctor.examine(chosen_settings(None, preset, engine))
    typer.echo(_render.as_json(findings) if json else _render.doctor(findings))


app.add_typer(models_app, name="models")
_command(export_library, "export-library")
_command(import_library, "import-library")


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


def program() -> None:
    """Entry point of the command ``vagent``."""
    _stopping.end_at_last()
    _terminal.printable(sys.stdout)
    _cycles.run(main)


def main() -> None:
    """The command line: errors become one line on stderr and exit code 1."""
    try:
        app()
    except VagentError as error:
        if os.environ.get("VAGENT_DEBUG") == "1":
            raise
        typer.echo(f"vagent: {error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != INTERRUPTED:  # that is what Typer makes of Ctrl-C
            raise
        typer.echo(STOPPED, err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone (`vagent list | head`); that is no error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    program()
