"""The commands `vagent models ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from vagent._options import JsonOption

models_app = typer.Typer(no_args_is_help=False, help="List, fetch and locate the models that vagent can use.")


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, json: JsonOption = False) -> None:
    """List, fetch and locate the models that vagent can use; without a command: list."""
    if context.invoked_subcommand is None:
        models_list(json=json)


@models_app.command("list")
def models_list(
    sense: Annotated[
        str | None, typer.Argument(metavar="SENSE", help="Only the models of this sense, or 'find'.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the models that vagent knows: size, licence, where they lie, and which suit this machine."""
    from vagent import _models, _render, configs

    settings = configs.load()
    rows = _models.listing(settings, sense)
    typer.echo(_render.as_json(rows) if json else _render.models(rows, _models.recommended(settings)))


@models_app.command("pull")
def models_pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Models, hub ids, senses or sets; none: what suits this machine."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be fetched, and fetch nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Fetch models. Goes on where it stopped; what is complete costs a glance.

    They go to the folder VAGENT_MODELS, or else to the hub's cache (HF_HOME); HF_ENDPOINT names a mirror.
    """
    from vagent import _fetching, _models, _render, configs

    settings = configs.load()
    rows = _models.plan(names or [], settings)
    if not dry_run:
        typer.echo("\n".join(_models.told(rows)), err=True)
        with _fetching.bar(enabled=not json) as on_fetch:
            rows = list(_models.pull(rows, settings, on_fetch))
        typer.echo("".join(f"notice: {notice}\n" for notice in _models.lacking(rows, settings)), err=True, nl=False)
    printed = _render.as_json(rows) if json else _render.pulled(rows)
    typer.echo(printed, nl=bool(printed))
    if any(row["status"] == "failed" for row in rows):
        raise typer.Exit(1)


@models_app.command("path")
def models_path(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A model or hub id; none: the folder where models are put.")
    ] = None,
) -> None:
    """Print the folder of a model."""
    from vagent import _models, configs

    typer.echo(str(_models.path(name, configs.load())))
