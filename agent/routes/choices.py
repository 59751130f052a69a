"""Multiple choice by evidence: an option is chosen for what the evidence says, never for its place in the list.

Every rule gives each option a score that does not depend on the other options' order; without evidence, or where two
options are equally well supported, nothing is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePath

from vagent.agent.evidence.coverage import coverage
from vagent.agent.evidence.draft import Draft, Quote
from vagent.agent.evidence.passages import rank
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.evidence.turns import matches
from vagent.agent.language.words import NUMBERS, content, fold, squeezed, stems, tokens
from vagent.agent.question.hints import moments_in, times_in
from vagent.agent.question.lettering import letters, without_label
from vagent.agent.question.plan import Plan, Task
from vagent.agent.routes import order
from vagent.agent.routes.options import Group, groups, overlap, presence, support
from vagent.tools.time import Span

__all__ = ["Chosen", "choose", "letters", "without_label"]

_MARGIN = 0.05  # lead that the best option needs
_PRESENT = 0.75  # share of an option's words that must stand in the line that answers
_ROUGHLY = 0.15  # part of a length of time by which an option may miss it
_NEGATED = re.compile(
    r"\b(?:not|never|n't)\s+(?:\w+\s+)?(?:mentioned|shown|said|named|listed|among|part|offered|used|in|appear)\b|\bexcept\b",
    re.I,
)
_TIMES = {"once": 1, "twice": 2, "thrice": 3}
_YES = frozenset("yes ja oui si sim".split())
_NO = frozenset("no nein non nao nee".split())


@dataclass(frozen=True, slots=True)
class Chosen:
    """The option that the evidence supports; ``probability`` 0..1 that it is the right one."""

    position: int
    probability: float
    quotes: tuple[Quote, ...] = ()


def choose(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str], leads: Sequence[int]) -> Chosen | None:
    """The option that the evidence supports, or None.

    Args:
        draft: what was found without looking at the options.
        choices: options without their letters.
    """
    special = groups(choices, plan.labels)
    plain = [i for i in range(len(choices)) if i not in special]
    if special and len(plain) >= 1:
        return _grouped(plan, shelf, draft, choices, leads, special, plain)
    return _single(plan, shelf, draft, choices, leads)


def _single(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str], leads: Sequence[int]) -> Chosen | None:
    for rule in (_yes_no, _by_number, _by_time, _by_order, _by_name, _by_answer):
        handled, chosen = rule(plan, shelf, draft, choices)
        if handled:
            return chosen
    return _by_evidence(plan, shelf, draft, choices, leads)


_Ruling = tuple[bool, Chosen | None]


def _grouped(
    plan: Plan,
    shelf: Shelf,
    draft: Draft,
    choices: Sequence[str],
    leads: Sequence[int],
    special: Mapping[int, Group],
    plain: Sequence[int],
) -> Chosen | None:
    """Options such as "both", "all of them" and "none of them", by which of the others the evidence holds."""
    options = [choices[i] for i in plain]
    ranked = rank(plan, shelf, leads)
    answering = [q.text for q in draft.quotes if draft.probability >= ENOUGH]
    answering += [one.passage.text for one in ranked if one.support.probability >= ENOUGH]
    held = frozenset(i for i in plain if any(presence(choices[i], text, shelf) >= _PRESENT for text in answering))
    several = [i for i, group in special.items() if len(held) >= 2 and _means(group, held, frozenset(plain))]
    if len(several) == 1:
        return Chosen(several[0], min(0.6, max(ENOUGH, draft.probability)), draft.quotes)
    chosen = _single(plan, shelf, draft, options, leads)
    if chosen is not None:
        return replace(chosen, position=plain[chosen.position])
    none = [i for i, group in special.items() if group.kind == "none"]
    if len(none) == 1 and not any(support(plan, shelf, option, ranked) for option in options):
        if not _answered_otherwise(plan, shelf, draft):
            return None
        return Chosen(none[0], 0.45, draft.quotes)
    return None


def _means(group: Group, held: frozenset[int], plain: frozenset[int]) -> bool:
    """Whether an option stands for just those that the evidence holds."""
    return held == (plain if group.kind == "all" else group.members) and group.kind != "none"


def _answered_otherwise(plan: Plan, shelf: Shelf, draft: Draft) -> bool:
    """Whether something else was found for an answer, or all was gone through that could hold one."""
    if draft.text and draft.probability >= ENOUGH:
        return True
    return not plan.visual and plan.kinds is not None and bool(coverage(shelf, plan.kinds)) and bool(draft.leads)


def _by_number(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str]) -> _Ruling:
    """What was counted or measured, or a fact of the file."""
    between = re.fullmatch(r"(\d+) to (\d+)", draft.short or "")
    if between:
        low, high = int(between[1]), int(between[2])
        return True, _only(
            [i for i, c in enumerate(choices) if (n := _number(c)) is not None and low <= n <= high], draft
        )
    if plan.task == "between" and draft.value is not None:
        return True, _nearest(draft, [_seconds(choice) for choice in choices])
    if draft.value is None and not draft.file:
        return False, None
    numbers = [_number(choice) for choice in choices]
    fits = [i for i, n in enumerate(numbers) if n is not None and n == draft.value]
    if not fits:
        said = set(stems(draft.short if plan.task == "compare" and draft.short else draft.text))
        fits = [i for i, c in enumerate(choices) if content(c, frame=True) and set(content(c, frame=True)) <= said]
        fits = [i for i in fits if len(stems(choices[i])) == max(len(stems(choices[j])) for j in fits)]
    return True, _only(fits, draft)


def _nearest(draft: Draft, seconds: Sequence[float | None]) -> Chosen | None:
    """The length of time next to the one that was measured, if it is about that."""
    assert draft.value is not None
    apart = [abs(s - draft.value) if s is not None else float("inf") for s in seconds]
    best = min(apart)
    close = best <= max(2.0, _ROUGHLY * draft.value)
    return _only([i for i, s in enumerate(apart) if s == best], draft) if close else None


def _by_time(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str]) -> _Ruling:
    """Options that are times, against the stretches that were found."""
    if plan.task != "when":
        return False, None
    several = [moments_in(choice) for choice in choices]
    if all(several) and any(len(times) > 1 for times in several):
        spans = [span for _, span in draft.spans]
        scores = [round(_all_of(times, spans), 4) for times in several]
    else:
        options = [times_in(choice) for choice in choices]
        if any(option is None for option in options):
            return False, None
        scores = [
            round(max((_fit(option, span) for _, span in draft.spans), default=0.0), 4)
            for option in options
            if option is not None
        ]
    best = max(scores)
    return True, _only([i for i, s in enumerate(scores) if s == best and s > 0], draft)


def _all_of(times: Sequence[float], spans: Sequence[Span]) -> float:
    """How well some moments are those that were found: all of them, and no others."""
    hit = sum(max((_fit(Span(t, t), span) for span in spans), default=0.0) for t in times)
    return hit / max(len(times), len(spans), 1)


def _fit(option: Span, found: Span) -> float:
    """1 where an option names the stretch that was found, falling to 0 with their distance."""
    if option.duration > 0 and found.duration > 0:
        shared = option.overlap(found)
        return shared / (option.duration + found.duration - shared) + (0.5 if shared > 0 else 0.0)
    away = min(abs(option.middle - found.start), option.gap(found) + 0.25 * abs(option.middle - found.start))
    return max(0.0, 1.0 - away / max(5.0, 0.02 * found.start))


def _by_order(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str]) -> _Ruling:
    if plan.task != "order":
        return False, None
    sequences = [[p for p in re.split(r"\s*(?:,|;|→|->|>|\bthen\b|\band then\b)\s*", c) if p] for c in choices]
    if all(len(s) > 1 for s in sequences):
        right = [i for i, parts in enumerate(sequences) if _in_order(plan, shelf, parts)]
        return True, _only(right, draft, fallback=0.6)
    if not draft.short or not draft.quotes:
        return True, None
    wanted = set(stems(draft.short))
    return True, _only(_best([overlap(set(stems(c)), wanted) for c in choices], 0.5), draft)


def _in_order(plan: Plan, shelf: Shelf, parts: Sequence[str]) -> bool:
    quotes = [order.find(plan, shelf, part) for part in parts]
    starts = [q.span.start for q in quotes if q is not None]
    return len(starts) == len(parts) and all(a < b for a, b in pairwise(starts))


def _by_name(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str]) -> _Ruling:
    """Who says something, and which video: the answer is a label or a file, which no line holds."""
    if not draft.short or not draft.quotes:
        return False, None
    if plan.task == "speaker":
        fits = [i for i, choice in enumerate(choices) if matches(choice, draft.short)]
        return bool(fits), _only(fits, draft)
    if plan.task in ("which_video", "compare"):
        own = set(tokens(PurePath(draft.short).stem))
        fits = _best([overlap(own, set(tokens(choice))) for choice in choices], 0.5)
        return bool(fits), _only(fits, draft)
    return False, None


_ANSWERING: Mapping[Task, Callable[[Draft], tuple[Quote, ...]]] = {
    "neighbour": lambda draft: draft.quotes[:1],
    "between": lambda draft: draft.quotes[:-2],
    "edge": lambda draft: draft.quotes[:1],
    "at_time": lambda draft: draft.quotes,
}
"""The quotes of a route that answer by their place; the others say only where that place is."""


def _by_answer(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str]) -> _Ruling:
    """What stands at the place that was asked for: an option that stands elsewhere is no answer."""
    answering = _ANSWERING.get(plan.task)
    if answering is None or not draft.text or not draft.quotes:
        return False, None
    text = " ".join(quote.text for quote in answering(draft))
    fits = _best([round(presence(choice, text, shelf), 4) for choice in choices], _PRESENT)
    if fits:
        return True, _only(fits, draft)
    return True, _by_meaning(shelf, replace(draft, quotes=answering(draft)), choices)


def _by_evidence(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str], leads: Sequence[int]) -> Chosen | None:
    ranked = rank(plan, shelf, leads)
    if not ranked:
        return None
    found = [support(plan, shelf, choice, ranked) for choice in choices]
    if _NEGATED.search(plan.framed):
        absent = [i for i, f in enumerate(found) if f is None]
        others = [f for f in found if f is not None]
        best_other = max(others, key=lambda f: (f[0], -f[1].span.start), default=None)
        return Chosen(absent[0], 0.6, (best_other[1],)) if len(absent) == 1 and len(others) > 1 and best_other else None
    scores = [round(f[0], 4) if f else 0.0 for f in found]
    if draft.short and draft.quotes:
        scores = [
            s + (0.3 if s and squeezed(draft.short) in squeezed(c) else 0.0)
            for s, c in zip(scores, choices, strict=True)
        ]
    best = max(range(len(scores)), key=lambda i: scores[i])
    chosen = found[best]
    if chosen is None:
        return _by_meaning(shelf, draft, choices)
    rest = sorted((s for i, s in enumerate(scores) if i != best), reverse=True)
    lead = scores[best] - (rest[0] if rest else 0.0)
    alone = not any(rest)
    if lead < _MARGIN or not _enough(plan, chosen[0], alone):
        return None
    probability = min(0.9, 0.3 + 0.45 * min(1.0, chosen[0]) + (0.15 if alone else 0.0))
    return Chosen(best, probability, (chosen[1],))


def _enough(plan: Plan, score: float, alone: bool) -> bool:
    """An option's words alone prove little where the question is about what is seen."""
    if plan.visual and plan.kind in ("visual", "any"):
        return score >= 0.75
    return score >= (0.3 if alone else 0.4)


