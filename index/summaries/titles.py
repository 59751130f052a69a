"""A few words that name a part of a video: a heading shown at its start, or what it says more often than the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vagent.index.summaries.phrases import Phrase, ranked
from vagent.index.summaries.sentences import Numbers, Sentences
from vagent.tools.time import Span

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

_PHRASES = 2  # phrases of a title, at most
_SECOND = 0.5  # part of the first phrase's score that the second needs
_EARLY, _PART = 20.0, 0.25  # a heading is a part's own where it comes up in so many seconds, or so much, of it ...
_BEFORE = 2.0  # ... or so many seconds before
_EVERYWHERE = 0.5  # part of the parts from which on a heading that comes up there is no name of any


def titles(parts: Sequence[Sentences], spans: Sequence[Span], embed: Embed | None) -> list[str]:
    """A title for each part, "" where nothing stands out.

    Args:
        parts: the sentences of each part.
        embed: gives unit vectors of texts; with it that phrase is taken which is nearest to what the part means.
    """
    headings = [_headings(part, span) for part, span in zip(parts, spans, strict=True)]
    common = Counter(text for found in headings for text in {heading.casefold() for heading in found})
    limit = max(1.0, _EVERYWHERE * len(parts))
    phrases = ranked(parts)
    if embed is not None:
        _weigh(phrases, parts, embed)
    named = []
    for found, held in zip(headings, phrases, strict=True):
        own = [heading for heading in found if common[heading.casefold()] <= limit]
        named.append(own[0] if own else _title(held))
    return named


def _headings(part: Sentences, span: Span) -> list[str]:
    """Headings that come up where a part begins, the highest type first."""
    until = span.start + min(_EARLY, max(_PART * span.duration, _BEFORE))
    shown = [heading for at, heading in part.headings() if span.start - _BEFORE <= at <= until]
    return [heading.text for heading in sorted(shown, key=lambda heading: -heading.height)]


def _weigh(phrases: Sequence[Sequence[Phrase]], parts: Sequence[Sentences], embed: Embed) -> None:
    """Let the score count as much as the phrase means what its part means."""
    texts = list(dict.fromkeys(phrase.text for found in phrases for phrase in found))
    vectors = dict(zip(texts, embed(texts), strict=True)) if texts else {}
    for found, part in zip(phrases, parts, strict=True):
        middle = _middle(part)
        if middle is None:
            continue
        for phrase in found:
            phrase.score *= max(0.05, float(vectors[phrase.text] @ middle))


def _middle(part: Sentences) -> Numbers | None:
    """The direction in which the sentences of a part point together; None where nothing was embedded."""
    total, count = None, 0
    for direction in part.directions():
        if direction is not None:
            total = direction if total is None else total + direction
            count += 1
    if total is None:
        return None
    middle: Numbers = total / count
    middle /= max(float(np.linalg.norm(middle)), 1e-9)
    return middle


def _title(found: Sequence[Phrase]) -> str:
    """The best phrase, and a second one where it is nearly as good and says something else."""
    taken: list[Phrase] = []
    for phrase in sorted(found, key=lambda phrase: (-phrase.score, phrase.key)):
        if len(taken) == _PHRASES or phrase.score <= 0 or (taken and phrase.score < _SECOND * taken[0].score):
            break
        if all(not set(phrase.key) & set(other.key) for other in taken):
            taken.append(phrase)
    text = ", ".join(phrase.text for phrase in taken)
    return text[:1].upper() + text[1:]
