"""Letters of the options of a multiple-choice question."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LABEL = re.compile(r"\s*\(?([A-Za-z])[.):]\s+(?=\S)")


def own_letters(choices: Sequence[str]) -> tuple[str, ...]:
    """The letters that the options bring along ("B. red"), where all have one and none twice; else none."""
    own = tuple(match.group(1).upper() for choice in choices if (match := _LABEL.match(choice)))
    return own if len(own) == len(choices) == len(set(own)) else ()


def letters(choices: Sequence[str]) -> list[str]:
    """The letter of each option: its own ("B. red") where all have one and none twice, else A, B, C by position."""
    return list(own_letters(choices)) or [chr(ord("A") + i) for i in range(len(choices))]


def without_label(choice: str) -> str:
    """The option's text without a letter in front."""
    return _LABEL.sub("", choice, count=1).strip()
