"""Whether words that somebody quotes stand in evidence, which recognition may have spelt a little differently."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vagent.agent.language.words import NUMBERS, squeezed, tokens

# Chosen on 1900 quotations from small dialogues and screens with the slips of recognisers (letters and words taken for
# others, dropped or glued). Of those that are true 94 % are found; of those in which one word, number or "not" is
# another one, 2 to 16 % are taken for true, and none that stand elsewhere.
_ALIKE = 85.0  # percent of the letters that must be alike
_WORD = 75.0  # percent of the letters of each longer word
_LONG = 4  # letters of a word that is looked at by itself
_SHORT = 5  # letters below which a quotation must stand there word for word
_PAD = 2  # letters beside the place that belong to it
_DENIED = ("not", "never", "nt")

_MARKS = re.compile(
    r"“([^“”]*)[“”]|„([^„“”]*)[“”]|«([^«»]*)»|»([^«»]*)«|\"([^\"]*)\"|「([^「」]*)」|『([^『』]*)』"
    r"|(?<!\w)[‘']([^‘’']*(?:['’]\w[^‘’']*)*)['’](?!\w)"  # no apostrophes
)


def quotations(text: str) -> list[tuple[int, int, str]]:
    """Quotations of a text: where each begins and ends with its marks, and the words in between."""
    found = ((m.start(), m.end(), next(g for g in m.groups() if g is not None).strip()) for m in _MARKS.finditer(text))
    return [one for one in found if squeezed(one[2])]


def stands(words: str, text: str) -> bool:
    """True when the words stand in a text, spelt nearly the same; numbers and denials exactly so.

    Dots ("…", "...") stand for words that were left out.
    """
    parts = [part for part in re.split(r"\.{2,}|…|\[\s*\]", words) if squeezed(part)]
    return bool(parts) and all(_stands(part, text) for part in parts)


def _stands(words: str, text: str) -> bool:
    from rapidfuzz import fuzz

    wanted, letters = squeezed(words), squeezed(text)
    if len(wanted) < _SHORT and wanted.isascii():
        return _in_row(tokens(words), tokens(text))
    if wanted in letters:
        return True
    if len(wanted) > len(letters):
        return fuzz.ratio(wanted, letters) >= _ALIKE and _each(words, letters, tokens(text))
    place = fuzz.partial_ratio_alignment(wanted, letters, score_cutoff=_ALIKE)
    if place is None or not place.score:
        return False
    inside = letters[place.dest_start : place.dest_end]
    if any(inside.count(word) > wanted.count(word) for word in _DENIED):
        return False
    return _each(words, letters[max(0, place.dest_start - _PAD) : place.dest_end + _PAD], tokens(text))


def _each(words: str, letters: str, held: Sequence[str]) -> bool:
    """Whether every number stands in some letters, and every longer word nearly; ``held`` are the words around them."""
    from rapidfuzz import fuzz

    for token in tokens(words):
        word = squeezed(token)
        if token in NUMBERS or any(c.isdigit() for c in word):
            longer = any(other in NUMBERS and other.startswith(word) for other in held if other != word)
            if word not in letters or (longer and token not in held):  # "seven" in "seventy"
                return False
        elif len(word) >= _LONG and fuzz.partial_ratio(word, letters) < _WORD:
            return False
    return True


def _in_row(words: Sequence[str], inside: Sequence[str]) -> bool:
    count = len(words)
    return any(list(inside[i : i + count]) == list(words) for i in range(len(inside) - count + 1))
