"""What the command line prints. Text from media and file names is shown with control characters made visible."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vagent import _terminal
from vagent.tools.time import format_time
from vagent.tools.weights.download import amount

if TYPE_CHECKING:
    from vagent.agent.records import Answer, Citation
    from vagent.index.library import VideoLibrary
    from vagent.index.records import Hit, Moment, Video
    from vagent.index.video.pipeline import Report

_NAMES = {
    "subtitle": "subtitles",
    "speech": "speech",
    "screen_text": "on screen",
    "objects": "detected",
    "caption": "described",
    "sound": "sound",
    "summary": "summaries",
    "visual": "picture",
    "file": "the file",
}


def safe(text: str) -> str:
    """One line that cannot steer a terminal: line breaks as `` / ``, other control characters as escapes."""
    joined = " / ".join(part.strip() for part in text.splitlines() if part.strip())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in joined)


def as_json(value: Any) -> str:
    """One JSON object, indented."""
    return _still(json.dumps(value, ensure_ascii=not _terminal.unicode(), indent=2))


def as_json_lines(values: Iterable[Any]) -> str:
    """One JSON object a line."""
    return "\n".join(_still(json.dumps(value, ensure_ascii=not _terminal.unicode())) for value in values)


def _still(text: str) -> str:
    """JSON in which what could steer a terminal stands as an escape; it reads back as the same."""
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def as_yaml(values: Mapping[str, Any]) -> str:
    """Settings as they would stand in a settings file."""
    import yaml

    return str(yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)).rstrip()


def _paragraph(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, _terminal.width(), initial_indent=indent, subsequent_indent=indent, break_long_words=False
    )


def _headed(indent: str, text: str) -> str:
    """A line as it is where it fits, else parted, with what goes on further in."""
    if len(indent) + len(text) <= _terminal.width():
        return indent + text
    return textwrap.fill(
        text, _terminal.width(), initial_indent=indent, subsequent_indent=f"{indent}    ", break_long_words=False
    )


def _span(start: float, end: float) -> str:
    return f"{format_time(start, 1)} - {format_time(end, 1)}"


def _name(path: str) -> str:
    return safe(Path(path).name)


def answer(given: Answer) -> str:
    """An answer for people: the text, the moments that prove it, what was searched."""
    lines = [_paragraph(paragraph) for paragraph in given.text.splitlines()]
    if given.choice:
        lines.insert(0, f"{given.choice}.")
    if given.understood not in ("", given.question):
        lines.insert(0, _paragraph(f"({safe(given.understood)})"))
    many = len({c.video for c in (*given.citations, *given.leads)}) > 1
    for title, citations in (("Evidence", given.citations), ("Nearest, but no proof", given.leads)):
        if citations:
            lines += ["", f"{title}:", *(_citation(c, many) for c in citations)]
    lines += ["", _footer(given)]
    return "\n".join(lines)


def _citation(citation: Citation, many: bool) -> str:
    where = f"{_name(citation.video)}  " if many else ""
    kind = _NAMES.get(citation.kind, citation.kind) + (", recognised weakly" if citation.weak else "")
    head = _headed("  ", f"{where}{_span(citation.span.start, citation.span.end)}  {kind}")
    return f"{head}\n{_paragraph('“' + safe(citation.quote) + '”', '      ')}" if citation.quote else head


def _footer(given: Answer) -> str:
    parts = [f"confidence {given.confidence:.2f}"] if given.answered else []
    if len(given.searched) == 1:
        (one,) = given.searched
        senses = ", ".join(_NAMES.get(kind, kind) for kind in one.kinds) or "nothing that could be indexed"
        parts.append(f"searched {_span(one.span.start, one.span.end)}: {senses}")
    else:
        parts.append(f"searched {len(given.searched)} videos")
    if "total" in given.seconds:
        parts.append(f"{given.seconds['total']:.1f} s")
    return _headed("", "(" + "; ".join(parts) + ")")


def found(query: str, moments: Sequence[Moment], notices: Sequence[str] = ()) -> dict[str, Any]:
    """The object that ``search --json`` prints."""
    told = {"notices": list(notices)} if notices else {}
    return {"query": query, "moments": [_moment(moment) for moment in moments], **told}


def _moment(moment: Moment) -> dict[str, Any]:
    return {
        "video": moment.video.path,
        "start": round(moment.span.start, 3),
        "end": round(moment.span.end, 3),
        "score": round(moment.score, 5),
        "evidence": [
            {
                "kind": hit.evidence.kind,
                "start": round(hit.evidence.span.start, 3),
                "end": round(hit.evidence.span.end, 3),
                "text": hit.evidence.text,
                "confidence": hit.evidence.confidence,
            }
            for hit in moment.hits
        ],
    }


def moments(given: Sequence[Moment]) -> str:
    """Moments for people, best first."""
    if not given:
        return "nothing found"
    many = len({moment.video.id for moment in given}) > 1
    lines = []
    for moment in given:
        where = f"{_name(moment.video.path)}  " if many else ""
        lines.append(_headed("", f"{where}{_span(moment.span.start, moment.span.end)}"))
        lines += [_paragraph(said, "    ") for said in list(dict.fromkeys(map(_found, moment.hits)))[:3]]
    return "\n".join(lines)


def _found(hit: Hit) -> str:
    """What a hit is, in one line; pictures have no text."""
    kind = _NAMES.get(hit.evidence.kind, hit.evidence.kind)
    return f"{kind}: {safe(hit.evidence.text) or 'shows it'}"


def report(given: Report) -> dict[str, Any]:
    """The object that ``index --json`` prints for one file."""
    video = given.video
    return {
        "video": given.path,
        "status": given.status,
        "fingerprint": video.fingerprint if video else None,
        "duration": round(video.duration, 3) if video else None,
        "spans": [[0.0, round(video.duration, 3)]] if video else [],
        "gaps": [[round(gap.start, 3), round(gap.end, 3)] for gap in video.gaps] if video else [],
        "counts": dict(given.counts),
        "engines": dict(given.engines),
        "seconds": dict(given.seconds),
        "notices": list(given.notices),
        "stage": given.stage,
        "error": str(given.error) if given.error else None,
    }


def tally(counts: Mapping[str, int]) -> str:
    """Rows of evidence by kind, for people."""
    return ", ".join(f"{count} {_NAMES.get(kind, kind)}" for kind, count in counts.items())


def holdings(index: VideoLibrary, video: Video, kinds: Sequence[str]) -> dict[str, Any]:
    """The object that ``show --json`` prints for one video."""
    stages = index.store.stages(video.id)
    rows = index.evidence(video.id, kinds=kinds) if kinds else []  # type: ignore[arg-type]
    engines = sorted({row.engine for row in index.evidence(video.id) if row.engine})
    parts = [row for row in index.evidence(video.id, kinds=["summary"]) if row.extra.get("level") == "chapter"]
    return {
        "video": video.path,
        "paths": index.store.paths(video.id),
        "missing": video.missing,
        "fingerprint": video.fingerprint,
        "duration": video.duration,
        "complete": video.complete,
        "gaps": [[gap.start, gap.end] for gap in video.gaps],
        "info": dict(video.info),
        "shots": len(index.shots(video.id)),
        "clips": len(index.clips(video.id)),
        "counts": index.store.counts(video.id),
        "engines": engines,
        "stages": {name: {"status": stage.status, "until": stage.cursor} for name, stage in stages.items()},
        "chapters": [
            {"start": part.span.start, "end": part.span.end, "title": part.extra.get("title", ""), "summary": part.text}
            for part in parts
        ],
        "evidence": [
            {"kind": r.kind, "start": r.span.start, "end": r.span.end, "text": r.text, "confidence": r.confidence}
            for r in rows
        ],
    }


def show(held: Mapping[str, Any]) -> str:
    """What the index holds of one video, for people."""
    info = held["info"]
    lines = [safe(held["video"])]
    lines.append(f"  {format_time(held['duration'], 1)}, {info.get('container', '?')}, {info.get('size', 0):,} bytes")
    lines += [f"  track {track['index']}: {_track(track)}" for track in info.get("tracks", ())]
    subtitles = info.get("subtitles", {})
    if subtitles.get("chosen"):
        lines.append(f"  subtitles taken from {safe(str(subtitles['chosen']['origin']))}")
    lines += [f"  notice: {safe(problem)}" for problem in subtitles.get("problems", ())]
    lines += [f"  also {safe(path)}" for path in held["paths"] if path != held["video"]]
    lines += [f"  missing since {held['missing'][:10]}"] if held["missing"] else []
    lines += [f"  nothing decodes: {_span(*gap)}" for gap in held["gaps"]]
    lines.append(f"  {held['shots']} shots, {held['clips']} clips{'' if held['complete'] else ', not complete yet'}")
    lines += [f"  {_NAMES.get(kind, kind)}: {count} rows" for kind, count in held["counts"].items()]
    lines += [f"  engine: {safe(engine)}" for engine in held["engines"]]
    lines += [f"  chapter {_span(part['start'], part['end'])}  {safe(part['title'])}" for part in held["chapters"]]
    for row in held["evidence"]:
        said = f": {safe(row['text'])}" if row["text"] else ""  # a picture's vector says nothing
        lines.append(f"  {_span(row['start'], row['end'])}  {row['kind']}{said}")
    return "\n".join(lines)


def _track(track: Mapping[str, Any]) -> str:
    words = [track["kind"], track["codec"], track["language"] or ""]
    if track["kind"] == "video":
        words.append(f"{track['width']}x{track['height']}")
    words += [flag for flag in ("default", "forced", "commentary", "hearing_impaired", "bitmap") if track[flag]]
    return " ".join(safe(str(word)) for word in words if word)


def listed(index: VideoLibrary, video: Video, copies: Sequence[str] = ()) -> dict[str, Any]:
    """The object that ``list --json`` prints for one video; ``copies``: further paths at which it lies."""
    return {
        "video": video.path,
        "title": video.title,
        "year": video.year,
        "language": video.language,
        "fingerprint": video.fingerprint,
        "duration": video.duration,
        "complete": video.complete,
        "present": Path(video.path).is_file(),
        "missing": video.missing,
        "copies": copies,
        "counts": index.store.counts(video.id),
    }


def listed_all(index: VideoLibrary, videos: Sequence[Video]) -> list[dict[str, Any]]:
    """The objects that ``list --json`` prints for some videos, in their order."""
    paths = index.store.copies()
    return [listed(index, video, [path for path in paths.get(video.id, ()) if path != video.path]) for video in videos]


def listing(rows: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """The videos of a library, for people."""
    if not rows:
        return f"the library {safe(str(folder))} is empty; run: vagent index PATH"
    lines = []
    for row in rows:
        state = "" if row["complete"] else "  (not complete)"
        if row["missing"]:
            state += f"  (missing since {row['missing'][:10]})"
        elif not row["present"]:
            state += "  (file not there)"
        lines.append(f"{format_time(row['duration'])}  {safe(row['video'])}{_known(row)}{state}")
        lines += [f"    also {safe(path)}" for path in row["copies"]]
    return "\n".join(lines)


def _known(row: Mapping[str, Any]) -> str:
    """What is known of a film, behind its path: its title, year and language."""
    known = [safe(str(row[name])) for name in ("title", "year", "language") if row[name] is not None]
    return f"  [{', '.join(known)}]" if known else ""


def doctor(findings: Mapping[str, Any]) -> str:
    """The findings of ``vagent doctor``, for people."""
    lines = [f"vagent {findings['version']}, Python {findings['python']}, {findings['cores']} cores"]
    lines.append(f"library   {safe(findings['library'])}")
    lines.append(_row("hub       ", findings["hub"]))
    lines.append(_row("faiss     ", findings["faiss"]))
    lines.append(_row("decoding  ", findings["decoding"]))
    lines.append(_row("models    ", f"{_machine(findings['machine'])}; vagent models pull"))
    lines += ["", "Each sense and the engine it takes:"]
    for sense in findings["senses"]:
        lines.append(_row(f"  {sense['sense']:10}  {sense['engine']:12}  ", sense["reason"]))
        lines += [_row(f"  {'':10}  {'':12}  ", f"better: {line}") for line in sense["better"]]
    if findings["problems"]:
        lines += ["", "Problems:", *(f"  {safe(problem)}" for problem in findings["problems"])]
    return "\n".join(lines)


def _row(before: str, text: str) -> str:
    """A row whose last column goes on below itself on a terminal that is too narrow for it."""
    if not sys.stdout.isatty():
        return before + text
    room = max(_terminal.width(), len(before) + 30)
    return textwrap.fill(
        before + text, room, subsequent_indent=" " * len(before), break_long_words=False, break_on_hyphens=False
    )


def models(rows: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]) -> str:
    """The models that can be used here, for people."""
    width = max((len(row["model"]) for row in rows), default=0)
    lines = [_machine(machine)]
    role = None
    for row in rows:
        if row["role"] != role:
            role = row["role"]
            lines += ["", role or "yours"]
        marks = ("* " if row["recommended"] else "  ") + ("here" if row["path"] else "    ")
        about = f"{amount(row['size']):>8}  {row['licence']:12}  {safe(row['note'])}"
        lines.append(f"  {marks}  {safe(row['model']):{width}}  {about}".rstrip())
        lines += [f"            {safe(row['path'])}"] if row["path"] else []
    return "\n".join(
        [*lines, "", "* suits this machine; `vagent models pull` fetches these, `vagent models pull NAME` one"]
    )


def _machine(machine: Mapping[str, Any]) -> str:
    card = f"a card with {amount(machine['card'])}" if machine["card"] else "no graphics card for models"
    best = f"set {machine['set']} suits it ({machine['title']}, {amount(machine['size'])})"
    return f"This machine has {amount(machine['memory'])} of memory and {card}; {best}"


def pulled(rows: Sequence[Mapping[str, Any]]) -> str:
    """What fetching models came to, or would come to, a line a model."""
    return "\n".join(
        f"{row['status']:8}  {safe(row['model'])}  {amount(row['size']) if row['size'] else 'size not known'}  "
        f"{safe(row.get('error') or row['path'] or row['hub'] or '')}"
        for row in rows
    )
