"""What summaries are made from: the evidence of one video as sentences, each with its time, its rows and its words."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from vagent.index import words
from vagent.index.records import Clip, Evidence, Kind, Shot
from vagent.index.search.queries import STOP_WORDS
from vagent.tools.safe import safe
from vagent.tools.time import Span

USED: tuple[Kind, ...] = ("subtitle", "speech", "screen_text", "objects", "caption", "sound")
"""Kinds of evidence that summaries are made from."""

Numbers = NDArray[np.float64]

_LABELS: frozenset[Kind] = frozenset({"objects", "sound"})
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
class Heading:
    """A line of on-screen text that may be a title: how high its type is, as a part of the picture's height."""

    text: str
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """What can be quoted by itself.

    Attributes:
        span: of the rows that it comes from.
        text: on one line, safe to show.
        rows: ids of the evidence.
        words: stems that carry content, with repeats.
        vector: the direction of its meaning, of length one; None where nothing was embedded.
        heading: what stands out in it, where it is on-screen text.
    """

    span: Span
    kind: Kind
    text: str
    rows: tuple[int, ...]
    words: tuple[str, ...]
    weak: bool = False
    vector: Numbers | None = None
    heading: Heading | None = None

    @property
    def at(self) -> float:
        """The second that says where it belongs: what is said in the middle of it, what is shown when it comes up."""
        return self.span.start if self.kind in ("screen_text", "caption") else self.span.middle

    @property
    def length(self) -> int:
        """How many words it has; in a script without spaces, how many pairs of characters."""
        return len(words.words(self.text))


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a thing seen or a sound heard."""

    span: Span
    kind: Kind
    text: str
    row: int
    words: tuple[str, ...]
    weak: bool


@dataclass(frozen=True, slots=True)
class Material:
    """All that the summaries of one video are made from; everything in order of time, ``duration`` in seconds."""

    duration: float
    sentences: Sequence[Sentence]
    labels: Sequence[Label]
    clips: Sequence[Clip]
    shots: Sequence[Shot]

    def within(self, span: Span) -> list[Sentence]:
        """The sentences of a stretch; what lies after the end of the video belongs to its last stretch."""
        end = float("inf") if span.end >= self.duration else span.end
        return [sentence for sentence in self.sentences if span.start <= sentence.at < end]


def gather(
    rows: Sequence[Evidence],
    clips: Sequence[Clip],
    shots: Sequence[Shot],
    duration: float,
    vectors: Mapping[int, NDArray[np.float32]],
) -> Material:
    """The material of one video.

    Args:
        rows: its evidence, in order of time; kinds that no summary is made from are left out.
        duration: seconds.
        vectors: of evidence rows, by id; none where nothing was embedded.
    """
    of: dict[Kind, list[Evidence]] = {kind: [row for row in rows if row.kind == kind] for kind in USED}
    drafts = [
        *_spoken(_heard(of["subtitle"], of["speech"])),
        *_written(of["screen_text"], duration),
        *(_Draft(row.span, row.kind, piece, (row,)) for row in of["caption"] for piece in _pieces(row.text)),
    ]
    labels = [row for kind in sorted(_LABELS) for row in of[kind]]
    texts = [draft.text for draft in drafts] + [row.text for row in labels]
    known = sorted({word for text in texts for word in content(text)})
    stems = dict(zip(known, words.stems(known), strict=True))
    return Material(
        duration,
        sorted((_sentence(draft, stems, vectors) for draft in drafts), key=lambda s: (s.span, s.rows)),
        sorted((_label(row, stems) for row in labels), key=lambda label: (label.span, label.row)),
        clips,
        shots,
    )


def content(text: str) -> list[str]:
    """The words of a text that carry content, with repeats."""
    return [word for word in words.words(text) if word not in STOP_WORDS and not word.isdigit()]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A sentence before its words are known."""

    span: Span
    kind: Kind
    text: str
    rows: tuple[Evidence, ...]
    heading: Heading | None = None


