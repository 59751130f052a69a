"""What comes after, before or during an event, and what lies between two."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vagent.agent.evidence.draft import Draft, Quote, quote
from vagent.agent.evidence.events import Event, locate, standing
from vagent.agent.evidence.phrases import at, says, stopped
from vagent.agent.evidence.shelf import Line, Shelf, Stream
from vagent.agent.evidence.turns import matches
from vagent.agent.language.words import content, squeezed, stems
from vagent.agent.question.plan import Plan
from vagent.agent.routes import find
from vagent.agent.routes.quoting import sentence
from vagent.tools.safe import quoted
from vagent.tools.time import Span

_STREAMS: dict[str, tuple[Stream, ...]] = {
    "speech": ("spoken",),
    "text": ("written",),
    "visual": ("described", "detected"),
    "sound": ("heard",),
}
_HAPPENS = re.compile(
    r"\bhappen|\btakes? place\b|\boccurs?\b|\bgo(?:es|ing) on\b|\bdo(?:es|ing)?\W*$|\bsee[ns]?\b", re.I
)
_SHOWN = re.compile(r"\bshown\b|\bon (?:the )?screen\b|\bdisplayed\b", re.I)
_HEARD = re.compile(r"\bhear[ds]?\b", re.I)
_SLACK = 0.5  # seconds by which an event and what follows it may overlap
_NEAR = 60.0  # seconds after which something no longer follows an event of another sense
_LISTED = 4  # moments that tell what lies between two events


def draft(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """What comes directly after, before or during what the question names."""
    wanted = max(plan.quoted, key=len, default="") or plan.anchor or ""
    if not plan.event:
        return _in_list(plan, shelf, wanted)
    starts = locate(shelf, wanted)
    if not starts:
        plain = find.draft(plan, shelf, leads)
        missing = f"{quoted(wanted)} was not found in what was indexed."
        return plain if plain.text else Draft(missing=missing, leads=plain.leads, probability=plain.probability)
    start = _chosen(plan, starts)
    if _tells_itself(plan, start, wanted):
        return find.draft(plan, shelf, leads)
    if plan.relation == "during":
        return _during(plan, shelf, starts, leads)
    found = _beside(plan, shelf, start)
    if found is None:
        told = f"Nothing that could answer comes {plan.relation} it in what was indexed."
        return Draft(missing=told, leads=(quote([start.line]),))
    answer = quote(found)
    text = f"{sentence(None, answer, shelf)} {_placed(plan, start)}"
    return Draft(text, answer.text, (answer, quote([start.line])), 0.45 + 0.3 * start.match)


def between(plan: Plan, shelf: Shelf) -> Draft:
    """What lies between two events, or how long it lasts from one to the other."""
    found = _two(plan, shelf)
    if found is None:
        names = " and ".join(quoted(name) for name in plan.pairs[0])
        near = tuple(quote([event.line]) for name in plan.pairs[0] for event in locate(shelf, name)[:1])
        return Draft(missing=f"Of {names}, not both were found in what was indexed, one after the other.", leads=near)
    first, second = found
    stretch = Span(first.span.end, max(first.span.end, second.span.start))
    ends = (quote([first.line]), quote([second.line]))
    probability = 0.35 + 0.4 * min(first.match, second.match)
    spans = ((first.line.evidence.video, stretch),)
    if plan.expects in ("duration", "length"):
        seconds = round(second.span.start - first.span.start)
        text = f"{seconds} seconds, from {at(first.span)} to {at(second.span)}. {says(ends[0])} {says(ends[1])}"
        return Draft(text, f"{seconds} seconds", ends, probability, spans=spans, value=seconds)
    inside = _inside(plan, shelf, first, second, stretch)
    if not inside:
        return Draft(missing=f"Nothing that could answer was found between them, {at(stretch)}.", leads=ends)
    quotes = tuple(quote(lines) for lines in inside)
    text = f"Between them, {at(stretch)}: {' '.join(says(q) for q in quotes)}"
    return Draft(text, None, (*quotes, *ends), probability, spans=spans)


def _chosen(plan: Plan, starts: Sequence[Event]) -> Event:
    best = max(event.match for event in starts)
    good = [event for event in starts if event.match >= best - 0.05]
    place = plan.nth - 1 if plan.nth and plan.nth <= len(good) else -1 if plan.edge == "last" else 0
    return good[place]


def _tells_itself(plan: Plan, start: Event, wanted: str) -> bool:
    """Whether the line says itself what comes then: "after the war he moved to Paris" is no event of the film."""
    words = stems(start.line.text)
    way = plan.relation if plan.relation in words else None
    return way is not None and set(content(wanted)) <= set(words[words.index(way) :]) and bool(content(wanted))


def _placed(plan: Plan, start: Event) -> str:
    return f"That is {plan.relation} {at(start.span)}: {stopped(quoted(start.line.text))}"


def _beside(plan: Plan, shelf: Shelf, start: Event) -> list[Line] | None:
    """The lines that come next, in the stream that the question asks about."""
    for stream in _wanted(plan, shelf, start):
        line = _next(plan, shelf, start, stream)
        if line is not None:
            return [line]
    return None


def _wanted(plan: Plan, shelf: Shelf, start: Event) -> tuple[Stream, ...]:
    if plan.speaker and plan.kind == "any":
        return ("spoken",)
    if plan.kind != "any":
        return _STREAMS[plan.kind]
    own = start.line.stream
    described: tuple[Stream, ...] = ("described",) if _HAPPENS.search(plan.framed.rstrip("?")) else ()
    return tuple(dict.fromkeys((*described, own)))


def _next(plan: Plan, shelf: Shelf, start: Event, stream: Stream) -> Line | None:
    video, before = start.line.evidence.video, plan.relation == "before"
    lines = [line for line in shelf.lines(video) if line.stream == stream and not _same(line, start.line)]
    if plan.speaker and stream == "spoken" and any(x.speaker and matches(plan.speaker, x.speaker) for x in lines):
        lines = [line for line in lines if line.speaker and matches(plan.speaker, line.speaker)]
    if stream == start.line.stream:
        chosen = [x for x in lines if (x.place < start.line.place if before else x.place > start.line.place)]
        if stream == "written":
            # What comes up in the same moment neither follows nor precedes it.
            chosen = [x for x in chosen if x.span.start != start.line.span.start]
        if stream == "detected":
            chosen = [x for x in chosen if squeezed(x.text) != squeezed(start.line.text)]
    elif before:
        chosen = [line for line in lines if line.span.start < start.span.start - _SLACK]
        chosen = [line for line in chosen if line.span.gap(start.span) <= _NEAR]
    else:
        chosen = [line for line in lines if line.span.start >= start.span.end - _SLACK]
        chosen = [line for line in chosen if line.span.gap(start.span) <= _NEAR]
    if not chosen:
        return None
    return chosen[-1] if before else chosen[0]


def _during(plan: Plan, shelf: Shelf, starts: Sequence[Event], leads: Sequence[int]) -> Draft:
    """What other senses found at the same time."""
    streams = _STREAMS.get(plan.kind, ("described", "spoken", "written"))
    if plan.kind == "visual" and _SHOWN.search(plan.framed):
        streams = (*streams, "written")
    if _HEARD.search(plan.framed):
        streams = ("heard", "spoken")
    for start in sorted(starts, key=lambda e: -e.match):
        video = start.line.evidence.video
        lines = [
            line
            for line in shelf.lines(video)
            if line.stream in streams and line.stream != start.line.stream and line.span.overlap(start.span) > 0
        ]
        if plan.speaker and any(x.speaker and matches(plan.speaker, x.speaker) for x in lines):
            lines = [line for line in lines if line.speaker and matches(plan.speaker, line.speaker)]
        if lines:
            lines.sort(key=lambda x: (streams.index(x.stream), -x.span.overlap(start.span)))
            rows: dict[int, list[Line]] = {}
            for line in sorted(
                (x for x in lines if x.stream == lines[0].stream), key=lambda x: (x.span.start, x.place)
            ):
                rows.setdefault(line.evidence.id, []).append(line)
            quotes = tuple(quote(row) for row in list(rows.values())[:_LISTED])
            text = f"{' '.join(says(q) for q in quotes)} {_placed(plan, start)}"
            return Draft(text, None, (*quotes, quote([start.line])), 0.4 + 0.3 * start.match)
    if plan.kind == "any":
        return find.draft(plan, shelf, leads)
    missing = f"What is asked about {at(starts[0].span)} is not in what was indexed."
    return Draft(missing=missing, leads=(quote([starts[0].line]),))


def _two(plan: Plan, shelf: Shelf) -> tuple[Event, Event] | None:
    """The closest two events of a reading of the question, the first before the second."""
    found: list[tuple[float, float, Event, Event]] = []
    for one, other in plan.pairs:
        for first in locate(shelf, one):
            later = [
                second
                for second in locate(shelf, other)
                if second.line.evidence.video == first.line.evidence.video
                and second.span.start >= first.span.start
                and second.line is not first.line
            ]
            if later:
                second = min(later, key=lambda e: e.span.start)
                found.append((first.match + second.match, first.span.start - second.span.start, first, second))
    return max(found, key=lambda x: x[:2])[2:] if found else None


def _inside(plan: Plan, shelf: Shelf, first: Event, second: Event, stretch: Span) -> list[list[Line]]:
    """Lines inside a stretch that tell what happens, evenly spread where there are many."""
    lines = [
        line
        for line in shelf.lines(first.line.evidence.video)
        if line not in (first.line, second.line)
        and (
            stretch.start - _SLACK <= line.span.start < stretch.end
            or line.span.overlap(stretch) > 0.5 * line.span.duration
        )
    ]
    order: tuple[Stream, ...] = _STREAMS.get(plan.kind) or _around(plan, first)
    stream = next((s for s in order if any(line.stream == s for line in lines)), None)
    own = [line for line in lines if line.stream == stream]
    step = max(1.0, len(own) / _LISTED)
    return [[own[int(i * step)]] for i in range(min(_LISTED, len(own)))]


def _around(plan: Plan, first: Event) -> tuple[Stream, ...]:
    seen: tuple[Stream, ...] = ("described",) if _HAPPENS.search(plan.framed.rstrip("?")) else ()
    return tuple(dict.fromkeys((*seen, first.line.stream, "spoken", "written", "described", "detected", "heard")))


def _in_list(plan: Plan, shelf: Shelf, wanted: str) -> Draft:
    """The line beside one that is quoted, or told by what it is about, in the order in which lines stand."""
    scored = [
        (standing(wanted, line, shelf), _is_listed(plan, line), -line.span.duration, -i)
        for i, line in enumerate(shelf.all_lines)
    ]
    score, _, _, number = max(scored, default=(0.0, False, 0.0, 0))
    if score < 0.6:
        return Draft(missing=f"The line {quoted(wanted)} was not found in what was indexed.")
    anchor = shelf.all_lines[-number]
    step = -1 if plan.relation == "before" else 1
    stream = shelf.stream(anchor)
    place = anchor.place + step
    while 0 <= place < len(stream) and _same(stream[place], anchor):
        place += step
    if not 0 <= place < len(stream):
        return Draft(missing=f"Nothing comes {plan.relation} that line in what was indexed.", leads=(quote([anchor]),))
    found: Quote = quote([stream[place]])
    return Draft(sentence(quoted(found.text), found, shelf), found.text, (found, quote([anchor])), 0.55 + 0.3 * score)


def _is_listed(plan: Plan, line: Line) -> bool:
    """Whether a line is of the sense asked about; lists stand on the screen, unless the question is about speech."""
    if plan.quoted:
        return False
    return line.evidence.kind in plan.kinds if plan.kinds and plan.kind != "visual" else line.stream == "written"


def _same(one: Line, other: Line) -> bool:
    if one is other:
        return True
    a, b = squeezed(one.text), squeezed(other.text)
    return one.stream == other.stream and (a == b or a in b)
