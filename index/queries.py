"""A person's query as words for full-text search, slips of pen and recogniser forgiven."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from vagent.errors import QuestionError
from vagent.index.words import searchable

LONGEST = 4000
"""Characters of a query, at most."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_FORGIVEN = 4  # letters from which a word may have one wrong
_VARIANTS = 4  # known words tried for an unknown one, at most
_PART = 3  # letters of each half where a word is split

_STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be been before being between both but by can could did do does
    doing during each ever for from had has have having he her here hers him his how i if in into is it its just me
    more most my no nor not of off on once only or other our out over own s same she should so some such t than that
    the their them then there these they this those through to too under until up us very was we were what when where
    which while who whom whose why will with would you your""".split()
)


def words(query: str) -> list[str]:
    """The words of a query that are worth looking for, without repeats; function words only where there is nothing
    else.

    Raises:
        QuestionError: no word at all, or more text than a query has.
    """
    if len(query) > LONGEST:
        raise QuestionError("the query is too long", f"{len(query)} characters", allowed=f"up to {LONGEST}")
    # Scripts without spaces are one long word here; full-text search looks for it as a phrase.
    found = list(dict.fromkeys(word.casefold() for word in _WORD.findall(searchable(query).replace("’", "'"))))
    if not found:
        raise QuestionError("the query is empty", query, allowed="words or a question")
    return [word for word in found if word not in _STOP_WORDS] or found


def forgiven(query: Sequence[str], known: Callable[[str], bool], terms: Callable[[], Iterable[str]]) -> list[str]:
    """``query`` and, for what the library does not know, what it may have meant.

    Neighbours are tried joined ("clean room" for "cleanroom"); a word that nothing holds is tried split in two and
    with one letter changed, added, left out or swapped.

    Args:
        query: as ``words`` gives them.
        known: whether anything in the library holds a word, in any of its forms.
        terms: every stem that the library knows; asked only when there is an unknown word.
    """
    found = list(query)
    found += [pair for a, b in pairwise(query) if _plain(a, b) and known(pair := a + b)]
    unknown = [word for word in query if len(word) >= _FORGIVEN and word.isalpha() and not known(word)]
    if not unknown:
        return found
    vocabulary = [term for term in terms() if len(term) >= _FORGIVEN - 1]
    for word in unknown:
        halves = [f"{word[:at]} {word[at:]}" for at in range(_PART, len(word) - _PART + 1)]
        found += [both for both in halves if known(both)]
        found += sorted(term for term in vocabulary if one_slip(word, term))[:_VARIANTS]
    return found


def _plain(*parts: str) -> bool:
    return all(part.isalpha() and len(part) >= _PART for part in parts)


def one_slip(a: str, b: str) -> bool:
    """True where one letter changed, added, left out or swapped with its neighbour makes one word of the other."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    short, long = sorted((a, b), key=len)
    at = next((i for i, letter in enumerate(short) if letter != long[i]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[at + 1 : at + 2] + short[at : at + 1]
    return short[at + 1 :] == long[at + 1 :] or (
        len(swapped) == 2 and long[at : at + 2] == swapped and short[at + 2 :] == long[at + 2 :]
    )
