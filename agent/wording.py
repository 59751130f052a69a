"""The words of an answer that a chat model wrote, put right where they claim what only the evidence can tell:
quotations, times, links and labels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vagent.agent.evidence.quotations import quotations, stands
from vagent.agent.language.words import squeezed
from vagent.agent.question.hints import clocks
from vagent.tools.safe import safe
from vagent.tools.time import Span, format_time

LEFT_OUT = "[…]"
"""What stands in the place of words that no evidence holds."""

_LONGEST = 1200  # characters of an answer
_NEAR = 1.5  # seconds that a time may be beside a stretch: models round
_LABELS = re.compile(r"\s*[\[(]\s*((?:[el]\d+\s*[,;]?\s*(?:and\s+)?)+)[\])]", re.I)
_LABEL = re.compile(r"[el]\d+", re.I)
_LINK = re.compile(r"!?\[([^\]]*)\]\(\s*[^)\s]*(?:\s+\"[^\"]*\")?\s*\)")
_URL = re.compile(r"\b(?:https?|ftp|file|data|javascript):[^\s<>“”\"]+|\bwww\.[^\s<>“”\"]+", re.I)
_TAG = re.compile(r"<[/!]?[A-Za-z|][^<>]{0,200}>")
_CLOCK = r"(?<![\w:])\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?![\w:])"
_LEAD = r"(?:\b(?:at|around|about|approximately|from|since|by|until|till|to|between|and|timestamp|time|@)\s+)*"
_TIME = re.compile(
    rf"[(\[]?{_LEAD}[(\[]?(?P<first>{_CLOCK})(?:(?P<to>\s*(?:-|–|—|\bto\b|\band\b|\buntil\b)\s*)(?P<second>{_CLOCK}))?[)\]]*",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Worded:
    """The words of an answer.

    Attributes:
        text: what may be said; words that were left out are ``LEFT_OUT``.
        labels: of evidence, that stood among the words.
        untrue: quotations and links that stand in no evidence.
    """

    text: str
    labels: tuple[str, ...] = ()
    untrue: tuple[str, ...] = ()


def worded(said: str, evidence: Sequence[str], asked: str, spans: Sequence[Span]) -> Worded:
    """What a model said, as far as it may be repeated.

    Args:
        evidence: texts that may be quoted.
        asked: the question and its options, whose words may be quoted as well.
        spans: stretches that the answer rests on; a time that touches none of them is left out.
    """
    text = safe(_LINK.sub(lambda m: m[1], said[: 4 * _LONGEST]))
    labels = tuple(dict.fromkeys(label.lower() for m in _LABELS.finditer(text) for label in _LABEL.findall(m[1])))
    text = _TAG.sub(" ", _LABELS.sub("", text))
    text, untrue = _quoted(text, [*evidence, asked])
    text, links = _linked(text, evidence)
    text = _timed(text, [*evidence, asked], spans)
    text = _tidy(text)
    if said.strip()[:1].isupper():
        text = text[:1].upper() + text[1:]  # where the time before it was taken out
    return Worded(text, labels, (*untrue, *links))


def _quoted(text: str, known: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The text with the quotations that stand nowhere left out, and these."""
    parts: list[str] = []
    untrue: list[str] = []
    place = 0
    for start, end, words in quotations(text):
        parts.append(text[place:start])
        if any(stands(words, one) for one in known):
            parts.append(f"“{words}”")
        else:
            parts.append(LEFT_OUT)
            untrue.append(words)
        place = end
    return "".join([*parts, text[place:]]), tuple(untrue)


def _linked(text: str, known: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The same for addresses: an answer must not send anybody to where no evidence points."""
    held = [squeezed(one) for one in known]
    untrue = [m[0] for m in _URL.finditer(text) if not any(squeezed(m[0]) in one for one in held)]
    return _URL.sub(lambda m: LEFT_OUT if m[0] in untrue else m[0], text), tuple(untrue)


def _timed(text: str, known: Sequence[str], spans: Sequence[Span]) -> str:
    """The text with times of the product's own clock: the nearest edge of a stretch that the time touches.

    Times that are words of the evidence ("the train leaves at 7:45") stay.
    """
    inside = [(start, end) for start, end, _ in quotations(text)]

    def told(match: re.Match[str]) -> str:
        written = [clock for clock in (match["first"], match["second"]) if clock]
        if any(start <= match.start("first") < end for start, end in inside):
            return match[0]
        right = [clock if _said(clock, known) else _moment(clock, spans) for clock in written]
        if not any(right):
            return " "
        if not all(right):
            lead = match[0][: match.start("first") - match.start()]
            lead = lead.replace("between ", "at ").replace("Between ", "At ")
            return lead + "".join(right) + _closing(match[0])
        return match[0].replace(written[0], right[0], 1) if len(right) == 1 else _range(match, right)

    return _TIME.sub(told, text)


def _range(match: re.Match[str], right: Sequence[str]) -> str:
    whole, begin = match[0], match.start()
    first, second = match.span("first"), match.span("second")
    return f"{whole[: first[0] - begin]}{right[0]}{match['to']}{right[1]}{whole[second[1] - begin :]}"


def _closing(text: str) -> str:
    return ")" if text.startswith("(") and text.endswith(")") else ""


def _moment(clock: str, spans: Sequence[Span]) -> str:
    """The edge of the first stretch that a time touches, nearest to it; empty where it touches none."""
    (seconds,) = clocks(clock) or [-10.0]
    touched = next((span for span in spans if span.start - _NEAR <= seconds <= span.end + _NEAR), None)
    if touched is None:
        return ""
    # In the middle of a long stretch only its beginning is known to be right.
    at_end = abs(seconds - touched.end) <= _NEAR and abs(seconds - touched.end) < abs(seconds - touched.start)
    return format_time(touched.end if at_end else touched.start)


def _said(clock: str, known: Sequence[str]) -> bool:
    return any(re.search(rf"(?<![\d:]){re.escape(clock)}(?![\d:])", one) for one in known)


def _tidy(text: str) -> str:
    """The text without the gaps that were left in it, at most so long, ending with a whole word."""
    text = re.sub(r"[(\[]\s*[)\]]", " ", text)
    text = re.sub(r"\s+([,.;:!?])", r"\1", " ".join(text.split()))
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    text = re.sub(r"[,;:]+(?=[.!?])|(?<=[.!?])\s*[,;:]", "", text).strip(" ,;:-–")
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rsplit(" ", 1)[0] + " …"
    return text
