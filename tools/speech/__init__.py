"""Speech: where somebody speaks (``vad``), and what is said (one engine a file).

An engine is the class of ``vagent.tools.engines.Engine`` with one method more, ``transcribe``. One that hears several
stretches better or faster at once, or tells languages apart, has what ``LotsEngine`` adds. One that may be called from
several threads at once, to good use, says from how many with an attribute ``callers``. ``listening.Listener`` hears one
video with any kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from vagent.tools.engines import Engine
from vagent.tools.time import Span

RATE = 16_000
"""Sampling rate of all audio inside vagent, Hz; mono, int16."""

Stretch: TypeAlias = tuple[NDArray[np.int16], float]
"""Samples (mono, 16 kHz), and when in the video they begin, in seconds."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its time in seconds; ``confidence`` None where the engine has no usable number."""

    span: Span
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of speech and its words. ``language`` is that of the text; where the text is a translation,
    ``translated_from`` is what was spoken."""

    span: Span
    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    language: str | None = None
    translated_from: str | None = None


class SpeechEngine(Engine, Protocol):
    """Turns one stretch of speech into text."""

    def transcribe(self, samples: NDArray[np.int16], start: float) -> Sequence[Utterance]:
        """What is said in ``samples`` (mono, 16 kHz) that begin ``start`` seconds into the video; often one utterance,
        none when nothing was understood. Times are the video's.

        Raises:
            EngineFailed: the recogniser broke.
        """
        ...


class LotsEngine(SpeechEngine, Protocol):
    """An engine that hears stretches together. It keeps nothing of a video: one engine serves many at a time."""

    @property
    def capacity(self) -> float:
        """Seconds of speech that are best handed over at once."""
        ...

    @property
    def language(self) -> str | None:
        """The code of the language that it was told; None where it has to be found out."""
        ...

    def languages(self, samples: NDArray[np.int16]) -> Mapping[str, float]:
        """How likely each language is in a stretch of speech, 0..1.

        Raises:
            EngineFailed: the recogniser broke.
        """
        ...

    def transcribe_many(self, stretches: Sequence[Stretch], language: str | None = None) -> list[list[Utterance]]:
        """What is said in each stretch; they are of one video and in order of time.

        Args:
            language: code of the language spoken, from ``languages``; None: find it out from these stretches.

        Raises:
            EngineFailed: the recogniser broke.
        """
        ...


def hears_lots(engine: SpeechEngine) -> TypeGuard[LotsEngine]:
    """Whether an engine is of the kind that hears stretches together."""
    return hasattr(type(engine), "transcribe_many")
