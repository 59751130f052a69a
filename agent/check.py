"""Checks before anything is said: do the quotes stand in the evidence, does it rest on more than weak evidence. Gives
the confidence; whether looks agree is told by ``looks``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vagent.agent.evidence.draft import Draft, Quote
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.language.words import squeezed

WEAK_LIMIT = 0.4
"""No answer that rests on weak evidence alone is more confident than this."""

_WEAK_ENOUGH = 0.5  # probability that a draft resting on weak evidence alone needs


def check(draft: Draft, shelf: Shelf) -> Draft:
    """The draft as it may be said: unproven quotes dropped, its probability cut where the evidence is weak.

    A draft that fails comes back without text, with what is missing and the leads.
    """
    if draft.file or (draft.looked and not draft.quotes):
        return draft if draft.probability >= ENOUGH else _failed(draft, "The looks at the pictures do not agree.")
    if not draft.text or draft.absent:
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


def _failed(draft: Draft, missing: str) -> Draft:
    return Draft(
        missing=missing,
        leads=draft.quotes or draft.leads,
        probability=min(draft.probability, ENOUGH / 2),
        coverage=draft.coverage,
        notice=draft.notice,
    )