def _by_meaning(shelf: Shelf, draft: Draft, choices: Sequence[str]) -> Chosen | None:
    """Options in other words than the evidence's: by likeness of meaning to the quote that answers."""
    if not draft.quotes or draft.probability < ENOUGH:
        return None
    ordered = sorted(set(choices))  # one order for all rotations: sums in another order differ in the last digit
    vectors = shelf.embed([draft.quotes[0].text, *ordered])
    if vectors is None or len(ordered) < 2:
        return None
    scores = {c: round(float(v @ vectors[0]), 4) for c, v in zip(ordered, vectors[1:], strict=True)}
    first, second = sorted(scores.values(), reverse=True)[:2]
    if first - second < 0.1 or first < 0.25:
        return None
    best = next(i for i, c in enumerate(choices) if scores[c] == first)
    return Chosen(best, 0.45, draft.quotes[:1])


def _yes_no(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str]) -> _Ruling:
    """Options that say yes or no, or that it cannot be told."""
    first = [next(iter(tokens(choice)), "") for choice in choices]
    sides = [
        1 if word in _YES else -1 if word in _NO and " ".join(tokens(c)) != "no idea" else 0
        for word, c in zip(first, choices, strict=True)
    ]
    unsure = [
        bool(re.match(r"(?:not mentioned|(?:it )?cannot|can't|unknown|unclear|not sure|maybe)\b", fold(c)))
        for c in choices
    ]
    if 1 not in sides or not all(side or other for side, other in zip(sides, unsure, strict=True)):
        return False, None
    if plan.task != "exists" or draft.short not in ("Yes", "No"):
        return True, None
    wanted = 1 if draft.short == "Yes" else -1
    return True, _only([i for i, side in enumerate(sides) if side == wanted], draft)


def _only(fits: Sequence[int], draft: Draft, fallback: float = 0.0) -> Chosen | None:
    """The one option that fits; none where several do."""
    if len(fits) != 1:
        return None
    return Chosen(fits[0], max(draft.probability, fallback), draft.quotes)


def _best(scores: Sequence[float], least: float) -> list[int]:
    """The options with the best score, if that is enough."""
    best = max(scores, default=0.0)
    return [i for i, score in enumerate(scores) if score == best and score >= least]


def _number(text: str) -> int | None:
    found = [int(t) if t.isdigit() else NUMBERS[t] for t in tokens(text) if t.isdigit() or t in NUMBERS]
    found += [times for word, times in _TIMES.items() if word in tokens(text)]
    return found[0] if len(found) == 1 else None


def _seconds(text: str) -> float | None:
    """A length of time in an option, in seconds; a bare number counts seconds."""
    span = times_in(text)
    if span is not None:
        return span.middle
    number = _number(text)
    return None if number is None else float(number) * (60.0 if "minute" in fold(text) else 1.0)
