"""Questions about the file itself: tracks, languages, length, format."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from vagent.agent.evidence.draft import Draft
from vagent.agent.evidence.phrases import listed
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.question.plan import Plan
from vagent.tools import languages
from vagent.tools.safe import safe
from vagent.tools.time import format_time


def draft(plan: Plan, shelf: Shelf) -> Draft:
    """The answer from the file's header, for the first of the videos asked."""
    number = shelf.numbers[0]
    video, info = shelf.video(number), shelf.index.describe(number)
    said = _said(plan.framed.lower(), info, video.duration)
    if said is None:
        return Draft(missing="The file's header does not say that.")
    short, text, value = said
    name = safe(PurePath(video.path).name)
    return Draft(f"{short}. The file {name} {text}.", short, probability=0.97, file=True, value=value)


def _said(question: str, info: Mapping[str, Any], duration: float) -> tuple[str, str, int | None] | None:
    tracks: Sequence[Mapping[str, Any]] = info.get("tracks") or ()
    if not tracks:
        return _length(question, duration)
    kind = next((k for k, pattern in _KINDS if re.search(pattern, question)), None)
    if kind is not None:
        return _tracks([t for t in tracks if t.get("kind") == kind and not t.get("attached_picture")], kind, question)
    if (length := _length(question, duration)) is not None:
        return length
    picture = next((t for t in tracks if t.get("kind") == "video" and not t.get("attached_picture")), None)
    if re.search(r"resolution|aspect", question) and picture and picture.get("width"):
        size = f"{picture['width']}x{picture['height']}"
        return size, f"has a picture of {size} pixels", None
    if re.search(r"frame ?rate|fps", question) and picture and picture.get("frame_rate"):
        rate = f"{float(picture['frame_rate']):.3g}"
        return f"{rate} frames a second", f"has {rate} frames a second on average", None
    if "codec" in question and tracks:
        codecs = listed([f"{t.get('kind')} {safe(str(t.get('codec')))}" for t in tracks if t.get("codec")])
        return codecs, f"holds {codecs}", None
    if re.search(r"container|format|type", question) and info.get("container"):
        return safe(str(info["container"])), f"is a {safe(str(info['container']))} file", None
    if re.search(r"size|big", question) and info.get("size"):
        size = f"{int(info['size']):,} bytes"
        return size, f"has {size}", None
    return None


def _length(question: str, duration: float) -> tuple[str, str, int | None] | None:
    if not re.search(r"how long|duration|length|running time|runtime", question):
        return None
    return f"{format_time(duration)} ({duration:.1f} s)", f"lasts {duration:.1f} seconds", None


_KINDS = (
    ("subtitle", r"subtitle|caption track|closed caption"),
    ("audio", r"audio|sound (?:track|stream)|languages?"),
    ("video", r"video (?:track|stream)"),
)


def _tracks(tracks: Sequence[Mapping[str, Any]], kind: str, question: str) -> tuple[str, str, int | None]:
    languages = [_language(t.get("language")) for t in tracks]
    named = [n for n in languages if n]
    plural = "" if len(tracks) == 1 else "s"
    text = f"carries {len(tracks)} {kind} track{plural}"
    if named:
        text += f": {listed(named)}"
    asks_language = "language" in question
    asks_number = "how many" in question or "number of" in question
    if asks_language and not asks_number:
        short = listed(list(dict.fromkeys(named))) or "not stated"
        return short, text, len(tracks)
    return (f"{len(tracks)}: {listed(named)}" if asks_language and named else str(len(tracks))), text, len(tracks)


def _language(code: object) -> str | None:
    if not isinstance(code, str) or not code or code == "und":
        return None
    return languages.name(code) or safe(code)
