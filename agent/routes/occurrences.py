"""When and how often something is said or shown: its occurrences over the whole of the evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vagent.agent.evidence.draft import Draft, Quote, quote
from vagent.agent.evidence.passages import quote_match, rank
from vagent.agent.evidence.phrases import at, listed, says
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.language.words import content, squeezed
from vagent.agent.question.plan import SEEN, Plan

_APART = 2.0  # seconds without it after which something occurs anew
_SURE = 0.62  # weighted share of the description's words that must stand in a line
_COUNTED = 0.6  # probability that a count of detected things is right: one thing may be lost and found again
_MOST = 8  # occurrences that an answer lists


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One stretch in which something is said or shown, and the lines that prove it."""

    quote: Quote
    match: float


def find(plan: Plan, shelf: Shelf, description: str | None = None, *, each: bool = False) -> list[Occurrence]:
    """Occurrences of what the question (or ``description``) names, by time; only the best-matching kind of line.

    Args:
        each: spoken lines that follow one another count one by one.
    """
    scored = [(match, line) for line in shelf.all_lines if (match := _match(plan, shelf, line, description)) >= _SURE]
    if not scored:
        return []
    best = max(match for match, _ in scored)
    kept = [(match, line) for match, line in scored if match >= best - 0.12]
    wanted = plan.kinds if plan.kind in ("speech", "text") else None
    if wanted and any(line.evidence.kind in wanted for _, line in kept):
        kept = [(match, line) for match, line in kept if line.evidence.kind in wanted]
    return _grouped(kept, each)


def when(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The stretches in which something is said or shown."""
    found = find(plan, shelf)
    if plan.edge and found:
        found = [found[0] if plan.edge == "first" else found[-1]]
    if found:
        quotes = tuple(o.quote for o in found)
        probability = 0.35 + 0.5 * max(o.match for o in found)
        probability -= 0.2 if plan.visual and found[0].quote.kind not in SEEN else 0.0
    else:
        ranked = rank(plan, shelf, leads)
        nearest = tuple(quote(r.passage.lines) for r in ranked[:3])
        if not ranked or plan.visual or ranked[0].support.probability < ENOUGH + 0.1:
            return Draft(missing="When that is to be seen or heard is not in what was indexed.", leads=nearest)
        quotes, probability = nearest[:1], ranked[0].support.probability
    if probability < ENOUGH:
        return Draft(missing="When that is to be seen or heard is not in what was indexed.", leads=quotes[:3])
    times = listed([at(q.span) for q in quotes[:_MOST]])
    more = f" ({len(quotes)} times in all)" if len(quotes) > _MOST else ""
    text = f"{times}{more}. {says(quotes[0])}"
    return Draft(text, times, quotes[:_MOST], probability, spans=tuple((q.video, q.span) for q in quotes))


def count(plan: Plan, shelf: Shelf) -> Draft | None:
    """How often something is said or shown; None when the question counts something that lines do not hold."""
    description = " ".join(plan.quoted) if plan.quoted else None
    found = find(plan, shelf, description, each=True)
    if not found or (plan.visual and not plan.quoted):
        return None if not plan.visual else Draft(missing="How often that is to be seen is not in what was indexed.")
    number = len(found)
    places = listed([at(o.quote.span) for o in found[:_MOST]])
    quotes = tuple(o.quote for o in found)
    text = f"{number}: at {places}. {says(quotes[0])}"
    return Draft(text, str(number), quotes[:_MOST], 0.35 + 0.4 * min(o.match for o in found), value=number)


def things(plan: Plan, shelf: Shelf) -> Draft | None:
    """How many things of a sort were detected: at least as many as are seen at once, at most as many as were followed,
    because a thing that comes back after a cut is followed anew. None where the question counts something else, or
    tells the things apart by more than what the detector knows."""
    if plan.head is None or plan.quoted:
        return None
    found = [line for line in shelf.all_lines if line.stream == "detected" and _match(plan, shelf, line, None) >= _SURE]
    if plan.hint is not None and plan.hint.strict:
        found = [x for x in found if x.span.touches(plan.hint.within(shelf.video(x.evidence.video).duration))]
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
    return Draft(text, number, quotes[:_MOST], _COUNTED, value=most if once == most else None)


def _match(plan: Plan, shelf: Shelf, line: Line, description: str | None) -> float:
    if description is None and plan.quoted:
        return max(quote_match(q, line) for q in plan.quoted)
    if description is not None:
        words: Sequence[str] = content(description, frame=True) or content(description)
        if re.fullmatch(r"\W*\w+\W*", description) and squeezed(description) in squeezed(line.text):
            return 1.0
    else:
        words = [w for w in plan.words if w not in ("begin", "chang", "start", "end")]
    return shelf.rarity.coverage(words, line.bag) if words else 0.0


def _grouped(scored: Sequence[tuple[float, Line]], each: bool) -> list[Occurrence]:
    """Lines of one row, and rows that follow without a pause and share their text, are one occurrence."""
    ordered = sorted(scored, key=lambda x: (x[1].evidence.video, x[1].span.start, x[1].place))
    groups: list[tuple[float, list[Line]]] = []
    for match, line in ordered:
        if groups and _continues(groups[-1][1][-1], line, each):
            groups[-1][1].append(line)
            groups[-1] = (max(groups[-1][0], match), groups[-1][1])
        else:
            groups.append((match, [line]))
    return [Occurrence(quote(_without_repeats(lines)), match) for match, lines in groups]


def _continues(last: Line, line: Line, each: bool) -> bool:
    if last.evidence.video != line.evidence.video or last.stream != line.stream:
        return False
    if last.evidence is line.evidence:
        return True
    if line.span.start - last.span.end > _APART:
        return False
    return (line.stream == "spoken" and not each) or squeezed(line.text) == squeezed(last.text)


def _without_repeats(lines: Sequence[Line]) -> list[Line]:
    """Equal texts once, with the stretch of all of them kept by the first and the last line."""
    if len(lines) > 2 and len({squeezed(x.text) for x in lines}) == 1:
        return [lines[0], lines[-1]]
    return list(lines)
