"""Passages: one to three neighbouring lines, ranked by how well they answer a question."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from vagent.agent.evidence.shelf import LABELS, Line, Shelf
from vagent.agent.evidence.support import Support
from vagent.agent.evidence.turns import matches
from vagent.agent.language.pointers import PERSONS, POINTING
from vagent.agent.language.roles import job
from vagent.agent.language.values import Value
from vagent.agent.language.words import Bag, content, fold, squeezed, stems, tokens
from vagent.agent.question.answer_types import AnswerType
from vagent.agent.question.expected import typed_values, unmarked
from vagent.agent.question.plan import SEEN, Plan
from vagent.tools.time import Span

_HEADING = re.compile(r"\b(?:heading|headline|title)\b", re.I)
_ALL = 48  # so many lines are all considered; of more, the best by words and those that search found
_LINES = 32  # lines of each of these two sorts
_TOGETHER = 10  # lines of on-screen text that are one passage, at most
_TELLING: frozenset[AnswerType] = frozenset({"who", "person", "named", "place", "reason", "manner", "free"})
_NUMERIC = re.compile(r"[\d.,:]+")
_ALIKE = 0.05  # share of the question's words by which one sentence speaks no more of it than another
_NEAR = 1.0  # seconds from the stretch that a question names
_TEXTS = 120  # passages embedded for one question, at most


@dataclass(frozen=True, eq=False)
class Passage:
    """Neighbouring lines of one stream, in order; ``core`` is the one it was built around."""

    lines: tuple[Line, ...]
    core: Line

    @cached_property
    def text(self) -> str:
        """The lines joined by spaces, word for word."""
        return " ".join(line.text for line in self.lines)

    @cached_property
    def lined(self) -> str:
        """The same with line breaks between lines of on-screen text, so that no name runs over two of them."""
        return ("\n" if self.core.stream == "written" else " ").join(line.text for line in self.lines)

    @cached_property
    def bag(self) -> Bag:
        """Its words."""
        return Bag.of(self.text)

    @cached_property
    def sentences(self) -> tuple[Bag, ...]:
        """The words of each of its sentences, a question together with its reply; a screenful is read as one."""
        return tuple(Bag.of(" ".join(line.text for line in group)) for group in self.groups)

    @cached_property
    def groups(self) -> tuple[tuple[Line, ...], ...]:
        """Its lines by sentence, a question together with its reply."""
        if self.core.stream != "spoken":
            return (self.lines,)
        groups: list[list[Line]] = []
        for line in self.lines:
            last = groups[-1][-1].text.rstrip(" \"”'’)»") if groups else "."
            if last[-1:] in (".", "!", "…"):
                groups.append([line])
            else:
                groups[-1].append(line)
        return tuple(map(tuple, groups))

    @property
    def span(self) -> Span:
        """From the first line's start to the last one's end."""
        span = self.lines[0].span
        for line in self.lines[1:]:
            span = span.union(line.span)
        return span

    @property
    def video(self) -> int:
        """Row number of its video."""
        return self.core.evidence.video

    @property
    def weak(self) -> bool:
        """True when any of its lines was recognised by an unreliable engine."""
        return any(line.evidence.weak for line in self.lines)


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """A passage with what speaks for it."""

    passage: Passage
    score: float
    support: Support
    values: tuple[Value, ...]


def rank(plan: Plan, shelf: Shelf, leads: Sequence[int] = ()) -> list[Ranked]:
    """Passages for a question, best first; equal texts once, at their first time.

    Args:
        leads: evidence rows that search found, best first.
    """
    passages = _passages(plan, shelf, leads)
    if not passages:
        return []
    similar = _similarity(plan.question, passages, shelf)
    typical = float(np.median(similar)) if len(passages) > 4 else 0.0
    order = {number: place for place, number in enumerate(leads)}
    ranked = []
    for passage, similarity in zip(passages, similar, strict=True):
        values = tuple(typed_values(plan, passage.lined))
        support = Support.of(
            plan,
            shelf.rarity,
            similarity=float(similarity),
            typical=typical,
            bag=passage.bag,
            around=Bag.of(text := " ".join(line.text for line in shelf.around(passage.core, 3, 2))),
            named=union(shelf.around(passage.core, 3, 2)),
            near_words=stems(text),
            typed="near" if job(plan.framed, passage.lined.split("\n")) else _typed(plan, passage, values, shelf),
            literal=_literal(plan, passage),
            placed=_placed(plan, passage, shelf),
            few=_few(plan, passage, shelf),
            together=max(shelf.rarity.coverage(plan.words, bag) for bag in passage.sentences),
            stale=_stale(plan, passage),
            unmarked=not values and unmarked(plan, passage.lined),
            elsewhere=_elsewhere(plan, passage, shelf),
            shows=passage.core.evidence.kind in SEEN,
        )
        ranked.append(Ranked(passage, _score(plan, passage, support, order, shelf), support, values))
    ranked.sort(key=lambda r: (-r.score, r.passage.video, r.passage.span.start, len(r.passage.lines)))
    return ranked


def union(lines: Iterable[Line]) -> Bag:
    """The words of several lines, with the names of those who say them."""
    return Bag.of(" ".join(f"{line.speaker or ''} {line.text}" for line in lines))


def quote_match(quote: str, line: Line) -> float:
    """How well a quoted string stands in a line, 0..1; dots in the quote stand for anything."""
    parts = [squeezed(part) for part in re.split(r"\.\.+|…", quote) if squeezed(part)]
    text = squeezed(line.text)
    if not parts or not text:
        return 0.0
    place = 0
    for part in parts:
        place = text.find(part, place)
        if place < 0:
            break
        place += len(part)
    else:
        return 1.0
    words = content(quote, frame=True) or fold(quote).split()
    return 0.9 * sum(line.bag.has(w) for w in words) / len(words)


def _typed(plan: Plan, passage: Passage, values: Sequence[Value], shelf: Shelf) -> Literal["near", "far", "none"]:
    """Whether a value stands in a line that speaks of what is asked, or in the reply to such a line."""
    if not values:
        return "none"
    speaks = [not plan.words or any(line.bag.has(w) for w in plan.words) for line in passage.lines]
    closest = {id(line) for line in nearest(plan, passage, shelf)}
    start = 0
    for i, line in enumerate(passage.lines):
        end = start + len(line.text) + 1
        if id(line) in closest and any(start <= v.start < end for v in values):
            reply = i > 0 and speaks[i - 1] and (passage.lines[i - 1].text.endswith("?") or line.stream == "written")
            if speaks[i] or reply:
                return "near"
        start = end
    return "far"


def nearest(plan: Plan, passage: Passage, shelf: Shelf) -> tuple[Line, ...]:
    """The sentences of a passage that speak most of what is asked; all of them where none does more than others."""
    covered = [shelf.rarity.coverage(plan.words, bag) for bag in passage.sentences]
    most = max(covered) - _ALIKE
    return tuple(line for group, share in zip(passage.groups, covered, strict=True) if share >= most for line in group)


def _placed(plan: Plan, passage: Passage, shelf: Shelf) -> float:
    """1 where the question asks for the beginning or the end, and the passage stands there."""
    if plan.hint is None or plan.hint.kind not in ("start", "end"):
        return 0.0
    at_start, at_end = plan.hint.kind == "start", plan.hint.kind == "end"
    last = len(shelf.stream(passage.core)) - 1
    return float((at_start and passage.lines[0].place == 0) or (at_end and passage.lines[-1].place == last))


def _few(plan: Plan, passage: Passage, shelf: Shelf) -> float:
    """Near 1 where the question asks for the wording of on-screen text, and there is hardly any other."""
    if not plan.text_itself or passage.core.stream != "written":
        return 0.0
    return max(0.0, 1.0 - (shelf.screens - 1) / 20)


def _score(plan: Plan, passage: Passage, support: Support, order: dict[int, int], shelf: Shelf) -> float:
    score = support.similarity + 0.45 * support.coverage + 0.15 * support.context
    score += 0.2 * support.typed + 0.1 * support.near - 0.4 * support.contrast - 0.15 * support.uncounted
    score -= 0.3 if support.untyped else 0.0
    score -= 0.3 * support.scattered
    # What is not spoken of in one passage may be in another, and only that can be an answer.
    score -= 0.4 * support.missing
    score += 0.3 * _literal(plan, passage) + 0.25 * support.placed + 0.25 * _heading(plan, passage, shelf)
    kinds = plan.kinds
    if kinds and (plan.kind != "visual" or passage.core.evidence.kind in SEEN):
        score += 0.08 if passage.core.evidence.kind in kinds else -0.12
    score -= _emptiness(plan, passage)
    score -= 0.035 * (len(passage.lines) - 1) + (0.05 if passage.weak else 0.0)
    place = min((order.get(line.evidence.id, 99) for line in passage.lines), default=99)
    return score + 0.06 / (1 + place)


def _literal(plan: Plan, passage: Passage) -> float:
    return max((quote_match(q, line) for q in plan.quoted for line in passage.lines), default=0.0)


def _heading(plan: Plan, passage: Passage, shelf: Shelf) -> float:
    """1 where the question asks for a heading, and the passage is the first of several lines shown together."""
    if not plan.text_itself or not _HEADING.search(plan.framed) or passage.core.stream != "written":
        return 0.0
    screenful = shelf.screenful(passage.core)
    return float(len(screenful) >= 3 and passage.lines == screenful[:1])


def _emptiness(plan: Plan, passage: Passage) -> float:
    """A penalty for repeating the question: a heading, or a question in the dialogue without its reply."""
    asked = set(content(plan.framed, frame=True))
    new = [w for w in content(passage.text, frame=True) if w not in asked]
    penalty = 0.6 if not new else 0.0
    return penalty + (0.2 if passage.lines[-1].text.rstrip(" \"”'").endswith("?") else 0.0)


def _stale(plan: Plan, passage: Passage) -> bool:
    """Whether a passage adds nothing to the question: "GATE OPEN" does not tell who opened the gate."""
    if plan.expects not in _TELLING or plan.quoted:
        return False
    asked = set(content(plan.framed, frame=True))
    if passage.core.stream == "written":  # a sign may say no more than one letter
        said, asked = stems(passage.text), {*stems(plan.framed), *stems(plan.question)}
    else:
        said = content(" ".join((passage.text, *(line.speaker or "" for line in passage.lines))), frame=True)
    numbers = plan.expects not in ("who", "person", "place", "reason")
    new = [word for word in said if word not in asked and (numbers or not _NUMERIC.fullmatch(word))]
    return not new and not PERSONS & set(tokens(passage.text))


def _elsewhere(plan: Plan, passage: Passage, shelf: Shelf) -> bool:
    """Whether the spoken sentence that speaks most of what is asked leaves out a part of it that other lines name."""
    if passage.core.stream != "spoken" or not plan.words:
        return False
    held = nearest(plan, passage, shelf)
    bag = union(held)
    left = [word for word in plan.words if shelf.rarity.known(word) and not bag.has(word)]
    return bool(left) and not any(POINTING & set(tokens(line.text)) for line in held)


def _passages(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> list[Passage]:
    seen: set[str] = set()
    passages = []
    name = plan.speaker
    own = {id(x) for x in shelf.all_lines if name and x.speaker and matches(name, x.speaker)}
    for line in _candidates(plan, shelf, leads, own):
        for lines in _windows(line, shelf):
            if own and not all(id(x) in own for x in lines):
                continue  # the words of somebody else
            passage = Passage(lines, line)
            key = squeezed(passage.text)
            if key not in seen:
                seen.add(key)
                passages.append(passage)
    return passages[:_TEXTS]


def _candidates(plan: Plan, shelf: Shelf, leads: Sequence[int], own: Collection[int]) -> list[Line]:
    """Lines that may answer; ``own``: those of the speaker whose words are asked for, where any are known."""
    lines = tuple(line for line in shelf.all_lines if id(line) in own) if own else shelf.all_lines
    if plan.expects != "when" and plan.kind != "sound":
        # A label only tells when something is there: that there is a dog does not say what the dog does.
        lines = tuple(line for line in lines if line.stream not in LABELS)
    if plan.hint is not None and plan.hint.strict:
        lines = tuple(x for x in lines if x.span.gap(plan.hint.within(shelf.video(x.evidence.video).duration)) <= _NEAR)
    if len(lines) <= _ALL:
        return list(lines)
    wanted = {number: place for place, number in enumerate(leads)}
    led = sorted((line for line in lines if line.evidence.id in wanted), key=lambda line: wanted[line.evidence.id])
    rarity = shelf.rarity
    by_words = sorted(
        ((-_lexical(plan, line, shelf), i) for i, line in enumerate(lines) if rarity.coverage(plan.words, line.bag) > 0
         or any(quote_match(q, line) > 0.5 for q in plan.quoted)),
    )  # fmt: skip
    chosen = [lines[i] for _, i in by_words[:_LINES]]
    return list(dict.fromkeys(_alternate(led[:_LINES], chosen)))


def _lexical(plan: Plan, line: Line, shelf: Shelf) -> float:
    score = shelf.rarity.coverage(plan.words, line.bag)
    if plan.quoted:
        score += max(quote_match(q, line) for q in plan.quoted)
    return score + (0.2 if typed_values(plan, line.text) else 0.0)


def _alternate(first: Iterable[Line], second: Iterable[Line]) -> list[Line]:
    a, b = list(first), list(second)
    mixed: list[Line] = []
    for i in range(max(len(a), len(b))):
        mixed += a[i : i + 1] + b[i : i + 1]
    return mixed


def _windows(line: Line, shelf: Shelf) -> list[tuple[Line, ...]]:
    if line.stream == "written":
        block, screenful = shelf.block(line), shelf.screenful(line)
        place = block.index(line)
        windows = [(line,), block[place : place + 2]]
        windows += [group for group in (block, screenful) if len(group) <= _TOGETHER]
    elif line.stream in LABELS:
        windows = [(line,)]
    else:
        windows = [(line,), shelf.around(line, 0, 1), shelf.around(line, 1, 0), shelf.around(line, 1, 1)]
        windows.append(shelf.sentence(line))
    return list(dict.fromkeys(windows))


def _similarity(question: str, passages: Sequence[Passage], shelf: Shelf) -> np.ndarray:
    vectors = shelf.embed([question, *(p.text for p in passages)])
    if vectors is None:
        # Shared words stand in for likeness of meaning, on about the same scale.
        words = content(question)
        return np.array([0.1 + 0.6 * shelf.rarity.coverage(words, p.bag) for p in passages], np.float32)
    return np.asarray(vectors[1:] @ vectors[0], np.float32)
