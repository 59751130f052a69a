"""How many parameters a model has: counted in its files, or as its name tells."""

from __future__ import annotations

import re

_NAMED = re.compile(r"(?<![a-z0-9.])(?:(\d{1,2})x)?(\d{1,4}(?:\.\d{1,3})?)([bm])(?![a-z0-9])", re.I)


def billions_named(name: str) -> float | None:
    """Billions of parameters that a model's name tells, ``qwen3:8b`` or ``Mixtral-8x7B`` for instance; None where it
    tells none. Of a mixture it is the whole, not the part that works on a token."""
    found = [
        float(size) * int(times or 1) / (1 if unit in "bB" else 1000) for times, size, unit in _NAMED.findall(name)
    ]
    return max(found, default=None)
