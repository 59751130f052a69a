"""The extractive answerer: finds the passage that answers, and quotes it. No language model; it invents nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vagent.agent.evidence.draft import Draft, Quote, quote
from vagent.agent.evidence.passages import Passage, Ranked, quote_match, rank
from vagent.agent.evidence.phrases import says
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.evidence.support import ENOUGH, Support
from vagent.agent.language.roles import job
from vagent.agent.language.values import digits, year
from vagent.agent.language.words import Bag, content, squeezed
from vagent.agent.question.expected import finders
from vagent.agent.question.plan import Plan, Task
from vagent.agent.routes import facts, occurrences, order, overview, slides
from vagent.tools.safe import quoted
from vagent.tools.time import Span

_QUOTES = 3  # citations of one answer, at most
_MANY = 8  # rows of evidence in a stretch of time that an answer can list
_UNSURE = 0.6  # highest probability of an answer that lists texts without knowing which is meant
_SCREENS = 5  # citations of a vague question about on-screen text, at most
_CLOSE = 0.12  # a passage whose score is within this of the best one is cited too
_LENGTH = 240  # characters of one quote
_SCANT = 16  # on-screen text shorter than this is quoted with what is shown beside it


def draft(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The answer that the evidence on the shelf supports, or what is missing.

    Args:
        leads: evidence rows that search found, best first.
    """
    return _TASKS.get(plan.task, _find)(plan, shelf, leads)


