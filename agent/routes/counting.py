"""How many: distinct events, things and speakers, counted over everything that was gone through."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vagent.agent.evidence.coverage import coverage
from vagent.agent.evidence.draft import Draft, Quote, quote
from vagent.agent.evidence.phrases import at, listed, says
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.evidence.turns import named_alike
from vagent.agent.language.sorts import members
from vagent.agent.language.words import fold, squeezed, stem
from vagent.agent.question import patterns
from vagent.agent.question.plan import HEARD, SEEN, SPOKEN, Plan
from vagent.agent.routes import occurrences, slides
from vagent.tools.safe import quoted, safe

_COUNTED = 0.6  # probability that a count of detected things is right: one thing may be lost and found again
_MOST = 8  # occurrences that an answer lists
_DIFFERENT = re.compile(r"\bhow many (?:different|distinct|kinds of|types of|sorts of) (?P<what>[^\W\d_]+)", re.I)
_SLIDES = re.compile(r"\bhow many (?:different )?(?:slides|title cards|cards|screens)\b", re.I)
_SOUNDS = frozenset(stem(word) for word in "sound sounds noise noises".split())
_THINGS = frozenset(stem(word) for word in "thing things object objects item items".split())


def draft(plan: Plan, shelf: Shelf) -> Draft | None:
    """How often something is said or shown, or how many speak; None when lines do not hold what is counted."""
    if patterns.SPEAKERS.search(plan.framed):
        return _speakers(plan, shelf)
    if plan.head is None and not plan.words and (shown := slides.slides(shelf)) and _SLIDES.search(plan.framed):
        return _screens(shelf, [quote(lines[:1]) for lines in shown])
    description = " ".join(plan.quoted) if plan.quoted else None
    found = occurrences.find(plan, shelf, description, each=True)
    seen = plan.visual and not plan.quoted
    if seen or plan.kind == "sound":
        kinds = HEARD if plan.kind == "sound" else SEEN
        found = [one for one in found if one.quote.kind in kinds]
        if not found:
            missing = "How often that is to be seen or heard is not in what was indexed."
            return Draft(missing=missing, coverage=coverage(shelf, kinds))
        return _stretches(plan, shelf, found)
    if not found:
        return None
    number = len(found)
    places = listed([at(o.quote.span) for o in found[:_MOST]])
    quotes = tuple(o.quote for o in found)
    return Draft(
        f"{number}: at {places}. {says(quotes[0])}",
        str(number),
        quotes[:_MOST],
        0.35 + 0.4 * min(o.match for o in found),
        value=number,
        coverage=coverage(shelf, plan.kinds),
    )


def _stretches(plan: Plan, shelf: Shelf, found: Sequence[occurrences.Occurrence]) -> Draft:
    """Stretches in which something goes on: what several senses tell at one time is one event."""
    stretches = occurrences.together(found)
    quotes = tuple(q for *_, q in stretches)
    number = len(stretches)
    return Draft(
        f"{number}: at {listed([at(span) for _, span, _ in stretches[:_MOST]])}. {says(quotes[0])}",
        str(number),
        quotes[:_MOST],
        0.25 + 0.3 * min(o.match for o in found),
        spans=tuple((video, span) for video, span, _ in stretches),
        value=number,
        coverage=coverage(shelf, HEARD if plan.kind == "sound" else SEEN),
    )


def _screens(shelf: Shelf, quotes: Sequence[Quote]) -> Draft:
    number = len(quotes)
    text = f"{number}: at {listed([at(q.span) for q in quotes[:_MOST]])}. {says(quotes[0])}"
    covered = coverage(shelf, ("screen_text",))
    return Draft(text, str(number), tuple(quotes[:_MOST]), 0.5, value=number, coverage=covered)


def _speakers(plan: Plan, shelf: Shelf) -> Draft:
    """How many voices the evidence tells apart."""
    lines = [line for line in occurrences.within(plan, shelf) if line.speaker]
    covered = coverage(shelf, SPOKEN)
    if not lines:
        return Draft(missing="What was indexed does not tell speakers apart.", coverage=covered)
    names = named_alike([line.speaker for line in lines if line.speaker])
    first = [next(x for x in lines if x.speaker and named_alike([x.speaker]) == [name]) for name in names]
    quotes = tuple(quote([line]) for line in first)
    number = len(names)
    told = f"{number}: {listed([safe(name) for name in names])}. {says(quotes[0])}"
    return Draft(told, str(number), quotes[:_MOST], 0.6, value=number, coverage=covered)


def things(plan: Plan, shelf: Shelf) -> Draft | None:
    """How many things of a sort were detected: at least as many as are seen at once, at most as many as were followed,
    because a thing that comes back after a cut is followed anew. None where the question counts something else, or
    tells the things apart by more than what the detector knows."""
    if plan.quoted:
        return None
    if (asked := _DIFFERENT.search(plan.framed)) and (different := _sorts(plan, shelf, asked["what"])) is not None:
        return different
    if plan.head is None or plan.expects != "number":
        return None
    detected = [line for line in occurrences.within(plan, shelf) if line.stream == "detected"]
    sort = members().get(plan.head, frozenset()) if set(plan.words) <= {plan.head} else frozenset()
    found = [line for line in detected if line.bag.stems & sort or occurrences.fits(plan, shelf, line)]
    if not found:
        return None
    quotes = tuple(quote([line]) for line in found)
    places = listed([at(q.span) for q in quotes[:_MOST]])
    most, once = (
        len(quotes),
        max(sum(q.video == r.video and q.span.start <= r.span.start < q.span.end for q in quotes) for r in quotes),
    )
    number = str(most) if once == most else f"{once} to {most}"
    shown = f"{once} at once" if once == most else f"{once} at once, {most} comings and goings"
    text = f"{number} ({shown}): at {places}. {says(quotes[0])}"
    value = most if once == most else None
    return Draft(text, number, quotes[:_MOST], _COUNTED, value=value, coverage=coverage(shelf, ("objects",)))


def _sorts(plan: Plan, shelf: Shelf, what: str) -> Draft | None:
    """How many different labels: of all that was detected or heard, or of what belongs to the sort that is named."""
    head = stem(fold(what))
    wanted = members().get(head)
    stream = "heard" if plan.kind == "sound" or head in _SOUNDS else "detected"
    lines: list[Line] = []
    for line in occurrences.within(plan, shelf):
        known = head in _THINGS or stream == "heard" or (wanted and line.bag.stems & wanted)
        if line.stream == stream and known and squeezed(line.text) not in {squeezed(x.text) for x in lines}:
            lines.append(line)
    if not lines:
        return None
    quotes = tuple(quote([line]) for line in lines)
    number = len(lines)
    text = f"{number}: {listed([quoted(line.text) for line in lines[:_MOST]])}. {says(quotes[0])}"
    kinds = HEARD if stream == "heard" else ("objects",)
    return Draft(text, str(number), quotes[:_MOST], 0.5, value=number, coverage=coverage(shelf, kinds))