def _sentence(draft: _Draft, stems: Mapping[str, str], vectors: Mapping[int, NDArray[np.float32]]) -> Sentence:
    held = [vectors[row.id] for row in draft.rows if row.id in vectors]
    vector: Numbers | None = np.sum(np.stack(held), axis=0, dtype=np.float64) if held else None
    length = 0.0 if vector is None else float(np.linalg.norm(vector))
    return Sentence(
        span=draft.span,
        kind=draft.kind,
        text=draft.text,
        rows=tuple(row.id for row in draft.rows),
        words=tuple(stems[word] for word in content(draft.text)),
        weak=any(row.weak for row in draft.rows),
        vector=None if vector is None or not length else vector / length,
        heading=draft.heading,
    )


def _label(row: Evidence, stems: Mapping[str, str]) -> Label:
    return Label(row.span, row.kind, safe(row.text), row.id, tuple(stems[w] for w in content(row.text)), row.weak)


# ------------------------------------------------------------------ what is said


def _heard(subtitles: Sequence[Evidence], speech: Sequence[Evidence]) -> list[Evidence]:
    """Subtitles, and what was recognised where there are none: both of one moment would say everything twice."""
    starts = [row.span.start for row in subtitles]
    ends = list(accumulate((row.span.end for row in subtitles), max))
    more = []
    for row in speech:
        before = bisect_left(starts, row.span.end)
        if not before or ends[before - 1] <= row.span.start:
            more.append(row)
    return sorted([*subtitles, *more], key=lambda row: (row.span, row.id))


def _spoken(rows: Sequence[Evidence]) -> list[_Draft]:
    """Rows cut and joined into sentences."""
    pieces = [(row, piece) for row in rows for piece in _pieces(row.text)]
    punctuated = sum(_ENDED.search(piece) is not None for _, piece in pieces) >= _PUNCTUATED * len(rows)
    groups: list[list[tuple[Evidence, str]]] = []
    for row, piece in pieces:
        if groups and not _ends(groups[-1], row, punctuated):
            groups[-1].append((row, piece))
        else:
            groups.append([(row, piece)])
    return [_joined(group) for group in groups]


def _ends(held: Sequence[tuple[Evidence, str]], following: Evidence, punctuated: bool) -> bool:
    last, piece = held[-1]
    pause = following.span.start - last.span.end
    size = sum(len(text.split()) for _, text in held)
    if last.kind != following.kind or size >= _LONGEST:
        return True
    if punctuated:
        return _ENDED.search(piece) is not None or pause > _PAUSE
    return last is not following and (pause > _BREATH or size >= _PHRASE)


def _joined(held: Sequence[tuple[Evidence, str]]) -> _Draft:
    rows = [row for at, (row, _) in enumerate(held) if at == 0 or row is not held[at - 1][0]]
    span = Span(rows[0].span.start, max(row.span.end for row in rows))
    return _Draft(span, rows[0].kind, " ".join(text for _, text in held), tuple(rows))


def _pieces(text: str) -> Iterator[str]:
    for piece in _PIECES.split(safe(_ASIDE.sub(" ", text))):
        tidy = piece.strip(" -–—")
        if any(letter.isalnum() for letter in tidy):
            yield tidy


# ------------------------------------------------------------------ what is written


def _written(rows: Sequence[Evidence], duration: float) -> list[_Draft]:
    """On-screen text, a row a sentence; what stands there all the time only where there is nothing else."""
    shown: Counter[str] = Counter()
    for row in rows:
        shown[_key(row.text)] += row.span.duration  # type: ignore[assignment]
    rows = [row for row in rows if len(_key(row.text)) >= _LETTERS]
    changing = [row for row in rows if shown[_key(row.text)] <= _STANDING * duration]
    usual = float(np.median([line[1] for row in rows for line in _lines(row)] or [0.0]))
    return [
        _Draft(row.span, row.kind, text, (row,), _heading(row, usual))
        for row in (changing if len(changing) >= _FEW else rows)
        if (text := " / ".join(line for part in row.text.splitlines() if (line := safe(part))))
    ]


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
