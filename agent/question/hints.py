"""What a question says literally: quoted strings and times."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from vagent.agent.language.words import NUMBERS
from vagent.errors import TimeError
from vagent.tools.time import Span, parse_time

_QUOTES = re.compile(
    r"“([^”]+)”|\"([^\"]+)\"|«([^»]+)»|„([^“”]+)[“”]|(?<![\w])[‘']([^‘’']*(?:['’]\w[^‘’']*)*)['’](?!\w)"
)
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?"
_SECONDS = r"\d+(?:[.,]\d+)?"
_UNIT = r"(?:s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?)"
_POINT = rf"(?:{_CLOCK}|{_SECONDS}\s*{_UNIT}(?![a-z])(?:\s*\d+\s*s(?:ec(?:onds?)?)?(?![a-z]))?)"
_AMOUNT = rf"(?:{_SECONDS}|{'|'.join(NUMBERS)}|few)"
_BETWEEN = re.compile(
    rf"\b(?:between|from|during)?\s*({_POINT}|{_SECONDS})\s*(?:and|to|until|till|-|–)\s*({_POINT})(?![a-z0-9])", re.I
)
_AROUND = re.compile(
    rf"\b(?:at|around|about|near|approximately|@)\s+(?:about\s+|around\s+)?({_POINT})(?![a-z0-9])", re.I
)
_AFTER = re.compile(rf"\b(?:after|from|since)\s+({_POINT})(?![a-z0-9])", re.I)
_BEFORE = re.compile(rf"\b(?:before|until|till|up to)\s+({_POINT})(?![a-z0-9])", re.I)
_OVER = r"\b(?:in|during|within|summari[sz]e|recap|what\s+(?:is|does))\s+the"
_FIRST = re.compile(rf"{_OVER}\s+first\s+({_AMOUNT})?\s*({_UNIT}|half|third)\b", re.I)
_LAST = re.compile(rf"{_OVER}\s+(?:last|final|latter|second(?=\s+half))\s+({_AMOUNT})?\s*({_UNIT}|half|third)\b", re.I)
_EDGE_START = re.compile(r"\bat the (?:very )?(?:start|beginning)(?! of the \w*(?:book|story|year|week|day))\b", re.I)
_EDGE_END = re.compile(r"\bat the (?:very )?end\b(?! of the \w*(?:book|story|year|week|day|street|road))", re.I)


@dataclass(frozen=True, slots=True)
class TimeHint:
    """Where in a video a question points.

    Attributes:
        kind: ``around`` a time, ``between`` two, or at the ``start`` or ``end`` of the video.
        span: seconds from the start of the video; from its end for hints that count backwards.
        backwards: the span counts from the end of the video.
        strict: nothing outside may answer.
    """

    kind: Literal["around", "between", "start", "end"]
    span: Span
    backwards: bool = False
    strict: bool = True

    def within(self, duration: float) -> Span:
        """The hint as a span of a video that is ``duration`` seconds long."""
        if not self.backwards:
            return self.span.clamp(Span(0.0, max(duration, 0.0)))
        return Span(max(0.0, duration - self.span.end), max(0.0, duration - self.span.start))


def quotes(question: str) -> tuple[str, ...]:
    """Strings that stand in quotation marks, without them."""
    found = (next(g for g in m.groups() if g is not None) for m in _QUOTES.finditer(question))
    return tuple(text for q in found if (text := q.strip()))


def time_hint(question: str, duration: float) -> TimeHint | None:
    """The stretch that the question names, or None.

    Args:
        duration: seconds of the (longest) video, for hints such as "in the second half".
    """
    text = _QUOTES.sub(" ", question)
    for pattern, make in ((_BETWEEN, _between), (_AROUND, _around)):
        if match := pattern.search(text):
            hint = make(match)
            if hint is not None:
                return hint
    if match := _FIRST.search(text):
        return TimeHint("between", Span(0.0, _amount(match, duration)))
    if match := _LAST.search(text):
        return TimeHint("between", Span(0.0, _amount(match, duration)), backwards=True)
    if match := _AFTER.search(text):
        return TimeHint("between", Span(_seconds(match.group(1)), max(duration, _seconds(match.group(1)))))
    if match := _BEFORE.search(text):
        return TimeHint("between", Span(0.0, _seconds(match.group(1))))
    edge = max(10.0, 0.15 * duration)
    if _EDGE_START.search(text):
        return TimeHint("start", Span(0.0, edge), strict=False)
    if _EDGE_END.search(text):
        return TimeHint("end", Span(0.0, edge), backwards=True, strict=False)
    return None


def times_in(text: str) -> Span | None:
    """The time or stretch that an option such as "5-8 s", "about 15:56" or "23 seconds" names, or None."""
    match = re.search(rf"({_POINT}|{_SECONDS})\s*(?:-|–|to|and|until)\s*({_POINT})(?![a-z0-9])", text, re.I)
    if match and (hint := _between(match)):
        return hint.span
    point = re.search(rf"(?<![\w.])({_POINT})(?![a-z0-9])", text, re.I)
    if not point:
        return None
    seconds = _seconds(point.group(1))
    return Span(seconds, seconds)


def moments_in(text: str) -> list[float]:
    """All single moments that an option names, in seconds; none where it names a stretch."""
    if re.search(rf"(?:{_POINT}|{_SECONDS})\s*(?:-|–|to|until)\s*{_POINT}", text, re.I):
        return []
    return [_seconds(match.group()) for match in re.finditer(rf"(?<![\w.:]){_POINT}(?![a-z0-9])", text, re.I)]


def clocks(text: str) -> list[float]:
    """All times written as on a clock ("0:12", "00:01:02.5"), in seconds, as they stand."""
    return [_seconds(match.group()) for match in re.finditer(rf"(?<![\w:]){_CLOCK}(?![\w:])", text)]


def _between(match: re.Match[str]) -> TimeHint | None:
    first, second = match.group(1), match.group(2)
    end = _seconds(second)
    unit = re.search(r"[a-z]+\s*$", second, re.I)
    bare = re.fullmatch(_SECONDS, first.strip())
    start = _seconds(first + (unit.group(0) if unit and bare else ""))
    return TimeHint("between", Span(start, end)) if start <= end else None


def _around(match: re.Match[str]) -> TimeHint:
    seconds = _seconds(match.group(1))
    return TimeHint("around", Span(seconds, seconds))


def _seconds(text: str) -> float:
    text = re.sub(r"\s*(?:seconds?|secs?)\b", "s", text.strip(), flags=re.I)
    text = re.sub(r"\s*(?:minutes?|mins?)\b", "m", text, flags=re.I)
    text = re.sub(r"\s*hours?\b", "h", text, flags=re.I)
    try:
        return parse_time(text)
    except TimeError:
        # "2.5 min": parts of a minute, which the clock's own spelling does not have.
        number = float(re.sub(r"[^\d.,]", "", text).replace(",", ".").rstrip(".") or 0)
        return number * (60.0 if "m" in text else 3600.0 if "h" in text else 1.0)


def _amount(match: re.Match[str], duration: float) -> float:
    number, unit = (match.group(1) or "1").lower(), match.group(2).lower()
    if unit in ("half", "third"):
        return duration / (2 if unit == "half" else 3)
    count = 3.0 if number == "few" else float(NUMBERS.get(number) or number.replace(",", "."))
    return count * (3600.0 if unit.startswith("h") else 60.0 if unit.startswith("m") else 1.0)
