"""Options and arguments that several commands of the command line share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Preset(StrEnum):
    """Presets, as the command line lists them."""

    quick = "quick"
    standard = "standard"
    deep = "deep"


class Sense(StrEnum):
    """Kinds of evidence, as the command line lists them."""

    subtitle = "subtitle"
    speech = "speech"
    screen_text = "screen_text"
    objects = "objects"
    caption = "caption"
    sound = "sound"
    visual = "visual"


LibraryOption = Annotated[
    Path | None,
    typer.Option(
        "--library", metavar="DIR", help="Folder of the library. Default: VAGENT_LIBRARY, or the user's data folder."
    ),
]
PresetOption = Annotated[
    Preset | None, typer.Option("--preset", help="How thoroughly to index: quick, standard (default) or deep.")
]
EngineOption = Annotated[
    list[str] | None,
    typer.Option(
        "--engine", metavar="SENSE=NAME", help="Engine of one sense, 'off' or 'auto'; see `vagent doctor`. Repeatable."
    ),
]
FindOption = Annotated[
    list[str] | None,
    typer.Option("--find", metavar="TEXT", help="Look for this in the pictures too: 'a red umbrella'. Repeatable."),
]
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="T", help="Use nothing before this time: 95, 1:35, 0:01:35, 1h2m.")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="T", help="Use nothing after this time: no spoilers.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text.")]
SaveOption = Annotated[bool, typer.Option("--save", help="Keep the answer, for `vagent replay` to go over it again.")]
NoCacheOption = Annotated[bool, typer.Option("--no-cache", help="Ask models afresh even what they were asked before.")]
SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="A video file or a folder of videos.")]
