"""How answers are put into words. Evidence is only ever quoted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from vagent.agent.evidence.draft import Coverage, Quote
from vagent.agent.evidence.turns import called
from vagent.agent.records import Searched
from vagent.tools.safe import quoted, safe
from vagent.tools.time import Span, format_time

_SENSE = {
    "subtitle": "the subtitles say",
    "speech": "somebody says",
    "screen_text": "the screen shows",
    "objects": "recognised objects",
    "caption": "a caption describes",
    "sound": "a sound was recognised",
    "summary": "a summary says",
    "visual": "the picture shows",
}
_NAMES = {
    "subtitle": "subtitles",
    "speech": "speech",
    "screen_text": "on-screen text",
    "objects": "objects",
    "caption": "picture captions",
    "sound": "sounds",
    "summary": "summaries",
    "visual": "pictures",
}
_STOPS = (".", "!", "?", "…")
_GAPS = 4  # undecodable stretches that a sentence lists


def at(span: Span) -> str:
    """A stretch of time for reading: ``00:12:03`` or ``00:12:03-00:12:09``."""
    start, end = format_time(span.start), format_time(span.end)
    return start if start == end else f"{start}-{end}"


def says(quote: Quote, video: str | None = None) -> str:
    """A sentence that quotes evidence with its time; ``video`` names the file where there are several."""
    where = f"In {safe(PurePath(video).name)} at" if video else "At"
    weak = " (recognised weakly)" if quote.weak else ""
    sense = f"{called(safe(quote.speaker))} says" if quote.speaker else _SENSE.get(quote.kind, "the index says")
    if not quote.text:
        return f"{where} {format_time(quote.span.start)} a picture looks most like it{weak}."
    return f"{where} {format_time(quote.span.start)} {sense}{weak}: {stopped(quoted(quote.text))}"


def stopped(words: str) -> str:
    """Words that end a sentence: with a full stop, unless one stands inside their quotation marks."""
    return words if words[-1:] in _STOPS or (words[-1:] == "”" and words[-2:-1] in _STOPS) else f"{words}."


def coverage_in_words(covered: Sequence[Coverage]) -> str:
    """What was gone through and how densely, in one sentence: what an answer that counts or denies rests on."""
    if not covered:
        return "No sense that could tell has been through it."
    groups: dict[tuple[float | None, tuple[tuple[int, Span], ...]], list[str]] = {}
    for kind in dict.fromkeys(one.kind for one in covered):
        own = [one for one in covered if one.kind == kind]
        groups.setdefault((own[0].every, tuple((one.video, one.span) for one in own)), []).append(kind)
    parts = []
    for (every, places), kinds in groups.items():
        over = at(places[0][1]) if len(places) == 1 else f"{len(places)} videos"
        parts.append(f"{senses(kinds)} {_density(every)} over {over}")
    said = f"Gone through: {'; '.join(parts)}."
    gaps = list(dict.fromkeys(gap for one in covered for gap in one.gaps))
    if gaps:
        said += f" Not decodable: {listed([at(gap) for gap in gaps[:_GAPS]])}."
    if not all(one.complete for one in covered):
        said += " Indexing has not finished."
    return said


def _density(every: float | None) -> str:
    if every is None:
        return "throughout"
    return "once a second" if abs(every - 1.0) < 0.01 else f"every {every:.3g} s"


def senses(kinds: Sequence[str]) -> str:
    """Names of senses as a list in words."""
    return listed([_NAMES.get(kind, kind) for kind in kinds])


def listed(words: Sequence[str], last: str = "and") -> str:
    """``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def searched_in_words(searched: Sequence[Searched]) -> str:
    """What was searched, in one sentence."""
    if not searched:
        return "Nothing has been indexed yet."
    kinds = list(dict.fromkeys(kind for one in searched for kind in one.kinds))
    what = senses(kinds) if kinds else "nothing (no sense found any evidence)"
    if len(searched) == 1:
        return f"Searched: {what}, {at(searched[0].span)}."
    return f"Searched: {what} of {len(searched)} videos."
