"""The commands that fill a library, tell what it holds and forget it: `index`, `show`, `list`, `remove`, `prune`."""

from __future__ import annotations

from typing import Annotated

import typer

from vagent._opening import opening, put
from vagent._options import (
    EngineOption,
    FindOption,
    JsonOption,
    LanguageOption,
    LibraryOption,
    PathOption,
    PresetOption,
    RelinkOption,
    Sense,
    SourceArgument,
    TitleOption,
    WatchOption,
    YearOption,
    chosen_videos,
)
from vagent._ray_option import RayOption


def index(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Video files and folders of videos.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what it would cost, per preset, and index nothing.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            max=1024,
            help="Processes side by side, not with --ray. Default: what fits.",
        ),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Also try what is in quarantine.")] = False,
    relink: RelinkOption = None,
    ray: RayOption = None,
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
    files are gone are marked as missing (see `vagent prune`). With --ray, PATH may be a URL such as s3://bucket/films.
    """
    from vagent import _estimating, _indexing, _render, _sync

    if watch and (dry_run or retry):
        raise typer.BadParameter("it goes neither with --dry-run nor with --retry", param_hint="--watch")
    if ray is not None and workers:
        why = "nodes run as many films side by side as they have room for; cluster.cpus sets the cores of each"
        raise typer.BadParameter(f"it does not go with --ray: {why}", param_hint="--workers")
    with opening(library, preset, engine, find) as opened:
        if dry_run:
            chosen = preset.value if preset else None
            told = _estimating.dry_run(opened, paths, preset=chosen, workers=workers, retry=retry, json=json, ray=ray)
            put(told if isinstance(told, str) else _render.as_json_lines(told))
            return
        policy = _sync.policy(relink)
        if watch:
            _sync.watch(opened, paths, workers=workers, relink=policy, json=json, ray=ray)
            return
        through = _indexing.run(opened, paths, workers=workers, retry=retry, relink=policy, json=json, ray=ray)
    if not through:
        raise typer.Exit(1)


def show(
    source: SourceArgument,
    kind: Annotated[list[Sense] | None, typer.Option("--kind", help="Print all evidence of this kind.")] = None,
    json: JsonOption = False,
    library: LibraryOption = None,
) -> None:
    """Show what the index holds of a video: tracks, shots, evidence per sense and with which engines."""
    from vagent import _render

    with opening(library) as opened:
        shown = [_render.holdings(opened.index, video, [k.value for k in kind or []]) for video in opened.find(source)]
        put(_render.as_json_lines(shown) if json else "\n\n".join(map(_render.show, shown)))


def list_videos(
    problems: Annotated[
        bool, typer.Option("--problems", help="List the files that cannot be indexed instead, and why.")
    ] = False,
    stale: Annotated[
        bool,
        typer.Option("--stale", help="List what is out of date under these settings instead, and what a run takes."),
    ] = False,
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
    """List the videos of the library."""
    from vagent import _estimating, _indexing, _render

    if problems and stale:
        raise typer.BadParameter("it is one list or the other", param_hint="--stale")
    if problems and (path or title or year or language):
        raise typer.BadParameter(
            "nothing is known of these but where they lie: leave out the filters", param_hint="--problems"
        )
    if problems and (path or title or year or language):
        raise typer.BadParameter("of these files nothing is known to choose by", param_hint="--problems")
    with opening(library, preset, engine, find) as opened:
        if problems:
            found = _indexing.problems(opened)
            put(_render.as_json_lines(found) if json else _indexing.listing(found))
            return
        if stale:
            rows = _estimating.stale(opened.stale(chosen_videos(path, title, year, language)))
            put(_render.as_json_lines(rows) if json else _estimating.listing(rows))
            return
        rows = _render.listed_all(opened.index, opened.videos(chosen_videos(path, title, year, language)))
        put(_render.as_json_lines(rows) if json else _render.listing(rows, opened.folder))


def remove(source: SourceArgument, library: LibraryOption = None) -> None:
    """Forget a video or a folder of videos. The video files are not touched."""
    from vagent import _render

    with opening(library) as opened:
        for video in opened.remove(source):
            typer.echo(f"removed {_render.safe(video.path)}")


def prune(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Only what lay here; also what has not been noticed to be gone yet."),
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

    with opening(library) as opened:
        _sync.prune(opened, paths or [], days=older_than, dry_run=dry_run, sure=yes, json=json)
