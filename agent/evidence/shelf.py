"""The evidence of the videos that a question is about, read once, split into lines and kept in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vagent.agent.evidence.index import Index
from vagent.agent.evidence.turns import turns
from vagent.agent.language.gloss import language
from vagent.agent.language.words import Bag, Rarity
from vagent.index.records import SPOKEN, Evidence, Kind, Video
from vagent.tools.safe import safe
from vagent.tools.time import Span

Stream = Literal["spoken", "written", "described", "detected", "heard"]
"""Lines of one stream follow one another; those of different streams only happen at the same time."""

LABELS: frozenset[Stream] = frozenset({"detected", "heard"})
"""Streams whose lines are names of what was found, not sentences about it."""

_STREAMS: dict[Kind, Stream] = {
    "subtitle": "spoken",
    "speech": "spoken",
    "screen_text": "written",
    "objects": "detected",
    "caption": "described",
    "sound": "heard",
    "visual": "described",
    "summary": "described",
}
_PAUSE = 12.0  # seconds without a word after which two lines are no longer one exchange
_UNFINISHED = 0.5  # seconds that a spoken line may last beyond the stretch asked for
_SENTENCE = 3  # further lines that a sentence may run over
_BLOCK = 40  # lines of one block of on-screen text, at most
_SAMPLED = 60  # lines by which the language is told, about
_GROUP = 14  # lines of one screenful that are read together, at most


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line of evidence: a cue, an utterance, or one line of on-screen text.

    Attributes:
        text: safe to show; words as they stand in the evidence.
        place: position among the lines of its stream in its video.
        speaker: who says it, as the evidence labels them; None where it does not.
    """

    evidence: Evidence
    text: str
    bag: Bag
    stream: Stream
    place: int
    speaker: str | None = None

    @property
    def span(self) -> Span:
        """When it is said or shown."""
        return self.evidence.span