def _find(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    if (counted := occurrences.things(plan, shelf)) is not None:
        return counted
    ranked = rank(plan, shelf, leads)
    if not ranked:
        return Draft(missing="No evidence has been indexed for what was asked.")
    support = ranked[0].support
    if support.probability < ENOUGH:
        nearest = tuple(quote_of(r.passage, shelf) for r in _distinct(ranked, -1.0, _QUOTES))
        return Draft(missing=_why(plan, ranked[0]), leads=nearest, probability=support.probability)
    short, quotes = _short(plan, ranked[0]), cited(ranked, shelf)
    text = " ".join(says(q) for q in quotes) if _vague(support) else _sentence(short, quotes[0], shelf)
    return Draft(text, short, quotes, min(support.probability, _UNSURE) if _vague(support) else support.probability)


def cited(ranked: Sequence[Ranked], shelf: Shelf) -> tuple[Quote, ...]:
    """The quotes of an answer: the best passage and those close to it.

    Where a question's words cannot tell a few texts on the screen apart, all of these are shown.
    """
    if _vague(ranked[0].support):
        chosen = _distinct(ranked, -1.0, _SCREENS)
    else:
        chosen = _distinct(ranked, ranked[0].score - _CLOSE, _QUOTES)
    return tuple(dict.fromkeys(quote_of(r.passage, shelf) for r in chosen))


def _vague(support: Support) -> bool:
    return support.few > 0 and support.coverage <= 0.5 and not support.typed


def _sentence(short: str | None, first: Quote, shelf: Shelf) -> str:
    video = shelf.video(first.video).path if len(shelf.numbers) > 1 else None
    said = says(first, video)
    return f"{short}. {said}" if short else said


def quote_of(passage: Passage, shelf: Shelf) -> Quote:
    """The passage as a quote: whole sentences and blocks of text where they are short, else cut round its core."""
    lines = list(passage.lines)
    if passage.core.stream == "written":
        whole = [shelf.block(passage.core), shelf.screenful(passage.core) if len(passage.text) < _SCANT else ()]
    else:
        whole = [tuple(dict.fromkeys((*shelf.sentence(lines[0]), *lines, *shelf.sentence(lines[-1]))))]
    for group in whole:
        if set(group) >= set(lines) and sum(len(line.text) + 1 for line in group) <= _LENGTH:
            lines = list(group)
    while len(lines) > 1 and sum(len(line.text) for line in lines) > _LENGTH:
        lines.pop(0 if lines[-1] is passage.core else -1)
    return quote(lines)


def _distinct(ranked: Sequence[Ranked], floor: float, limit: int) -> list[Ranked]:
    """The best passages that do not repeat one another's lines."""
    chosen: list[Ranked] = []
    used: set[int] = set()
    for one in ranked:
        lines = {id(line) for line in one.passage.lines}
        if one.score < floor or len(chosen) >= limit:
            break
        if not lines & used:
            chosen.append(one)
            used |= lines
    return chosen


def _short(plan: Plan, best: Ranked) -> str | None:
    """The answer alone, when the passage holds just one value of the type that is asked for."""
    held = job(plan.question, best.passage.lined.split("\n"))
    if held is not None:
        return held
    if not finders(plan.expects):
        return None
    texts = list(dict.fromkeys(v.text for v in best.values))
    if plan.expects == "colour" and 1 < len(texts) <= 5:
        return ", ".join(texts)
    if len(texts) > 1:
        texts = _asked_for(plan, best)
    if len(texts) != 1:
        return None
    number = _numeral(plan, texts[0])
    return f"{number} ({quoted(texts[0])})" if number else texts[0]


def _asked_for(plan: Plan, best: Ranked) -> list[str]:
    """Of several values those in the line that speaks most of what is asked: the price beside "honey"."""
    lines = best.passage.lined.split("\n")
    texts: dict[int, list[str]] = {}
    for value in best.values:
        texts.setdefault(best.passage.lined.count("\n", 0, value.start), []).append(value.text)
    told = {i: len(_named_in(plan, lines, i, held)) for i, held in texts.items()}
    most = max(told.values())
    chosen = [i for i, count in told.items() if count == most > 0]
    return list(dict.fromkeys(texts[chosen[0]])) if len(chosen) == 1 else []


def _named_in(plan: Plan, lines: Sequence[str], place: int, values: Sequence[str]) -> list[str]:
    """Words of the question in a value's line; a value that stands alone belongs to the line above it."""
    own = content(lines[place], frame=True)
    alone = set(own) <= {word for value in values for word in content(value, frame=True)}
    bag = Bag.of(f"{lines[place - 1]} {lines[place]}" if alone and place else lines[place])
    return [word for word in plan.words if bag.has(word)]


def _numeral(plan: Plan, text: str) -> str | None:
    """A number or a year that is spelt out, in numerals."""
    if plan.expects in ("code", "phone", "number"):
        return digits(text)
    spelt = year(text) if plan.expects in ("year", "date", "when") else None
    return str(spelt) if spelt else None


def _why(plan: Plan, best: Ranked) -> str:
    support = best.support
    if support.untyped:
        return f"No {_TYPE_NAMES.get(plan.expects, 'value of the kind asked for')} was found in what was indexed."
    if plan.visual and plan.kind in ("visual", "any"):
        return "This is about what can be seen, and that is not in what was indexed."
    if support.contrast or support.missing:
        return "What was indexed speaks of something similar, not of what was asked."
    return "This is not in what was indexed."


_TYPE_NAMES: Mapping[str, str] = {
    "money": "price",
    "date": "date",
    "year": "year",
    "month": "month",
    "weekday": "day of the week",
    "clock": "time of day",
    "duration": "duration",
    "age": "age",
    "measure": "measurement",
    "percent": "percentage",
    "colour": "colour",
    "url": "web address",
    "email": "e-mail address",
    "phone": "telephone number",
    "code": "code or number",
    "number": "number",
    "person": "name",
    "named": "name",
    "length": "length",
}


def _edge(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The first or the last line of a sense."""
    kinds = plan.kinds
    lines = [line for line in shelf.all_lines if kinds is None or line.evidence.kind in kinds]
    if not lines:
        return Draft(missing="Nothing of that sense was found in what was indexed.")
    ends = [min(lines, key=lambda x: x.span.start)] if plan.edge == "first" else [max(lines, key=lambda x: x.span.end)]
    row = [line for line in lines if line.evidence is ends[0].evidence]
    found = quote(row)
    return Draft(_sentence(quoted(found.text), found, shelf), found.text, (found,), 0.85)


def _at_time(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """Everything that is said or written in the stretch that the question names."""
    assert plan.hint is not None
    stretch = plan.hint.within(shelf.duration)
    stretch = Span(max(0.0, stretch.start - 0.5), stretch.end + 0.5)
    kinds = plan.kinds if plan.kind in ("speech", "text") else None
    lines = [x for x in shelf.all_lines if x.span.overlap(stretch) > 0 and (kinds is None or x.evidence.kind in kinds)]
    if not lines and kinds is not None:
        lines = [x for x in shelf.all_lines if x.span.overlap(stretch) > 0]
    if not lines or plan.kind == "visual":
        return Draft(missing="Nothing was said or written there, as far as the index shows.")
    rows: dict[int, list[Line]] = {}
    if len({line.evidence.id for line in lines}) > _MANY:
        return _find(plan, shelf, leads)
    for line in lines:
        rows.setdefault(line.evidence.id, []).append(line)
    middle = plan.hint.within(shelf.duration).middle
    found = sorted(
        (quote(r) for r in rows.values()), key=lambda q: max(0.0, abs(q.span.middle - middle) - q.span.duration / 2)
    )
    return Draft(" ".join(says(q) for q in found[:_QUOTES]), None, tuple(found[: _QUOTES + 2]), 0.8)


def _neighbour(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """What comes directly after, or before, a line that is quoted or told by what it is about."""
    wanted = max(plan.quoted, key=len, default="") or plan.anchor or ""
    scored = [
        (_anchored(wanted, line, shelf), _listed(plan, line), -line.span.duration, -i)
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
    found = quote([stream[place]])
    return Draft(_sentence(quoted(found.text), found, shelf), found.text, (found, quote([anchor])), 0.55 + 0.3 * score)


def _listed(plan: Plan, line: Line) -> bool:
    """Whether a line is of the sense asked about; lists stand on the screen, unless the question is about speech."""
    if plan.quoted:
        return False
    return line.evidence.kind in plan.kinds if plan.kinds and plan.kind != "visual" else line.stream == "written"


def _anchored(wanted: str, line: Line, shelf: Shelf) -> float:
    """How well a line is the one that is quoted; a quotation may run over texts that are shown together."""
    itself = quote_match(wanted, line)
    if line.stream != "written" or not 0 < itself < 0.6:
        return itself
    shown = Bag.of(" ".join(x.text for x in shelf.screenful(line)))
    return (itself + shelf.rarity.coverage(content(wanted, frame=True), shown)) / 2


def _same(one: Line, other: Line) -> bool:
    a, b = squeezed(one.text), squeezed(other.text)
    return a == b or a in b


def _mention(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """Whether something is said or written at all: yes with the place, or no answer; silence proves little."""
    words = [w for q in plan.quoted for w in content(q, frame=True)] or list(plan.words)
    scored = [(shelf.rarity.coverage(words, line.bag), -i, line) for i, line in enumerate(shelf.all_lines)]
    best = max(scored, default=(0.0, 0, None), key=lambda x: x[:2])
    if words and best[2] is not None and best[0] >= 0.7:
        found = quote([best[2]])
        return Draft(f"Yes. {_sentence(None, found, shelf)}", "Yes", (found,), 0.4 + 0.4 * best[0])
    return _find(plan, shelf, leads)


def _which_video(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The video whose evidence answers best."""
    found = _find(plan, shelf, leads)
    if not found.quotes:
        return found
    name = shelf.video(found.quotes[0].video).path
    short = name.replace("\\", "/").rsplit("/", 1)[-1]
    return Draft(f"{quoted(short)}: {says(found.quotes[0])}", short, found.quotes, found.probability, leads=found.leads)


_TASKS: Mapping[Task, Callable[[Plan, Shelf, Sequence[int]], Draft]] = {
    "edge": _edge,
    "at_time": _at_time,
    "neighbour": _neighbour,
    "mention": _mention,
    "which_video": _which_video,
    "when": lambda plan, shelf, leads: occurrences.when(plan, shelf, leads),
    "count": lambda plan, shelf, leads: occurrences.count(plan, shelf) or _find(plan, shelf, leads),
    "order": lambda plan, shelf, leads: order.draft(plan, shelf),
    "slide": lambda plan, shelf, leads: slides.draft(plan, shelf),
    "file": lambda plan, shelf, leads: facts.draft(plan, shelf),
    "whole": lambda plan, shelf, leads: overview.draft(shelf),
}
