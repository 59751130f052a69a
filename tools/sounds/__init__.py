"""Sounds that are no speech: laughter, music, sirens. Engines judge windows of sound (one engine a file; ``tagger`` is
what they share), ``labels`` says in which words, ``spans`` joins what neighbouring windows hear into one sound.

An engine is the class of ``vagent.tools.engines.Engine`` with one method more, ``tag``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.tools.engines import Engine
from vagent.tools.time import Span

RATE = 16_000
"""Sampling rate of all audio inside vagent, Hz; mono, int16."""

WINDOW = 10.0
"""Seconds that are judged at once: what the models were trained on."""

HOP = WINDOW / 2
"""Seconds between the beginnings of two windows; each moment lies in two. See ``window``."""

Samples = NDArray[np.int16]
"""Sound: int16, mono, 16 kHz."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound, from where it was first heard to where it was last heard; both to about ``HOP`` seconds."""

    span: Span
    label: str
    confidence: float


def window(number: int) -> Span:
    """The seconds of the video that window ``number`` (from 0) covers. The first begins half a window before the video
    and is only half as long, so that the video's first moments, too, lie in two windows.
    """
    start = (number - 1) * HOP
    return Span(max(0.0, start), start + WINDOW)


class SoundEngine(Engine, Protocol):
    """Names what is heard in stretches of sound. The clock is the caller's: an engine knows no times."""

    def tag(self, windows: Sequence[Samples]) -> Sequence[Mapping[str, float]]:
        """For each window, of ``WINDOW`` seconds at most, how probable each label is, 0..1, each for itself: several
        may be heard at once, or none. Speech is no label. A window's probabilities do not depend on its company.

        Raises:
            EngineUnavailable: the model is not here.
            EngineFailed: the model broke.
        """
        ...
