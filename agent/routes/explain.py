"""Why and how: the passage that answers, and the moments around and beside it that give causes or steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from vagent.agent.evidence.draft import Draft, Quote, quote
from vagent.agent.evidence.passages import Ranked, rank
from vagent.agent.evidence.phrases import says
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.language.words import fold, stem
from vagent.agent.question.plan import SEEN, Plan
from vagent.agent.routes import find
from vagent.agent.routes.quoting import QUOTES, distinct, quote_of

_CAUSE = re.compile(
    r"\b(?:because|since|so that|so as to|due to|owing to|thanks to|therefore|that(?:'s| is) why|in order to"
    r"|as a result|the reason|caused? by|otherwise|or else|for fear|leads? to|makes? (?:it|him|her|them|us|the)"
    r"|in case)\b",
    re.I,
)
_MANNER = re.compile(
    r"\bby \w+ing\b|\busing\b|\bwith the help of\b|\b(?:first|then|next|finally|after that|step \d|to begin with)\b"
    r"|\byou (?:have to|need to|must|can|simply|just)\b",
    re.I,
)
_CUE = 0.15  # what a word of cause or manner adds to a passage's score
_BELOW = 0.45  # score that a further moment may have less than the best
_RELATED = 0.25  # weighted share of the question's words that must stand in or near a further moment
_SINGLE = 0.55  # most that a passage without any such word can be sure of


def draft(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The reason or the way, from two or three moments where there are as many, in order of time."""
    ranked = rank(plan, shelf, leads)
    plain = find.draft(plan, shelf, leads)
    if not plain.text or not ranked or (plan.visual and ranked[0].passage.core.evidence.kind in SEEN):
        return plain
    if plan.expects == "reason" and _only_named(plan, ranked[0]):
        missing = "What was indexed names that, but gives no reason."
        return Draft(missing=missing, leads=plain.quotes, probability=min(plain.probability, ENOUGH / 2))
    cue = _MANNER if plan.expects == "manner" else _CAUSE
    ordered = sorted(ranked, key=lambda r: -(r.score + (_CUE if _told(cue, r) else 0.0)))
    best = next((r for r in ordered if r.support.probability >= ENOUGH), ranked[0])
    further = [r for r in ordered if r is not best and _adds(r, best, cue)]
    chosen = distinct([best, *further], -1.0, QUOTES)
    quotes = tuple(dict.fromkeys([*(quote_of(r.passage, shelf) for r in chosen), *plain.quotes]))[:QUOTES]
    if len(chosen) == 1 and (steps := _meanwhile(plan, shelf, best)):
        quotes = (*quotes, *steps)
    if any(_told(cue, r) for r in chosen):
        probability = best.support.probability
        text = ""
    else:
        # Near the matter, but nothing says that it is the reason.
        probability = min(best.support.probability, _SINGLE)
        text = "What is said of it: " if plan.expects == "reason" and len(quotes) > 1 else ""
    several = len({quote.video for quote in quotes}) > 1 or len(shelf.numbers) > 1
    told = [
        says(one, shelf.video(one.video).path if several else None)
        for one in sorted(quotes, key=lambda q: (q.video, q.span.start))
    ]
    return replace(plain, text=text + " ".join(told), short=None, quotes=quotes, probability=probability)


def _only_named(plan: Plan, best: Ranked) -> bool:
    """Whether a text on the screen holds nothing of what is asked but a name: that explains nothing."""
    if best.passage.core.stream != "written" or _told(_CAUSE, best):
        return False
    words = plan.framed.split()
    names = {stem(fold(word.strip("?.,!'\"’s"))) for word in words[1:] if word[:1].isupper()}
    matter = [word for word in plan.words if word not in names]
    return bool(matter) and not any(best.passage.bag.has(word) for word in matter)


def _meanwhile(plan: Plan, shelf: Shelf, best: Ranked) -> tuple[Quote, ...]:
    """Steps that are told while the text that names the matter is on the screen."""
    if plan.expects != "manner" or best.passage.core.stream != "written":
        return ()
    said = [x for x in shelf.lines(best.passage.video) if x.stream == "spoken" and _MANNER.search(x.text)]
    inside = [line for line in said if line.span.overlap(best.passage.span) > 0.5 * line.span.duration]
    return tuple(quote([line]) for line in inside[:QUOTES])


def _told(cue: re.Pattern[str], one: Ranked) -> bool:
    return cue.search(one.passage.text) is not None


def _adds(one: Ranked, best: Ranked, cue: re.Pattern[str]) -> bool:
    """A further moment: it speaks of the matter, and gives a cause or a step."""
    shown = best.passage.core.stream == "written" != one.passage.core.stream  # what is said while a slide is on
    beside = shown and one.passage.span.overlap(best.passage.span) > 0
    related = beside or max(one.support.coverage, one.support.context) >= _RELATED
    return related and _told(cue, one) and one.score >= best.score - _BELOW and one.passage.video == best.passage.video
