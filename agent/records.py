"""What a question gives back. All times are seconds from the video's start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vagent.index.records import Kind
from vagent.tools.time import Span

CitationKind = Kind | Literal["file"]
"""The sense a quote comes from; ``file`` is the file's own tracks and header, and its span is 0..0."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A moment that proves an answer.

    Attributes:
        video: path where the video was last seen.
        quote: what stands there, word for word; control characters are taken out.
        frame: time of the picture that shows it best, or None where there is none.
        weak: the quote was recognised by an engine known to be unreliable.
    """

    video: str
    span: Span
    kind: CitationKind
    quote: str
    frame: float | None = None
    weak: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The object that ``ask --json`` prints for one citation."""
        return {
            "video": self.video,
            "start": round(self.span.start, 3),
            "end": round(self.span.end, 3),
            "kind": self.kind,
            "quote": self.quote,
        }


@dataclass(frozen=True, slots=True)
class Searched:
    """A stretch of one video that was searched, and the senses that the index holds for it."""

    video: str
    span: Span
    kinds: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The object that ``ask --json`` prints for one searched stretch."""
        return {
            "video": self.video,
            "start": round(self.span.start, 3),
            "end": round(self.span.end, 3),
            "kinds": list(self.kinds),
        }


@dataclass(frozen=True, slots=True)
class Covered:
    """One sense that went through a stretch of one video.

    Attributes:
        every: seconds between two pictures that it was shown; None where it took in everything.
        gaps: stretches that could not be decoded.
    """

    video: str
    span: Span
    kind: str
    every: float | None = None
    gaps: tuple[Span, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The object that ``ask --json`` prints for one sense of one video."""
        return {
            "video": self.video,
            "start": round(self.span.start, 3),
            "end": round(self.span.end, 3),
            "kind": self.kind,
            "every": self.every,
            "gaps": [[round(gap.start, 3), round(gap.end, 3)] for gap in self.gaps],
        }


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the agent did: the action's name, its arguments and what came of it, in words.

    Attributes:
        seconds: deciding on it and doing it.
        frames: pictures that a model looked at.
        tokens: that models read and wrote for it; 0 where no model took part, or it cannot tell.
        notices: what an engine had to tell, for instance that it was shown less because memory is short.
    """

    action: str
    arguments: Mapping[str, Any]
    result: str
    seconds: float
    frames: int = 0
    tokens: int = 0
    notices: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The object that ``ask --json`` prints for one step."""
        return {
            "action": self.action,
            "arguments": dict(self.arguments),
            "result": self.result,
            "seconds": round(self.seconds, 3),
            "frames": self.frames,
            "tokens": self.tokens,
            **({"notices": list(self.notices)} if self.notices else {}),
        }


@dataclass(frozen=True, slots=True)
class Started:
    """Something that the agent is about to do; the ``Step`` follows when it is done."""

    action: str
    arguments: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"action": self.action, "arguments": dict(self.arguments)}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with the moments that prove it, or the honest word that the video does not show it.

    Attributes:
        question: as it was asked.
        understood: the question as it stands by itself, where a chat left something out.
        text: the answer in words, safe to print on a terminal.
        answered: False when what was searched does not support an answer; ``text`` then says what was searched.
        choice: letter of the chosen option (``A`` is the first), or None.
        confidence: 0..1.
        citations: best first; none when ``answered`` is False.
        coverage: what each sense went through, where the answer counts or denies something.
        leads: the nearest that was found when ``answered`` is False; not a proof of anything.
        run: name of the run under which the answer is saved, or None.
        remarks: what whoever reads it should know beside what the steps tell.
    """

    question: str
    text: str
    answered: bool
    choice: str | None = None
    confidence: float = 0.0
    citations: tuple[Citation, ...] = ()
    searched: tuple[Searched, ...] = ()
    steps: tuple[Step, ...] = ()
    engines: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    leads: tuple[Citation, ...] = ()
    understood: str = ""
    coverage: tuple[Covered, ...] = ()
    run: str | None = None
    remarks: tuple[str, ...] = ()

    @property
    def notices(self) -> tuple[str, ...]:
        """What there was to tell on the way, once each."""
        return tuple(dict.fromkeys([*(notice for step in self.steps for notice in step.notices), *self.remarks]))

    def to_dict(self) -> dict[str, Any]:
        """The object that ``ask --json`` prints; JSON values only."""
        return {
            "question": self.question,
            **({"understood": self.understood} if self.understood not in ("", self.question) else {}),
            "answer": self.text,
            "answered": self.answered,
            "choice": self.choice,
            "confidence": round(self.confidence, 3),
            "citations": [c.to_dict() for c in self.citations],
            "searched": [s.to_dict() for s in self.searched],
            **({"coverage": [c.to_dict() for c in self.coverage]} if self.coverage else {}),
            "steps": [s.to_dict() for s in self.steps],
            "engines": dict(self.engines),
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            **({"run": self.run} if self.run else {}),
            **({"notices": list(self.notices)} if self.notices else {}),
        }


Event = Started | Step | Answer
"""What a streamed question gives, in this order: a step that begins, what came of it, and at last the answer."""
