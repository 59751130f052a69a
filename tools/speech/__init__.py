"""Speech: where somebody speaks (``vad``), and what is said (one engine a file).

An engine is the class of ``vagent.tools.engines.Engine`` with one method more, ``transcribe``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.tools.engines import Engine
from vagent.tools.time import Span

RATE = 16_000
"""Sampling rate of all audio inside vagent, Hz; mono, int16."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its time in seconds; ``confidence`` None where the engine has no usable number."""

    span: Span
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of speech and its words."""

    span: Span
    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    language: str | None = None


class SpeechEngine(Engine, Protocol):
    """Turns one stretch of speech into text."""

    def transcribe(self, samples: NDArray[np.int16], start: float) -> Sequence[Utterance]:
        """What is said in ``samples`` (mono, 16 kHz) that begin ``start`` seconds into the video; often one utterance,
        none when nothing was understood. Times are the video's.

        Raises:
            EngineFailed: the recogniser broke.
        """
        ...
