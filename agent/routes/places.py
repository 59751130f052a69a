"""What stands at a place: the first or the last line of a sense, and everything at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vagent.agent.evidence.draft import Draft, quote
from vagent.agent.evidence.phrases import says
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.question.plan import Plan
from vagent.agent.routes import find, occurrences
from vagent.agent.routes.quoting import QUOTES, sentence
from vagent.tools.safe import quoted
from vagent.tools.time import Span

_QUESTION = re.compile(r"\bquestions?\b", re.I)
_MANY = 8  # rows of evidence in a stretch of time that an answer can list


def edge(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The first or the last line of a sense."""
    kinds = plan.kinds
    lines = [line for line in occurrences.within(plan, shelf) if kinds is None or line.evidence.kind in kinds]
    if _QUESTION.search(plan.framed):
        lines = [line for line in lines if line.text.rstrip(" \"”'").endswith("?")]
    if not lines:
        return Draft(missing="Nothing of that sense was found in what was indexed.")
    ends = [min(lines, key=lambda x: x.span.start)] if plan.edge == "first" else [max(lines, key=lambda x: x.span.end)]
    row = [line for line in lines if line.evidence is ends[0].evidence]
    found = quote(row)
    return Draft(sentence(quoted(found.text), found, shelf), found.text, (found,), 0.85)


def at_time(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """Everything that is said or written in the stretch that the question names."""
    assert plan.hint is not None
    stretch = plan.hint.within(shelf.duration)
    stretch = Span(max(0.0, stretch.start - 0.5), stretch.end + 0.5)
    kinds = plan.kinds
    lines = [x for x in shelf.all_lines if x.span.overlap(stretch) > 0 and (kinds is None or x.evidence.kind in kinds)]
    if not lines and plan.kind in ("speech", "text"):
        lines = [x for x in shelf.all_lines if x.span.overlap(stretch) > 0]
    if not lines:
        return Draft(missing="Nothing was found there that could answer, as far as the index shows.")
    rows: dict[int, list[Line]] = {}
    if len({line.evidence.id for line in lines}) > _MANY:
        return find.draft(plan, shelf, leads)
    for line in lines:
        rows.setdefault(line.evidence.id, []).append(line)
    middle = plan.hint.within(shelf.duration).middle
    seen = plan.kind in ("visual", "any")
    found = sorted(
        (quote(r) for r in rows.values()),
        key=lambda q: (seen and q.kind != "caption", max(0.0, abs(q.span.middle - middle) - q.span.duration / 2)),
    )
    return Draft(" ".join(says(q) for q in found[:QUOTES]), None, tuple(found[: QUOTES + 2]), 0.8)
