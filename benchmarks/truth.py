"""How much of what is true of a film was found: its cuts, and what is written in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.cinema import Line

_CLOSE = 0.3  # seconds by which a cut may be off
_EARLY = 3.0  # seconds by which a text may be placed beside where it is

Found = tuple[float, float, str]
"""A text that was read, and from when to when, in seconds."""


def f1(found: Sequence[float], cuts: Sequence[float]) -> float:
    """Harmonic mean of precision and recall of cuts, each counted once; 1.0 where there is nothing to find."""
    if not found and not cuts:
        return 1.0
    left = sorted(found)
    hits = 0
    for cut in sorted(cuts):
        near = [time for time in left if abs(time - cut) <= _CLOSE]
        if near:
            left.remove(min(near, key=lambda time: abs(time - cut)))
            hits += 1
    return 2 * hits / (len(found) + len(cuts))


def recall(found: Sequence[Found], written: Sequence[Line]) -> float:
    """Part of the written words that were read, spelt as they are, at about the time at which they were there."""
    total = hits = 0
    for line in written:
        near = " ".join(t for a, b, t in found if a <= line.end + _EARLY and b >= line.start - _EARLY)
        read = set(words(near))
        wanted = words(line.text)
        total += len(wanted)
        hits += sum(word in read for word in wanted)
    return hits / total if total else 1.0


def words(text: str) -> list[str]:
    """The words of a text in small letters."""
    return re.findall(r"\w+", text.casefold())
