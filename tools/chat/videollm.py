"""The local video-LLM as the chat model: the same weights that look at pictures choose the steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, ClassVar

from vagent.configs import Settings
from vagent.tools import weights
from vagent.tools.chat.local import LocalChat, Speaker
from vagent.tools.chat.templates import Template
from vagent.tools.engines import Status
from vagent.tools.videollm import held
from vagent.tools.videollm.loading import Loaded

_LEAST = 7.0  # billions of parameters below which a model chooses steps badly


class VideoLLMChat(LocalChat):
    """The video-LLM of the setting ``videollm.model``, asked in text alone. It is in memory once, whoever uses it.

    May be used from several threads: they take turns, also with those who look.
    """

    name: ClassVar[str] = "videollm"
    weak: ClassVar[bool] = False
    section: ClassVar[str] = "videollm"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._hold = held.Hold(settings)
        self._speaker: Speaker | None = None

    @property
    def revision(self) -> str:
        """Engine, version of transformers, model and the mark of its weights."""
        return f"{self.name} {version('transformers')} {weights.label(held.need(self.settings), self.settings)}"

    @property
    def billions(self) -> float | None:
        """The size of the model, counted in its files."""
        return weights.billions(held.need(self.settings), self.settings)

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether the video-LLM is here; for ``auto`` it also has to be large enough and in use."""
        status = held.status(settings)
        if not status.ready or settings.engines.chat == cls.name:
            return status
        by_name = "take it by name: --engine chat=videollm"
        if settings.engines.videollm == "off":
            return Status(False, "the video-LLM is switched off", by_name)
        size = weights.billions(held.need(settings), settings)
        if size is None or size < _LEAST:
            known = "of unknown size" if size is None else f"of {size:.1f} billion parameters"
            return Status(False, f"the video-LLM is {known}; below {_LEAST:g} they choose steps badly", by_name)
        return status

    @contextmanager
    def turn(self) -> Iterator[Speaker]:
        """The model for one reply; see ``LocalChat``."""
        with self._hold.turn():
            loaded = self._hold.loaded()
            if self._speaker is None or self._speaker.model is not loaded.model:
                self._speaker = _speaker(loaded, weights.label(held.need(self.settings), self.settings))
            yield self._speaker

    def close(self) -> None:
        """Let go of the model; it stays in memory while somebody else looks with it."""
        with self._hold.turn():
            self._speaker = None
        self._hold.close()


def _speaker(loaded: Loaded, name: str) -> Speaker:
    processor = loaded.processor
    bos = processor.tokenizer.bos_token

    def encode(prompt: str) -> Any:
        # By the processor: it adds what some families want beside the tokens.
        written = {"add_special_tokens": False} if bos is not None and prompt.startswith(bos) else {}
        return processor(text=[prompt], return_tensors="pt", **written).to(loaded.where)

    template = Template(processor.apply_chat_template, loaded.harmless, name)
    return Speaker(loaded.model, processor.tokenizer, encode, loaded.shape.context, template)
