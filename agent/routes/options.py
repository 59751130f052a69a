"""Options of a multiple-choice question one by one: how well the evidence holds each, and which stand for others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from vagent.agent.evidence.draft import Quote, quote
from vagent.agent.evidence.passages import Ranked
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.language.values import digits, find
from vagent.agent.language.words import NUMBERS, Bag, content, squeezed, stems, tokens
from vagent.agent.question.plan import Plan

_PRESENT = 0.75  # share of an option's words that must stand in a line
_NONE = re.compile(
    r"^(?:none|neither|nothing)(?: of (?:the|these|them|those)(?: \w+)?)?$|^none of (?:the )?above$", re.I
)
_ALL = re.compile(r"^(?:all|both)(?: of)?(?: (?:the|these|them|those))?(?: (?:above|options|\w+))?$", re.I)
_BOTH = re.compile(r"^(?:both\s+)?(?P<parts>.+\s+and\s+.+)$", re.I)
_LETTERS = re.compile(r"\(?([A-Za-z])\)?(?=\W|$)")


@dataclass(frozen=True, slots=True)
class Group:
    """An option that stands for others: for none, for all, or for those at some positions."""

    kind: Literal["none", "all", "some"]
    members: frozenset[int] = frozenset()


def groups(choices: Sequence[str], labels: Sequence[str] = ()) -> dict[int, Group]:
    """The options that stand for others, by position.

    Args:
        labels: the options' own letters, where they have any: "both A and B" means these, and never places in the list.
    """
    found: dict[int, Group] = {}
    for i, choice in enumerate(choices):
        bare = choice.strip(" .!")
        if _NONE.match(bare):
            found[i] = Group("none")
        elif _ALL.match(bare):
            found[i] = Group("all")
    for i, choice in enumerate(choices):
        others = [j for j in range(len(choices)) if j != i and j not in found]
        members = _members(choice.strip(" .!"), choices, others, labels) if i not in found else frozenset[int]()
        if len(members) >= 2:
            found[i] = Group("some", members)
    return found


def _members(choice: str, choices: Sequence[str], others: Sequence[int], labels: Sequence[str]) -> frozenset[int]:
    match = _BOTH.match(choice)
    if match is None:
        return frozenset()
    named = [part.strip() for part in re.split(r",|\band\b", match["parts"], flags=re.I) if part.strip()]
    if labels and all(_LETTERS.fullmatch(part) for part in named):
        wanted = {part.strip("()").upper() for part in named}
        return frozenset(j for j in others if labels[j] in wanted) if len(wanted) == len(named) else frozenset()
    found = [[j for j in others if _same(part, choices[j])] for part in named]
    return frozenset(one[0] for one in found) if all(len(one) == 1 for one in found) else frozenset()


def _same(part: str, option: str) -> bool:
    words = set(content(part, frame=True)) or set(stems(part))
    return words == (set(content(option, frame=True)) or set(stems(option)))


def support(plan: Plan, shelf: Shelf, option: str, ranked: Sequence[Ranked]) -> tuple[float, Quote] | None:
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
        related = 0.6 * overlap(set(plan.words), set(stems(near))) if plan.words else 0.2
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


def overlap(one: set[str], other: set[str]) -> float:
    """Share of ``one`` that stands in ``other``."""
    return len(one & other) / len(one) if one else 0.0
