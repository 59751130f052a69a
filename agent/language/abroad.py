"""Typed values in languages beside English, from the tables of ``tongues``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from vagent.agent.language.gloss import tongue_of

_NUMERAL = r"\d{1,3}(?:[,. ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?"
_GLUED = r"|\w*(?:hundert|tausend|zig|honderd|duizend|tig|cento|mila|cientos|ciento)\w*"  # "dreihundertzwanzig"
_CAPITAL = r"[^\W\d_a-zà-öø-ÿ][\w'’-]*"


@cache
def abroad(code: str) -> Mapping[str, re.Pattern[str]]:
    """What finds values of each type in a language; empty for English and for languages without a table."""
    tongue = tongue_of(code)
    if tongue is None:
        return {}
    number = "|".join(sorted(tongue.numbers.split(), key=len, reverse=True)) + _GLUED
    amount = rf"(?:{_NUMERAL}|\b(?:{number})(?:[ -](?:{number})\b)*)"
    months, days = "|".join(tongue.months.split()), "|".join(tongue.days.split())
    spans, colours = "|".join(tongue.spans.split()), "|".join(tongue.colours.split())
    year = r"(?:1[0-9]\d\d|20\d\d)"
    date = rf"\b(?:\d{{1,2}}(?:er|º|ª|\.)?|{number})\s+(?:de\s+)?(?:{months})\b(?:\s+(?:del?\s+)?{year})?"
    found = {
        "number": rf"(?<![\w.,])(?:{_NUMERAL})(?![\w])(?!\.?\s+(?:de\s+)?(?:{months})\b)|\b(?:{number})\b",
        "money": rf"{amount}\s(?:{'|'.join(tongue.currencies.split())})\b(?:\s(?:und |et |y |e |en )?{amount}\b)?",
        "date": rf"{date}|\b(?:{months})\s+(?:del?\s+)?{year}|\b(?:{days})s?\b|\b(?:{months})\b",
        "month": rf"\b(?:{months})\b",
        "weekday": rf"\b(?:{days})s?\b",
        "clock": rf"(?:\d{{1,2}}(?:[:.h]\d{{2}})?|\b(?:{number}))\s?(?:{tongue.hours})\b(?:\s\d{{2}}\b)?"
        rf"|\b\d{{1,2}}[:h]\d{{2}}\b|\b(?:{tongue.at})\s+(?:\d{{1,2}}|{number})\b(?:\s(?:{tongue.hours})\b)?(?!\s+(?:{spans})\b)"
        rf"|\bhalb\s(?:{number})\b",
        "duration": rf"{amount}\s(?:{spans})\b",
        "age": rf"{amount}\s(?:jahre? alt|jaar oud|ans|años|anni|anos)\b",
        "measure": rf"{amount}\s?(?:{'|'.join(tongue.measures.split())}|km|cm|mm|kg|°\s?c?)(?!\w)",
        "percent": rf"{amount}\s?(?:%|prozent\b|pour cent\b|por ciento\b|per cento\b|por cento\b|procent\b)",
        "colour": rf"\b(?:(?:dunkel|hell|donker|licht))?(?:{colours})(?:e[nrsm]?)?\b",
    }
    patterns = {name: re.compile(pattern, re.I) for name, pattern in found.items()}
    called = rf"\b(?i:{tongue.called})\s+(?P<value>{_CAPITAL}(?:[ \t]+{_CAPITAL})*)"
    return patterns | {"introduced": re.compile(called)}
