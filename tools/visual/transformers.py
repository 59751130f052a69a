"""CLIP, SigLIP, SigLIP 2 and Qwen3-VL-Embedding through transformers, read from their folders."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools import batches, checkpoints, device, weights
from vagent.tools.checkpoints import Kind
from vagent.tools.embeddings import Vectors
from vagent.tools.engines import Status
from vagent.tools.visual import Image, Sought
from vagent.tools.visual.encoders import FAMILIES, Encoder
from vagent.tools.weights import Need

_KIND = Kind("visual", "compares pictures with texts", ("AutoModel",))


class TransformersVisual:
    """Pictures and texts in one space by the model that ``visual.model`` names, or the best on this machine.

    May be used from several threads; the weights load at the first use.
    """

    name: ClassVar[str] = "transformers"
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._load_lock = threading.Lock()
        self._lock = threading.Lock()
        self._loaded: Encoder | None = None

    @property
    def revision(self) -> str:
        """Name and version, as it is written beside what it made."""
        return f"{self.name} {version('transformers')} {self.model}"

    @cached_property
    def model(self) -> str:
        """The model's name and what tells its weights from others'."""
        return weights.label(_need(self._settings), self._settings)

    @property
    def dimension(self) -> int:
        """Length of a vector; the model is loaded for that.

        Raises:
            EngineUnavailable: the model is not here.
            EngineFailed: it cannot be loaded.
        """
        return self._load().dimension

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether a model lies here, and is of a family that is known."""
        need = _need(settings)
        status = weights.status(need, settings)
        folder = weights.locate(need, settings) if status.ready else None
        return _stranger(folder) or status if folder else status

    def embed_images(self, images: Sequence[Image]) -> Vectors:
        """One unit vector a picture, float32, shape (len(images), dimension).

        Raises:
            EngineUnavailable: the model is not here.
            EngineFailed: it cannot be loaded, or running it failed.
        """
        encoder = self._load()
        # Pictures are BGR here and RGB everywhere else.
        return self._batched(encoder.images, [np.ascontiguousarray(image[:, :, ::-1]) for image in images])

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text, float32, shape (len(texts), dimension).

        Raises:
            EngineUnavailable: the model is not here.
            EngineFailed: it cannot be loaded, or running it failed.
        """
        return self._batched(self._load().texts, list(texts))

    def seek(self, text: str) -> Sought:
        """What to compare pictures with to find those that show ``text``.

        Raises:
            EngineUnavailable: the model is not here.
            EngineFailed: it cannot be loaded, or running it failed.
        """
        encoder = self._load()
        found: Sought = self._run(lambda: encoder.seek(text))
        return found

    def close(self) -> None:
        """Let go of the model."""
        with self._load_lock, self._lock:
            if self._loaded is not None:
                self._loaded = None
                device.release(device.device(self._settings))

    def _batched(self, encode: Callable[[list[Any]], Any], items: list[Any]) -> Vectors:
        """All items in batches; where the memory does not hold one, in smaller ones."""
        encoder, where, size = self._load(), device.device(self._settings), batches.size("visual", self._settings)

        def run(some: Sequence[Any]) -> list[Any]:
            return list(encoder.vectors(encode, list(some)))

        found = self._run(lambda: device.in_batches(items, size, run, where))
        return np.stack(found) if found else np.zeros((0, encoder.dimension), np.float32)

    def _run(self, work: Callable[[], Any]) -> Any:
        """Something with the model, by one thread at a time.

        Raises:
            EngineFailed: it broke.
        """
        import torch

        try:
            with self._lock, torch.inference_mode():
                return work()
        except Exception as error:  # what a model raises is of any type
            raise EngineFailed(f"the model of pictures broke ({error})", self.revision) from error

    def _load(self) -> Encoder:
        with self._load_lock:
            if self._loaded is None:
                self._loaded = self._read()
            return self._loaded

    def _read(self) -> Encoder:
        need = _need(self._settings)
        folder = weights.folder(need, self._settings)
        if stranger := _stranger(folder):
            raise EngineUnavailable(f"the model of pictures cannot be used: {stranger.reason}", hint=stranger.fix)
        family, trusted = FAMILIES[_family(folder)], weights.trusted(need, self._settings)
        place = checkpoints.encoders(self._settings, family.number(device.device(self._settings)))
        processor = checkpoints.piece(folder, "AutoProcessor", "processor", trusted)
        return family(checkpoints.model(folder, _KIND, self._settings, place, trusted), processor)


def _need(settings: Settings) -> Need:
    return Need(sense="visual", engine=TransformersVisual.name, model=settings.visual.model)


def _family(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_bytes()).get("model_type"))
    except (OSError, ValueError, AttributeError) as error:
        return f"unreadable ({error})"


def _stranger(folder: Path) -> Status | None:
    """Why a folder's model cannot be used."""
    family = _family(folder)
    if family not in FAMILIES:
        return Status(False, f"{folder.name} is of type {family}", f"take a model of type {', '.join(FAMILIES)}")
    if not any(folder.glob("*.safetensors")):
        fix = "take a revision of the model with model.safetensors, or convert it"
        return Status(False, f"{folder.name} holds no safetensors", fix)
    if (folder / "spiece.model").exists() and find_spec("sentencepiece") is None:
        return Status(
            False, f"the tokenizer of {folder.name} needs sentencepiece", "pip install sentencepiece protobuf"
        )
    return None
