"""Cues: what is said and when, cleaned of markup and folded where the same words are shown more than once."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vagent.tools.time import Span


@dataclass(frozen=True, slots=True)
class Cue:
    """Words shown together; ``text`` is one line without markup."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Subtitles:
    """One set of subtitles, in order of time.

    Attributes:
        language: ISO 639 code as the file or its name says it, or None.
        origin: ``track 3`` or the file's name.
        format: ``subrip``, ``ass``, ``webvtt`` ...
        forced: only what is spoken in a foreign language, signs and the like: not what is said throughout.
        hearing_impaired: with sounds and speakers in brackets (SDH).
    """

    language: str | None
    origin: str
    format: str
    cues: tuple[Cue, ...]
    forced: bool = False
    hearing_impaired: bool = False


@dataclass(frozen=True, slots=True)
class RawCue:
    """A cue as it was read: seconds, and its text with markup; ``end`` None where the file does not say."""

    start: float
    end: float | None
    text: str


_TOUCHING = 0.02  # seconds between two cues that are shown without a break
_LONGEST_GUESS = 5.0  # seconds that a cue without an end is shown
_LONGEST_TEXT = 4000  # characters of one cue

_DRAWING = re.compile(r"\{[^{}]*\\p[1-9][^{}]*\}.*?(?:\{[^{}]*\\p0[^{}]*\}|$)", re.S)
_OVERRIDE = re.compile(r"\{\\[^{}]*\}|\{[^{}]*\\[a-zA-Z][^{}]*\}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>", re.I)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|</>|<\d[\d:.,]*>")
_BREAK = re.compile(r"\\[Nn]|<br\s*/?>|[\r\n\u2028\u2029\x0b\x0c]+", re.I)
_NOTES = re.compile(r"[♩♪♫♬🎵🎶]+")
_DASH = re.compile(r"^\s*[-‐‑‒–—]\s*(?=\S)")
_JOINERS = "\u200c\u200d"  # invisible, but part of Persian words and of emoji


def clean(text: str) -> list[str]:
    """The lines of a cue without markup: the words are kept, SDH brackets too; line breaks, styles, positions, karaoke
    times, music notes and the dashes before speakers are not."""
    text = _DRAWING.sub(" ", text[:_LONGEST_TEXT])
    text = _OVERRIDE.sub("", text)
    text = _VOICE.sub(lambda match: f"{match[1].strip()}: ", text)
    lines = []
    for line in _BREAK.split(text):
        line = html.unescape(_TAG.sub("", line)).replace("\\h", " ")
        line = "".join(c if _visible(c) else " " if c in "\t\x85\xa0" else "" for c in line)
        line = _DASH.sub("", _NOTES.sub(" ", line))
        line = " ".join(unicodedata.normalize("NFC", line).split())
        if any(c.isalnum() or unicodedata.category(c)[0] == "S" for c in line):
            lines.append(line)
    return lines


def tidy(raw: Iterable[RawCue]) -> tuple[Cue, ...]:
    """Cues in order of time, without empty ones. Words that one cue repeats from the one before it while both are on
    screen (captions that roll up, styles in several layers) are kept once, with the time of both."""
    ordered = _timed(sorted((c for c in raw if math.isfinite(c.start)), key=lambda c: c.start))
    found: list[tuple[float, float, list[str]]] = []
    before: list[str] = []  # what was shown just before, all of it
    shown_until = -math.inf
    for start, end, lines in ordered:
        joins = start <= shown_until + _TOUCHING
        twin = next((n for n in range(len(found) - 1, max(-1, len(found) - 9), -1) if found[n][2] == lines), None)
        fresh = _fresh(before, lines) if joins else lines
        if twin is not None and start <= found[twin][1] + _TOUCHING:
            found[twin] = (found[twin][0], max(found[twin][1], end), lines)
        elif not fresh:
            found[-1] = (found[-1][0], max(found[-1][1], end), found[-1][2])
        else:
            found.append((start, end, fresh))
        before, shown_until = lines, max(end, shown_until) if joins else end
    return tuple(Cue(Span(start, end), " ".join(lines)) for start, end, lines in found)


def _timed(raw: Sequence[RawCue]) -> list[tuple[float, float, list[str]]]:
    """Starts and ends that make sense, and lines; cues that end before the video begins and empty ones left out."""
    later, following = math.inf, []  # when the next cue that begins later than each one does
    for cue, after in zip(reversed(raw), [None, *reversed(raw)], strict=False):
        later = after.start if after is not None and after.start > cue.start else later
        following.append(later)
    found = []
    for cue, later in zip(raw, reversed(following), strict=True):
        lines = clean(cue.text)
        end = cue.end
        if end is None or not math.isfinite(end) or end <= cue.start:
            end = min(later, cue.start + _LONGEST_GUESS)
        if lines and end > 0:
            found.append((round(max(0.0, cue.start), 3), round(end, 3), lines))
    return found


def _fresh(before: Sequence[str], lines: list[str]) -> list[str]:
    """``lines`` without those at its beginning with which ``before`` ends."""
    for count in range(min(len(before), len(lines)), 0, -1):
        if list(before[-count:]) == lines[:count]:
            return lines[count:]
    return lines


def _visible(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
