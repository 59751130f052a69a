"""Multiple choice by evidence: an option is chosen for what the evidence says, never for its place in the list.

Every rule gives each option a score that does not depend on the other options' order; without evidence, or where two
options are equally well supported, nothing is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vagent.agent.evidence.draft import Draft, Quote, quote
from vagent.agent.evidence.passages import Ranked, rank
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.language.values import digits, find
from vagent.agent.language.words import NUMBERS, Bag, content, fold, squeezed, stems, tokens
from vagent.agent.question.hints import times_in
from vagent.agent.question.plan import Plan
from vagent.agent.routes import order
from vagent.tools.time import Span

_LABEL = re.compile(r"\s*\(?([A-Za-z])[.):]\s+(?=\S)")
_PRESENT = 0.75  # share of an option's words that must stand in a line
_MARGIN = 0.05  # lead that the best option needs
_NEGATED = re.compile(
    r"\b(?:not|never|n't)\s+(?:\w+\s+)?(?:mentioned|shown|said|named|listed|among|part|offered|used|in|appear)\b|\bexcept\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The option that the evidence supports; ``probability`` 0..1 that it is the right one."""

    position: int
    probability: float
    quotes: tuple[Quote, ...] = ()


def letters(choices: Sequence[str]) -> list[str]:
    """The letter of each option: its own ("B. red") where all have one and none twice, else A, B, C by position."""
    own = [match.group(1).upper() for choice in choices if (match := _LABEL.match(choice))]
    if len(own) == len(choices) == len(set(own)):
        return own
    return [chr(ord("A") + i) for i in range(len(choices))]


def without_label(choice: str) -> str:
    """The option's text without a letter in front."""
    return _LABEL.sub("", choice, count=1).strip()


def choose(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str], leads: Sequence[int]) -> Chosen | None:
    """The option that the evidence supports, or None.

    Args:
        draft: what was found without looking at the options.
        choices: options without their letters.
    """
    for rule in (_by_number, _by_time, _by_order):
        handled, chosen = rule(plan, shelf, draft, choices)
        if handled:
            return chosen
    return _by_evidence(plan, shelf, draft, choices, leads)


_Ruling = tuple[bool, Chosen | None]


def _by_number(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str]) -> _Ruling:
    """What was counted, or a fact of the file."""
    if draft.value is None and not draft.file:
        return False, None
    numbers = [_number(choice) for choice in choices]
    fits = [i for i, n in enumerate(numbers) if n is not None and n == draft.value]
    if not fits:
        said = set(stems(draft.text))
        fits = [i for i, c in enumerate(choices) if content(c, frame=True) and set(content(c, frame=True)) <= said]
        fits = [i for i in fits if len(stems(choices[i])) == max(len(stems(choices[j])) for j in fits)]
    return True, _only(fits, draft)


def _by_time(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str]) -> _Ruling:
    """Options that are times, against the stretches that were found."""
    spans = [times_in(choice) for choice in choices]
    if plan.task != "when" or any(span is None for span in spans):
        return False, None
    if not draft.spans:
        return True, None
    found = draft.spans[0][1]
    scores = [round(_fit(span, found), 4) for span in spans if span is not None]
    best = max(scores)
    return True, _only([i for i, s in enumerate(scores) if s == best and s > 0], draft)


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
    scores = [_overlap(set(stems(c)), wanted) for c in choices]
    best = max(scores)
    return True, _only([i for i, s in enumerate(scores) if s == best and s >= 0.5], draft)


def _in_order(plan: Plan, shelf: Shelf, parts: Sequence[str]) -> bool:
    quotes = [order.find(plan, shelf, part) for part in parts]
    starts = [q.span.start for q in quotes if q is not None]
    return len(starts) == len(parts) and all(a < b for a, b in pairwise(starts))


