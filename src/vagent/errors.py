"""Everything vagent raises on purpose.

    VagentError
    ├── InputError               what was asked for cannot be used
    │   ├── SourceError          no such file, no video in that folder, no permission
    │   ├── MediaError           a file that cannot be decoded as video or audio
    │   ├── TimeError            a time or a span that makes no sense
    │   ├── QuestionError        an empty or oversized question or query
    │   ├── SettingsError        an unknown preset, key or value
    │   └── BundleError          an exported library that is damaged, forged or too new
    ├── EngineError
    │   ├── EngineUnavailable    known, but it cannot run here now
    │   └── EngineFailed         it ran and broke
    └── LibraryError
        ├── LibraryVersionError  written by a newer vagent
        ├── LibraryCorruptError  the database does not hold together
        ├── LibraryBusyError     another process holds what is needed
        └── StorageError         disk full, read-only, no permission

A message says what was wrong, the value seen, what is allowed and what to run next, in one line.
Catch ``VagentError`` to catch them all.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "BundleError",
    "EngineError",
    "EngineFailed",
    "EngineUnavailable",
    "InputError",
    "LibraryBusyError",
    "LibraryCorruptError",
    "LibraryError",
    "LibraryVersionError",
    "MediaError",
    "QuestionError",
    "SettingsError",
    "SourceError",
    "StorageError",
    "TimeError",
    "VagentError",
]

_SHOWN = 120  # characters of a user's value that a message repeats


class VagentError(Exception):
    """Base of everything vagent raises on purpose.

    Args:
        what: what was wrong, without a full stop.
        value: the value seen; shown quoted and shortened, with control characters made visible.
        allowed: what would have been accepted: a text, or the names to choose from.
        hint: what to do or run next.
    """

    def __init__(
        self,
        what: str,
        value: object = None,
        *,
        allowed: str | Iterable[str] | None = None,
        hint: str | None = None,
    ) -> None:
        self.what = what
        self.value = value
        self.allowed = allowed if allowed is None or isinstance(allowed, str) else ", ".join(allowed)
        self.hint = hint
        super().__init__(self._line())

    def _line(self) -> str:
        parts = [self.what if self.value is None else f"{self.what}: {_shown(self.value)}"]
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.hint:
            parts.append(self.hint)
        return _one_line("; ".join(parts))


def _shown(value: object) -> str:
    text = str(value)
    if len(text) > _SHOWN:
        text = text[:_SHOWN] + "…"
    return repr(text) if isinstance(value, str) else _one_line(text)


def _one_line(text: str) -> str:
    """Control characters (line breaks, terminal escapes) made visible, so that a file name cannot forge output."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


class InputError(VagentError):
    """What was asked for cannot be used."""


class SourceError(InputError):
    """No such file, no video in that folder, or no permission to read it."""


class MediaError(InputError):
    """A file that cannot be decoded as video or audio."""


class TimeError(InputError):
    """A time or a span that makes no sense."""


class QuestionError(InputError):
    """An empty or oversized question or query."""


class SettingsError(InputError):
    """An unknown preset, key or value."""


class BundleError(InputError):
    """An exported library that cannot be imported: damaged, forged, or written by a newer vagent."""


class EngineError(VagentError):
    """Something about a recogniser, an embedding or a language model."""


class EngineUnavailable(EngineError):
    """The engine is known, but it cannot run here now; the message says what would make it work."""


class EngineFailed(EngineError):
    """The engine ran and broke."""


class LibraryError(VagentError):
    """Something about the library on disk."""


class LibraryVersionError(LibraryError):
    """The library was written by a newer vagent."""


class LibraryCorruptError(LibraryError):
    """The library's database does not hold together."""


class LibraryBusyError(LibraryError):
    """Another process holds what is needed."""


class StorageError(LibraryError):
    """Disk full, read-only, or no permission to write."""
