"""Options as a chat model is shown them, and which one it means.

They stand in one order, whatever order they were given in: a model that likes the letter A likes the same option under
every rotation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vagent.agent.language.words import tokens
from vagent.agent.routes.choices import without_label

_LETTER = re.compile(r"\W*(?:(?:option|choice|answer)\W+)?([A-Za-z])\W*", re.I)
_LABELLED = re.compile(r"\W*(?:(?:option|choice|answer)\W+)?([A-Za-z])\s*[.):\]-]+\s+(\S.*)", re.I | re.S)


def lettered(choices: Sequence[str]) -> list[tuple[str, int]]:
    """Letter and position of each option, in the order in which a model is shown them."""
    plain = [without_label(choice) for choice in choices]
    order = sorted(range(len(plain)), key=lambda i: (plain[i].casefold(), plain[i]))
    return [(chr(ord("A") + place), i) for place, i in enumerate(order)]


def meant(said: str, choices: Sequence[str]) -> int | None:
    """Position of the option that a model named by its letter, its words or both; None where that is not clear."""
    letters = dict(lettered(choices))
    plain = [without_label(choice) for choice in choices]
    by_words = _by_words(said, plain)
    if alone := _LETTER.fullmatch(said):
        by_letter = letters.get(alone[1].upper())
        # An option may itself be a letter.
        return by_letter if by_words in (None, by_letter) else None
    labelled = _LABELLED.fullmatch(said)
    if labelled and (by_letter := letters.get(labelled[1].upper())) is not None:
        words = _by_words(labelled[2], plain)
        return by_letter if words == by_letter else None
    return by_words


def _by_words(said: str, plain: Sequence[str]) -> int | None:
    """The one option whose words stand in what was said; one that is part of a longer one there does not count."""
    whole = _folded(said)
    same = [i for i, option in enumerate(plain) if _folded(option) == whole]
    if len(same) == 1:
        return same[0]
    words = tokens(said)
    inside = [i for i, option in enumerate(plain) if _stands(tokens(option), words)]
    longest = [i for i in inside if not any(i != j and _stands(tokens(plain[i]), tokens(plain[j])) for j in inside)]
    return longest[0] if len(longest) == 1 else None


def _stands(words: Sequence[str], inside: Sequence[str]) -> bool:
    count = len(words)
    return count > 0 and any(list(inside[i : i + count]) == list(words) for i in range(len(inside) - count + 1))


def _folded(text: str) -> str:
    return text.casefold().strip(" .,!\"'“”‘’«»()")
