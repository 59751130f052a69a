"""Options and arguments that several commands of the command line share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vagent.errors import SettingsError

if TYPE_CHECKING:
    from vagent.configs import Settings
    from vagent.index.which import Which


class Preset(StrEnum):
    """Presets, as the command line lists them."""

    quick = "quick"
    standard = "standard"
    deep = "deep"


class Driver(StrEnum):
    """Who chooses the steps of a question, as the command line lists them."""

    auto = "auto"
    policy = "policy"
    llm = "llm"


class Sense(StrEnum):
    """Kinds of evidence, as the command line lists them."""

    subtitle = "subtitle"
    speech = "speech"
    screen_text = "screen_text"
    objects = "objects"
    caption = "caption"
    sound = "sound"
    summary = "summary"
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
DriverOption = Annotated[
    Driver | None,
    typer.Option("--driver", help="Who chooses the steps: rules (policy), a chat model (llm), or what is there."),
]
SaveOption = Annotated[bool, typer.Option("--save", help="Keep the answer, for `vagent replay` to go over it again.")]
NoCacheOption = Annotated[bool, typer.Option("--no-cache", help="Ask models afresh even what they were asked before.")]
RelinkOption = Annotated[
    bool | None,
    typer.Option(
        "--relink/--no-relink",
        help="Let a film of the library in another encoding take over its index, or index it. Default: it waits.",
    ),
]
WatchOption = Annotated[
    bool, typer.Option("--watch", help="Go on, and keep the folders in step with the library until stopped.")
]
SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="A video file or a folder of videos.")]
PathOption = Annotated[
    str | None, typer.Option("--path", metavar="GLOB", help="Only videos whose path ends like this: 'Lectures/*'.")
]
TitleOption = Annotated[
    str | None, typer.Option("--title", metavar="TEXT", help="Only films with this in their title.")
]
YearOption = Annotated[
    str | None, typer.Option("--year", metavar="YEAR", help="Only films of this year, or of some: 1999, 1990-1999.")
]
LanguageOption = Annotated[
    str | None, typer.Option("--language", metavar="CODE", help="Only films in which this is spoken: de, German.")
]


def chosen_videos(path: str | None, title: str | None, year: str | None, language: str | None) -> Which:
    """The videos that options ask for; all of them where none of the options is given."""
    from vagent.index.which import Which

    return Which(path=path, title=title, year=year, language=language)


def chosen_settings(
    library: Path | None,
    preset: Preset | None,
    engine: list[str] | None,
    find: list[str] | None = None,
    driver: Driver | None = None,
) -> Settings:
    """The settings that options ask for; an engine that does not exist or cannot run is told now, not an hour later.

    Raises:
        SettingsError: an engine that does not exist, or a setting that makes no sense.
        EngineUnavailable: an engine that cannot run here; no chat model for the driver that asks one.
    """
    from vagent import configs
    from vagent.tools.engines import SENSES, choose

    engines = _engines(engine)
    given: dict[str, Any] = {
        "preset": preset.value if preset else None,
        "engines": engines or None,
        "library": str(library) if library else None,
        "objects": {"find": find},
        "agent": {"driver": driver.value if driver else None},
    }
    settings = configs.load(given)
    if find and settings.engines.objects == "off" and not engines.get("objects"):
        # A preset leaves objects out, but here is something to look for.
        settings = configs.load({**given, "engines": {**engines, "objects": "auto"}})
    for sense in SENSES:
        if getattr(settings.engines, sense) != "auto":
            choose(sense, settings)
    if driver is not None:
        from vagent.agent.ask import check_chat

        check_chat(choose("chat", settings), settings)
    if find:
        from vagent.tools.objects import check_find

        check_find(settings)
    return settings


def _engines(pairs: list[str] | None) -> dict[str, str]:
    from vagent.tools.engines import SENSES

    chosen: dict[str, str] = {}
    for pair in pairs or []:
        sense, sign, name = pair.partition("=")
        if not sign or sense not in SENSES:
            raise SettingsError("not an engine choice", pair, allowed=[f"{sense}=NAME" for sense in SENSES])
        chosen[sense] = name
    return chosen
