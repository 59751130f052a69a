"""When two readings are one text: recognisers jitter (l/1, O/0, lost spaces), numbers must not be mixed up."""

from __future__ import annotations

import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache

_LOOKALIKES = str.maketrans({"o": "0", "l": "1", "i": "1", "|": "1", "s": "5", "ı": "1"})
_STROKES = "一丨丶"  # single strokes: what a recogniser sees in a line or an edge
_LONG_ENOUGH = 5  # letters from which a reading may differ and still be the same


@lru_cache(maxsize=4096)
def key(text: str) -> str:
    """The text without what readings of one line differ in: case, spaces, punctuation, look-alikes."""
    return _plain(text).translate(_LOOKALIKES)


def letters(text: str) -> int:
    """How many letters and digits the text has. An ideograph counts as two, because it says as much; a single stroke,
    which may be any edge, counts as none.
    """
    return sum((2 if unicodedata.east_asian_width(c) == "W" else 1) for c in text if c.isalnum() and c not in _STROKES)


def clean(text: str) -> str:
    """The text in NFC, control characters dropped, runs of white space as one space."""
    printable = "".join(c if not unicodedata.category(c).startswith("C") else " " for c in text)
    return " ".join(unicodedata.normalize("NFC", printable).split())


def alike(a: str, b: str, least: float = 0.8) -> bool:
    """True where both are readings of one text: equal keys, or long texts of at least ``least`` similarity (0..1) that
    do not differ in a number. "ITEM 1 OF 3" is not "ITEM 2 OF 3".
    """
    one, other = key(a), key(b)
    if one == other:
        return bool(one)
    shorter, longer = sorted((len(one), len(other)))
    if shorter < _LONG_ENOUGH or 2 * shorter < least * (shorter + longer):
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.ratio() < least:
        return False
    # Keys and plain texts have the same length, so that places in one are places in the other.
    plain, other_plain = _plain(a), _plain(b)
    changes = [code[1:] for code in matcher.get_opcodes() if code[0] != "equal"]
    return not any(_numbers_differ(plain[i0:i1], other_plain[j0:j1]) for i0, i1, j0, j1 in changes)


def grew(before: str, after: str) -> bool:
    """True where ``after`` goes on where ``before`` ends: typed or revealed text."""
    short, long = key(before), key(after)
    return 0 < len(short) < len(long) and long.startswith(short)


def grew_inside_word(before: str, after: str) -> bool:
    """True where ``before`` was cut in the middle of a word of ``after``: a reveal caught half-way."""
    if not grew(before, after):
        return False
    wanted = len(key(before))
    for word in after.split():
        wanted -= len(key(word))
        if wanted <= 0:
            return wanted < 0
    return False


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum() or c == "|")


def _numbers_differ(one: str, other: str) -> bool:
    """A digit changed to another, came or went; a digit read as a letter is the recogniser's doing."""
    digits = [any(c.isdigit() for c in part) for part in (one, other)]
    return all(digits) or (any(digits) and not (one and other))
