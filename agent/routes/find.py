"""The plain route: the passage that answers best, quoted, with the value that is asked for; or why there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vagent.agent.evidence.draft import Draft, quote
from vagent.agent.evidence.passages import Ranked, nearest, rank
from vagent.agent.evidence.phrases import says
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.evidence.turns import called, matches
from vagent.agent.language.roles import deed, job, labelled
from vagent.agent.language.values import Value, digits, year
from vagent.agent.language.words import Bag, content, fold, stem
from vagent.agent.question import people
from vagent.agent.question.expected import finders
from vagent.agent.question.plan import Plan
from vagent.agent.routes import counting, occurrences
from vagent.agent.routes.quoting import QUOTES, cited, distinct, quote_of, sentence, vague
from vagent.tools.safe import quoted

_ASKS = re.compile(r"\bask(?:s|ed|ing)?\b", re.I)
_I_DID = re.compile(r"\bI(?:[’']ve| have| had)?\s+(?P<deed>[^\W\d_]+)")
_FIRST = 4  # lines of somebody's words, where it is not said which
_UNSURE = 0.6  # highest probability of an answer that lists texts without knowing which is meant


def draft(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The best passage, or what is missing."""
    if people.all_of_it(plan.framed) and (said := _words_of(plan, shelf)) is not None:
        return said
    if (counted := counting.things(plan, shelf)) is not None:
        return counted
    ranked = rank(plan, shelf, leads)
    if not ranked:
        return Draft(missing="No evidence has been indexed for what was asked.")
    support = ranked[0].support
    if support.probability < ENOUGH:
        nearest = tuple(quote_of(r.passage, shelf) for r in distinct(ranked, -1.0, QUOTES))
        return Draft(missing=why(plan, ranked[0]), leads=nearest, probability=support.probability)
    short, quotes = _short(plan, ranked[0], shelf), cited(ranked, shelf)
    text = " ".join(says(q) for q in quotes) if vague(support) else sentence(short, quotes[0], shelf)
    return Draft(text, short, quotes, min(support.probability, _UNSURE) if vague(support) else support.probability)


def without_speaker(plan: Plan, shelf: Shelf) -> Plan:
    """The plan without the name of whoever's words are asked for, where lines are labelled with it: nobody says it."""
    name = plan.speaker
    if name is None or not any(line.speaker and matches(name, line.speaker) for line in shelf.all_lines):
        return plan
    named = set(content(name, frame=True))
    return replace(plan, words=tuple(word for word in plan.words if word not in named))


def _words_of(plan: Plan, shelf: Shelf) -> Draft | None:
    """What somebody says, where nothing tells what about: the first of it; None where nobody is labelled so."""
    name = plan.speaker
    lines = [x for x in occurrences.within(plan, shelf) if name and x.speaker and matches(name, x.speaker)]
    if not lines:
        return None
    asks = [line for line in lines if line.text.endswith("?")] if _ASKS.search(plan.framed) else []
    quotes = tuple(quote(shelf.sentence(line)) for line in (asks or lines)[:_FIRST])
    more = "" if len(asks or lines) <= _FIRST else f" That is the beginning of {len(asks or lines)} lines."
    return Draft(" ".join(says(q) for q in quotes) + more, None, quotes, _UNSURE)


def _short(plan: Plan, best: Ranked, shelf: Shelf) -> str | None:
    """The answer alone, when the passage holds just one value of the type that is asked for."""
    lines = best.passage.lined.split("\n")
    held = job(plan.framed, lines) or labelled(plan.framed, lines)
    if held is not None:
        return held
    if not finders(plan.expects):
        return None
    texts = list(dict.fromkeys(v.text for v in _beside(plan, best, shelf)))
    if plan.expects == "colour" and 1 < len(texts) <= 5:
        return ", ".join(texts)
    if len(texts) > 1:
        texts = _asked_for(plan, best)
    if len(texts) != 1:
        return _first_person(plan, best, shelf)
    number = _numeral(plan, texts[0])
    return f"{number} ({quoted(texts[0])})" if number else texts[0]


def _beside(plan: Plan, best: Ranked, shelf: Shelf) -> list[Value]:
    """The values; of names only those in the sentence that speaks most of what is asked."""
    if plan.expects != "who" or best.passage.core.stream != "spoken":
        return list(best.values)
    closest = {id(line) for line in nearest(plan, best.passage, shelf)}
    lines = best.passage.lines
    ends = [sum(len(line.text) + 1 for line in lines[: i + 1]) for i in range(len(lines))]
    near = [id(line) in closest for line in lines]
    return [v for v in best.values if near[next((i for i, end in enumerate(ends) if v.start < end), -1)]]


def _first_person(plan: Plan, best: Ranked, shelf: Shelf) -> str | None:
    """Who says "I designed the hall", where it is asked who designed it, and the line tells who says it."""
    wanted = deed(plan.framed) if plan.expects == "who" else frozenset()
    for line in nearest(plan, best.passage, shelf):
        did = _I_DID.search(line.text)
        if line.speaker and did is not None and stem(fold(did["deed"])) in wanted:
            return called(line.speaker)
    return None


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


def why(plan: Plan, best: Ranked) -> str:
    """What is missing, in one sentence."""
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