class Shelf:
    """Evidence of some videos within a stretch of time.

    Args:
        index: the library.
        videos: row numbers.
        start, end: seconds; evidence that lies outside is not read.
    """

    def __init__(
        self, index: Index, videos: Sequence[int], start: float | None = None, end: float | None = None
    ) -> None:
        self.index = index
        self.numbers = tuple(videos)
        self.start, self.end = start, end
        self._lines: dict[int, tuple[Line, ...]] = {}
        self._videos: dict[int, Video] = {}
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def video(self, number: int) -> Video:
        """The row of one video."""
        if number not in self._videos:
            self._videos[number] = self.index.video(number)
        return self._videos[number]

    @property
    def duration(self) -> float:
        """Seconds of the longest of the videos."""
        return max((self.video(v).duration for v in self.numbers), default=0.0)

    def lines(self, video: int) -> tuple[Line, ...]:
        """All lines of one video, by time; lines of one screenful from top to bottom."""
        if video not in self._lines:
            self._lines[video] = tuple(_lines(self._within(self.index.evidence(video))))
        return self._lines[video]

    @cached_property
    def all_lines(self) -> tuple[Line, ...]:
        """The lines of all the videos, video by video."""
        return tuple(line for video in self.numbers for line in self.lines(video))

    @cached_property
    def rarity(self) -> Rarity:
        """How much each word tells within this evidence."""
        return Rarity(line.bag for line in self.all_lines)

    @cached_property
    def language(self) -> str:
        """ISO 639-1 code of what is said, else of what is written, by its words; ``en`` where nothing tells."""
        return _language(self.all_lines)

    @cached_property
    def languages(self) -> frozenset[str]:
        """The same of each of the videos."""
        return frozenset(_language(held) for number in self.numbers if (held := self.lines(number)))

    @cached_property
    def multilingual(self) -> bool:
        """Whether meaning can be compared across languages: the embedding that comes with vagent knows English."""
        choice, _ = self.index.engines.get("embeddings")
        return choice.name not in ("off", "minilm")

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """Unit vectors of some texts, shape (n, dimension), each text embedded once; None where embeddings are off."""
        new = list(dict.fromkeys(text for text in texts if text not in self._vectors))
        if new:
            vectors = self.index.embed(new)
            if vectors is None:
                return None
            self._vectors.update(zip(new, vectors, strict=True))
        return np.stack([self._vectors[text] for text in texts]) if texts else None

    def stream(self, line: Line) -> tuple[Line, ...]:
        """All lines of the stream that a line belongs to."""
        return self._streams[line.evidence.video, line.stream]

    @cached_property
    def _streams(self) -> dict[tuple[int, Stream], tuple[Line, ...]]:
        streams: dict[tuple[int, Stream], list[Line]] = {}
        for line in self.all_lines:
            streams.setdefault((line.evidence.video, line.stream), []).append(line)
        return {key: tuple(lines) for key, lines in streams.items()}

    def around(self, line: Line, before: int, after: int) -> tuple[Line, ...]:
        """The line with its neighbours: of the same exchange, or of the same screenful."""
        stream = self.stream(line)
        low = high = line.place
        while low > max(0, line.place - before) and _together(stream[low - 1], stream[low]):
            low -= 1
        while high < min(len(stream) - 1, line.place + after) and _together(stream[high], stream[high + 1]):
            high += 1
        return stream[low : high + 1]

    def sentence(self, line: Line) -> tuple[Line, ...]:
        """The spoken lines that make up one sentence with this one, where the evidence has punctuation."""
        stream = self.stream(line)
        if (line.evidence.video, line.stream) not in self._punctuated:
            return (line,)
        low = high = line.place
        while (
            low > 0
            and high - low < _SENTENCE
            and not _ends(stream[low - 1])
            and _together(stream[low - 1], stream[low])
            and stream[low - 1].speaker == stream[low].speaker
        ):
            low -= 1
        while (
            high + 1 < len(stream)
            and high - low < _SENTENCE
            and not _ends(stream[high])
            and _together(stream[high], stream[high + 1])
            and stream[high + 1].speaker == stream[high].speaker
        ):
            high += 1
        return stream[low : high + 1]

    @cached_property
    def _punctuated(self) -> frozenset[tuple[int, Stream]]:
        """Streams of which at least every sixth line ends a sentence."""
        return frozenset(key for key, lines in self._streams.items() if 6 * sum(map(_ends, lines)) >= len(lines))

    @cached_property
    def screens(self) -> int:
        """How many different texts were on the screen."""
        rows = {line.evidence.id: line.evidence.text for line in self.all_lines if line.stream == "written"}
        return len(set(rows.values()))

    def block(self, line: Line) -> tuple[Line, ...]:
        """The lines of on-screen text that were recognised as one block."""
        near = self.around(line, _BLOCK, _BLOCK)
        return tuple(other for other in near if other.evidence is line.evidence)

    def screenful(self, line: Line) -> tuple[Line, ...]:
        """The lines of on-screen text that are shown together with this one."""
        near = self.around(line, _GROUP // 2, _GROUP // 2)
        return tuple(other for other in near if other.span.overlap(line.span) > 0 or other.evidence is line.evidence)

    def _within(self, rows: Iterable[Evidence]) -> list[Evidence]:
        """Rows inside the stretch asked for; a sentence that ends only after it would give too much away."""
        low = self.start if self.start is not None else 0.0
        high = self.end if self.end is not None else float("inf")
        return [
            row
            for row in rows
            if row.span.end > low
            and row.span.start < high
            and (row.kind not in SPOKEN or row.span.end <= high + _UNFINISHED)
        ]

    def clamp(self, span: Span) -> Span:
        """A span cut to the stretch asked for."""
        return span.clamp(Span(self.start or 0.0, max(self.start or 0.0, span.end if self.end is None else self.end)))


def _language(lines: Sequence[Line]) -> str:
    spoken = [line.text for line in lines if line.stream == "spoken"]
    held = spoken or [line.text for line in lines if line.stream not in LABELS]
    step = max(1, len(held) // _SAMPLED)
    return language(" ".join(held[::step]))


def _lines(rows: Sequence[Evidence]) -> Iterable[Line]:
    places: dict[Stream, int] = {}
    before: Line | None = None
    for row in sorted(rows, key=_reading_order):
        stream = _STREAMS[row.kind]
        for speaker, text in _parts(row, stream):
            if stream == "spoken" and speaker is None and before is not None and not _ends(before):
                speaker = before.speaker  # a sentence that goes on is still the same speaker's
            place = places.get(stream, 0)
            places[stream] = place + 1
            line = Line(row, text, Bag.of(text), stream, place, speaker)
            before = line if stream == "spoken" else before
            yield line


def _parts(row: Evidence, stream: Stream) -> list[tuple[str | None, str]]:
    if stream == "spoken":
        return [(speaker, text) for speaker, text in turns(row) if text]
    parts = row.text.splitlines() if stream == "written" else [row.text]
    return [(None, text) for part in parts if (text := safe(part))]


def _reading_order(row: Evidence) -> tuple[float, float, float, int]:
    """By time; what comes up on the screen together from top to bottom."""
    box = row.extra.get("box") or (0.0, 0.0)
    spoken = row.kind in SPOKEN
    return (row.span.start, 0.0 if spoken else float(box[1]), 0.0 if spoken else float(box[0]), row.id)


def _ends(line: Line) -> bool:
    return line.text.rstrip(" \"”'’)»")[-1:] in (".", "!", "?", "…", ":")


def _together(first: Line, second: Line) -> bool:
    if first.stream == "written":
        return first.span.touches(second.span)
    return first.span.gap(second.span) <= _PAUSE
