"""What summaries are made from: the evidence of one video as sentences, each with its time, its rows and its words."""

from __future__ import annotations

import heapq
import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from vagent.index.records import Clip, Evidence, Kind, Shot
from vagent.index.summaries.sentences import Columns, Heading, Labels, Sentences, Vectors, Vocabulary
from vagent.tools.safe import safe
from vagent.tools.time import Span

USED: tuple[Kind, ...] = ("subtitle", "speech", "screen_text", "objects", "caption", "sound")
"""Kinds of evidence that summaries are made from."""

Rows = Callable[[Kind], Iterable[Evidence]]
"""Gives the evidence of one kind in order of time, as often as it is asked."""

_LABELS: tuple[Kind, ...] = ("objects", "sound")
_PAUSE = 2.5  # seconds of silence that end a sentence, whatever its punctuation
_BREATH = 1.0  # seconds that end one where there is no punctuation ...
_PHRASE = 12  # ... and so many words do too
_LONGEST = 40  # words after which a sentence that goes on and on is taken to end
_PUNCTUATED = 1 / 6  # part of the lines that end a sentence where there is punctuation
_LETTERS = 3  # letters and digits that on-screen text has at least; less is a window or a fence
_STANDING = 0.5  # part of the video from which a text that stays on the screen tells nothing of any part of it
_FEW = 3  # with fewer sentences beside it, such a text is all there is to tell
_TALL = 1.2  # times the usual height of type from which a line is a heading
_UPPER = 0.5  # part of the picture's height above which headings stand
_SHORT = 8  # words of a heading, at most

_PIECES = re.compile(r"(?<=[.!?…])[\"”’')\]]*\s+(?=[^\s\da-z])|(?<=[。！？])")
_ENDED = re.compile(r"[.!?…。！？][\"”’')\]]*$")
_ASIDE = re.compile(r"\[[^\]]*\]|\([^)]*\)|（[^）]*）|【[^】]*】|[♪♫]")  # noises in subtitles: [music], (laughs)


@dataclass(frozen=True, slots=True)
class Material:
    """All that the summaries of one video are made from; everything in order of time, ``duration`` in seconds."""

    duration: float
    sentences: Sentences
    labels: Labels
    clips: Sequence[Clip]
    shots: Sequence[Shot]

    def within(self, span: Span, among: Sentences | None = None) -> Sentences:
        """The sentences of a stretch; what lies after the end of the video belongs to its last stretch.

        Args:
            among: those of a longer stretch, where they are known.
        """
        end = float("inf") if span.end >= self.duration else span.end
        return (self.sentences if among is None else among).within(span.start, end)


def gather(
    rows: Sequence[Evidence],
    clips: Sequence[Clip],
    shots: Sequence[Shot],
    duration: float,
    vectors: Mapping[int, NDArray[np.float32]],
) -> Material:
    """The material of one video whose evidence is at hand.

    Args:
        rows: its evidence, in order of time; kinds that no summary is made from are left out.
        duration: seconds.
        vectors: of evidence rows, by id; none where nothing was embedded.
    """
    of: dict[Kind, list[Evidence]] = {kind: [row for row in rows if row.kind == kind] for kind in USED}
    return collected(
        of.__getitem__,
        clips,
        shots,
        duration,
        lambda ids: {number: vectors[number] for number in ids if number in vectors},
    )


def collected(rows: Rows, clips: Sequence[Clip], shots: Sequence[Shot], duration: float, vectors: Vectors) -> Material:
    """The material of one video whose evidence is read as it is needed, some of it twice.

    Args:
        duration: seconds.
        vectors: gives those of evidence rows; none where nothing was embedded. They are read whenever sentences are
            compared.
    """
    vocabulary = Vocabulary()
    columns, labels = Columns(vocabulary, vectors), Labels(vocabulary)
    _spoken(columns, rows)
    _written(columns, rows, duration)
    for row in rows("caption"):
        for piece in _pieces(row.text):
            columns.add(row.span, row.kind, piece, [row.id], row.weak)
    for kind in _LABELS:
        for row in rows(kind):
            labels.add(row.span, row.kind, row.text, row.id, row.weak)
    vocabulary.close()
    labels.close()
    return Material(duration, columns.in_order(), labels, clips, shots)


# ------------------------------------------------------------------ what is said


