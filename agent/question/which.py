"""Films that a question names, among several: by title, by the year they are from, by the language spoken in them.

A question is narrowed only where it says so in so many words, and only to films that are there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vagent.agent.language.words import STOP, fold
from vagent.index.records import Video
from vagent.tools import languages

_SORT = r"(?:films?|movies?|videos?|recordings?|lectures?|talks?|documentar(?:y|ies)|episodes?|clips?)"
_IN = r"(?:in|of|from|during|throughout|across)"
_ARTICLE = r"(?:the|all|all the|my|our|those|these|any|any of the)"
_YEAR = re.compile(
    rf"\b{_IN} {_ARTICLE} (?P<a>(?:18|19|20)\d\d) {_SORT}\b"
    rf"|\b{_IN} {_ARTICLE} {_SORT} (?:of|from|made in) (?P<b>(?:18|19|20)\d\d)\b(?!\s*(?:to|until|-|–))",
    re.I,
)
_LANGUAGE = re.compile(
    rf"\b{_IN} {_ARTICLE} (?P<a>[A-Z][a-z]+)(?:[- ](?:language|speaking))? {_SORT}\b"
    rf"|\b{_IN} {_ARTICLE} {_SORT} (?:that are |which are )?in (?P<b>[A-Z][a-z]+)\b",
)
_QUOTES = "\"'“”‘’«»„"


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What a question comes to when the films that it names are taken out of it.

    Attributes:
        question: without the words that name them.
        videos: the films; None where it names none, or all of them.
    """

    question: str
    videos: tuple[int, ...] | None = None


def narrow(question: str, videos: Sequence[Video]) -> Narrowed:
    """The question and the films that it is about.

    Args:
        videos: those that may be meant.
    """
    left, rest = list(videos), question
    if len(left) > 1:
        for match, fitting in (_by_year(rest, left), _by_language(rest, left)):
            both = [video for video in left if video in fitting]
            if match is not None and both and len(fitting) < len(videos):
                left, rest = both, rest.replace(match.group(), " ", 1)
        span, titled = _by_title(rest, left)
        if titled:
            left, rest = titled, f"{rest[: span[0]]} {rest[span[1] :]}"
    if len(left) == len(videos) or not any(c.isalnum() for c in rest):
        return Narrowed(question)
    tidied = re.sub(r"\s+([,.;:?!])", r"\1", " ".join(rest.split())).lstrip(" ,;:.")
    return Narrowed(tidied[:1].upper() + tidied[1:], tuple(video.id for video in left))


def _by_year(question: str, videos: Sequence[Video]) -> tuple[re.Match[str] | None, list[Video]]:
    match = _YEAR.search(question)
    year = int(match["a"] or match["b"]) if match else None
    return match, [video for video in videos if year is not None and video.year == year]


def _by_language(question: str, videos: Sequence[Video]) -> tuple[re.Match[str] | None, list[Video]]:
    match = _LANGUAGE.search(question)
    code = languages.coded(match["a"] or match["b"]) if match else None
    return match, [video for video in videos if code is not None and languages.same(video.language, code)]


def _by_title(question: str, videos: Sequence[Video]) -> tuple[tuple[int, int], list[Video]]:
    """The films of the longest title that stands in the question as the name of a film, and where it stands."""
    best: tuple[int, int] = (0, 0)
    found: list[Video] = []
    asked = _words(question)
    for title in dict.fromkeys(video.title for video in videos if video.title):
        # To compile patterns for each of thousands of titles takes seconds.
        span = _naming(question, title) if _words(title) <= asked else None
        if span is not None and span[1] - span[0] > best[1] - best[0]:
            best, found = span, [video for video in videos if video.title and fold(video.title) == fold(title)]
    return (best, found) if 0 < len(found) < len(videos) else ((0, 0), [])


def _words(text: str) -> frozenset[str]:
    """The words of a text, in a spelling that no two words share which a pattern takes for the same."""
    return frozenset(re.findall(r"[^\W_]+", fold(text).replace("ı", "i")))


def _naming(question: str, title: str) -> tuple[int, int] | None:
    """Where a question names the film of a title: in quotation marks, as "the film X", or as it is written after
    "in". One word that is no name by itself ("It", "Up") needs the quotation marks or the film.
    """
    words = r"[\W_]+".join(re.escape(word) for word in re.findall(r"[^\W_]+", title))
    if not words:
        return None
    named = rf"(?:{_IN} )?(?:the {_SORT} )[{_QUOTES}]?{words}[{_QUOTES}]?(?!\w)|(?:{_IN} )[{_QUOTES}]{words}[{_QUOTES}]"
    if match := re.search(rf"(?<!\w)(?:{named})", question, re.I):
        return match.span()
    single = len(re.findall(r"[^\W_]+", title)) == 1
    if single and (fold(title) in STOP or len(title) < 4 or title.isdigit() or not title[0].isupper()):
        return None
    # What stands at an end of the question, as the title is written, is the film; "in Paris they" may be the town.
    ends = rf"^(?i:{_IN}) {words}(?=,)|(?<!\w)(?i:{_IN}) {words}(?=\s*[?.!]*$)"
    match = re.search(ends, question, 0 if single else re.I)
    return match.span() if match else None
