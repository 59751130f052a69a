"""Text from media made safe to show: it may hold terminal escapes, forged lines and invisible characters."""

from __future__ import annotations

import re
import unicodedata

_ESCAPE = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # operating system commands, for instance a forged link
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, cursor movement
    r"|\x1b[@-_]?"
)
_SPACE = re.compile(r"\s+")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS = "\u200c\u200d"  # needed to write Persian, Hindi and many emoji


def safe(text: str) -> str:
    """``text`` on one line without terminal escapes, control, direction and invisible characters."""
    if text.isascii() and text.isprintable():
        return _SPACE.sub(" ", text).strip()
    text = _SPACE.sub(" ", _ESCAPE.sub(" ", text))
    kept = (c for c in text if c in _JOINERS or unicodedata.category(c) not in _HIDDEN)
    return _SPACE.sub(" ", "".join(kept)).strip()


def safe_lines(text: str) -> str:
    """As ``safe``, line by line: line breaks stay, empty lines go."""
    return "\n".join(line for part in text.splitlines() if (line := safe(part)))


def quoted(text: str, limit: int = 600) -> str:
    """Evidence as a quotation of one line, cut after a whole word when it is longer than ``limit``.

    Typographic quotation marks inside are replaced, so that a quotation cannot be closed from within.
    """
    line = safe(text).replace("“", '"').replace("”", '"')
    if len(line) > limit:
        line = line[:limit].rsplit(" ", 1)[0] + " …"
    return f"“{line}”"
