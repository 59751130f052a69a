"""How well a passage supports an answer: a few features that can be explained, and one calibrated probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from typing import Literal

from vagent.agent.language.gloss import tongue_of
from vagent.agent.language.roles import deed, done
from vagent.agent.language.words import STOP, Bag, Rarity, fold, stem
from vagent.agent.question.answer_types import STRICT
from vagent.agent.question.plan import Plan

_SIBLINGS = tuple(
    frozenset(stem(w) for w in group.split())
    for group in (
        "north south east west northern southern eastern western",
        "left right",
        "morning afternoon evening night",
        "monday tuesday wednesday thursday friday saturday sunday",
        "january february march april june july august september october november december",
        "spring summer autumn winter",
        "mother father brother sister son daughter uncle aunt grandmother grandfather wife husband",
        "red green blue yellow orange purple pink brown black white gray",
        "big small",
        "upper lower",
        "top bottom",
        "front back",
        "breakfast lunch dinner",
        "cheapest dearest",
        "oldest youngest",
        "male female",
        "boy girl",
        "king queen",
        "departure arrival",
        "departs arrives",
        "entrance exit",
        "minimum maximum",
        "adult child",
        "weekday weekend",
        "open close",
        "before after",
        "minimum maximum",
        "indoor outdoor",
        "single double",
        "upstairs downstairs",
    )
)


@dataclass(frozen=True, slots=True)
class Support:
    """What speaks for and against a passage.

    Attributes:
        similarity: cosine of question and passage, about 0..1.
        margin: similarity above that of a typical passage of the same evidence.
        coverage: weighted share of the question's content words that stand in the passage.
        context: the same with the lines around it.
        typed: 1 when a value of the expected type stands in the passage.
        near: 1 when such a value stands in a line that speaks of what is asked, or in the reply to one.
        untyped: 1 when the answer must be a value of a type that can be recognised, and there is none.
        contrast: 1 when the evidence speaks of another one of the kind (the north gate for the south gate).
        missing: 1 when a name or a number of the question stands neither in the passage nor around it, or when the
            passage does not speak of what "who ..." is asked to have done.
        uncounted: 1 when the passage does not name what is to be counted.
        visual: signs that the question is about what is seen, 0..3.
        vague: 1 when the question has no content words to check.
        literal: 1 when a string that the question quotes stands in the passage, and the rest is not about what is seen.
        placed: 1 when the question asks for the beginning or the end, and the passage stands there.
        few: near 1 when the question asks for the wording of on-screen text, and hardly any other was found.
        scattered: how much of the coverage comes from different sentences of the passage, 0..1: who designed the room
            did not design the roof of the sentence before.
        stale: 1 when the passage says nothing beside what the question says itself.
        unmarked: 1 when the question asks where or when, and the passage tells of no place or no time.
        elsewhere: 1 when a word of the question stands elsewhere in the evidence, and not in the sentence that speaks
            most of it, which points to nothing before: "the depot was built by" does not tell of the pool.
        hollow: 1 when the passage, and what stands around it, has the names of the question and nothing else of it.
    """

    similarity: float
    margin: float
    coverage: float
    context: float
    typed: float
    near: float
    untyped: float
    contrast: float
    missing: float
    uncounted: float
    visual: float
    vague: float
    literal: float
    placed: float
    few: float
    scattered: float
    stale: float
    unmarked: float
    hollow: float
    elsewhere: float

    @classmethod
    def of(
        cls,
        plan: Plan,
        rarity: Rarity,
        *,
        similarity: float,
        typical: float,
        bag: Bag,
        around: Bag,
        named: Bag,
        near_words: Sequence[str],
        typed: Literal["near", "far", "none"],
        literal: float,
        placed: float,
        few: float,
        together: float,
        stale: bool,
        unmarked: bool,
        elsewhere: bool,
        shows: bool = False,
    ) -> Support:
        """The features of one passage; ``around`` holds its words and those of the lines near it, in order too, and
        ``named`` these with the names of those who say them.

        ``together``: the coverage of its best sentence. ``shows``: the passage tells what is seen, so that a question
        about that is no mark against it.
        """
        missing = any(not _stands(words, named, near_words) for words in _specific(plan))
        # A name near the thing is not the name of whoever did something to it.
        missing = missing or not done(deed(plan.framed), bag)
        return cls(
            similarity=similarity,
            margin=similarity - typical,
            coverage=(coverage := rarity.coverage(plan.words, bag)),
            context=rarity.coverage(plan.words, around),
            typed=float(typed != "none"),
            near=float(typed == "near"),
            untyped=float(typed == "none" and plan.expects in STRICT),
            contrast=float(_contrast(plan, bag, around)),
            missing=float(missing),
            uncounted=float(plan.head is not None and not bag.has(plan.head)),
            visual=0.0 if shows else min(3.0, plan.visual),
            vague=float(not plan.words),
            literal=float(literal > 0.95 and not plan.visual),
            placed=placed,
            few=few,
            scattered=max(0.0, coverage - together),
            stale=float(stale),
            unmarked=float(unmarked),
            hollow=float(typed != "near" and plan.expects not in ("reason", "manner") and _hollow(plan, around)),
            elsewhere=float(elsewhere),
        )

    def features(self) -> tuple[float, ...]:
        """The numbers that the calibration weighs, in the order of ``NAMES``."""
        return tuple(float(getattr(self, name)) for name in NAMES)

    @property
    def probability(self) -> float:
        """Probability, 0..1, that the passage answers the question."""
        total = BIAS + sum(WEIGHTS[name] * value for name, value in zip(NAMES, self.features(), strict=True))
        return 1.0 / (1.0 + exp(-max(-30.0, min(30.0, total))))


NAMES = (
    *("similarity", "margin", "coverage", "context", "near", "untyped", "contrast", "missing"),
    *(
        "uncounted",
        "visual",
        "vague",
        "literal",
        "placed",
        "few",
        "scattered",
        "stale",
        "unmarked",
        "hollow",
        "elsewhere",
    ),
)
# Fitted by benchmarks/calibrate.py on tests/agent/data; run it again when a feature changes.
BIAS = -1.82
WEIGHTS = {
    "similarity": 1.82,
    "margin": 1.34,
    "coverage": 1.55,
    "context": 0.43,
    "near": 0.64,
    "untyped": -4.29,
    "contrast": -4.21,
    "missing": -5.49,
    "uncounted": -1.91,
    "visual": -0.98,
    "vague": 0.92,
    "literal": 3.05,
    "placed": 1.69,
    "few": 2.87,
    "scattered": -3.19,
    "stale": -3.02,
    "unmarked": -2.44,
    "hollow": -1.34,
    "elsewhere": -1.35,
}
ENOUGH = 0.4
"""Probability from which a passage counts as an answer."""


def _specific(plan: Plan) -> list[tuple[str, ...]]:
    """Names, and numerals with the word before them ("item 4"), as stems: what is asked is asked about these."""
    words = [w.strip("\"'“”‘’?!.,;:()").removesuffix("'s").removesuffix("’s") for w in plan.framed.split()]
    tongue = tongue_of(plan.language)
    nouns = tongue is not None and tongue.nouns  # where every noun has a capital, none tells of a name
    found: list[tuple[str, ...]] = []
    for before, word in zip(["", *words], words, strict=False):
        one = stem(fold(word)) if word else ""
        if one not in plan.words:
            continue
        if word.isdigit() and before.isalpha() and fold(before) not in STOP:
            found.append((stem(fold(before)), one))
        elif word.isdigit() or (before and word[:1].isupper() and not nouns):
            found.append((one,))
    return found


def _hollow(plan: Plan, around: Bag) -> bool:
    """Whether of the question's words only names are there: that Yusuf is shown does not tell where he lives."""
    bare = (w.strip("\"'“‘”’?!.,;:()").removesuffix("'s").removesuffix("’s") for w in plan.framed.split()[1:])
    capitals = {stem(fold(word)) for word in bare if word[:1].isupper()}
    names = [word for word in plan.words if word in capitals]
    others = [word for word in plan.words if word not in capitals]
    return bool(names and others) and not any(around.has(word) for word in others)


def _stands(words: tuple[str, ...], around: Bag, near: Sequence[str]) -> bool:
    """Whether a name or a numbered thing stands there; a number must follow its word."""
    if len(words) == 1:
        return around.has(words[0]) > 0
    other = any(word.isdigit() and word != words[1] for word in near)
    return any(pair == words for pair in pairwise(near)) or (not other and all(around.has(word) > 0 for word in words))


def _contrast(plan: Plan, bag: Bag, around: Bag) -> bool:
    for word in plan.words:
        if around.has(word):
            continue
        if word.isdigit() and any(s.isdigit() for s in bag.stems):
            return plan.expects not in ("number",)
        for group in _SIBLINGS:
            if word in group and any(other in bag.stems for other in group if other != word):
                return plan.expects != "colour" or word not in _COLOURS
    return False


_COLOURS = next(g for g in _SIBLINGS if stem("purple") in g)
