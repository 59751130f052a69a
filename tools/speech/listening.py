"""Hearing one video: stretches of speech go in as they are found, and come out with what was said in them.

Engines know nothing of videos. What has to be known of one lives here: in which language it is, and which stretches
still wait to be heard together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any

import numpy as np

from vagent.errors import EngineFailed
from vagent.tools.speech import LotsEngine, SpeechEngine, Utterance, hears_lots
from vagent.tools.speech.vad import Speech
from vagent.tools.speech.whisper_languages import Votes
from vagent.tools.time import Span

_AHEAD = 2  # stretches under way for each that an engine hears at once: one that is done must find the next


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said in one stretch, or the error that hearing it ended in."""

    span: Span
    utterances: tuple[Utterance, ...] = ()
    error: EngineFailed | None = None


class Listener:
    """Has an engine hear one video's speech: many stretches at once where it can, or several side by side, in one
    language.

    The language is the one that the engine was told, else the one that most of the speech is in; see ``Votes``.

    Args:
        engine: any engine of speech.
        state: ``state`` of the listener of an earlier run over the same video, to go on from.
    """

    def __init__(self, engine: SpeechEngine, state: Mapping[str, Any] | None = None) -> None:
        self._engine = engine
        self._votes = Votes(state)
        self._waiting: list[Speech] = []
        self._callers = 1 if hears_lots(engine) else getattr(engine, "callers", 1)
        self._under_way: deque[Future[Heard]] = deque()

    @property
    def state(self) -> dict[str, Any]:
        """What a later run needs to go on, as JSON values; stretches that wait are not in it."""
        return self._votes.state

    @property
    def language(self) -> str | None:
        """The language that stretches are heard in now; None where that is not known yet, or not asked."""
        engine = self._engine
        return (engine.language or self._votes.winner) if hears_lots(engine) else None

    def offer(self, stretch: Speech) -> list[Heard]:
        """Take the next stretch. What was said in it comes now, or with a later one.

        Raises:
            EngineUnavailable: the engine cannot run here.
        """
        if self._callers > 1:
            self._under_way.append(_begun(self._one, stretch))
            return self._ended(len(self._under_way) - _AHEAD * self._callers)
        self._waiting.append(stretch)
        capacity = self._engine.capacity if hears_lots(self._engine) else 0.0
        after = _seconds(self._waiting)
        if after < capacity:
            return []
        # The one that is too much waits for the next lot, lest it should make a window of its own.
        spare = [self._waiting.pop()] if after > capacity and len(self._waiting) > 1 else []
        heard = self.flush()
        self._waiting = spare
        return heard

    def flush(self) -> list[Heard]:
        """What was said in all stretches that wait. One that breaks the engine is told beside the others.

        Raises:
            EngineUnavailable: the engine cannot run here.
        """
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return self._ended(len(self._under_way))
        if not hears_lots(self._engine):
            return [self._one(stretch) for stretch in waiting]
        try:
            return _paired(waiting, self._hear(self._engine, waiting))
        except EngineFailed as error:
            if len(waiting) == 1:
                return [Heard(waiting[0].span, error=error)]
        return [self._one(stretch) for stretch in waiting]

    def _ended(self, least: int) -> list[Heard]:
        """What was said in those under way that have ended, in order; waits for so many at least."""
        ended: list[Heard] = []
        while self._under_way and (len(ended) < least or self._under_way[0].done()):
            ended.append(self._under_way.popleft().result())
        return ended

    def _hear(self, engine: LotsEngine, stretches: Sequence[Speech]) -> list[list[Utterance]]:
        if engine.language is None:
            seconds = _seconds(stretches)
            if self._votes.due:
                chances = engine.languages(np.concatenate([stretch.samples for stretch in stretches]))
                self._votes.add(chances, min(seconds, 30.0))
            else:
                self._votes.passed(seconds)
        return engine.transcribe_many([(one.samples, one.span.start) for one in stretches], self.language)

    def _one(self, stretch: Speech) -> Heard:
        engine, start = self._engine, stretch.span.start
        try:
            if hears_lots(engine):
                return Heard(stretch.span, tuple(engine.transcribe_many([(stretch.samples, start)], self.language)[0]))
            return Heard(stretch.span, tuple(engine.transcribe(stretch.samples, start)))
        except EngineFailed as error:
            return Heard(stretch.span, error=error)


def _begun(work: Callable[[Speech], Heard], stretch: Speech) -> Future[Heard]:
    """Work in a thread of its own, for which nobody waits when the program ends."""
    future: Future[Heard] = Future()

    def run() -> None:
        try:
            future.set_result(work(stretch))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asks for the result
            future.set_exception(error)

    Thread(target=run, name="vagent-listening", daemon=True).start()
    return future


def _seconds(stretches: Sequence[Speech]) -> float:
    return sum(stretch.span.duration for stretch in stretches)


def _paired(stretches: Sequence[Speech], found: Sequence[Sequence[Utterance]]) -> list[Heard]:
    return [Heard(one.span, tuple(utterances)) for one, utterances in zip(stretches, found, strict=True)]
