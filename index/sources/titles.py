"""What a film is called, when it was made and what is spoken in it: from its container, else from its file's name."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from vagent.errors import VagentError
from vagent.index.records import Video
from vagent.index.store import Store
from vagent.index.words import clean
from vagent.tools import languages
from vagent.tools.media.probe import probe

_log = logging.getLogger("vagent.index.sources.titles")

_LENGTH = 200  # characters of a title
_FIRST = 1888  # the year of the oldest film there is

_EXTENSION = re.compile(r"\.(?=\w*[a-z])\w{2,5}$", re.I)
_BRACKETS = re.compile(r"\[[^\]]*\]|\{[^}]*\}")
_YEAR = re.compile(r"(?<![\w.])\(?(?P<year>1[89]\d\d|20\d\d)(?![\w])\)?")
_DAY = re.compile(
    r"(?<!\d)(?P<year>19\d\d|20\d\d)(?P<gap>[-_. ]?)(?:0[1-9]|1[0-2])(?P=gap)(?:0[1-9]|[12]\d|3[01])(?!\d)"
)
_EPISODE = re.compile(r"\bS(?P<season>\d{1,2})[ ._-]?E(?P<number>\d{1,3})\b|\b(?P<of>\d{1,2})x(?P<nth>\d{2,3})\b", re.I)
_RELEASE = re.compile(
    r"\b(?:(?:360|480|540|576|720|1080|1440|2160|4320)[pi]|4k|8k|uhd|blu-?ray|b[rd]rip|dvd-?(?:rip|scr|r|5|9)"
    r"|web-?(?:dl|rip)|[hp]dtv|hd-?rip|hd-?ts|camrip|telesync|remux|[xh][. ]?26[45]|hevc|av1|xvid|divx|10-?bit|8-?bit"
    r"|aac(?:\d[ .]\d)?|e?ac3|dts(?:-?hd)?|dd[p+]?\d[ .]\d|truehd|atmos|flac|hdr(?:10)?\+?)\b",
    re.I,
)
_EDITION = re.compile(r"(?:[\s._-]+\b(?:extended|unrated|uncut|remastered|restored|proper|repack|internal|limited|multi"
                      r"|dubbed|subbed|imax)\b)+\s*$", re.I)  # fmt: skip
_INITIALS = re.compile(r"(?<![\w.])(?:[^\W\d_]\.){2,}(?:[^\W\d_]\b)?")
_STRANGE = re.compile(r"www\.|://|\.(?:com|net|org)\b", re.I)  # titles that a site wrote into the file about itself


@dataclass(frozen=True, slots=True)
class Named:
    """What a film is called, and the year it was made in where that is known."""

    title: str
    year: int | None = None


def from_name(path: str) -> Named:
    """What a file's name says: ``The.Third.Man.1949.1080p.mkv``, ``Metropolis (1927).mp4``, ``Heimat S01E02.mkv``."""
    name = clean(path.replace("\\", "/").rsplit("/", 1)[-1])
    stem = _EXTENSION.sub("", name) or name
    text = _spaced(_BRACKETS.sub(_year_alone, stem))
    if day := _DAY.search(text):
        return Named(_tidy(text) or _tidy(stem) or stem, _possible(day["year"]))
    years = [found for found in _YEAR.finditer(text) if found.start() > 0 and _possible(found["year"])]
    release = _RELEASE.search(text, 1)
    year = next((found for found in years if found.group().startswith("(")), None)
    if year is None:
        known = [found for found in years if release is None or found.start() < release.start()]
        year = known[-1] if known else None
    episode = _EPISODE.search(text, 1)
    end = min((found.start() for found in (year, release, episode) if found is not None), default=len(text))
    title = _tidy(_EDITION.sub("", text[:end]) if release else text[:end])
    if title and episode:
        season, number = (int(episode[a] or episode[b]) for a, b in (("season", "of"), ("number", "nth")))
        title += f" S{season:02}E{number:02}"
    return Named((title or _tidy(stem) or stem)[:_LENGTH], _possible(year["year"]) if year else None)


