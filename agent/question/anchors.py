"""Events that a question starts from: what comes after one, before one, during one, or between two."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from vagent.agent.question.hints import quotes

Relation = Literal["after", "before", "during"]
"""Where the answer lies, seen from the event."""

_WAY = r"(?:after|following|before|preceding)"
_COMES = r"(?:comes?|came|follows?|followed|listed)"
_CLOSELY = r"(?:directly|immediately|right|straight|just|next)"
_ONE = r"(?:the|that) (?:one|line|rule|item|point|entry|step)s? (?:about|on|with|for|of|that says|that reads|saying)"
_LINE = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        # "after X comes which rule", "after X, what comes next"
        rf"^\s*(?:{_CLOSELY}\s+)?{_WAY}\s+(?P<anchor>[^?]+?),?\s+"
        rf"(?:{_COMES} (?:which|what|who)\b|(?:which|what|who)\b.*\b{_COMES}\b)",
        # "what comes next after X", "which rule is directly before X"
        rf"\b(?:{_COMES}|(?:is|are|was|were|stands?|shown|appears?) {_CLOSELY})\s+(?:{_CLOSELY}\s+)?{_WAY}\s+"
        r"(?P<anchor>[^?]+)",
        rf"\b{_WAY}\s+(?P<anchor>{_ONE}\b[^?,]+)",
        rf"^\s*(?:what|who|which(?: \w+)?) (?:{_CLOSELY} )?follows (?P<anchor>[^?]+)",
    )
)
_BARE = re.compile(rf"^(?:{_ONE}\s+)?(?:the\s+|an?\s+)?|\s+(?:in|on) the (?:list|screen|sign|board|menu|slide)$", re.I)

_SOON = r"(?:(?:right|directly|immediately|just|straight|shortly|soon|straight away|right away|next)\s+)?"
_EVENT_WAY = r"(?P<way>after|following|before|preceding|while|during|when|whilst|as soon as|once|until)"
_TAIL = re.compile(rf"^(?P<head>.+?)\s+{_SOON}{_EVENT_WAY}\s+(?P<anchor>.+)$", re.I)
_LEAD = re.compile(rf"^\s*{_SOON}{_EVENT_WAY}\s+(?P<anchor>[^,]+),\s*(?P<head>.+)$", re.I)
_HAPPENING = re.compile(
    r"\b(?:what|who|which \w+)\b.*\b(?:happen(?:s|ed|ing)?|said|shown|seen|heard|spoken|written|comes?|occurs?|appears?"
    r"|displayed|next|on (?:the )?screen|takes? place|mentioned|talked about|going on|visible)\b"
    r"|\bwhat (?:does|do|did|is|are|was|were) .+ (?:do|doing|say|saying|ask|asking|answer|reply|see|show|talk about)$"
    r"|\bwho (?:speaks|talks|appears|comes|is (?:speaking|talking|shown|seen|there))\b",
    re.I,
)
_REPLY = re.compile(
    r"\b(?:answers?|repl(?:y|ies)|responds?|response|reacts?|reaction)\s+"
    r"(?:to|when(?: (?:(?:he|she|they|it) (?:is|are) )?asked)?(?: about| whether)?|the question (?:about|whether|of))"
    r"\s+(?P<anchor>.+)$",
    re.I,
)
_PAIR = re.compile(
    r"\b(?:between)\s+(?P<first>.+?)\s+and\s+(?P<second>.+)$"
    r"|\bfrom\s+(?P<first_>.+?)\s+(?:until|till|up to|to)\s+(?P<second_>.+)$"
    r"|\bafter\s+(?P<after>.+?),?\s+(?:and|but)\s+before\s+(?P<before>.+)$",
    re.I,
)
_AFTER_UNTIL = re.compile(
    r"\bhow (?:long|much time|many (?:seconds|minutes|hours))\b(?P<lag>.*?)\bafter\s+(?P<first>.+?)\s+"
    r"(?:does|do|did|is|are|was|were|until|before)\s+(?P<second>.+)$",
    re.I,
)
_OTHERWISE = re.compile(
    r"\b(?:difference|distance|relation\w*|connection|border|choose|compar\w+|match|route|road|train|bus|flight|link"
    r"|similarit\w+|choice|ratio|contrast|gap in age)\b.*\b(?:between|from)\b",
    re.I,
)
_POINTING = re.compile(r"^(?:that|this|it|then|them|those|these|now)\b[ .]*$", re.I)
_SAYING = re.compile(
    r"^(?:(?:when|that|the moment(?: when)?|the (?:scene|part|shot|bit) (?:where|when|in which|with|of)|the words?"
    r"|the line|the question (?:about|whether|of|if)?|somebody|someone)\s+)+|^(?:the|an?)\s+"
    r"|\s+(?:(?:is|are|was|were|gets?) )?(?:shown|seen|said|heard|mentioned|displayed|visible|on (?:the )?screen"
    r"|in the (?:video|film|picture)|appears?|comes? on)$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a question starts from.

    Attributes:
        anchor: an event or a line, in the question's words.
        event: False for the neighbour in a list, which is found by its place and not by the clock.
    """

    relation: Relation
    anchor: str
    event: bool = True


