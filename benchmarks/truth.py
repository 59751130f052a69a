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
    return 2 * hits(found, cuts) / (len(found) + len(cuts)) if found or cuts else 1.0


def hits(found: Sequence[float], cuts: Sequence[float]) -> int:
    """How many cuts were found, each counted once."""
    left = sorted(found)
    count = 0
    for cut in sorted(cuts):
        near = [time for time in left if abs(time - cut) <= _CLOSE]
        if near:
            left.remove(min(near, key=lambda time: abs(time - cut)))
            count += 1
    return count


def recall(found: Sequence[Found], written: Sequence[Line]) -> float:
    """Part of the written words that were read, spelt as they are, at about the time at which they were there."""
    there, total = read(found, written)
    return there / total if total else 1.0


def read(found: Sequence[Found], written: Sequence[Line]) -> tuple[int, int]:
    """How many of the written words were read, as ``recall`` counts them, and how many there are."""
    total = there = 0
    for line in written:
        near = " ".join(t for a, b, t in found if a <= line.end + _EARLY and b >= line.start - _EARLY)
        seen = set(words(near))
        wanted = words(line.text)
        total += len(wanted)
        there += sum(word in seen for word in wanted)
    return there, total


def words(text: str) -> list[str]:
    """The words of a text in small letters."""
    return re.findall(r"\w+", text.casefold())
