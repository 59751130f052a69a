"""Subtitle files that lie beside a video: ``film.srt``, ``film.en.sdh.vtt``, ``film.forced.de.ass``."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vagent.tools import languages
from vagent.tools.subtitles.cues import RawCue, Subtitles, tidy
from vagent.tools.subtitles.encoding import decode

_FORMATS = {
    ".srt": "subrip", ".vtt": "webvtt", ".ass": "ass", ".ssa": "ssa", ".sub": "microdvd", ".ttml": "ttml",
    ".dfxp": "ttml", ".smi": "sami", ".sami": "sami", ".mpl": "mpl2", ".mpl2": "mpl2",
}  # fmt: skip
_PICTURES = {".idx": "vobsub", ".sup": "pgs"}
SUFFIXES = (*_FORMATS, *_PICTURES)
"""How the names of subtitle files end."""
_FORCED = frozenset({"forced", "foreign", "signs"})
_HEARING = frozenset({"sdh", "cc", "hoh"})
_LARGEST = 32 * 1024 * 1024  # bytes; no film says that much
_TIMING = re.compile(
    r"^\D{0,3}(?P<start>(?:\d{1,4}\s*:\s*)?\d{1,3}\s*:\s*\d{1,2}(?:\s*[.,:]\s*\d{1,9})?)\s*-{1,3}>\s*"
    r"(?P<end>(?:\d{1,4}\s*:\s*)?\d{1,3}\s*:\s*\d{1,2}(?:\s*[.,:]\s*\d{1,9})?)"
)
_DIGITS = re.compile(r"\s*\d{1,9}\s*")
_CUT_OFF = re.compile(r"\s*\d{1,9}\s*\n[\d:.,>\s-]*")  # a cue of which nothing but its number and times is left


class Damaged(Exception):
    """A subtitle file that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A subtitle file and what its name says about it. ``odd`` when its name holds words that say nothing."""

    path: Path
    language: str | None
    forced: bool
    hearing_impaired: bool
    commentary: bool
    odd: bool

    @property
    def pictures(self) -> bool:
        """True for formats that hold pictures of text."""
        suffix = self.path.suffix.lower()
        return suffix in _PICTURES or (suffix == ".sub" and self.path.with_suffix(".idx").exists())


def sidecars(video: Path) -> list[Sidecar]:
    """Subtitle files of this video, by name. ``film2.srt`` is not one of ``film.mp4``'s, nor is ``film.part2.srt``
    where a ``film.part2.mp4`` lies beside it.

    Raises:
        OSError: the folder cannot be listed.
    """
    stem = _name(video.stem)
    files = [p for p in sorted(video.parent.iterdir()) if p != video]
    others = {_name(p.stem) for p in files if p.suffix.lower() not in {*_FORMATS, *_PICTURES}} - {stem}
    found = []
    for path in files:
        name = _name(path.stem)
        if path.suffix.lower() not in {*_FORMATS, *_PICTURES} or not (name == stem or name.startswith(stem + ".")):
            continue
        words = [word.lower() for word in name[len(stem) + 1 :].split(".") if word]
        longer = {stem + "." + ".".join(name[len(stem) + 1 :].split(".")[:n]) for n in range(1, len(words) + 1)}
        if not longer & others and path.is_file():
            found.append(_named(path, words))
    return found


def load(sidecar: Sidecar, frame_rate: float | None = None) -> Subtitles:
    """The cues of a subtitle file.

    Args:
        frame_rate: of the video; MicroDVD counts in pictures.

    Raises:
        Damaged: it cannot be read, or holds no cue.
    """
    path = sidecar.path
    try:
        if path.stat().st_size > _LARGEST:
            raise Damaged(f"larger than {_LARGEST // 1024**2} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise Damaged(error.strerror or str(error)) from error
    form, raw = parse(decode(data, sidecar.language), path.suffix.lower(), frame_rate)
    cues = tidy(raw)
    if not cues:
        raise Damaged("no cue with a time and words in it")
    return Subtitles(sidecar.language, path.name, form, cues, sidecar.forced, sidecar.hearing_impaired)


def parse(text: str, suffix: str = "", frame_rate: float | None = None) -> tuple[str, list[RawCue]]:
    """Name of the format and cues, by what the text looks like, then by the file's suffix.

    Raises:
        Damaged: it is none of the known formats.
    """
    text = text.lstrip("\ufeff")
    head = text[:4096].lstrip()
    if head.startswith("WEBVTT"):
        return "webvtt", list(_arrows(text, strict=True))
    if head.startswith(("<", "[")) or re.match(r"\{\d+\}\{\d*\}", head) or suffix not in (".srt", ".vtt", ""):
        return _by_library(text, suffix, frame_rate)
    raw = list(_arrows(text, strict=suffix == ".vtt"))
    return (_FORMATS.get(suffix, "subrip"), raw) if raw else _by_library(text, suffix, frame_rate)


def _arrows(text: str, *, strict: bool) -> Iterator[RawCue]:
    """SubRip and WebVTT: a line ``start --> end``, and words until the next one. Forgives missing numbers, missing
    blank lines, missing hours and points for commas. ``strict``: a blank line ends the words, as WebVTT has it."""
    lines = text.split("\n")
    timings = [(n, m) for n, line in enumerate(lines) if "->" in line and (m := _TIMING.match(line))]
    for place, (number, match) in enumerate(timings):
        if place + 1 < len(timings):
            words = _without_number(lines[number + 1 : timings[place + 1][0]], place + 2)
        else:
            words = lines[number + 1 :]
            tail = next((n for n, word in enumerate(words) if not word.strip()), len(words))
            if _CUT_OFF.fullmatch("\n".join(words[tail:]).strip() + "\n"):
                words = words[:tail]
        if strict:
            words = words[: next((n for n, word in enumerate(words) if not word.strip()), len(words))]
        yield RawCue(_seconds(match["start"]), _seconds(match["end"]), "\n".join(words))


def _without_number(words: list[str], following: int) -> list[str]:
    """A cue's lines without the number of the next cue, which stands after a blank line, or counts on where that is
    missing."""
    if not words or not _DIGITS.fullmatch(words[-1]):
        return words
    alone = len(words) < 2 or not words[-2].strip()
    return words[:-1] if alone or int(words[-1]) == following else words


def _seconds(clock: str) -> float:
    """``1:02:03,5``, ``02:03.500`` and ``00:00:8,037``; a third colon is a comma that somebody typed wrong."""
    parts = re.split(r"\s*:\s*", clock.strip().replace(",", "."))
    if len(parts) == 4:
        parts = [*parts[:2], f"{parts[2]}.{parts[3]}"]
    total = 0.0
    for part in parts:
        total = total * 60 + float(part.replace(" ", ""))
    return total


def _by_library(text: str, suffix: str, frame_rate: float | None) -> tuple[str, list[RawCue]]:
    import pysubs2
    from pysubs2.exceptions import FormatAutodetectionError

    if "<!ENTITY" in text:
        raise Damaged("it declares XML entities")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of every odd field
        try:
            try:
                subs = pysubs2.SSAFile.from_string(text, fps=frame_rate)
            except FormatAutodetectionError:
                if suffix not in _FORMATS or suffix in (".srt", ".vtt"):
                    raise
                subs = pysubs2.SSAFile.from_string(text, format_=_FORMATS[suffix], fps=frame_rate)
        except Exception as error:  # the parser raises whatever a damaged file makes it raise
            raise Damaged(str(error).split("\n")[0][:120] or type(error).__name__) from error
    open_ended = subs.format == "sami"  # its cues last until the next one begins; the library guesses an end
    raw = [RawCue(e.start / 1000, None if open_ended else e.end / 1000, e.text) for e in subs if not e.is_comment]
    return subs.format or "subrip", raw


def _named(path: Path, words: list[str]) -> Sidecar:
    language, hearing, odd = None, False, False
    for word in words:
        if word in _HEARING or (word == "hi" and language):  # "hi" alone is Hindi
            hearing = True
        elif languages.known(word) and language is None:
            language = languages.tidy(word)
        elif word not in _FORCED | {"default", "full", "commentary"}:
            odd = True
    return Sidecar(path, language, bool(_FORCED & set(words)), hearing, "commentary" in words, odd)


def _name(text: str) -> str:
    return unicodedata.normalize("NFC", text)