def _by_evidence(plan: Plan, shelf: Shelf, draft: Draft, choices: Sequence[str], leads: Sequence[int]) -> Chosen | None:
    ranked = rank(plan, shelf, leads)
    if not ranked:
        return None
    words = {c.casefold().strip(" .!") for c in choices}
    if words <= {"yes", "no", "not mentioned", "cannot tell"}:
        return _yes_no(plan, draft, choices)
    found = [_support(plan, shelf, choice, ranked) for choice in choices]
    if _NEGATED.search(plan.framed):
        absent = [i for i, f in enumerate(found) if f is None]
        others = [f for f in found if f is not None]
        return Chosen(absent[0], 0.6, (others[0][1],)) if len(absent) == 1 and len(others) > 1 else None
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


def _support(plan: Plan, shelf: Shelf, option: str, ranked: Sequence[Ranked]) -> tuple[float, Quote] | None:
    """How well the best place that holds the option fits the question, and that place; None where nothing holds it."""
    near_by: dict[int, float] = {}
    alone: dict[int, float] = {}
    for one in ranked:
        for line in one.passage.lines:
            near_by[id(line)] = max(near_by.get(id(line), 0.0), one.support.probability)
            if len(one.passage.lines) == 1:
                alone[id(line)] = one.support.probability
    best: tuple[float, float, tuple[Line, ...]] | None = None
    for lines in _units(shelf):
        line = lines[0]
        present = presence(option, " ".join(x.text for x in lines), shelf)
        if present < _PRESENT:
            continue
        near = " ".join(x.text for x in shelf.around(line, 2, 1))
        related = 0.6 * _overlap(set(plan.words), set(stems(near))) if plan.words else 0.2
        around = max(related, *(near_by.get(id(x), 0.0) for x in lines))
        itself = max(alone.get(id(x), 0.0) for x in lines)
        score = present * (0.3 + 0.6 * around + 0.4 * itself)
        if plan.kinds and plan.kind != "visual" and line.evidence.kind not in plan.kinds:
            score *= 0.7
        if best is None or score > best[0]:
            best = (score, -line.span.start, lines)
    return None if best is None else (best[0], quote(best[2]))


def _units(shelf: Shelf) -> Iterable[tuple[Line, ...]]:
    """What an option may stand in: a spoken line, a block of on-screen text; then sentences that run over lines."""
    seen: set[tuple[int, ...]] = set()
    for line in shelf.all_lines:
        for unit in ((line,), shelf.block(line) if line.stream == "written" else shelf.sentence(line)):
            key = tuple(id(x) for x in unit)
            if key not in seen:
                seen.add(key)
                yield unit


def presence(option: str, text: str, shelf: Shelf) -> float:
    """How surely an option stands in a text, 0..1: as it is written 1, all its words apart 0.85."""
    letters_of = squeezed(option)
    spelt = [squeezed(digits(v.text) or "") for v in find("code", text)]
    if letters_of.isdigit():
        numbers = [squeezed(t) for t in tokens(text)] + [str(NUMBERS[t]) for t in tokens(text) if t in NUMBERS]
        return 1.0 if letters_of in numbers + spelt else 0.0
    if len(letters_of) >= 4 and letters_of in squeezed(text):
        return 1.0
    words = content(option, frame=True) or [w for w in stems(option) if w not in ("a", "an", "the")]
    if not words:
        return 0.0
    bag = Bag.of(text)
    return 0.85 * shelf.rarity.coverage(words, bag) if len(words) > 1 else bag.has(words[0])


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


def _yes_no(plan: Plan, draft: Draft, choices: Sequence[str]) -> Chosen | None:
    if plan.task != "exists" or draft.short not in ("Yes", "No"):
        return None
    return _only([i for i, c in enumerate(choices) if c.casefold().startswith(draft.short.casefold())], draft)


def _only(fits: Sequence[int], draft: Draft, fallback: float = 0.0) -> Chosen | None:
    """The one option that fits; none where several do."""
    if len(fits) != 1:
        return None
    return Chosen(fits[0], max(draft.probability, fallback), draft.quotes)


def _number(text: str) -> int | None:
    found = [int(t) if t.isdigit() else NUMBERS[t] for t in tokens(text) if t.isdigit() or t in NUMBERS]
    if "once" in fold(text):
        found.append(1)
    return found[0] if len(found) == 1 else None


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one) if one else 0.0
