"""What the terminal, or whatever reads what is printed, can take: how wide, and which characters."""

from __future__ import annotations

import codecs
import io
import shutil
import sys
from typing import TextIO

_WIDEST = 100
_NARROWEST = 20


def width() -> int:
    """Columns of a line of text: those of the terminal, 100 at most, and 100 where something else reads."""
    if not sys.stdout.isatty():
        return _WIDEST
    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))


def unicode() -> bool:
    """Whether every character can be printed, so that JSON needs no escapes."""
    try:
        return codecs.lookup(sys.stdout.encoding or "utf-8").name.startswith("utf")
    except LookupError:
        return False


def printable(stream: TextIO) -> None:
    """From now on print what the stream's encoding lacks as an escape, where it would be an error."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")
