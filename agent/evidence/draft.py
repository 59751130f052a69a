"""What an answerer hands over for checking: the words, the quotes they rest on, and what was missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vagent.agent.evidence.shelf import Line
from vagent.index.records import Kind
from vagent.tools.time import Span


@dataclass(frozen=True, slots=True)
class Coverage:
    """One sense over one stretch of one video.

    Attributes:
        every: seconds between two looks; None where the sense takes in everything.
        gaps: stretches inside that could not be decoded.
        complete: the video's indexing has finished.
    """

    video: int
    span: Span
    kind: Kind
    every: float | None = None
    gaps: tuple[Span, ...] = ()
    complete: bool = True

    @property
    def seconds(self) -> float:
        """Length of what was gone through, without the gaps."""
        return self.span.duration - sum(gap.overlap(self.span) for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of the evidence with their place. ``rows`` are the evidence rows that they were taken from, ``speaker`` is
    who says them, where the evidence tells."""

    video: int
    span: Span
    kind: Kind
    text: str
    rows: tuple[int, ...]
    weak: bool = False
    confidence: float | None = None
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before it is checked.

    Attributes:
        text: the answer in words; empty when there is none.
        short: the answer alone (a number, a name, a time), where the evidence lets one extract it.
        quotes: what it rests on, best first.
        probability: 0..1 that it is right.
        missing: what was not found, when there is no answer.
        leads: the nearest that was found.
        spans: stretches that the answer names, for questions that ask when.
        file: True when it rests on the file's own facts instead of quotes.
        value: the number that was counted, where something was counted.
        looked: True when it rests on a look at the pictures.
        absent: True when the answer is that nothing of the kind was found; it rests on ``coverage`` instead of quotes.
        coverage: which stretch each sense went through and how densely, where the answer depends on having seen all.
        notice: what the asker should know about how it was searched, in one sentence.
    """

    text: str = ""
    short: str | None = None
    quotes: tuple[Quote, ...] = ()
    probability: float = 0.0
    missing: str = ""
    leads: tuple[Quote, ...] = ()
    spans: tuple[tuple[int, Span], ...] = ()
    file: bool = False
    value: int | None = None
    looked: bool = False
    absent: bool = False
    coverage: tuple[Coverage, ...] = ()
    notice: str = ""


def quote(lines: Iterable[Line], clamp: Span | None = None) -> Quote:
    """The quote of neighbouring lines, in order; lines of one row give its span once.

    Its span is that of all of them; of on-screen text the time at which all of them stand there, where there is one.
    """
    held = list(lines)
    span = _when(held)
    confidences = [c for line in held if (c := line.evidence.confidence) is not None]
    return Quote(
        video=held[0].evidence.video,
        span=span.clamp(clamp) if clamp else span,
        kind=held[0].evidence.kind,
        text=" ".join(line.text for line in held),
        rows=tuple(dict.fromkeys(line.evidence.id for line in held)),
        weak=any(line.evidence.weak for line in held),
        confidence=min(confidences) if confidences else None,
        speaker=held[0].speaker if len({line.speaker for line in held}) == 1 else None,
    )


def _when(lines: Sequence[Line]) -> Span:
    """From the first to the last of spoken lines; the time at which lines of text are all on the screen."""
    if lines[0].stream == "written":
        start, end = max(line.span.start for line in lines), min(line.span.end for line in lines)
        if start < end:
            return Span(start, end)
    span = lines[0].span
    for line in lines[1:]:
        span = span.union(line.span)
    return span
