"""What commands share: a library opened with the settings that options ask for, made ready, and what is printed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vagent import _cycles
from vagent._options import Driver, Preset, chosen_settings

if TYPE_CHECKING:
    from vagent.index.batch.standing import Standing
    from vagent.sdk import Library


@contextmanager
def opening(
    library: Path | None,
    preset: Preset | None = None,
    engine: list[str] | None = None,
    find: list[str] | None = None,
    driver: Driver | None = None,
) -> Iterator[Library]:
    """The library that options name, with the settings that they ask for.

    Raises:
        SettingsError, EngineUnavailable: as ``chosen_settings`` has them.
        LibraryError: it cannot be opened.
    """
    from vagent import _fetching
    from vagent.sdk import Library
    from vagent.tools.weights.download import watch

    found = Library.from_settings(chosen_settings(library, preset, engine, find, driver))
    try:
        with watch(_fetching.plain()):  # an engine asked for by name may have to fetch its model first
            yield found
    finally:
        found.close()


def prepare(library: Library, source: str, *, quiet: bool, again: bool) -> None:
    """Index what is not indexed yet, with a progress bar."""
    from vagent import _progress
    from vagent._board import board

    with board(enabled=not quiet) as on_standing:

        def begun(standing: Standing) -> None:
            _cycles.lasting()
            if on_standing is not None:
                on_standing(standing)

        reports = library.prepare(source, again=again, standing=begun)
    _progress.tell(reports)


def put(text: str) -> None:
    """Print a text; an empty one prints no line either."""
    typer.echo(text, nl=bool(text))
