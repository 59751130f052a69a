"""Values of the type that a question expects, as far as the words around them bear it out."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vagent.agent.language.pointers import leads_to_place, tells_when, tells_where
from vagent.agent.language.roles import bearer, is_of_role, is_place, role_of, speaks_of
from vagent.agent.language.values import Value, ValueType, find
from vagent.agent.language.words import content, fold, stem, stems, tokens
from vagent.agent.question.answer_types import STRICT, AnswerType
from vagent.agent.question.patterns import PRESENT_WHEN
from vagent.agent.question.plan import Plan

_FINDERS: Mapping[AnswerType, tuple[ValueType, ...]] = {
    "when": ("date", "clock", "duration"),
    "measure": ("measure", "percent"),
    "date": ("date", "year", "clock", "duration"),
    "code": ("code", "number", "proper"),
    "who": ("proper",),
    "place": ("proper",),
    "person": ("introduced", "full_name"),
    "named": ("introduced", "proper"),
    "length": ("duration", "measure"),
    "amount": ("measure", "money", "duration", "number"),
    "money": ("money", "number"),
    "age": ("age", "number"),
    "percent": ("percent",),
}
"""Which values will do, best first; a type that is not listed is looked for by its own name."""

_CUES: Mapping[tuple[AnswerType, ValueType], re.Pattern[str]] = {
    ("money", "number"): re.compile(
        r"\b(?:costs?|pay|paid|pays|prices?|rent|fees?|charge[sd]?|comes? to|worth|sold for|bought|earn|salary"
        r"|advert|how much"
        r"|cheap\w*|expensive|extra|do a|do it for)\b",
        re.I,
    ),
    ("age", "number"): re.compile(r"\b(?:how old|age[ds]?|birthday)\b", re.I),
}
"""A bare number stands for money or an age only beside such words."""

_NAMES: frozenset[ValueType] = frozenset({"introduced", "full_name", "proper"})
_NEAR = 70  # characters before a number that may hold such a word
_UNIT_AFTER = re.compile(
    r"\s?(?:ml|cl|l|g|kg|mg|m|cm|mm|km|%|°|px|gb|mb|am|pm|o'clock|francs?|euros?|dollars?|pounds?)\b", re.I
)

_LABEL_BEFORE = re.compile(
    r"\b(?:platform|page|room|lecture|chapter|part|no|number|version|line|lot|gate|bus|flight|unit|step|figure|channel|item"
    r"|january|february|march|april|may|june|july|august|september|october|november|december)[. #]*$",
    re.I,
)

_MEASURES: tuple[tuple[str, str], ...] = (
    (r"\bheavy|weigh", r"kilo|gram|\bk?g\b|pound|lbs?|ton|ounce|\boz\b|stone"),
    (r"\bhot\b|\bcold\b|temperature|warm", r"degree|°|celsius|fahrenheit|kelvin|minus"),
    (
        r"\btall\b|\bhigh\b|height|\bfar\b|\bdeep|depth|wide|width|distance|altitude|thick",
        r"met(?:re|er)|mile|feet|foot|inch|yard|\b[ckm]?m\b|light|floor|stor(?:e?y|ies)",
    ),
    (r"\bfast\b|speed", r"met(?:re|er)|mile|feet|km|mph|knot"),
)


def finders(expects: AnswerType) -> tuple[ValueType, ...]:
    """The value types that answer an expectation, best first; none for free answers."""
    if expects in _FINDERS:
        return _FINDERS[expects]
    return (expects,) if expects in STRICT else ()  # type: ignore[return-value]


def typed_values(plan: Plan, text: str) -> list[Value]:
    """Values of the type the question expects that stand in ``text`` and not already in the question."""
    asked, forms = set(tokens(plan.framed)), set(stems(plan.framed))
    named = bearer(plan.framed, text) if plan.expects in ("who", "person", "named") else None
    if named is not None and not set(tokens(named.text)) <= asked:
        return [named]
    for kind in finders(plan.expects):
        fresh = [
            v
            for v in find(kind, text, plan.held)
            if not set(tokens(v.text)) <= asked
            and not (kind in _NAMES and set(stems(v.text)) <= forms)
            and _fits(plan, kind, v, text)
        ]
        if fresh:
            return fresh
    return []


def _fits(plan: Plan, kind: ValueType, value: Value, text: str) -> bool:
    question = fold(plan.framed)
    cue = _CUES.get((plan.expects, kind))
    if cue is not None and not cue.search(text[max(0, value.start - _NEAR) : value.end + _NEAR // 2]):
        return False
    if kind == "proper" and plan.expects in ("place", "who", "named") and find("date", value.text):
        return False
    if kind == "proper" and plan.expects == "place" and not _is_where(plan, value, text):
        return False
    if kind == "age" and not _is_age(value, text):
        return False
    if kind == "proper" and plan.expects == "named" and _on_a_sign(plan, value):
        return False
    if kind in ("proper", "full_name") and plan.expects in ("who", "person") and is_place(value.text):
        return False
    if plan.expects == "measure" and kind == "measure":
        for asked, unit in _MEASURES:
            if re.search(asked, question):
                return re.search(unit, fold(text[max(0, value.start - 8) : value.end + 3])) is not None
    if plan.expects == "length" and kind == "measure":
        return re.search(_MEASURES[2][1], fold(value.text)) is not None
    if plan.expects == "person" and re.search(r"\b(?:family|last|full) name\b|\bsurname\b", question):
        known = [w for w in tokens(value.text) if w in set(tokens(question))]
        if not known and _named(plan.framed):
            return False
    if (plan.expects, kind) in (("person", "full_name"), ("named", "proper")):
        return _same_sentence(plan, value, text)
    if plan.expects == "code" and kind == "proper":
        return any(c.isdigit() for c in value.text) or value.text.isupper()
    if plan.expects in ("number", "amount") and kind == "number":
        return not (
            re.match(r"0\d", value.text)
            or any(d.start <= value.start and value.end <= d.end for d in find("date", text, plan.held))
            or _UNIT_AFTER.match(text[value.end :])
            or _LABEL_BEFORE.search(text[: value.start])
            or fold(value.text) in ("one", "once")
            or re.fullmatch(r"1[0-9]\d\d|20\d\d", value.text)
        )
    return True


def unmarked(plan: Plan, text: str) -> bool:
    """Whether the question asks where or when, and a text without a value of that kind does not tell in other words."""
    if plan.expects == "place":
        return not tells_where(text)
    if plan.expects == "when" and _ASKS_WHEN.search(plan.framed):
        return not PRESENT_WHEN.search(plan.framed) and not tells_when(text)
    return False


def _is_where(plan: Plan, value: Value, text: str) -> bool:
    """Whether a name may be that of a place: it stands behind "in", "at" ... or a comma, or is one by its last word."""
    names = {fold(w.strip(".,?!'’")) for w in plan.framed.split()[1:] if w[:1].isupper()}
    if names & set(tokens(value.text)):
        return False  # "Omar Haddad" is not where Omar lives
    if not re.search(r"\bwhere\b", plan.framed, re.I) or is_place(value.text):
        return True
    return leads_to_place(text[: value.start])


def _is_age(value: Value, text: str) -> bool:
    """Whether a number of years is an age: "three years" alone is how long something takes."""
    if not _SPAN.search(fold(value.text)):
        return True
    before = text[max(0, value.start - _NEAR) : value.start]
    if _FOR_SO_LONG.search(before):
        return False
    return bool(_CUES["age", "number"].search(before) or _IS.search(fold(before)))


def _on_a_sign(plan: Plan, value: Value) -> bool:
    """Whether a sign tells what is sought or offered ("LOST CAT"), which is no name of it."""
    words = set(stems(value.text))
    asked = set(content(role_of(plan.framed) or "", frame=True))
    return bool(words & asked) and words - asked <= _SIGNS


def _named(question: str) -> bool:
    """Whether the question itself names somebody: "Omar's family name" needs a name that Omar is part of."""
    return any(word[:1].isupper() for word in question.split()[1:])


def _same_sentence(plan: Plan, value: Value, text: str) -> bool:
    """A bare name is somebody's only in a sentence that speaks of that somebody."""
    before = re.split(r"[.!?]\s|\n", text[: value.start])[-1]
    after = re.split(r"[.!?](?:\s|$)|\n", text[value.end :])[0]
    sentence = before + " " + value.text + " " + after
    role = role_of(plan.framed)
    if role is not None and (not speaks_of(role, sentence) or is_of_role(role, before, after)):
        return False
    near = set(stems(sentence))
    return any(word in near for word in content(plan.framed, frame=True) if word not in _NAMING)


_ASKS_WHEN = re.compile(r"^\W*(?:and |but )?(?:(?:since|until|till|by|from) )?when\b", re.I)
_SPAN = re.compile(r"(?:years?|months?|weeks?|days?|ans|jahre?|anos|anni|jaar)$")
_IS = re.compile(r"\b(?:he|she|i|was|is|are|am|hat|il|elle|ha|tiene|a|tem)\W*$")  # "il a dix ans"
_FOR_SO_LONG = re.compile(
    r"\b(?:for|since|after|in|within|another|depuis|pendant|il y a|vor|seit|nach|desde|hace|da|per|sinds)\W*$", re.I
)
_SIGNS = frozenset(stem(w) for w in "lost found missing wanted stolen for sale free new old open closed the no".split())
_NAMING = frozenset(stem(w) for w in ("name", "surname", "full", "first", "last", "family", "called"))
