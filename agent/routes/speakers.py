"""Who says something: the speaker of the line that holds it, where the evidence labels speakers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from vagent.agent.evidence.draft import Draft, quote
from vagent.agent.evidence.events import Event, locate
from vagent.agent.evidence.phrases import says
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.evidence.turns import called
from vagent.agent.language.words import tokens
from vagent.agent.question.plan import SPOKEN, Plan
from vagent.agent.routes import find
from vagent.tools.safe import safe

_AFTER_VERB = re.compile(
    r"\b(?:says?|said|asks?|asked|shouts?|shouted|whispers?|whispered|replies|replied|answers?|answered|mentions?|mentioned"
    r"|announces?|announced|claims?|claimed|tells?|told|speaks?|spoke|exclaims?|exclaimed|saying|speaking|talking|asking)"
    r"\s+(?:that |about |of |whether |if |to )?(?P<what>[^?]+)",
    re.I,
)


def draft(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The name of whoever says what the question names; the line alone is only a lead."""
    wanted = max(plan.quoted, key=len, default="")
    match = _AFTER_VERB.search(plan.framed)
    wanted = wanted or (match["what"].strip(" .,") if match else "")
    if wanted.lower() in ("first", "last"):
        return _at_the_edge(shelf, first=wanted.lower() == "first")
    spoken = [event for event in locate(shelf, wanted, SPOKEN) if event.line.stream == "spoken"] if wanted else []
    known = [event for event in spoken if event.line.speaker and not _names(wanted, event.line.speaker)]
    if not plan.quoted:
        # Whoever asks whether it rains does not say that it does.
        asks = re.search(r"\bask(?:s|ed|ing)?\b", plan.framed, re.I) is not None
        known = [event for event in known if asks == event.line.text.rstrip(" \"”'").endswith("?")]
    if known:
        return _named(shelf, known)
    found = find.draft(plan, shelf, leads)
    if found.text and found.short:
        return found
    if not spoken:
        return found
    lines = tuple(quote(shelf.sentence(event.line)) for event in spoken[:3])
    return Draft(missing="That is said, but what was indexed does not tell who says it.", leads=lines)


def _at_the_edge(shelf: Shelf, *, first: bool) -> Draft:
    """Who speaks first, or last."""
    lines = [line for line in shelf.all_lines if line.stream == "spoken"]
    line = (lines[0] if first else lines[-1]) if lines else None
    if line is None or line.speaker is None:
        missing = "What was indexed does not tell who speaks then." if line else "Nothing spoken was indexed."
        return Draft(missing=missing, leads=(quote([line]),) if line else ())
    return _named(shelf, [Event(line, 1.0)])


def _named(shelf: Shelf, known: Sequence[Event]) -> Draft:
    best = max(event.match for event in known)
    good = [event for event in known if event.match >= best - 0.05]
    quotes = tuple(quote([event.line]) for event in good)
    name = _as_answer(called(safe(str(quotes[0].speaker))))
    video = shelf.video(quotes[0].video).path if len(shelf.numbers) > 1 else None
    others = {called(str(q.speaker)) for q in quotes} - {called(str(quotes[0].speaker))}
    text = f"{name}. {' '.join(says(q, video) for q in (quotes if others else quotes[:1])[:3])}"
    return replace(Draft(text, name, quotes[:3]), probability=(0.45 if others else 0.5) + 0.3 * best)


def _as_answer(name: str) -> str:
    return name[:1].upper() + name[1:]


def _names(wanted: str, speaker: str) -> bool:
    """Whether the description only names the speaker, whose own words need not be meant."""
    return set(tokens(wanted)) <= set(tokens(speaker))