def _heard(rows: Rows) -> Callable[[], Iterator[Evidence]]:
    """Subtitles, and what was recognised where there are none: both of one moment would say everything twice."""
    starts, ends = array("d"), array("d")
    for row in rows("subtitle"):
        starts.append(row.span.start)
        ends.append(max(row.span.end, ends[-1] if ends else 0.0))

    def alone(row: Evidence) -> bool:
        before = bisect_left(starts, row.span.end)
        return not before or ends[before - 1] <= row.span.start

    def heard() -> Iterator[Evidence]:
        both = heapq.merge(rows("subtitle"), filter(alone, rows("speech")), key=lambda row: row.span.start)
        for _, together in groupby(both, key=lambda row: row.span.start):
            yield from sorted(together, key=lambda row: (row.span, row.id))

    return heard


def _spoken(columns: Columns, rows: Rows) -> None:
    """Rows cut and joined into sentences."""
    heard = _heard(rows)
    count = ended = 0
    for row in heard():
        count += 1
        ended += sum(_ENDED.search(piece) is not None for piece in _pieces(row.text))
    punctuated = ended >= _PUNCTUATED * count
    group: list[tuple[Evidence, str]] = []
    for row in heard():
        for piece in _pieces(row.text):
            if group and _ends(group, row, punctuated):
                _join(columns, group)
                group = []
            group.append((row, piece))
    if group:
        _join(columns, group)


def _ends(held: Sequence[tuple[Evidence, str]], following: Evidence, punctuated: bool) -> bool:
    last, piece = held[-1]
    pause = following.span.start - last.span.end
    size = sum(len(text.split()) for _, text in held)
    if last.kind != following.kind or size >= _LONGEST:
        return True
    if punctuated:
        return _ENDED.search(piece) is not None or pause > _PAUSE
    return last is not following and (pause > _BREATH or size >= _PHRASE)


def _join(columns: Columns, held: Sequence[tuple[Evidence, str]]) -> None:
    rows = [row for at, (row, _) in enumerate(held) if at == 0 or row is not held[at - 1][0]]
    span = Span(rows[0].span.start, max(row.span.end for row in rows))
    text = " ".join(text for _, text in held)
    columns.add(span, rows[0].kind, text, [row.id for row in rows], any(row.weak for row in rows))


def _pieces(text: str) -> Iterator[str]:
    for piece in _PIECES.split(safe(_ASIDE.sub(" ", text))):
        tidy = piece.strip(" -–—")
        if any(letter.isalnum() for letter in tidy):
            yield tidy


# ------------------------------------------------------------------ what is written


def _written(columns: Columns, rows: Rows, duration: float) -> None:
    """On-screen text, a row a sentence; what stands there all the time only where there is nothing else."""
    shown: dict[int, float] = {}  # seconds, by a hash of the text
    texts, heights = array("q"), array("d")
    for row in _legible(rows):
        key = _hash(row.text)
        shown[key] = shown.get(key, 0.0) + row.span.duration
        texts.append(key)
        heights.extend(height for _, height, _ in _lines(row))
    usual = float(np.median(heights)) if heights else 0.0
    few = sum(shown[key] <= _STANDING * duration for key in texts) < _FEW
    for row in _legible(rows):
        text = " / ".join(line for part in row.text.splitlines() if (line := safe(part)))
        if text and (few or shown.get(_hash(row.text), 0.0) <= _STANDING * duration):
            columns.add(row.span, row.kind, text, [row.id], row.weak, _heading(row, usual))


def _legible(rows: Rows) -> Iterator[Evidence]:
    return (row for row in rows("screen_text") if len(_key(row.text)) >= _LETTERS)


def _hash(text: str) -> int:
    return hash(_key(text))


def _key(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _lines(row: Evidence) -> list[tuple[str, float, float]]:
    """The lines of on-screen text with the height of their type and their distance from the top of the picture."""
    return [
        (safe(str(text)), float(bottom) - float(top), float(top))
        for text, _, _, top, _, bottom in row.extra.get("lines", ())
    ]


def _heading(row: Evidence, usual: float) -> Heading | None:
    """The line that stands out: high type, in the upper part of the picture, not too long."""
    high = [
        (height, text)
        for text, height, top in _lines(row)
        if top < _UPPER and height >= _TALL * usual and sum(c.isalpha() for c in text) >= 3
        if len(text.split()) <= _SHORT
    ]
    if not high:
        return None
    height, text = max(high, key=lambda line: line[0])
    return Heading(text, height)
