"""When and how often something is said or shown: its occurrences over the whole of the evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vagent.agent.evidence.coverage import coverage
from vagent.agent.evidence.draft import Draft, Quote, quote
from vagent.agent.evidence.events import by_meaning
from vagent.agent.evidence.passages import quote_match, rank
from vagent.agent.evidence.phrases import at, listed, says
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.evidence.turns import matches
from vagent.agent.language.sorts import share
from vagent.agent.language.words import content, squeezed, stem, tokens
from vagent.agent.question.plan import SEEN, Plan
from vagent.tools.time import Span

_APART = 2.0  # seconds without it after which something occurs anew
_SURE = 0.62  # weighted share of the description's words that must stand in a line
_PLACES = frozenset(stem(word) for word in "begin change start end".split())
_HEARD = 0.8  # match of a sound whose name the question holds
_MOST = 8  # occurrences that an answer lists
_NOWHERE = "When that is to be seen or heard is not in what was indexed."


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
    lines = within(plan, shelf)
    scored = [(match, line) for line in lines if (match := _match(plan, shelf, line, description)) >= _SURE]
    if not scored:
        return []
    best = max(match for match, _ in scored)
    kept = [(match, line) for match, line in scored if match >= best - 0.12]
    wanted = plan.kinds
    if wanted and any(line.evidence.kind in wanted for _, line in kept):
        kept = [(match, line) for match, line in kept if line.evidence.kind in wanted]
    return grouped(kept, each)


def when(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The stretches in which something is said or shown."""
    found = find(plan, shelf)
    if found:
        probability = 0.35 + 0.5 * max(o.match for o in found)
        probability -= 0.2 if plan.visual and found[0].quote.kind not in SEEN else 0.0
    elif meant := _meant(plan, shelf):
        found, probability = meant, 0.35 + 0.3 * meant[0].match
    else:
        return _ranked(plan, shelf, leads)
    stretches = together(found)
    if plan.nth is not None and plan.edge != "last":
        if plan.nth > len(stretches):
            told = f"It was found {times_in_words(len(stretches))}, at {listed([at(s) for _, s, _ in stretches])}."
            return Draft(missing=told, leads=tuple(q for *_, q in stretches[:3]), coverage=coverage(shelf, plan.kinds))
        stretches = [stretches[plan.nth - 1]]
    elif plan.edge:
        stretches = [stretches[0] if plan.edge == "first" else stretches[-1]]
    quotes = tuple(q for *_, q in stretches)
    if probability < ENOUGH:
        return Draft(missing=_NOWHERE, leads=quotes[:3])
    times = listed([at(span) for _, span, _ in stretches[:_MOST]])
    more = f" ({len(stretches)} times in all)" if len(stretches) > _MOST else ""
    spans = tuple((video, span) for video, span, _ in stretches)
    return Draft(f"{times}{more}. {says(quotes[0])}", times, quotes[:_MOST], probability, spans=spans)


def _ranked(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The passage that fits a question whose words stand nowhere together; pictures that look like it as leads."""
    ranked = rank(plan, shelf, leads)
    nearest = tuple(quote(r.passage.lines) for r in ranked[:3])
    if not ranked or plan.visual or ranked[0].support.probability < ENOUGH + 0.1:
        return Draft(missing=_NOWHERE, leads=(*pictures(shelf, leads)[:3], *nearest))
    best = nearest[0]
    times = at(best.span)
    spans = ((best.video, best.span),)
    return Draft(f"{times}. {says(best)}", times, nearest[:1], ranked[0].support.probability, spans=spans)


def _meant(plan: Plan, shelf: Shelf) -> list[Occurrence]:
    """The one place that means what the question says in other words, for things that are said or written."""
    if plan.visual or plan.quoted or not plan.words:
        return []
    wanted = " ".join(t for t in tokens(plan.framed) if stem(t) in plan.words)
    return [Occurrence(quote([event.line]), event.match) for event in by_meaning(shelf, wanted)]


def pictures(shelf: Shelf, leads: Sequence[int]) -> list[Quote]:
    """Pictures that a search by description found, in its order: places to look, which prove nothing."""
    rows = {row.id: row for video in shelf.numbers for row in shelf.index.evidence(video, None, ("visual",))}
    found = [rows[number] for number in leads if number in rows]
    return [Quote(row.video, shelf.clamp(row.span), "visual", "", (row.id,), row.weak, row.confidence) for row in found]


def together(found: Sequence[Occurrence]) -> list[tuple[int, Span, Quote]]:
    """Stretches by time, each with its video and the quote that proves it best: what overlaps or nearly touches is one,
    whatever sense found it."""
    stretches: list[tuple[int, Span, Occurrence]] = []
    for one in sorted(found, key=lambda o: (o.quote.video, o.quote.span.start)):
        video, span = one.quote.video, one.quote.span
        if stretches and stretches[-1][0] == video and span.start - stretches[-1][1].end <= _APART:
            _, last, best = stretches[-1]
            stretches[-1] = (video, last.union(span), one if one.match > best.match + 0.05 else best)
        else:
            stretches.append((video, span, one))
    return [(video, span, one.quote) for video, span, one in stretches]


def within(plan: Plan, shelf: Shelf) -> list[Line]:
    """The lines inside the stretch that the question names, and of the speaker whose words it is about."""
    lines: Sequence[Line] = shelf.all_lines
    if plan.hint is not None and plan.hint.strict:
        lines = [x for x in lines if x.span.touches(plan.hint.within(shelf.video(x.evidence.video).duration))]
    name = plan.speaker
    own = [line for line in lines if name and line.speaker and matches(name, line.speaker)]
    return own or list(lines)


def asked_for(plan: Plan) -> str:
    """What a question looks for, in its own words."""
    if plan.quoted:
        return " ".join(plan.quoted)
    return " ".join(t for t in tokens(plan.framed) if stem(t) in plan.words) or plan.question


def times_in_words(number: int) -> str:
    """``once``, ``twice``, ``3 times``."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def fits(plan: Plan, shelf: Shelf, line: Line) -> bool:
    """Whether a line holds what the question names."""
    return _match(plan, shelf, line, None) >= _SURE


def _match(plan: Plan, shelf: Shelf, line: Line, description: str | None) -> float:
    if description is None and plan.quoted:
        return max(quote_match(q, line) for q in plan.quoted)
    if description is not None:
        words: Sequence[str] = content(description, frame=True) or content(description)
        if re.fullmatch(r"\W*\w+\W*", description) and squeezed(description) in squeezed(line.text):
            return 1.0
    else:
        words = [w for w in plan.words if w not in _PLACES]
    if line.stream == "heard" and description is None and content(line.text) and set(content(line.text)) <= set(words):
        return _HEARD  # "how often does the dog bark" names more than the sound
    return share(words, line.bag, shelf.rarity) if description is None else shelf.rarity.coverage(words, line.bag)


def grouped(scored: Sequence[tuple[float, Line]], each: bool = False) -> list[Occurrence]:
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
