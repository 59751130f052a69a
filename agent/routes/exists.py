"""Whether something is there at all: everything is gone through, and "no" reaches as far as the senses that ran."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from vagent.agent.evidence.coverage import coverage
from vagent.agent.evidence.draft import Coverage, Draft, Quote, quote
from vagent.agent.evidence.events import by_meaning
from vagent.agent.evidence.phrases import at, coverage_in_words, listed, says
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.evidence.turns import matches
from vagent.agent.language.sorts import DETECTED, THINGS, share
from vagent.agent.language.words import content, stem, tokens
from vagent.agent.question import patterns
from vagent.agent.question.plan import HEARD, SEEN, SPOKEN, WRITTEN, Plan
from vagent.agent.routes import find, occurrences
from vagent.index.records import Kind
from vagent.tools.safe import safe

_SURE = 0.7  # weighted share of the words that must stand in a line
_NAMED = 5  # moments that "yes" lists
_SYNONYM = 0.55  # cosine from which a line may mean what its words do not say
_NO = 0.55  # probability that "no" is right when the senses that could tell went through everything
_GAP = 0.05  # part of the stretch asked for that may be missing from what a sense went through
_ASKING = frozenset(stem(word) for word in "never ever hear see find spot point anywhere nobody".split())
_MENTIONED = re.compile(r"\bmention|\bsa(?:y|id|ys)\b|\btalk|\bspoken\b|\bspeak|\btell|\bsubtitle|\basks?\b", re.I)
_PASSIVE = re.compile(r"\bmentioned\b", re.I)
_HEARD = re.compile(r"\bhear[ds]?\b|\baudible\b", re.I)
_THERE = re.compile(r"\b(?:is|are|was|were) there\b(?P<what>[^?!.,;]*)", re.I)
_WHO = re.compile(r"\b(?:who|whom|whose|that|which|called|named)\b", re.I)
_BEFORE = frozenset("ever never any a an some the not at all one more also really".split())  # stands before a thing
_AFTER = frozenset(
    "in on at of with without to from by near beside behind under over during before after while when"
    " visible seen shown there anywhere somewhere and or".split()
)  # what a thing is named by ends here
_SHOWN = re.compile(r"\bvisible\b|\bseen?\b|\bin view\b|\bpicture\b|\bappears?\b|\bshown\b|\bspot\b", re.I)


def draft(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """Yes with the moments, no as far as was gone through, or why neither can be said."""
    words = [w for q in plan.quoted for w in content(q, frame=True)] or [w for w in plan.words if w not in _ASKING]
    kinds = _kinds(plan)
    seen = kinds in (None, SEEN) and _is_thing(plan, shelf)
    if seen:
        kinds = SEEN
    lines = _spoken_by(plan, _within(plan, shelf))
    scored = (
        [(match, line) for line in lines if (match := share(words, line.bag, shelf.rarity)) >= _SURE] if words else []
    )
    inside = [(match, line) for match, line in scored if kinds is None or line.evidence.kind in kinds]
    if inside:
        return _yes(plan, shelf, inside, kinds)
    if seen and (named := [(match, line) for match, line in scored if line.evidence.kind in (*SPOKEN, *WRITTEN)]):
        return _only_named(shelf, words, named)
    if not words or not patterns.OPEN.search(plan.framed):
        return _open(plan, shelf, leads, words)
    return _no(plan, shelf, kinds, words, [line for _, line in scored])


def _yes(plan: Plan, shelf: Shelf, scored: Sequence[tuple[float, Line]], kinds: tuple[Kind, ...] | None) -> Draft:
    found = occurrences.grouped(scored)
    best = max(o.match for o in found)
    quotes = tuple(o.quote for o in sorted(found, key=lambda o: (o.match < best - 0.05, o.quote.span.start)))
    stretches = occurrences.together(found)
    times = listed([at(span) for _, span, _ in stretches[:_NAMED]])
    more = f" Found {len(stretches)} times: {times}." if len(stretches) > 1 else ""
    yes = "No, it is there" if plan.never else "Yes"
    return Draft(
        f"{yes}. {says(quotes[0], _file(shelf, quotes[0]))}{more}",
        "No" if plan.never else "Yes",
        quotes[:_NAMED],
        0.4 + 0.4 * best,
        spans=tuple((video, span) for video, span, _ in stretches),
        coverage=coverage(shelf, kinds),
    )


def _only_named(shelf: Shelf, words: Sequence[str], scored: Sequence[tuple[float, Line]]) -> Draft:
    """A thing that is spoken or written of: a sign with the word is no dog."""
    found = occurrences.grouped(scored)
    covered = tuple(c for c in coverage(shelf, SEEN) if _tells(c.kind, words, shelf))
    looked = (
        f"None was recognised in the picture. {coverage_in_words(covered)}"
        if covered
        else "Whether one is seen was not looked at."
    )
    times = listed([at(span) for _, span, _ in occurrences.together(found)[:_NAMED]])
    return Draft(
        missing=f"{looked} The word occurs in what is said or written, at {times}.",
        leads=tuple(o.quote for o in found[:_NAMED]),
        coverage=covered,
    )


def _no(plan: Plan, shelf: Shelf, kinds: tuple[Kind, ...] | None, words: Sequence[str], near: Sequence[Line]) -> Draft:
    """No, where every sense that could tell went through all of it; else what could not be told."""
    covered = coverage(shelf, kinds)
    what = safe(occurrences.asked_for(replace(plan, words=tuple(words))))
    leads: list[Quote] = [quote([line]) for line in near[:3]]
    leads += [quote([e.line]) for e in by_meaning(shelf, what, _SYNONYM) if len(content(e.line.text)) > 2]
    missing = f"“{what}” was not found. {coverage_in_words(covered)}"
    if not _complete(shelf, [c for c in covered if kinds or c.kind in SEEN], words) or leads:
        return Draft(missing=missing, leads=tuple(leads), coverage=covered)
    no = "Yes, as far as was gone through, never" if plan.never else "No"
    return Draft(
        f"{no}: “{what}” was not found.",
        "Yes" if plan.never else "No",
        probability=_NO,
        absent=True,
        coverage=covered,
    )


def _open(plan: Plan, shelf: Shelf, leads: Sequence[int], words: Sequence[str]) -> Draft:
    """A question that may be about the world and not about the video: silence is no answer to it."""
    found = find.draft(plan, shelf, leads)
    return found if found.text else Draft(
        missing=found.missing, leads=found.leads, probability=found.probability, coverage=coverage(shelf)
    )  # fmt: skip


def _complete(shelf: Shelf, covered: Sequence[Coverage], words: Sequence[str]) -> bool:
    """Whether each video was gone through, all of the stretch asked for, by a sense that could tell."""
    weak = {line.evidence.kind for line in shelf.all_lines if line.evidence.weak}
    for number in shelf.numbers:
        video = shelf.video(number)
        asked = (video.duration if shelf.end is None else min(shelf.end, video.duration)) - (shelf.start or 0.0)
        own = [one for one in covered if one.video == number and one.complete and one.kind not in weak]
        if not any(_tells(one.kind, words, shelf) and one.seconds >= (1.0 - _GAP) * asked for one in own):
            return False
    return bool(shelf.numbers)


def _tells(kind: Kind, words: Sequence[str], shelf: Shelf) -> bool:
    """Whether a sense would have found it: a detector knows only its own labels, and pictures have no words."""
    if kind in ("visual", "summary"):
        return False
    if kind != "objects":
        return True
    sought = _sought(shelf)
    return all(word in DETECTED or word in sought for word in words)


def _kinds(plan: Plan) -> tuple[Kind, ...] | None:
    """Senses that can tell: a thing that is talked about is not seen for that."""
    if plan.kind == "sound":
        return HEARD
    if _HEARD.search(plan.framed):
        return (*SPOKEN, *HEARD)
    if plan.kind == "text":
        return WRITTEN
    if _PASSIVE.search(plan.framed) and not _SHOWN.search(plan.framed):
        return (*SPOKEN, *WRITTEN)
    if plan.kind == "speech" or (_MENTIONED.search(plan.framed) and not _SHOWN.search(plan.framed)):
        return SPOKEN
    if plan.kind == "visual" or plan.visual or _SHOWN.search(plan.framed):
        return (*SEEN, *WRITTEN) if plan.quoted else SEEN
    return None


def _is_thing(plan: Plan, shelf: Shelf) -> bool:
    """Whether it is asked whether there is something that one would see. Of what somebody does, others may tell."""
    asked = _THERE.search(plan.framed)
    if asked is None or plan.quoted or _WHO.search(asked["what"]):
        return False
    named = [word for word in tokens(asked["what"]) if word not in _BEFORE]
    end = next((i for i, word in enumerate(named) if word in _AFTER), len(named))
    return bool(named[:end]) and (stem(named[end - 1]) in THINGS or stem(named[end - 1]) in _sought(shelf))


def _sought(shelf: Shelf) -> list[str]:
    """Stems of the descriptions that the detector was told to look for."""
    return [stem for label in shelf.index.settings.objects.find for stem in content(label, frame=True)]


def _within(plan: Plan, shelf: Shelf) -> list[Line]:
    if plan.hint is None or not plan.hint.strict:
        return list(shelf.all_lines)
    return [x for x in shelf.all_lines if x.span.touches(plan.hint.within(shelf.video(x.evidence.video).duration))]


def _spoken_by(plan: Plan, lines: list[Line]) -> list[Line]:
    name = plan.speaker
    own = [line for line in lines if name and line.speaker and matches(name, line.speaker)]
    return own if own else lines


def _file(shelf: Shelf, one: Quote) -> str | None:
    return shelf.video(one.video).path if len(shelf.numbers) > 1 else None
