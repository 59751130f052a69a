"""How probable it is that a server's answer begins with this letter or that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vagent.errors import EngineFailed
from vagent.tools.endpoint.replies import SEE_LOG, short, text

_BLANK = " \t\n▁Ġ"  # also as some tokenizers write a space
_MARKS = " \t\n.:,()*\"'"  # what may stand around a letter
_LEAST = -9999.0  # OpenAI's own number for "not at all"
_SURE = 0.9  # how probable a letter is that a model just said; looks in several orders then tell how sure it is


def scores(found: Mapping[str, Any], letters: Sequence[str]) -> list[float]:
    """Log-probabilities of the letters as the first word, normalised over the letters.

    Raises:
        EngineFailed: none of the letters is among the likeliest words, or the numbers are no probabilities.
    """
    words = _likeliest(found.get("logprobs"))
    if words is None:
        said = text(found.get("message")).strip(_MARKS)
        if said not in letters:
            raise EngineFailed("the model answers with none of the letters", short(said), allowed=", ".join(letters))
        rest = math.log((1 - _SURE) / max(1, len(letters) - 1))
        words = {letter: math.log(_SURE) if letter == said else rest for letter in letters}
    elif not any(letter in words for letter in letters):
        allowed = ", ".join(letters)
        raise EngineFailed("the model would answer with none of the letters", short(list(words)), allowed=allowed)
    least = min(words.values())
    values = [words.get(letter, least) for letter in letters]
    whole = _sum(values)
    return [value - whole for value in values]


def _likeliest(given: Any) -> dict[str, float] | None:
    """The likeliest first words with the logarithm of their probability, "A" and " A" as one; None: none were given."""
    content = given.get("content") if isinstance(given, dict) else None
    first = content[0] if isinstance(content, list) and content else None
    rows = first.get("top_logprobs") if isinstance(first, dict) else None
    if not isinstance(rows, list) or not rows:
        return None
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        token, value = (row.get("token"), row.get("logprob")) if isinstance(row, dict) else (None, None)
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.inf
        if not isinstance(token, str) or not number <= 1e-3:  # "not a number" fails any comparison
            raise EngineFailed("the server's probabilities are none", short(row), hint=SEE_LOG)
        found.setdefault(token.strip(_BLANK), {})[token] = float(max(number, _LEAST))
    return {word: _sum(list(values.values())) for word, values in found.items()}


def _sum(logarithms: Sequence[float]) -> float:
    """The logarithm of the sum of probabilities."""
    most = max(logarithms)
    return most + math.log(sum(math.exp(x - most) for x in logarithms))
