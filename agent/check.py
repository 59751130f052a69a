"""Checks before anything is said: do the quotes stand in the evidence, does it rest on more than weak evidence, do
looks agree. Gives the confidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vagent.agent.evidence.draft import Draft, Quote
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.language.words import content, squeezed
from vagent.agent.look import Seen

WEAK_LIMIT = 0.4
"""No answer that rests on weak evidence alone is more confident than this."""

_WEAK_ENOUGH = 0.5  # probability that a draft resting on weak evidence alone needs
_APART = 0.1  # lead in probability that the likeliest option needs
_SUREST = 0.9  # no choice by looks alone is more confident than this
_AGREE = 0.5  # share of content words that two looks must have in common to agree


def check(draft: Draft, shelf: Shelf, looks: Sequence[Seen] = ()) -> Draft:
    """The draft as it may be said: unproven quotes dropped, its probability cut where the evidence is weak.

    A draft that fails comes back without text, with what is missing and the leads.
    """
    if draft.file or (draft.looked and not draft.quotes):
        return draft if draft.probability >= ENOUGH else _failed(draft, "The looks at the pictures do not agree.")
    if not draft.text:
        return draft
    proven = tuple(q for q in draft.quotes if stands(q, shelf))
    if not proven or proven[0] is not draft.quotes[0]:
        return _failed(draft, "The quote found does not stand in the evidence.")
    if all(q.weak for q in proven) and draft.probability < _WEAK_ENOUGH:
        return _failed(draft, "Only weakly recognised evidence was found, too little to rest an answer on.")
    return replace(draft, quotes=proven, probability=confidence(draft.probability, proven))


def confidence(probability: float, quotes: Sequence[Quote]) -> float:
    """A probability cut by how well the quotes behind it were recognised."""
    probability = min(probability, 0.95)
    if quotes and all(q.weak for q in quotes):
        return min(probability, WEAK_LIMIT)
    if quotes and quotes[0].confidence is not None:
        return probability * (0.6 + 0.4 * min(1.0, quotes[0].confidence))
    return probability


def stands(quote: Quote, shelf: Shelf) -> bool:
    """True when every word of the quote stands in the evidence of its video at its time."""
    near = [x for x in shelf.lines(quote.video) if x.evidence.id in quote.rows and x.span.touches(quote.span)]
    place, text = 0, squeezed(" ".join(x.text for x in near))
    for part in quote.text.split():
        letters = squeezed(part)
        place = text.find(letters, place)
        if place < 0:
            return False
        place += len(letters)
    return bool(near)


def agreement(looks: Sequence[Seen]) -> tuple[Seen | None, float]:
    """The look that most others agree with, and the share of looks that do; independent looks, not their own claims."""
    said = [look for look in looks if look.text]
    if not said:
        return None, 0.0
    bags = [set(content(look.text, frame=True)) for look in said]
    votes = [sum(_alike(a, b) for b in bags) for a in bags]
    best = max(range(len(said)), key=lambda i: (votes[i], -i))
    return said[best], votes[best] / len(said)


def likeliest(looks: Sequence[Seen]) -> tuple[int, float, Seen] | None:
    """The option that looks make most probable: its position, its probability, and the look that is surest of it.

    None where nobody judged the options, or where the best two are too close to tell. Looks that saw nothing of what
    was asked do not count, unless none saw anything.
    """
    judged = [look for look in looks if look.options and look.text] or [look for look in looks if look.options]
    if not judged:
        return None
    means = [sum(column) / len(judged) for column in zip(*(look.options for look in judged), strict=True)]
    first, second = sorted(means, reverse=True)[:2] if len(means) > 1 else (means[0], 0.0)
    if first - second < _APART:
        return None
    best = means.index(first)
    return best, min(first, _SUREST), max(judged, key=lambda look: look.options[best])


def _alike(one: set[str], other: set[str]) -> bool:
    smaller = min(len(one), len(other))
    return smaller == 0 or len(one & other) / smaller >= _AGREE


def _failed(draft: Draft, missing: str) -> Draft:
    return Draft(missing=missing, leads=draft.quotes or draft.leads, probability=min(draft.probability, ENOUGH / 2))
