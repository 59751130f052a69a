"""Prompts: one file each, with placeholders that are filled in one pass, so that no value can fill another."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files

_PLACE = re.compile(r"\{([a-z_]+)\}")


@cache
def template(name: str) -> str:
    """The text of ``prompts/<name>.md``."""
    return files("vagent.prompts").joinpath(f"{name}.md").read_text(encoding="utf-8")


def places(name: str) -> frozenset[str]:
    """Names of the placeholders of a prompt."""
    return frozenset(_PLACE.findall(template(name)))


def fill(name: str, **values: str) -> str:
    """The prompt with its placeholders filled.

    Raises:
        ValueError: a placeholder without a value, or a value without a placeholder.
    """
    wanted = places(name)
    if wanted != values.keys():
        raise ValueError(f"prompt {name}: placeholders {sorted(wanted)}, values {sorted(values)}")
    return _PLACE.sub(lambda match: values[match.group(1)], template(name))


def marker(evidence: str) -> str:
    """The line that stands before and after quoted evidence.

    It depends on the evidence: text in a video cannot contain the line that would end its own quotation.
    """
    return f"=== evidence {hashlib.sha256(evidence.encode()).hexdigest()[:16]} ==="
