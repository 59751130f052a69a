"""Typed values in evidence: numbers, prices, dates, colours, addresses, names. Finders never invent: a value is a
stretch of the text it was found in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from vagent.agent.language.abroad import abroad
from vagent.agent.language.words import FRAME, NUMBERS, STOP, fold

ValueType = Literal[
    "number",
    "money",
    "date",
    "year",
    "month",
    "weekday",
    "clock",
    "duration",
    "age",
    "measure",
    "percent",
    "colour",
    "url",
    "email",
    "phone",
    "code",
    "introduced",
    "full_name",
    "proper",
]
"""What an answer may have to be. ``introduced`` is somebody named by a phrase such as "my name is", ``full_name`` two
capitalised words or more, ``proper`` any capitalised name."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it stands in the text, from character ``start`` to ``end``."""

    text: str
    start: int
    end: int


_WORD_NUMBER = "|".join(sorted((w for w in NUMBERS), key=len, reverse=True))
_SPELT = rf"(?:{_WORD_NUMBER})(?:(?:[ -]|\s+and\s+)(?:{_WORD_NUMBER}))*"
_NUMERAL = r"\d{1,3}(?:[,. ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?"
_NUMBER = rf"(?<![\w.,])(?:(?:{_NUMERAL})(?![\w])|\b(?:{_SPELT}|half|a dozen|a couple|twice|once)\b)"
_AMOUNT = rf"(?:{_NUMERAL}|\b{_SPELT})"
_MONTH = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_DAY = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_ORDINAL_DAY = (
    r"(?:\d{1,2}(?:st|nd|rd|th)?|(?:twenty[- ]|thirty[- ])?(?:first|second|third|fourth|fifth|sixth|seventh"
    r"|eighth|ninth)|tenth|eleventh|twelfth|(?:thir|four|fif|six|seven|eigh|nine)teenth|twentieth|thirtieth)"
)
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_TENS = range(20, 100, 10)
_YEAR = (
    r"(?<![\d.,])(?:1[0-9]\d\d|20\d\d)(?![\d.,]\d|\d)|\b(?:nineteen|twenty|eighteen|seventeen)[ -](?:hundred"
    rf"|oh[ -](?:{_ONES})|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:[ -](?:{_ONES}))?|\w+teen|ten|eleven|twelve)\b"
)
_COLOURS = (
    "black|white|red|green|blue|yellow|orange|purple|violet|pink|brown|grey|gray|silver|golden|gold|beige|turquoise"
    "|crimson|scarlet|navy|maroon|ivory|teal|magenta|cyan|khaki|lilac|bronze"
)
_UNIT = (
    "metres?|meters?|kilomet(?:re|er)s?|centimet(?:re|er)s?|millimet(?:re|er)s?|miles?|feet|foot|inch(?:es)?|yards?|km|cm|mm|m"
    "|kilos?|kilograms?|grams?|kg|g|pounds?|lbs?|tons?|tonnes?|ounces?|oz|lit(?:re|er)s?|l|ml|gallons?|cups?|tablespoons?"
    "|teaspoons?|degrees?|°\\s*[cf]?|celsius|fahrenheit|kelvin|percent|%|mph|km/h|knots?|watts?|kilowatts?|volts?|amps?|hz|khz|mhz|ghz"
    "|gb|mb|tb|bytes?|pixels?|hectares?|acres?|square \\w+|light[- ]years?|bar|psi|newtons?|joules?|calories"
)
_SPAN_UNIT = "seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|nights?|weeks?|months?|years?|decades?|centur(?:y|ies)"
_CURRENCY = (
    "dollars?|euros?|pounds?|cents?|pence|bucks?|yen|francs?|marks?|rupees?|pesos?|kronor|kroner|usd|eur|gbp|chf"
    "|crowns?|quid"
)
_TITLE = (
    r"(?:[Mm]rs?|[Mm]s|[Mm]iss|[Dd]r|[Pp]rof(?:essor)?|[Ss]ir|[Ll]ady|[Cc]aptain|[Dd]octor|[Aa]unt|[Uu]ncle"
    r"|[Pp]resident)"
)
_CAPITAL = r"(?:[^\W\d_a-zà-öø-ÿ]\.|[^\W\d_a-zà-öø-ÿ][\w'’-]*)"
_NAME_RUN = rf"{_CAPITAL}(?:[ \t]+(?:(?:de|van|von|der|la|of|the|and|&)[ \t]+)?{_CAPITAL})*"

