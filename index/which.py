"""Some videos of a library, by what is known of them: where they lie, what they are called, when they were made."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePath
from typing import TypeVar

from vagent.errors import SettingsError, SourceError
from vagent.index.records import Film, Video
from vagent.tools import languages
from vagent.tools.safe import safe

_YEARS = re.compile(r"(?P<first>\d{4})?(?P<to>\s*(?:-|–|\.\.)\s*)?(?P<last>\d{4})?")
_NAMED = 8  # languages or titles that a message lists

Chosen = TypeVar("Chosen", Film, Video)


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which videos of a library; what is None does not matter, and a video has to fit all the rest.

    Attributes:
        path: pattern for the path or its end, as a shell has it: ``Lectures/*``, ``*.mkv``.
        title: what the title or the file's name holds, case and accents aside.
        year: ``1999`` or ``"1990-1999"``; ``"1990-"`` is 1990 and later.
        language: what is spoken in it: ``de``, ``ger``, ``German``.
    """

    path: str | None = None
    title: str | None = None
    year: int | str | None = None
    language: str | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.path, self.title, self.year, self.language))

    def of(self, videos: Sequence[Chosen]) -> list[Chosen]:
        """Those of some videos that fit.

        Raises:
            SettingsError: a year or a language that is none.
            SourceError: none of them fits; the message says what there is.
        """
        years = None if self.year is None else _years(self.year)
        spoken = None if self.language is None else _spoken(self.language, {video.language for video in videos})
        found = [
            video
            for video in videos
            if (self.path is None or _lies(video.path, self.path))
            and (self.title is None or _called(video, self.title))
            and (years is None or (video.year is not None and years[0] <= video.year <= years[1]))
            and (spoken is None or video.language in spoken)
        ]
        if videos and not found:
            raise SourceError(f"none of {len(videos)} videos fits", str(self), allowed=self._there(videos))
        return found

    def __str__(self) -> str:
        given = {"path": self.path, "title": self.title, "year": self.year, "language": self.language}
        return ", ".join(f"{name} {value}" for name, value in given.items() if value is not None)

    def _there(self, videos: Sequence[Film | Video]) -> str:
        """What there is of the kinds of fact that were asked for, in one line."""
        told = []
        if self.path is not None:
            folders = Counter(str(PurePath(video.path).parent) for video in videos)
            told.append("folders " + _most(folders))
        if self.title is not None:
            told.append("titles " + _most(Counter(video.title or PurePath(video.path).name for video in videos)))
        if self.year is not None:
            known = sorted(video.year for video in videos if video.year is not None)
            span = f"{known[0]} to {known[-1]}" if known else "of none"
            told.append(f"years {span}{_unknown(len(videos) - len(known)) if known else ''}")
        if self.language is not None:
            spoken = Counter(video.language for video in videos if video.language)
            unknown = len(videos) - spoken.total()
            told.append(f"languages {_most(spoken) if spoken else 'of none'}{_unknown(unknown) if spoken else ''}")
        return "; ".join(told)


def _most(counts: Counter[str]) -> str:
    names = [safe(name) for name, _ in counts.most_common(_NAMED)]
    rest = len(counts) - len(names)
    return ", ".join(names) + (f" and {rest} more" if rest else "")


def _unknown(count: int) -> str:
    return f" ({count} unknown)" if count else ""


def _years(year: int | str) -> tuple[int, int]:
    found = _YEARS.fullmatch(str(year).strip())
    if found is None or not (found["first"] or found["last"]) or (found["last"] and not found["to"]):
        raise SettingsError("not a year", year, allowed="1999, 1990-1999, 1990- or -1999")
    first = int(found["first"] or 0)
    last = int(found["last"]) if found["last"] else (9999 if found["to"] else first)
    if last < first:
        raise SettingsError("the years end before they begin", year, allowed=f"{last}-{first}")
    return first, last


def _spoken(named: str, held: Collection[str | None]) -> frozenset[str | None]:
    """Those of the languages of videos that are the one that is named."""
    code = languages.coded(named) or languages.short(named)
    spoken = frozenset(one for one in held if languages.same(one, code))
    if code is None or not (languages.known(code) or spoken):
        raise SettingsError("not a language", named, allowed="a code or its English name: de, ger, German")
    return spoken


def _lies(path: str, pattern: str) -> bool:
    place, sought = path.replace("\\", "/"), pattern.replace("\\", "/")
    return fnmatch(place, sought) or fnmatch(place, f"*/{sought.removeprefix('./')}")


def _called(video: Film | Video, title: str) -> bool:
    sought = _folded(title)
    return any(sought in _folded(name) for name in (video.title or "", PurePath(video.path).name))


def _folded(text: str) -> str:
    """Words alone, in small letters, without accents."""
    letters = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(re.findall(r"[^\W_]+", "".join(letters).casefold()))
