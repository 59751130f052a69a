"""From what single windows hear to sounds with a beginning and an end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vagent.tools.sounds import Sound, window
from vagent.tools.time import Span

_GOES_ON = 0.5  # part of the threshold above which a sound that has been heard is still heard


@dataclass(slots=True)
class _Run:
    """Neighbouring windows that hear one label; ``after``: the window before the first was judged, and did not."""

    first: int
    last: int
    peak: float
    after: bool


class SpanJoiner:
    """Joins windows that hear the same label into sounds, one window after the other.

    A label must reach the threshold once; around that, windows count down to half of it, so that a sound that swells
    and fades stays one. Windows overlap, so a window that hears nothing says more than where its neighbour begins: a
    sound begins after the last window before it that did not hear it has ended.

    Args:
        threshold: probability from which a label counts as heard, 0..1.
        state: what ``state`` gave, to go on from there.
    """

    def __init__(self, threshold: float, state: Mapping[str, Any] | None = None) -> None:
        self._threshold = threshold
        self._last: int | None = state["last"] if state else None
        self._open = {label: _Run(*run) for label, run in state["open"].items()} if state else {}

    @property
    def judged(self) -> int:
        """Number of the window after the last one."""
        return 0 if self._last is None else self._last + 1

    @property
    def state(self) -> dict[str, Any]:
        """What is still open, as JSON values."""
        runs = {label: [run.first, run.last, run.peak, run.after] for label, run in sorted(self._open.items())}
        return {"last": self._last, "open": runs}

    def feed(self, number: int, heard: Mapping[str, float]) -> list[Sound]:
        """Take window ``number``, later than all before, and what it hears; the sounds that have ended."""
        next_one = self._last is not None and number == self._last + 1
        ended = [] if next_one else self._close(self._open, stopped=False)
        quiet = [label for label in self._open if heard.get(label, 0.0) < self._threshold * _GOES_ON]
        ended += self._close(quiet, stopped=True)
        for label, probability in heard.items():
            if probability < self._threshold * _GOES_ON or probability <= 0:
                continue
            run = self._open.setdefault(label, _Run(number, number, probability, next_one))
            run.last, run.peak = number, max(run.peak, probability)
        self._last = number
        return _ordered(ended)

    def finish(self, end: float) -> list[Sound]:
        """What was still heard when the sound ended, at ``end`` seconds."""
        return _ordered(self._close(self._open, stopped=False, end=end))

    def _close(self, labels: Iterable[str], *, stopped: bool, end: float = math.inf) -> list[Sound]:
        """Part with runs; ``stopped``: the window after them was judged, and does not hear them."""
        runs = [(label, self._open.pop(label)) for label in list(labels)]
        return [_sound(label, run, stopped, end) for label, run in runs if run.peak >= self._threshold]


def _sound(label: str, run: _Run, stopped: bool, limit: float) -> Sound:
    first, last = window(run.first), window(run.last)
    start = window(run.first - 1).end if run.after else first.start
    end = min(window(run.last + 1).start if stopped else last.end, limit)
    if start >= end:
        # Heard in the middle of a window that its neighbours share: it is somewhere in there.
        start, end = last.start, min(first.end, limit)
    return Sound(Span(start, max(start, end)), label, run.peak)


def _ordered(sounds: list[Sound]) -> list[Sound]:
    return sorted(sounds, key=lambda sound: (sound.span, sound.label))
