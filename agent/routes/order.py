"""Which comes first, and in which order: items are looked up in the evidence and sorted by time."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from vagent.agent.evidence.draft import Draft, Quote, quote
from vagent.agent.evidence.events import by_meaning
from vagent.agent.evidence.phrases import listed, says
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.language.words import content, squeezed
from vagent.agent.question.plan import Plan
from vagent.agent.routes import occurrences
from vagent.tools.safe import safe


def draft(plan: Plan, shelf: Shelf) -> Draft:
    """The items that the question lists, by the time at which the evidence first holds them."""
    if not plan.items:
        return _listed(plan, shelf)
    found: list[tuple[Quote, str]] = []
    for item in plan.items:
        first = find(plan, shelf, item)
        if first is None:
            missing = f"“{safe(item)}” is not in what was indexed, so the order cannot be told."
            return Draft(missing=missing, leads=tuple(q for q, _ in found))
        found.append((first, item))
    found.sort(key=lambda x: (x[0].span.start, x[0].span.end, squeezed(x[0].text).find(squeezed(x[1]))))
    if any(a.rows == b.rows and not _apart(a, first, second) for (a, first), (b, second) in pairwise(found)):
        return Draft(
            missing="What was asked stands in the same line, so the order cannot be told.", leads=(found[0][0],)
        )
    names = [safe(item) for _, item in found]
    quotes = tuple(q for q, _ in found)
    first_asked = plan.edge == "first" or (plan.edge is None and len(names) == 2)
    short = names[0] if first_asked else names[-1] if plan.edge == "last" else ", ".join(names)
    if len(names) > 2 and re.search(r"\border\b", plan.framed, re.I):
        short = ", ".join(names)
    return Draft(f"{short}. {' '.join(says(q) for q in quotes[:3])}", short, quotes, 0.7)


def _apart(quote: Quote, first: str, second: str) -> bool:
    """Whether two items stand in one quote one after the other, as they are written."""
    text = squeezed(quote.text)
    start = text.find(squeezed(first))
    return start >= 0 and text.find(squeezed(second), start + len(squeezed(first))) >= 0


def find(plan: Plan, shelf: Shelf, item: str) -> Quote | None:
    """The first place where the evidence holds an item, or None."""
    literal = [x for x in shelf.all_lines if len(squeezed(item)) >= 3 and squeezed(item) in squeezed(x.text)]
    if not content(item, frame=True) and not literal:
        return None
    hits = occurrences.find(replace(plan, quoted=(item,)), shelf)
    hits = hits or occurrences.find(replace(plan, quoted=(), words=tuple(content(item))), shelf)
    if hits:
        return hits[0].quote
    # In other words: a timetable may say "departures".
    meant = by_meaning(shelf, item)
    return quote([meant[0].line]) if meant else None


def _listed(plan: Plan, shelf: Shelf) -> Draft:
    """ "Name the items in the order in which they appear": the lines that hold what is asked, by time."""
    words = tuple(w for w in plan.words if w not in ("order", "appear", "follow"))
    hits = occurrences.find(replace(plan, words=words), shelf) if words else []
    if len(hits) < 2:
        return Draft(missing="Nothing to put in order was found in what was indexed.")
    quotes = tuple(h.quote for h in hits[:8])
    texts = list(dict.fromkeys(q.text for q in quotes))
    return Draft(f"{listed([f'“{safe(t)}”' for t in texts], 'then')}. {says(quotes[0])}", ", ".join(texts), quotes, 0.6)