_PATTERNS: Mapping[ValueType, str] = {
    "number": _NUMBER,
    "money": (
        rf"[$€£¥]\s?(?:{_NUMERAL})(?:\s(?:million|billion|thousand))?|(?:{_NUMERAL})\s?[€£$¥]"
        rf"|{_AMOUNT}(?:[ -](?:and a half|million|billion|thousand|hundred))*[ -](?:{_CURRENCY})\b"
        rf"(?:[ -](?:and )?(?:{_SPELT}|\d\d)(?:[ -](?:{_CURRENCY}))?\b)?"
        r"|\b(?:free of charge|for free|it's free|is free)\b"
    ),
    "date": (
        rf"\b(?:the\s+)?{_ORDINAL_DAY}\s+(?:of\s+)?(?:{_MONTH})\b\.?(?:,?\s+\d{{4}})?"
        rf"|\b(?:{_MONTH})\b\.?\s+(?:the\s+)?{_ORDINAL_DAY}(?:,?\s+\d{{4}})?\b"
        rf"|\b\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}\b|\b(?:{_MONTH})\b\.?,?\s+\d{{4}}\b|\b(?:{_DAY})s?\b|{_YEAR}"
        r"|\b(?:yesterday|tomorrow|tonight|today|christmas|easter|new year)\b|\b(?:january|february|april"
        r"|june|july|august"
        r"|september|october|november|december)\b|\b(?:in|next|last|this|every) (?:spring|summer|autumn|winter"
        r"|march|may)\b"
    ),
    "year": _YEAR,
    "month": rf"\b(?:{_MONTH})\b",
    "weekday": rf"\b(?:{_DAY})s?\b",
    "clock": (
        r"\b\d{1,2}[:.h]\d{2}(?:\s?[ap]\.?m\b\.?)?|\b\d{1,2}\s?(?:[ap]\.?m\b\.?|o'?clock)"
        rf"|\b(?:half|quarter|ten|five|twenty)\s+(?:past|to)\s+(?:{_WORD_NUMBER}|\d+)\b|\b(?:{_WORD_NUMBER})\s+o'?clock\b"
        rf"|\b(?:{_WORD_NUMBER})(?:[ -](?:{_WORD_NUMBER}))?\s(?:[ap]\.?m\b\.?|in the (?:morning|afternoon|evening)"
        rf"|at night)"
        rf"|\b(?:at|until|till|from|by)\s+(?:{_WORD_NUMBER}|\d{{1,2}})(?:[ -](?:thirty|fifteen|forty-five))?\b"
        r"(?!\s?[:.]\d)"
        rf"|\b(?:noon|midnight)\b"
    ),
    "duration": (
        rf"(?:{_AMOUNT}|\b(?:an?|half an?|a few|a couple of|several))(?:\s(?:to|or|and a half)\s?{_AMOUNT}?)?"
        rf"[ -](?:and a half )?(?:{_SPAN_UNIT})\b"
        r"|\b\d{1,2}:\d{2}(?::\d{2})?\b|\b(?:overnight|all (?:day|night|week)|forever)\b"
    ),
    "age": (
        rf"{_AMOUNT}[- ](?:years?|months?|weeks?|days?)[- ]?(?:old|of age)?\b"
        rf"|\b(?:age[ds]?|am|is|are|i'm|he's|she's|turned|turns|turning)"
        rf"\s+(?P<value>{_AMOUNT})\b(?!-\w)"
        rf"(?!\s*(?:%|percent|{_UNIT}|{_SPAN_UNIT})(?!\w))(?![- ](?:years?|months?|weeks?|days?)\b)"
    ),
    "measure": rf"{_AMOUNT}(?:\s(?:point|and a half|and|to|or)\s{_AMOUNT})?[ -]?(?:{_UNIT})(?!\w)",
    "percent": rf"{_AMOUNT}\s?(?:%|per ?cent\b)",
    "colour": rf"\b(?:(?:dark|light|bright|pale|deep)[ -])?(?:{_COLOURS})(?:ish)?\b",
    "url": (
        r"\b(?:https?://|www\.)[^\s<>\"']+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|io|tv|info"
        r"|eu|uk|de|fr|ch|nl|dev|ai|co|app|me)"
        r"(?:/[^\s<>\"']*)?\b|\b[\w-]+ dot (?:com|org|net|edu|io)\b"
    ),
    "email": r"\b[\w.+-]+\s?@\s?[\w-]+(?:\.[\w-]+)+\b|\b[\w.]+ at [\w-]+ dot (?:com|org|net|edu|io)\b",
    "phone": rf"(?<!\w)\+?\d[\d ()/.-]{{5,}}\d(?!\w)|\b(?:(?:{_WORD_NUMBER}|oh)[ -]){{5,}}(?:{_WORD_NUMBER}|oh)\b",
    "code": (
        rf"\b(?:(?:{_WORD_NUMBER}|oh|double)[ -]){{2,}}(?:{_WORD_NUMBER}|oh)\b|(?<!\w)(?:\d[ -]?){{3,}}(?!\w)"
        r"|\b(?=[A-Za-z-]*\d)(?=[\d-]*[A-Za-z])[A-Za-z\d][A-Za-z\d-]{2,}\b"
    ),
    "introduced": (
        rf"(?:(?:\b[Nn]ame\s*(?:is|was|[’']s|:|\?)(?:\s+(?:It[’']s|I[’']m|I am|My name is))?"
        r"|\b[Aa]nswers to the name(?: of)?"
        rf"|\bI(?:[’']m| am)|\b[Tt]his is|\b[Mm]eet|\b[Cc]alled|\b[Nn]amed"
        rf"|\b[Ww]elcome,?|\b[Bb]y:?|\b[Tt]hanks?(?: you)?,?"
        rf"|\b[Hh](?:i|ello|ey),?"
        rf"|\b{_TITLE}\.?)\s+)(?P<value>{_CAPITAL}(?:[ \t]+{_CAPITAL})*)"
    ),
    "full_name": rf"(?<!\w)(?P<value>{_CAPITAL}(?:[ \t]+{_CAPITAL})+)",
    "proper": _NAME_RUN,
}
_CASED: frozenset[ValueType] = frozenset({"introduced", "full_name", "proper"})  # capitals make these


