"""Looking again: a video-LLM sees the pictures of one short stretch and answers one question that stands by itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.agent.evidence.shelf import Shelf
from vagent.agent.question.hints import clocks
from vagent.index.pictures import inside
from vagent.prompts import fill, marker
from vagent.tools.media.frames import unjpeg
from vagent.tools.safe import safe, safe_lines
from vagent.tools.time import Span, format_time

_EVIDENCE = 40  # lines of evidence that go into one prompt
_NOTHING = "nothing"
_ROUNDING = 1.0  # seconds: models drop fractions

Frames = Sequence[tuple[float, NDArray[np.uint8]]]


class Looker(Protocol):
    """What the agent needs of a video-LLM engine; one that ``scores`` also has ``score_choices``."""

    @property
    def name(self) -> str: ...

    def answer(self, frames: Frames, prompt: str) -> str:
        """What the model says about the pictures."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look gave.

    Attributes:
        text: what was said; empty when the pictures do not show what was asked.
        options: how probable each option of a multiple-choice question is, 0..1; empty where nobody could tell.
    """

    video: int
    span: Span
    question: str
    text: str
    frames: int
    options: tuple[float, ...] = ()


def look(engine: Looker, shelf: Shelf, video: int, span: Span, question: str, options: Sequence[str] = ()) -> Seen:
    """Show the pictures of a stretch to the engine.

    Args:
        span: cut to the settings' longest look and to the stretch that the question is limited to.
        options: of a multiple-choice question, without letters.

    Raises:
        EngineFailed: the model broke.
    """
    settings = shelf.index.settings.agent
    span = shelf.clamp(Span(span.start, min(span.end, span.start + settings.look_seconds)))
    kept = shelf.index.pictures(video, _times(span, settings.frames))[: settings.frames]
    frames = [(time, unjpeg(jpeg)) for time, jpeg in inside(kept, span)]
    if not frames:
        return Seen(video, span, question, "", 0)
    times = [time for time, _ in frames]
    said = safe(engine.answer(frames, prompt(shelf, video, span, question, times)))
    bare = said.strip(" .!\"'").casefold()
    nothing = not bare or bare == _NOTHING
    judged = _judge(engine, frames, lambda order: choosing(shelf, video, span, question, times, order), options)
    return Seen(video, _named(said, times, span), question, "" if nothing else said, len(frames), judged)


def prompt(shelf: Shelf, video: int, span: Span, question: str, times: Sequence[float]) -> str:
    """The prompt of one look: times in text, evidence in order of time, quoted and delimited by an unguessable line."""
    return fill("look", **_material(shelf, video, span, times), question=safe_lines(question))


def choosing(
    shelf: Shelf, video: int, span: Span, question: str, times: Sequence[float], options: Sequence[str]
) -> str:
    """The prompt that asks for the letter of one of some options; otherwise as ``prompt``."""
    listed = "\n".join(f"{letter}. {safe(option)}" for letter, option in zip(_letters(options), options, strict=True))
    return fill("choose", **_material(shelf, video, span, times), question=safe_lines(question), options=listed)


def _material(shelf: Shelf, video: int, span: Span, times: Sequence[float]) -> dict[str, str]:
    lines = [line for line in shelf.lines(video) if line.span.touches(span)][:_EVIDENCE]
    evidence = "\n".join(f"[{format_time(x.span.start, 1)}] {x.evidence.kind}: {safe(x.text)}" for x in lines)
    return {
        "count": str(len(times)),
        "start": format_time(span.start, 1),
        "end": format_time(span.end, 1),
        "times": ", ".join(format_time(time, 1) for time in times),
        "marker": marker(evidence),
        "evidence": evidence or "(none)",
    }


def _named(said: str, times: Sequence[float], span: Span) -> Span:
    """The stretch of the pictures whose times an answer names. What a model says of times is a claim: it counts only
    as a choice among the pictures that were shown, each of which stands for the time until the next one."""
    inside = [time for time in clocks(said) if span.start - _ROUNDING <= time <= span.end + _ROUNDING]
    if not inside:
        return span
    ends = [*times[1:], span.end]
    first, last = (min(range(len(times)), key=lambda i: abs(times[i] - time)) for time in (min(inside), max(inside)))
    return Span(max(span.start, times[first]), max(times[last], min(ends[last], span.end))).clamp(span)


def _judge(
    engine: Any, frames: Frames, asking: Callable[[Sequence[str]], str], options: Sequence[str]
) -> tuple[float, ...]:
    """How probable each option is. Every option stands at every place once: a model's liking for a letter cancels out,
    and the result does not depend on the order in which the options were given."""
    if not options or not getattr(engine, "scores", False):
        return ()
    # One order to begin with, whatever order was given: sums in another order differ in the last digit.
    first = sorted(range(len(options)), key=lambda i: options[i])
    totals = [0.0] * len(options)
    for turn in range(len(first)):
        order = first[turn:] + first[:turn]
        scores = engine.score_choices(frames, asking([options[i] for i in order]), _letters(options))
        for i, score in zip(order, scores, strict=True):
            totals[i] += score / len(options)
    whole = sum(math.exp(total) for total in totals)
    return tuple(math.exp(total) / whole for total in totals)


def _letters(options: Sequence[str]) -> list[str]:
    return [chr(ord("A") + i) for i in range(len(options))]


def _times(span: Span, most: int) -> list[float]:
    """About two a second, evenly spread, at most ``most``."""
    count = max(1, min(most, round(span.duration * 2)))
    step = span.duration / count
    return [span.start + (i + 0.5) * step for i in range(count)]
