"""Several videos side by side: which is longer, names something first or more often, what each says of one matter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from vagent.agent.evidence.coverage import coverage
from vagent.agent.evidence.draft import Draft, Quote
from vagent.agent.evidence.passages import Ranked, rank
from vagent.agent.evidence.phrases import at, listed, says
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.language.words import content, stem, tokens
from vagent.agent.question.plan import Plan
from vagent.agent.routes import find, occurrences
from vagent.agent.routes.quoting import quote_of
from vagent.tools.safe import quoted, safe
from vagent.tools.time import format_time

_LENGTH = re.compile(r"\b(?P<long>longer|longest)\b|\b(?P<short>shorter|shortest)\b", re.I)
_OFTEN = re.compile(
    r"\b(?P<more>more often|most often|more times|most|more|most times)\b|\b(?P<less>less|least|fewer|fewest)\b", re.I
)
_SOON = re.compile(r"\b(?P<first>first|earlier|earliest|sooner)\b|\b(?P<last>last|later|latest)\b", re.I)
_WHICH = re.compile(r"\b(?:which|what|in which)\b", re.I)
_SIDE_BY_SIDE = frozenset(
    stem(word)
    for word in "both two three each every compare compared comparison differ differs different difference differences"
    " common similar similarity similarities alike more most less least"
    " agree agrees disagree contrast longer longest shorter shortest often"
    " earlier earliest sooner later latest first last fewer fewest videos films movies recordings clips them"
    " whole".split()
)
_CLOSE = 0.15  # a video whose best passage scores within this of the best of all may be meant too
_OTHERS = 4  # further videos that an answer names


def draft(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The answer to a question about several videos, with quotes from each."""
    question = plan.framed
    plan = replace(plan, words=_topic(plan, shelf))
    if _WHICH.search(question) and (match := _LENGTH.search(question)) and not plan.words:
        return _longest(shelf, longest=match["long"] is not None)
    if _WHICH.search(question) and (plan.words or plan.quoted):
        if match := _OFTEN.search(question):
            return _most(plan, shelf, most=match["more"] is not None)
        if match := _SOON.search(question):
            return _first(plan, shelf, first=match["first"] is not None)
        if not re.search(r"\bboth\b|\beach\b|\bevery\b|\bdiffer", question, re.I):
            return which(plan, shelf, leads)
    return _each(plan, shelf, leads)


