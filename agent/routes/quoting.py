"""From passages to quotes: how much of a passage is quoted, how many are cited, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Sequence

from vagent.agent.evidence.draft import Quote, quote
from vagent.agent.evidence.passages import Passage, Ranked
from vagent.agent.evidence.phrases import says, stopped
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.evidence.support import Support

QUOTES = 3
"""Citations of one answer, at most."""

_SCREENS = 5  # citations of a vague question about on-screen text, at most
_CLOSE = 0.12  # a passage whose score is within this of the best one is cited too
_LENGTH = 240  # characters of one quote
_SCANT = 16  # on-screen text shorter than this is quoted with what is shown beside it


def cited(ranked: Sequence[Ranked], shelf: Shelf) -> tuple[Quote, ...]:
    """The quotes of an answer: the best passage and those close to it.

    Where a question's words cannot tell a few texts on the screen apart, all of these are shown.
    """
    if vague(ranked[0].support):
        chosen = distinct(ranked, -1.0, _SCREENS)
    else:
        chosen = distinct(ranked, ranked[0].score - _CLOSE, QUOTES)
    return tuple(dict.fromkeys(quote_of(r.passage, shelf) for r in chosen))


def vague(support: Support) -> bool:
    """Whether the question's words cannot tell a few texts on the screen apart."""
    return support.few > 0 and support.coverage <= 0.5 and not support.typed


def sentence(short: str | None, first: Quote, shelf: Shelf) -> str:
    """The answer alone, then the quote that it rests on; the file is named where there are several."""
    video = shelf.video(first.video).path if len(shelf.numbers) > 1 else None
    said = says(first, video)
    return f"{stopped(short)} {said}" if short else said


def quote_of(passage: Passage, shelf: Shelf) -> Quote:
    """The passage as a quote: whole sentences and blocks of text where they are short, else cut round its core."""
    lines = list(passage.lines)
    if passage.core.stream == "written":
        whole = [shelf.block(passage.core), shelf.screenful(passage.core) if len(passage.text) < _SCANT else ()]
    else:
        whole = [tuple(dict.fromkeys((*shelf.sentence(lines[0]), *lines, *shelf.sentence(lines[-1]))))]
    for group in whole:
        if set(group) >= set(lines) and sum(len(line.text) + 1 for line in group) <= _LENGTH:
            lines = list(group)
    while len(lines) > 1 and sum(len(line.text) for line in lines) > _LENGTH:
        lines.pop(0 if lines[-1] is passage.core else -1)
    return quote(lines)


def distinct(ranked: Sequence[Ranked], floor: float, limit: int) -> list[Ranked]:
    """The best passages that do not repeat one another's lines."""
    chosen: list[Ranked] = []
    used: set[int] = set()
    for one in ranked:
        lines = {id(line) for line in one.passage.lines}
        if one.score < floor or len(chosen) >= limit:
            break
        if not lines & used:
            chosen.append(one)
            used |= lines
    return chosen
