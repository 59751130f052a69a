"""Video language models: they look at a few pictures of a short stretch and answer, describe or choose. One engine a
file; ``families`` has what differs between model families.

An engine is the class of ``vagent.tools.engines.Engine`` with one method more, ``answer``; deriving from
``VideoLanguageModel`` builds the rest on it. Engines of other packages come in through the entry-point group
``vagent.engines`` under a name such as ``videollm.mine``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.tools.engines import Status

Image = NDArray[np.uint8]
"""A picture: height x width x 3, BGR."""

Frames = Sequence[tuple[float, Image]]
"""(seconds from the video's start, picture), in order of time."""


class VideoLanguageModel(ABC):
    """Looks at pictures and answers in words."""

    name: ClassVar[str]
    weak: ClassVar[bool] = False
    scores: ClassVar[bool] = False
    """Whether ``score_choices`` is there: the model gives probabilities."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notices: list[str] = []
        """What whoever reads the answers should know, each once: that pictures were shown smaller than was set."""
        self.spent = 0
        """Tokens read and written so far, where the model can tell."""

    @property
    @abstractmethod
    def revision(self) -> str:
        """Name and version of the model."""

    @classmethod
    @abstractmethod
    def check(cls, settings: Settings) -> Status:
        """Whether it can run here now."""

    @abstractmethod
    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        """What the model says about ``frames``.

        Args:
            frames: may be empty for a question about text alone; more than the budget are thinned evenly.
            prompt: the whole prompt; it holds the times as text and asks one question that stands by itself.
            tokens: length of the answer, at most; None: as the settings say.

        Raises:
            EngineFailed: the model broke.
        """

    def stream(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> Iterator[str]:
        """The answer in pieces as they come; closing the iterator stops the model.

        Raises:
            EngineFailed: the model broke.
        """
        yield self.answer(frames, prompt, tokens=tokens)

    def score_choices(self, frames: Frames, prompt: str, letters: Sequence[str]) -> list[float]:
        """Log-probabilities of the letters as the answer's first word, normalised over the letters, in their order.

        Raises:
            EngineFailed: the model broke, or gives no probabilities (see ``scores``).
        """
        raise NotImplementedError

    def caption(self, clips: Sequence[Frames], prompts: Sequence[str], *, tokens: int | None = None) -> list[str]:
        """One description a clip, in order; engines that can do so look at several clips at once.

        Raises:
            EngineFailed: the model broke.
        """
        return [self.answer(frames, prompt, tokens=tokens) for frames, prompt in zip(clips, prompts, strict=True)]

    def close(self) -> None:  # noqa: B027 - most engines have nothing to let go of
        """Let go of the model."""