def which(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The video whose evidence answers best, and others that fit nearly as well."""
    found = find.draft(plan, shelf, leads)
    if not found.quotes:
        return found
    best = found.quotes[0].video
    ranked = rank(plan, shelf, leads)
    others: dict[int, Ranked] = {}
    for one in ranked:
        if one.passage.video != best and one.support.probability >= ENOUGH:
            others.setdefault(one.passage.video, one)
    close = [one for one in others.values() if _fits(one, ranked[0])][:_OTHERS]
    name = file_name(shelf, best)
    also = tuple(quote_of(one.passage, shelf) for one in close)
    text = f"{quoted(name)}: {says(found.quotes[0])}"
    if also:
        places = [f"{safe(file_name(shelf, q.video))} at {at(q.span)}" for q in also]
        text += f" Others that may be meant: {listed(places)}."
    quotes = (found.quotes[0], *also, *(q for q in found.quotes[1:] if q not in also))
    return replace(found, text=text, short=name, quotes=quotes)


def _fits(one: Ranked, best: Ranked) -> bool:
    """Whether a video may be meant too: it scores nearly as well, or holds just as much of what was asked."""
    return one.score >= best.score - _CLOSE or one.support.coverage >= best.support.coverage


def named(plan: Plan, shelf: Shelf) -> Shelf:
    """The evidence of the one video that a question names by its file; all of it where it names none or several."""
    asked = set(tokens(plan.framed))
    found = [n for n in shelf.numbers if (name := set(tokens(PurePath(file_name(shelf, n)).stem))) and name <= asked]
    if len(shelf.numbers) < 2 or len(found) != 1:
        return shelf
    return Shelf(shelf.index, found, shelf.start, shelf.end)


def file_name(shelf: Shelf, number: int) -> str:
    """The name of a video's file, without folders."""
    return PurePath(shelf.video(number).path.replace("\\", "/")).name


def _longest(shelf: Shelf, *, longest: bool) -> Draft:
    lengths = sorted(((shelf.video(n).duration, n) for n in shelf.numbers), reverse=longest)
    if abs(lengths[0][0] - lengths[1][0]) < 0.5:
        return Draft(missing=f"They are equally long: {format_time(lengths[0][0])}.")
    name = file_name(shelf, lengths[0][1])
    others = listed([f"{safe(file_name(shelf, n))} {format_time(seconds)}" for seconds, n in lengths[1:]])
    text = f"{safe(name)}. It lasts {format_time(lengths[0][0])}, {others}."
    return Draft(text, name, probability=0.95, file=True)


def _most(plan: Plan, shelf: Shelf, *, most: bool) -> Draft:
    """In which video something is said or shown more, or less, often."""
    found = {n: _occurrences(plan, shelf, n) for n in shelf.numbers}
    counts = sorted(((len(quotes), n) for n, quotes in found.items()), reverse=most)
    covered = coverage(shelf, plan.kinds)
    if not any(count for count, _ in counts):
        return Draft(missing="It was found in none of the videos.", coverage=covered)
    told = listed([f"{safe(file_name(shelf, n))} {occurrences.times_in_words(count) if count else 'never'}"
                   for count, n in counts])  # fmt: skip
    quotes = tuple(q for _, n in counts for q in found[n][:2])
    if counts[0][0] == counts[1][0]:
        return Draft(missing=f"It was found equally often: {told}.", leads=quotes[:3], coverage=covered)
    name = file_name(shelf, counts[0][1])
    text = f"{quoted(name)}: {told}. {says(quotes[0], shelf.video(quotes[0].video).path)}"
    return Draft(text, name, quotes, 0.6, coverage=covered)


def _first(plan: Plan, shelf: Shelf, *, first: bool) -> Draft:
    """In which video something comes up earlier, or later."""
    found = {n: quotes[0] for n in shelf.numbers if (quotes := _occurrences(plan, shelf, n))}
    missing = [n for n in shelf.numbers if n not in found]
    ordered = sorted(found.values(), key=lambda q: q.span.start, reverse=not first)
    covered = coverage(shelf, plan.kinds)
    if not ordered:
        return Draft(missing="It was found in none of the videos.", coverage=covered)
    name = file_name(shelf, ordered[0].video)
    told = " ".join(says(q, shelf.video(q.video).path) for q in ordered[:3])
    if missing:
        told += f" It was not found in {listed([safe(file_name(shelf, n)) for n in missing])}."
    return Draft(f"{quoted(name)}. {told}", name, tuple(ordered[:4]), 0.5 if missing else 0.65, coverage=covered)


def _each(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """What each video says of the matter."""
    if not plan.words and not plan.quoted:
        return Draft(missing="What the videos are to be compared in was not said.")
    quotes: list[Quote] = []
    near: list[Quote] = []
    silent: list[int] = []
    for number in shelf.numbers:
        own = Shelf(shelf.index, [number], shelf.start, shelf.end)
        ranked = rank(replace(plan, expects="free", framed=" ".join(_asked(plan)), visual=0), own, leads)
        if ranked and ranked[0].support.probability >= ENOUGH:
            quotes.append(quote_of(ranked[0].passage, own))
        else:
            silent.append(number)
            near += [quote_of(ranked[0].passage, own)] if ranked else []
    if not quotes:
        return Draft(missing="None of the videos speaks of it in what was indexed.", leads=tuple(near))
    text = " ".join(says(q, shelf.video(q.video).path) for q in quotes)
    if silent:
        text += f" Nothing of it was found in {listed([safe(file_name(shelf, n)) for n in silent])}."
    return Draft(text, None, tuple(quotes), 0.45 if silent else 0.6, leads=tuple(near))


def _occurrences(plan: Plan, shelf: Shelf, number: int) -> list[Quote]:
    own = Shelf(shelf.index, [number], shelf.start, shelf.end)
    return [one.quote for one in occurrences.find(plan, own, each=True)]


def _topic(plan: Plan, shelf: Shelf) -> tuple[str, ...]:
    """What is compared: the question's words without those that set side by side and those of the files' names."""
    names = {word for n in shelf.numbers for word in content(file_name(shelf, n), frame=True)}
    return tuple(w for w in plan.words if w not in _SIDE_BY_SIDE and (w not in names or shelf.rarity.known(w)))


def _asked(plan: Plan) -> list[str]:
    return [*plan.quoted, *(t for t in tokens(plan.framed) if stem(t) in plan.words)]
