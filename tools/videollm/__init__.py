"""Video language models: answer a question about a few pictures of a short stretch. None is built in yet.

An engine is the class of ``vagent.tools.engines.Engine`` with one method more, ``answer``. It comes in through the
entry-point group ``vagent.engines`` under a name such as ``videollm.mine``, or is handed to the question directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.tools.engines import Engine

Image = NDArray[np.uint8]
"""A picture: height x width x 3, BGR."""


class VideoLanguageEngine(Engine, Protocol):
    """Looks at pictures and answers in words."""

    def answer(self, frames: Sequence[tuple[float, Image]], prompt: str) -> str:
        """What the model says about ``frames``.

        Args:
            frames: (seconds from the video's start, picture), in order of time; at most ``agent.frames``.
            prompt: the whole prompt; it holds the times as text and asks one question that stands by itself.

        Raises:
            EngineFailed: the model broke.
        """
        ...
