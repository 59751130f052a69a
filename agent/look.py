"""Looking again: a video-LLM sees the pictures of one short stretch and answers one question that stands by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.agent.prompt import fill
from vagent.agent.safe import safe, safe_lines
from vagent.agent.shelf import Shelf
from vagent.tools.time import Span, format_time

_EVIDENCE = 40  # lines of evidence that go into one prompt
_NOTHING = "nothing"


class Looker(Protocol):
    """What the agent needs of a video-LLM engine."""

    name: str

    def answer(self, frames: Sequence[tuple[float, NDArray[np.uint8]]], prompt: str) -> str:
        """What the model says about the pictures."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look gave. ``text`` is empty when the pictures do not show what was asked."""

    video: int
    span: Span
    question: str
    text: str
    frames: int


def look(engine: Looker, shelf: Shelf, video: int, span: Span, question: str) -> Seen:
    """Show the pictures of a stretch to the engine.

    Args:
        span: cut to the settings' longest look and to the stretch that the question is limited to.

    Raises:
        EngineFailed: the model broke.
    """
    settings = shelf.index.settings.agent
    span = shelf.clamp(Span(span.start, min(span.end, span.start + settings.look_seconds)))
    kept = shelf.index.pictures(video, _times(span, settings.frames))[: settings.frames]
    frames = [(time, image) for time, jpeg in kept if (image := _decoded(jpeg)) is not None]
    if not frames:
        return Seen(video, span, question, "", 0)
    said = safe(engine.answer(frames, prompt(shelf, video, span, question, [time for time, _ in frames])))
    bare = said.strip(" .!\"'").casefold()
    return Seen(video, span, question, "" if not bare or bare == _NOTHING else said, len(frames))


def prompt(shelf: Shelf, video: int, span: Span, question: str, times: Sequence[float]) -> str:
    """The prompt of one look: times in text, evidence in order of time, quoted and delimited by an unguessable line."""
    lines = [line for line in shelf.lines(video) if line.span.touches(span)][:_EVIDENCE]
    evidence = "\n".join(f"[{format_time(x.span.start, 1)}] {x.evidence.kind}: {safe(x.text)}" for x in lines)
    # The marker depends on the evidence: text in the video cannot contain the mark that would end its own quotation.
    marker = f"=== evidence {hashlib.sha256(evidence.encode()).hexdigest()[:16]} ==="
    return fill(
        "look",
        count=str(len(times)),
        start=format_time(span.start, 1),
        end=format_time(span.end, 1),
        times=", ".join(format_time(time, 1) for time in times),
        marker=marker,
        evidence=evidence or "(none)",
        question=safe_lines(question),
    )


def _times(span: Span, most: int) -> list[float]:
    """About two a second, evenly spread, at most ``most``."""
    count = max(1, min(most, round(span.duration * 2)))
    step = span.duration / count
    return [span.start + (i + 0.5) * step for i in range(count)]


def _decoded(jpeg: bytes) -> NDArray[np.uint8] | None:
    import cv2

    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image, np.uint8)
