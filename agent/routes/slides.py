"""Slides: runs of on-screen text that come up together, for questions about the second slide or when it changes."""

from __future__ import annotations

import re

from vagent.agent.evidence.draft import Draft, quote
from vagent.agent.evidence.phrases import at, listed, says
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.language.words import ORDINALS
from vagent.agent.question.plan import Plan
from vagent.tools.safe import quoted

_SAME = 1.5  # seconds within which texts come up together
_QUOTED = 12  # lines of a slide that are quoted


def slides(shelf: Shelf) -> list[list[Line]]:
    """The lines of each slide, by time: what builds up line by line is one slide, whatever logo stays on."""
    found: list[list[Line]] = []
    for line in sorted((x for x in shelf.all_lines if x.stream == "written"), key=lambda x: (x.span.start, x.place)):
        current = found[-1] if found else []
        still = sum(len(x.text) for x in current if x.span.end > line.span.start + _SAME)
        together = bool(current) and line.span.start - max(x.span.start for x in current) <= _SAME
        if current and (together or 2 * still > sum(len(x.text) for x in current)):
            current.append(line)
        else:
            found.append([line])
    return found


def draft(plan: Plan, shelf: Shelf) -> Draft:
    """What stands on the slide that the question numbers, or when slides change."""
    found = slides(shelf)
    if re.search(r"\bchange", plan.framed, re.I):
        return _changes(found)
    place = _place(plan.framed, len(found))
    if place is None or not 0 <= place < len(found):
        return Draft(missing=f"{len(found)} different screens of text were found, not the one asked for.")
    lines = found[place]
    heading = re.search(r"\b(?:heading|title|headline|called)\b", plan.framed, re.I)
    chosen = quote(lines[:1] if heading else lines[:_QUOTED])
    return Draft(f"{quoted(chosen.text)}. {says(chosen)}" if heading else says(chosen), chosen.text, (chosen,), 0.7)


def _changes(found: list[list[Line]]) -> Draft:
    later = [quote(lines[:1]) for lines in found[1:]]
    if not later:
        return Draft(missing="No change of slides was found in the on-screen text.")
    times = listed([at(q.span).split("-")[0] for q in later[:8]])
    spans = tuple((q.video, q.span) for q in later)
    return Draft(f"{times}. {says(later[0])}", times, tuple(later[:8]), 0.6, spans=spans)


def _place(question: str, number: int) -> int | None:
    match = re.search(r"\b(\w+)\s+(?:slide|card|page|screen)\b|\b(?:slide|card|page)\s+(\d+)\b", question, re.I)
    if match is None:
        return None
    word = (match.group(1) or match.group(2)).lower()
    if word in ("last", "final"):
        return number - 1
    return int(word) - 1 if word.isdigit() else ORDINALS[word] - 1 if word in ORDINALS else None
