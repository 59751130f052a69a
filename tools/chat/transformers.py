"""Language models of transformers as chat models: any checkpoint with a chat template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar

from vagent.configs import Settings
from vagent.tools import checkpoints, device, weights
from vagent.tools.chat.local import LocalChat, Speaker
from vagent.tools.chat.templates import Template
from vagent.tools.checkpoints import Kind
from vagent.tools.control import Harmless
from vagent.tools.engines import Status

_TEXT, _PICTURES = "AutoModelForCausalLM", "AutoModelForImageTextToText"
_KIND = Kind("chat", "writes text", (_TEXT, _PICTURES))
_SEEING = Kind("chat", "writes text", (_PICTURES, _TEXT))  # text models of the same config would lack half of it


class TransformersChat(LocalChat):
    """A local language model; ready where ``chat.model`` names one that is here, or one of the list is here.

    May be used from several threads: they take turns. The model loads at the first use.
    """

    name: ClassVar[str] = "transformers"
    weak: ClassVar[bool] = False
    section: ClassVar[str] = "chat"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._lock = RLock()
        self._speaker: Speaker | None = None

    @property
    def revision(self) -> str:
        """Engine, version of transformers, model and the mark of its weights."""
        return f"{self.name} {version('transformers')} {weights.label(_need(self.settings), self.settings)}"

    @property
    def billions(self) -> float | None:
        """The size of the model, counted in its files."""
        return weights.billions(_need(self.settings), self.settings)

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether the packages and the weights are here; none is fetched for ``auto`` that nobody named."""
        status = weights.status(_need(settings), settings)
        if status.fetch and settings.chat.model is None and settings.engines.chat != cls.name:
            return Status(False, "no chat model was set up", f"vagent models pull {status.fetch}")
        missing = checkpoints.needs(_KIND, settings) if status.ready else None
        return Status(False, "a package that the settings ask for is not installed", missing) if missing else status

    @contextmanager
    def turn(self) -> Iterator[Speaker]:
        """The model for one reply; see ``LocalChat``."""
        with self._lock:
            if self._speaker is None:
                need = _need(self.settings)
                folder = weights.folder(need, self.settings)
                self._speaker = _loaded(folder, self.settings, weights.trusted(need, self.settings))
            yield self._speaker

    def close(self) -> None:
        """Let go of the model, when the reply that runs has ended; the next use loads it again."""
        with self._lock:
            if self._speaker is None:
                return
            where = self._speaker.model.device
            self._speaker = None
            device.release(where)


def _need(settings: Settings) -> weights.Need:
    packages, files = ("torch", "transformers", "llguidance"), ("config.json", "*.safetensors")
    return weights.Need("chat", "transformers", settings.chat.model, packages, files=files)


def _loaded(folder: Path, settings: Settings, trusted: bool) -> Speaker:
    config = checkpoints.config(folder, trusted)
    kind = _SEEING if _sees(config) else _KIND
    place = checkpoints.place(folder, kind, settings)
    tokenizer = _tokenizer(folder, trusted)
    template = Template(tokenizer.apply_chat_template, Harmless(tokenizer), folder.name)
    model = checkpoints.model(folder, kind, settings, place, trusted)

    def encode(prompt: str) -> Any:
        # The template wrote the control tokens at the beginning already.
        return tokenizer(prompt, return_tensors="pt", add_special_tokens=False).to(model.device)

    longest = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30
    return Speaker(model, tokenizer, encode, min(longest, tokenizer.model_max_length), template)


def _sees(config: Mapping[str, Any]) -> bool:
    named = config.get("architectures")
    return isinstance(named, list) and any(str(name).endswith("ForConditionalGeneration") for name in named)


def _tokenizer(folder: Path, trusted: bool) -> Any:
    tokenizer = checkpoints.piece(folder, "AutoTokenizer", "tokenizer", trusted)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
