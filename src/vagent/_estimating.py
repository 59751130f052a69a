"""What `vagent index --dry-run` and `vagent list --stale` print, and how far off an estimate was."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vagent._render import safe
from vagent.configs import PRESETS
from vagent.tools.weights.download import amount

if TYPE_CHECKING:
    from vagent.index.estimates.downloads import Download
    from vagent.index.estimates.estimate import Estimate
    from vagent.index.estimates.stale import Stale
    from vagent.index.forecast import Compared
    from vagent.sdk import Library

_WHY = {"missing": "never done", "unfinished": "not finished", "changed": "out of date"}


def dry_run(
    library: Library,
    paths: Sequence[str],
    *,
    preset: str | None,
    workers: int | None,
    retry: bool,
    json: bool,
    ray: str | None = None,
) -> list[dict[str, Any]] | str:
    """What indexing would cost, with the preset that was asked for or with each: as objects, or in words."""

    def on_preset(name: str) -> None:
        if not json and sys.stderr.isatty():
            where = "" if ray is None else " on a node"
            sys.stderr.write(f"measuring preset {name} on short stretches of the files{where}\n")

    presets = [preset] if preset else list(PRESETS)
    given: dict[str, Any] = {"workers": workers, "retry": retry, "ray": ray or ray == ""}
    found = library.estimate(paths, presets, **given, on_preset=on_preset)
    return [described(one) for one in found] if json else table(found)


def described(one: Estimate) -> dict[str, Any]:
    """The object that ``index --dry-run --json`` prints for one preset."""
    return {
        "preset": one.preset,
        "files": one.files,
        **{status: sum(video.status == status for video in one.videos) for status in ("new", "unfinished", "stale")},
        "unchanged": one.unchanged,
        "unreadable": list(one.unreadable),
        "seconds": None if one.seconds is None else round(one.seconds, 1),
        "processor_seconds": round(one.cpu, 1),
        "workers": one.workers,
        "nodes": one.nodes,
        "bytes": {"database": one.database, "pictures": one.pictures, "vectors": one.vectors},
        "downloads": [asdict(download) for download in one.downloads],
        "learnt": round(one.learnt, 1),
        "measured": one.measured,
        "notices": list(one.notices),
        "error": None if one.error is None else str(one.error),
        "videos": [
            {"video": v.path, "status": v.status, "stages": list(v.stages), "seconds": round(v.seconds, 1)}
            for v in one.videos
        ],
    }


def table(found: Sequence[Estimate]) -> str:
    """Estimates for people: a line a preset, then what they rest on."""
    rows = [("preset", "time", "library grows by", "models to fetch"), *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]
    return "\n".join([*_files(found), "", *(line.rstrip() for line in lines), "", *_notes(found)])


def _row(one: Estimate) -> tuple[str, str, str, str]:
    if one.error is not None:
        return one.preset, "cannot be done", "-", "-"
    if not one.videos:
        return one.preset, "nothing to do", "-", _fetched(one.downloads)
    size = f"{amount(one.bytes)} (database {amount(one.database)}, pictures {amount(one.pictures)}, "
    return (
        one.preset,
        "unknown" if one.seconds is None else f"about {duration(one.seconds)}",
        f"{size}vectors {amount(one.vectors)})",
        _fetched(one.downloads),
    )


def _fetched(downloads: Sequence[Download]) -> str:
    wanted = [one for one in downloads if one.fetched]
    if not wanted:
        return "none"
    return f"{', '.join(one.model for one in wanted)}: {amount(sum(one.size for one in wanted))}"


def _files(found: Sequence[Estimate]) -> Iterator[str]:
    for one in found:
        if one.error is not None:
            yield f"{one.preset}: {safe(str(one.error))}"
            continue
        states = Counter(video.status for video in one.videos)
        told = [f"{count} {status}" for status, count in sorted(states.items())]
        told += [f"{one.unchanged} unchanged"] if one.unchanged else []
        told += [f"{len(one.unreadable)} that cannot be indexed"] if one.unreadable else []
        files = "1 file" if one.files == 1 else f"{one.files} files"
        yield f"{one.preset}: {files}, {', '.join(told)}"


def _notes(found: Sequence[Estimate]) -> Iterator[str]:
    working = [one for one in found if one.videos]
    if working:
        yield f"Time: {'; '.join(dict.fromkeys(map(_basis, working)))}."
    yield from dict.fromkeys(f"{notice[0].upper()}{notice[1:]}." for one in found for notice in one.notices)
    where = "on every node: " if any(one.nodes for one in found) else ""
    lacking: dict[str, tuple[Download, list[str]]] = {}
    for one in found:
        for model in one.downloads:
            if not model.fetched:
                lacking.setdefault(model.model, (model, []))[1].append(one.preset)
    for model, presets in lacking.values():
        size = f" ({amount(model.size)})" if model.size else ""
        pull = f"{where}vagent models pull {model.model}"
        yield f"Without {model.model}{size} for {model.sense} ({', '.join(presets)}): {pull}"


def _basis(one: Estimate) -> str:
    if one.nodes:
        workers = f"{_counted(one.workers, 'film')} at a time on {_counted(one.nodes, 'node')}"
    else:
        workers = _counted(one.workers, "process", "processes")
    where = "there" if one.nodes else "here"
    parts = [f"{duration(one.learnt)} of videos indexed {where} before"] if one.learnt else []
    parts += [f"{one.measured} stretches of these files"] if one.measured else []
    return f"{workers}, from {' and '.join(parts) or 'nothing that could be measured'}"


def _counted(count: int, one: str, more: str | None = None) -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


def compared(of: Compared) -> str:
    """How far off an estimate was, in one line."""
    off = abs(of.off)
    word = "as estimated" if off < 0.005 else f"{off:.0%} {'more' if of.off > 0 else 'less'}".replace("%", " %")
    return f"estimated {duration(of.estimated)}, took {duration(of.taken)} ({word})"


def stale(found: Sequence[Stale]) -> list[dict[str, Any]]:
    """The objects that ``list --stale --json`` prints."""
    return [
        {
            "video": one.video.path,
            "stages": {due.stage: due.why for due in one.due},
            "follows": list(one.follows),
            "seconds": None if one.seconds is None else round(one.seconds, 1),
            "rough": one.rough,
            "error": None if one.error is None else str(one.error),
        }
        for one in found
    ]


def listing(rows: Sequence[Mapping[str, Any]]) -> str:
    """Videos that are out of date, for people."""
    if not rows:
        return "nothing is out of date"
    lines = []
    for row in rows:
        lines.append(safe(row["video"]))
        lines += [f"    cannot be brought up to date: {safe(row['error'])}"] if row["error"] else []
        for why, word in _WHY.items():
            stages = [stage for stage, of in row["stages"].items() if of == why]
            lines += [f"    {word}: {', '.join(stages)}"] if stages else []
        lines += [f"    then maybe: {', '.join(row['follows'])}"] if row["follows"] else []
        lines += [] if row["error"] else [f"    a run would take {_taking(row)}"]
    known = [row["seconds"] for row in rows if row["seconds"] is not None]
    total = f", about {duration(sum(known))} in one process" if known else ""
    rest = len(rows) - len(known)
    total += f" and {rest} that nothing is known of" if known and rest else ""
    return "\n".join([*lines, "", f"{len(rows)} out of date{total}. Brought up to date by: vagent index PATH"])


def _taking(row: Mapping[str, Any]) -> str:
    if row["seconds"] is None:
        return "a time that nothing here tells: see vagent index PATH --dry-run"
    guess = ", as other settings took" if row["rough"] else ""
    return f"about {duration(row['seconds'])}{guess}"


def duration(seconds: float) -> str:
    """A length of time in the units that people would use."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours else f"{days} days"
