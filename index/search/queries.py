"""A person's query as words for full-text search, slips of pen and recogniser forgiven."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from vagent.errors import QuestionError
from vagent.index import words as texts

LONGEST = 4000
"""Characters of a query, at most."""

_FORGIVEN = range(4, 31)  # letters of a word that may have one wrong
_UNKNOWN = 6  # words of a query that are forgiven, at most
_VARIANTS = 4  # known words tried for an unknown one, at most
_PART = 3  # letters of each half where a word is split
_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзийклмнопрстуфхцчшщъыьэюяєіїґ",
    "αβγδεζηθικλμνξοπρστυφχψως",
)

STOP_WORDS = frozenset(
    """a about after all also am an and any are aren as at be been before being between both but by can could couldn did
    didn do does doesn doing don during each ever for from had hadn has hasn have haven having he her here hers him his
    how i if in into is isn it its just me more most my no nor not of off on once only or other our out over own same
    she should shouldn so some such than that the their them then there these they this those through to too under until
    up us very was wasn we were weren what when where which while who whom whose why will with won would wouldn you
    your""".split()
)
"""English words that carry no content."""


def words(query: str) -> list[str]:
    """The words of a query that are worth looking for, without repeats; function words only where there is nothing
    else.

    Raises:
        QuestionError: no word at all, or more text than a query has.
    """
    if len(query) > LONGEST:
        raise QuestionError("the query is too long", f"{len(query)} characters", allowed=f"up to {LONGEST}")
    found = list(dict.fromkeys(texts.words(query)))
    if not found:
        raise QuestionError("the query is empty", query, allowed="words or a question")
    return [word for word in found if word not in STOP_WORDS] or found


def forgiven(
    query: Sequence[str], known: Callable[[str], bool], among: Callable[[Sequence[str]], Sequence[str]]
) -> list[str]:
    """``query`` and, for what the library does not know, what it may have meant.

    Neighbours are tried joined ("clean room" for "cleanroom"); a word that nothing holds is tried split in two and
    with one letter changed, added, left out or swapped. A number is taken at its word.

    Args:
        query: as ``words`` gives them.
        known: whether anything in the library holds a word, in any of its forms.
        among: those of some stems that the library knows.
    """
    found = list(query)
    found += [a + b for a, b in pairwise(query) if _plain(a, b) and known(a + b)]
    unknown = [word for word in query if len(word) in _FORGIVEN and word.isalpha() and not known(word)][:_UNKNOWN]
    for word, stem in zip(unknown, texts.stems(unknown) if unknown else [], strict=True):
        halves = [f"{word[:at]} {word[at:]}" for at in range(_PART, len(word) - _PART + 1)]
        found += [both for both in halves if known(both)]
        close = [term for term in slips(stem) | slips(word) if len(term) >= _FORGIVEN.start - 1]
        found += sorted(among(close))[:_VARIANTS]
    return found


def slips(word: str) -> set[str]:
    """All that one letter changed, added, left out or swapped with its neighbour makes of a word."""
    letters = "".join(alphabet for alphabet in _ALPHABETS if set(alphabet) & set(word))
    splits = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    left_out = {a + b[1:] for a, b in splits if b}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1}
    changed = {a + letter + b[1:] for a, b in splits if b for letter in letters}
    added = {a + letter + b for a, b in splits for letter in letters}
    return (left_out | swapped | changed | added) - {word}


def _plain(*parts: str) -> bool:
    return all(part.isalpha() and len(part) >= _PART for part in parts)
