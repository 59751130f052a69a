"""Under which names the library keeps vectors: those of one model may be of evidence, of pictures or of summaries."""

from __future__ import annotations

from typing import Literal

_PREFIXES = {"pictures": "visual ", "summaries": "summary "}


def recorded(model: str, of: Literal["pictures", "summaries"] = "pictures") -> str:
    """The name of the vectors that a model made of pictures or of summaries; those of evidence go by the model's own.
    The same model may embed all of these, and they are different sets of vectors."""
    return _PREFIXES[of] + model


def of_pictures(name: str) -> bool:
    """Whether the vectors of this name are of pictures."""
    return name.startswith(_PREFIXES["pictures"])


def sort(name: str) -> str:
    """What the vectors of this name are of; only vectors of one sort are compared with each other."""
    return next((of for of, prefix in _PREFIXES.items() if name.startswith(prefix)), "evidence")
