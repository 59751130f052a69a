"""Which language a text is in, and the frame of a foreign question in English."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise

from vagent.agent.language.tongues import TONGUES, Tongue
from vagent.agent.language.words import FRAME, STOP, fold

_WORD = re.compile(r"[^\W\d_]+")
_SOUNDS = (("ck", "k"), ("c", "k"), ("z", "k"), ("ph", "f"), ("th", "t"), ("y", "i"), ("w", "v"), ("qu", "k"))
_UPSIDE_DOWN = str.maketrans("¿¡", "  ")
_KIN = 5  # letters in which two words of one origin agree
_SCRIPTS: dict[str, str | tuple[str, ...]] = {
    "ru": "CYRILLIC", "el": "GREEK", "ar": "ARABIC", "he": "HEBREW", "hi": "DEVANAGARI", "th": "THAI", "ko": "HANGUL",
    "ja": ("HIRAGANA", "KATAKANA"), "zh": "CJK",
}  # fmt: skip
_LONGEST = 5  # words of one phrase of a frame, at most
_QUOTED = re.compile(r"“[^”]+”|\"[^\"]+\"|«[^»]+»|„[^“”]+[“”]")
# Written in umlauts or without: both are the same word.
_SPELT = (("oe", "o"), ("ue", "u"), ("ae", "a"))


@lru_cache(maxsize=64)
def language(text: str) -> str:
    """ISO 639-1 code of a text's language by its script and function words; ``en`` where nothing speaks for another."""
    bare = _QUOTED.sub(" ", text)
    letters = [c for c in bare if c.isalpha()]
    for code, name in () if bare.isascii() else _SCRIPTS.items():
        if 2 * sum(unicodedata.name(c, "").startswith(name) for c in letters) > len(letters):
            return code
    words = [fold(word) for word in _WORD.findall(bare)]
    english = sum(word in STOP or word in FRAME for word in words)
    best, most = "en", english
    for tongue in TONGUES:
        hits = sum(word in tongue.known for word in words)
        if hits > most and (hits >= 2 or len(words) <= 3) and 3 * hits >= len(words):
            best, most = tongue.code, hits
    return best


def tongue_of(code: str) -> Tongue | None:
    """The table of a language; None for English and for languages without one."""
    return next((tongue for tongue in TONGUES if tongue.code == code), None)


def framed(question: str, code: str) -> str:
    """The question with its frame put into English, word for word; quoted strings and names stay as they are."""
    tongue = tongue_of(code)
    if tongue is None:
        return question
    parts: list[str] = []
    place = 0
    for quotation in [*_QUOTED.finditer(question), None]:
        end = len(question) if quotation is None else quotation.start()
        parts.append(_glossed(question[place:end], tongue))
        if quotation is not None:
            parts.append(quotation.group())
            place = quotation.end()
    return " ".join(" ".join(parts).translate(_UPSIDE_DOWN).split())


def kin(word: str) -> str:
    """What a word shares with the same word in a neighbouring language: ``Konzert`` and ``concert``."""
    word = fold(word)
    for theirs, ours in _SOUNDS:
        word = word.replace(theirs, ours)
    return re.sub(r"(.)\1", r"\1", word)[:_KIN]


def _glossed(text: str, tongue: Tongue) -> str:
    found = list(_WORD.finditer(text))
    folded = [_plain(match.group()) for match in found]
    glosses = _plain_glosses(tongue.code)
    out, place, at = [], 0, 0
    while at < len(found):
        length = next(
            (n for n in range(min(_LONGEST, len(found) - at), 0, -1) if tuple(folded[at : at + n]) in glosses), 0
        )
        step = max(1, length)
        if length and _joined(text, found[at : at + length]):
            out += [text[place : found[at].start()], glosses[tuple(folded[at : at + length])]]
            place = found[at + length - 1].end()
        else:
            step = 1
        at += step
    return "".join([*out, text[place:]])


def _joined(text: str, words: Sequence[re.Match[str]]) -> bool:
    """Whether nothing but spaces, hyphens and apostrophes stands between the words of a phrase."""
    between = (text[a.end() : b.start()] for a, b in pairwise(words))
    return all(not gap.strip(" -'’") for gap in between)


@cache
def _plain_glosses(code: str) -> dict[tuple[str, ...], str]:
    tongue = tongue_of(code)
    assert tongue is not None
    return {tuple(_plain(word) for word in phrase): english for phrase, english in tongue.glosses.items()}


def _plain(word: str) -> str:
    word = fold(word)
    for spelt, letter in _SPELT:
        word = word.replace(spelt, letter)
    return word
