"""What an OpenAI-compatible server's replies hold, checked field by field: no two servers send quite the same."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vagent.errors import EngineFailed

_SEE = "see the server's log"
_BLANK = " \t\n▁Ġ"  # also as some tokenizers write a space
_MARKS = " \t\n.:,()*\"'"  # what may stand around a letter
_LEAST = -9999.0  # OpenAI's own number for "not at all"
_SURE = 0.9  # how probable a letter is that a model just said; looks in several orders then tell how sure it is


def choice(reply: Any) -> dict[str, Any]:
    """The first choice of a reply, or of an event of one.

    Raises:
        EngineFailed: there is none; the message has what the server says instead.
    """
    found = reply.get("choices") if isinstance(reply, dict) else None
    if isinstance(found, list) and found and isinstance(found[0], dict):
        return found[0]
    said = reply.get("error") if isinstance(reply, dict) else None
    said = said.get("message", said) if isinstance(said, dict) else said
    raise EngineFailed("the server answered without an answer", _short(said or reply), hint=_SEE)


def text(message: Any) -> str:
    """The text of a message or of a piece of one, whole or in parts; empty where it has none.

    Raises:
        EngineFailed: it is no message, or its content no text.
    """
    if not isinstance(message, dict):
        raise EngineFailed("the server answered without a message", _short(message), hint=_SEE)
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(t for part in content if isinstance(part, dict) and isinstance(t := part.get("text"), str))
    if not isinstance(content, str | None):
        raise EngineFailed("the server's answer is no text", _short(content), hint=_SEE)
    return (content or "").encode(errors="replace").decode()  # half a surrogate pair could not be printed


def streamed(events: Iterator[Any], shown: str) -> Iterator[str]:
    """The text of each event.

    Args:
        shown: the server's address.

    Raises:
        EngineFailed: an event is malformed or an error, or the last one does not say that the answer is complete.
    """
    complete = False
    for event in events:
        if isinstance(event, dict) and event.get("choices") == [] and "error" not in event:
            continue  # how many tokens it cost
        found = choice(event)
        piece = text(found["delta"] if "delta" in found else found.get("message"))
        complete = complete or found.get("finish_reason") is not None
        if piece:
            yield piece
    if not complete:
        raise EngineFailed(f"{shown} broke off in the middle of its answer", hint=_SEE)


def scores(found: Mapping[str, Any], letters: Sequence[str]) -> list[float]:
    """Log-probabilities of the letters as the first word, normalised over the letters.

    Raises:
        EngineFailed: none of the letters is among the likeliest words, or the numbers are no probabilities.
    """
    words = _likeliest(found.get("logprobs"))
    if words is None:
        said = text(found.get("message")).strip(_MARKS)
        if said not in letters:
            raise EngineFailed("the model answers with none of the letters", _short(said), allowed=", ".join(letters))
        rest = math.log((1 - _SURE) / max(1, len(letters) - 1))
        words = {letter: math.log(_SURE) if letter == said else rest for letter in letters}
    elif not any(letter in words for letter in letters):
        allowed = ", ".join(letters)
        raise EngineFailed("the model would answer with none of the letters", _short(list(words)), allowed=allowed)
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
            raise EngineFailed("the server's probabilities are none", _short(row), hint=_SEE)
        found.setdefault(token.strip(_BLANK), {})[token] = float(max(number, _LEAST))
    return {word: _sum(list(values.values())) for word, values in found.items()}


def _sum(logarithms: Sequence[float]) -> float:
    """The logarithm of the sum of probabilities."""
    most = max(logarithms)
    return most + math.log(sum(math.exp(x - most) for x in logarithms))


def _short(value: Any) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value)[:400]
    except RecursionError:
        return "(nested too deeply)"