def beside(question: str) -> Beside | None:
    """The event that an answer lies after, before or during; None where the question names none."""
    text = question.strip().rstrip("?.! ")
    if (line := anchor(question)) is not None:
        way = re.search(rf"\b{_WAY}\b", question, re.I)
        return Beside(_relation(way.group() if way else "after"), line, event=False)
    if (match := _REPLY.search(text)) and (words := event(match["anchor"])):
        return Beside("after", words)
    for pattern in (_LEAD, _TAIL):
        match = pattern.search(text)
        if match and _HAPPENING.search(match["head"].strip()) and (words := event(match["anchor"])):
            return Beside(_relation(match["way"]), words)
    return None


def anchor(question: str) -> str | None:
    """The line that "which one comes after the one about X" starts from, in the question's words; None without one."""
    for pattern in _LINE:
        match = pattern.search(question)
        if match:
            words = _BARE.sub("", match.group("anchor").strip(" .\"'"))
            # A time is no line: what comes after it is found by the clock. What "that" is, only a chat tells.
            return words if words and not words[0].isdigit() and not _POINTING.match(words) else None
    return None


def between(question: str) -> tuple[tuple[str, str], ...]:
    """The two events that an answer lies between, as every pair that the question's "and" allows; empty without one."""
    text = question.strip().rstrip("?.! ")
    if (lag := _AFTER_UNTIL.search(text)) and (pair := _two(lag["first"], lag["second"])):
        return (pair,)
    match = _PAIR.search(text)
    if match is None or _OTHERWISE.search(text):
        return ()
    passes = re.search(r"\bhow (?:long|much time|many (?:seconds|minutes))\b", text, re.I)
    head = text[: match.start()].strip() or text[match.end() :]
    if not passes and not _HAPPENING.search(head):
        return ()
    quoted = quotes(match.group())
    if len(quoted) == 2:
        return ((quoted[0], quoted[1]),)
    if match["first"] is None:
        pair = _two(match["first_"] or match["after"], match["second_"] or match["before"])
        return (pair,) if pair else ()
    parts = re.split(r"\s+and\s+", f"{match['first']} and {match['second']}", flags=re.I)
    pairs = (_two(" and ".join(parts[:i]), " and ".join(parts[i:])) for i in range(1, len(parts)))
    return tuple(pair for pair in pairs if pair)


def event(words: str) -> str | None:
    """An event without the words around it: "the caption X is shown" is X; None for times and for "that"."""
    inside = quotes(words)
    if inside:
        return max(inside, key=len)
    words = words.strip(" .,\"'")
    if not words or words[0].isdigit() or _POINTING.match(words):
        return None
    for _ in range(3):
        words = _SAYING.sub("", words).strip(" .,\"'")
    return words or None


def _two(first: str, second: str) -> tuple[str, str] | None:
    one, other = event(first), event(second)
    return (one, other) if one and other else None


def _relation(way: str) -> Relation:
    way = way.lower()
    if way in ("before", "preceding", "until"):
        return "before"
    return "after" if way in ("after", "following", "as soon as", "once") else "during"
