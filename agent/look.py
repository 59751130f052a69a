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
from vagent.tools import deadline
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
        again: it was asked in the other words, without the text that was found.
        label: what a chat model calls it.
    """

    video: int
    span: Span
    question: str
    text: str
    frames: int
    options: tuple[float, ...] = ()
    again: bool = False
    label: str = ""


def look(
    engine: Looker,
    shelf: Shelf,
    video: int,
    span: Span,
    question: str,
    options: Sequence[str] = (),
    *,
    again: bool = False,
    pictures: int | None = None,
) -> Seen:
    """Show the pictures of a stretch to the engine.

    Args:
        span: cut to the settings' longest look and to the stretch that the question is limited to.
        options: of a multiple-choice question, without letters.
        again: ask in other words, of pictures between those of a first look, and without the text that was found.
        pictures: at most so many; None: as the settings say.

    Raises:
        EngineFailed: the model broke.
    """
    settings = shelf.index.settings.agent
    span = shelf.clamp(Span(span.start, min(span.end, span.start + settings.look_seconds)))
    most = settings.frames if pictures is None else min(pictures, settings.frames)
    kept = shelf.index.pictures(video, _times(span, most, between=again))[:most]
    frames = [(time, unjpeg(jpeg)) for time, jpeg in inside(kept, span)]
    if not frames:
        return Seen(video, span, question, "", 0, again=again)
    times = [time for time, _ in frames]
    asking = prompt_again(span, question, times) if again else prompt(shelf, video, span, question, times)
    said = safe(engine.answer(frames, asking))
    bare = said.strip(" .!\"'").casefold()
    nothing = not bare or bare == _NOTHING
    judged = _judge(engine, frames, lambda order: choosing(shelf, video, span, question, times, order), options)
    return Seen(video, _named(said, times, span), question, "" if nothing else said, len(frames), judged, again)


def prompt(shelf: Shelf, video: int, span: Span, question: str, times: Sequence[float]) -> str:
    """The prompt of one look: times in text, evidence in order of time, quoted and delimited by an unguessable line."""
    return fill("look", **_material(shelf, video, span, times), question=safe_lines(question))


def prompt_again(span: Span, question: str, times: Sequence[float]) -> str:
    """The prompt of a second look: other words, and nothing of what was found, so that it can disagree."""
    return fill("look_again", **_shown(span, times), question=safe_lines(question))


def choosing(
    shelf: Shelf, video: int, span: Span, question: str, times: Sequence[float], options: Sequence[str]
) -> str:
    """The prompt that asks for the letter of one of some options; otherwise as ``prompt``."""
    listed = "\n".join(f"{letter}. {safe(option)}" for letter, option in zip(_letters(options), options, strict=True))
    return fill("choose", **_material(shelf, video, span, times), question=safe_lines(question), options=listed)


def _material(shelf: Shelf, video: int, span: Span, times: Sequence[float]) -> dict[str, str]:
    lines = [line for line in shelf.lines(video) if line.span.touches(span)][:_EVIDENCE]
    evidence = "\n".join(f"[{format_time(x.span.start, 1)}] {x.evidence.kind}: {safe(x.text)}" for x in lines)
    return {**_shown(span, times), "marker": marker(evidence), "evidence": evidence or "(none)"}


def _shown(span: Span, times: Sequence[float]) -> dict[str, str]:
    return {
        "count": str(len(times)),
        "start": format_time(span.start, 1),
        "end": format_time(span.end, 1),
        "times": ", ".join(format_time(time, 1) for time in times),
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
    and the result does not depend on the order in which the options were given. Nobody can tell where the time does
    not last for all of them."""
    if not options or not getattr(engine, "scores", False):
        return ()
    # One order to begin with, whatever order was given: sums in another order differ in the last digit.
    first = sorted(range(len(options)), key=lambda i: options[i])
    totals = [0.0] * len(options)
    for turn in range(len(first)):
        order = first[turn:] + first[:turn]
        if deadline.over():
            return ()
        scores = engine.score_choices(frames, asking([options[i] for i in order]), _letters(options))
        for i, score in zip(order, scores, strict=True):
            totals[i] += score / len(options)
    whole = sum(math.exp(total) for total in totals)
    return tuple(math.exp(total) / whole for total in totals)


def _letters(options: Sequence[str]) -> list[str]:
    return [chr(ord("A") + i) for i in range(len(options))]


def _times(span: Span, most: int, *, between: bool = False) -> list[float]:
    """About two a second, evenly spread, at most ``most``; ``between``: half a step later than otherwise."""
    count = max(1, min(most, round(span.duration * 2)))
    step = span.duration / count
    times = [span.start + (i + (0.9 if between else 0.5)) * step for i in range(count)]
    return [min(time, span.end) for time in times]