@cache
def _pattern(kind: ValueType) -> re.Pattern[str]:
    """Compiled when it is first looked for: a question needs one or two of them."""
    return re.compile(_PATTERNS[kind], 0 if kind in _CASED else re.I)


def find(kind: ValueType, text: str, language: str = "en") -> list[Value]:
    """All values of one type in ``text``, in order.

    Args:
        language: ISO 639-1 code of the text; its own words for numbers, months, units ... count too.
    """
    found = _found(_pattern(kind), kind, text)
    own = abroad(language).get(kind)
    if own is None:
        return found
    theirs = _found(own, kind, text)
    if kind == "age":
        return theirs  # "am 14. Februar" is no "I am 14"
    # The longer one of two that overlap: "3 de mayo" and not 3.
    kept = [a for a in (*theirs, *found) if not any(_inside(a, b) for b in (*theirs, *found))]
    return sorted(dict.fromkeys(kept), key=lambda value: value.start)


def _inside(one: Value, other: Value) -> bool:
    overlap = one.start < other.end and other.start < one.end
    return overlap and one.end - one.start < other.end - other.start


def _found(pattern: re.Pattern[str], kind: ValueType, text: str) -> list[Value]:
    found = []
    for match in pattern.finditer(text):
        group = "value" if "value" in match.re.groupindex and match.group("value") else 0
        value = Value(match.group(group).strip(" ,;"), *match.span(group))
        if value.text and _FILTERS.get(kind, _anything)(value, text):
            found.append(value)
    return found


def year(text: str) -> int | None:
    """A spelt-out year as a number: ``eighteen ninety two`` gives 1892; None when it is not one."""
    parts = [p for p in re.split(r"[ -]+", fold(text).strip()) if p not in ("and", "oh", "hundred")]
    numbers = [NUMBERS.get(p, -1) for p in parts]
    if not numbers or not 17 <= numbers[0] <= 20 or len(numbers) > 3:
        return None
    tail = numbers[1:]
    if len(tail) == 2 and not (tail[0] in _TENS and 0 < tail[1] < 10):
        return None
    if any(not 0 < n < 100 for n in tail) or (not tail and "hundred" not in fold(text)):
        return None
    return 100 * numbers[0] + sum(tail)


def digits(text: str) -> str | None:
    """A spelt-out run of single digits as numerals: ``seven four one nine`` gives ``7419``; None when it is not one."""
    parts = re.split(r"[ -]+", fold(text).strip())
    if len(parts) < 3 or any(NUMBERS.get(p, 0 if p == "oh" else 10) > 9 for p in parts):
        return None
    return "".join(str(NUMBERS.get(p, 0)) for p in parts)


def _anything(value: Value, text: str) -> bool:
    return True


def _is_name(value: Value, text: str) -> bool:
    """Not a word that is capitalised only because a sentence begins with it, and not a common word."""
    words = [w for w in re.split(r"\W+", fold(value.text)) if w]
    if not words or all(w in STOP or w in FRAME or len(w) < 2 for w in words):
        return False
    first = words[0]
    if len(words) > 1 and first in STOP and not value.text.isupper():
        return False
    begins = not text[: value.start].rstrip(" \"'“‘(¿¡-–").rstrip() or text[: value.start].rstrip()[-1:] in ".!?:\n…"
    return len(words) > 1 or not begins or value.text.isupper()


def _is_name_part(value: Value, text: str) -> bool:
    words = [w for w in re.split(r"\W+", fold(value.text)) if w]
    return bool(words) and not all(w in STOP or w in FRAME or len(w) < 2 for w in words)


_FILTERS: Mapping[ValueType, Callable[[Value, str], bool]] = {
    "proper": _is_name,
    "introduced": _is_name_part,
    "full_name": _is_name,
}