def named(path: str, title: str = "", made: str = "") -> Named:
    """What a film is called, from the tags of its container where they tell, else from its file's name.

    Args:
        title, made: the tags, as they stand there; empty where there are none.
    """
    by_name = from_name(path)
    told = clean(" ".join(title.split()))[:_LENGTH]
    if _STRANGE.search(told) or not any(c.isalpha() for c in told):
        return Named(by_name.title, _made(made) or by_name.year)
    if _RELEASE.search(told) or _YEAR.search(told):
        by_tag = from_name(told)
        return Named(by_tag.title, _made(made) or by_tag.year or by_name.year)
    if (episode := _EPISODE.search(by_name.title)) and not _EPISODE.search(told) and told not in by_name.title:
        told = f"{by_name.title[: episode.end()]} {told}"
    return Named(told, _made(made) or by_name.year)


def spoken(info: Mapping[str, Any], heard: Sequence[str] = ()) -> str | None:
    """The language of a film as ISO 639: as its sound's track says, else as its speech was recognised, else as its
    subtitles say; None where nothing tells.

    Args:
        info: what probing found.
        heard: languages that speech was recognised in, the most frequent first.
    """
    tracks = [t for t in info.get("tracks") or () if t.get("kind") == "audio" and not t.get("commentary")]
    tracks.sort(key=lambda track: not track.get("default"))
    chosen = ((info.get("subtitles") or {}).get("chosen") or {}).get("language")
    for code in (*(track.get("language") for track in tracks[:1]), *heard, chosen):
        if isinstance(code, str) and (short := languages.short(code)):
            return short
    return None


def name_videos(store: Store, changed: Collection[int]) -> None:
    """Note title, year and language of the videos that were indexed just now, that had none, or that moved.

    Args:
        changed: videos that were indexed just now.

    Raises:
        LibraryError: the library cannot be written.
    """
    for video in store.videos():
        info, fresh = video.info, video.title is None
        if fresh and "title" not in info:
            info = _with_tags(store, video)
        told = named(video.path, str(info.get("title") or ""), str(info.get("made") or ""))
        language = video.language
        if fresh or video.id in changed:
            language = spoken(info, store.heard_languages(video.id)) or language
        if (told.title, told.year, language) != (video.title, video.year, video.language):
            store.name_video(video.id, told.title, told.year, language)


def _with_tags(store: Store, video: Video) -> Mapping[str, Any]:
    """What a video's file holds, with the tags that an index made before did not keep."""
    try:
        found = probe(Path(video.path))
    except VagentError as error:
        _log.info("named by its file alone: %s", error)
        return video.info
    info = {**video.info, "title": found.title, "made": found.made}
    store.update_video(video.id, info=info)
    return info


def _year_alone(brackets: re.Match[str]) -> str:
    inside = brackets.group()[1:-1].strip()
    return f" ({inside}) " if re.fullmatch(r"\d{4}", inside) else " "


def _spaced(text: str) -> str:
    """The words of a name that has points or underlines between them."""
    text = text.replace("_", " ").strip()
    if " " not in text and text.count("."):
        text = _INITIALS.sub(lambda found: found.group().replace(".", "\0") + " ", text)
        text = text.replace(".", " ").replace("\0", ".")
    return " ".join(text.split())


def _tidy(text: str) -> str:
    tidied = " ".join(text.replace("_", " ").split()).strip(" -,;(")
    return tidied if "(" in tidied else tidied.strip(" )")


def _possible(year: str) -> int | None:
    return int(year) if _FIRST <= int(year) <= date.today().year + 1 else None


def _made(tag: str) -> int | None:
    """The year of a date tag: ``1999``, ``1999-03-31T00:00:00Z``, ``31.03.1999``."""
    found = re.search(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)", tag)
    return _possible(found.group()) if found else None
