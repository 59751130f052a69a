"""Any sentence-transformers model, read from its folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools import device, weights
from vagent.tools.embeddings import Vectors, readable, unit
from vagent.tools.engines import Status
from vagent.tools.weights import Need


class SentenceModel:
    """Sentence embeddings by the sentence-transformers model that ``embeddings.model`` names.

    Texts get the model's own prompt for documents, queries its own for queries, where it has any. May be used from
    several threads; the weights load at the first use.
    """

    name: ClassVar[str] = "sentence-transformers"
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._load_lock = threading.Lock()
        self._lock = threading.Lock()
        self._loaded: Any = None

    @property
    def revision(self) -> str:
        """Name and version, as it is written beside what it made."""
        return f"{self.name} {version('sentence-transformers')} {self.model}"

    @cached_property
    def model(self) -> str:
        """The model's name and what tells its weights from others'."""
        return weights.label(_need(self._settings), self._settings)

    @property
    def dimension(self) -> int:
        """Length of a vector; the model says it, so it is loaded for that.

        Raises:
            EngineUnavailable: the model is not here.
            EngineFailed: it cannot be loaded.
        """
        return int(self._load().get_embedding_dimension())

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether a model is given, lies here, and comes as safetensors."""
        need = _need(settings)
        if need.model is None:
            fix = "set embeddings.model to a sentence-transformers model: a hub id or a folder"
            return Status(False, "no model is given", fix)
        status = weights.status(need, settings)
        folder = weights.locate(need, settings) if status.ready else None
        return _pickled(folder) or status if folder else status

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text, float32, shape (len(texts), dimension).

        Raises:
            EngineUnavailable: the model is not here.
            EngineFailed: it cannot be loaded, or running it failed.
        """
        return self._encode(self._load().encode_document, texts)

    def embed_query(self, texts: Sequence[str]) -> Vectors:
        """The same for texts that are looked for among those of ``embed``.

        Raises:
            EngineUnavailable: the model is not here.
            EngineFailed: it cannot be loaded, or running it failed.
        """
        return self._encode(self._load().encode_query, texts)

    def close(self) -> None:
        """Let go of the model."""
        with self._load_lock, self._lock:
            if self._loaded is not None:
                self._loaded = None
                device.release(device.device(self._settings))

    def _encode(self, encode: Callable[..., Any], texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)  # the library's own answer has no columns
        clean = [readable(text) for text in texts]
        size = self._settings.embeddings.batch
        with self._lock:
            while True:
                try:
                    return unit(encode(clean, batch_size=size, show_progress_bar=False, convert_to_numpy=True))
                except Exception as error:  # what a model of anybody's making raises
                    if not device.out_of_memory(error) or size == 1:
                        raise EngineFailed(f"the embedding model broke ({error})", self.revision) from error
                size = max(1, size // 2)  # outside, where the error no longer holds on to the memory

    def _load(self) -> Any:
        with self._load_lock:
            if self._loaded is None:
                self._loaded = self._read()
            return self._loaded

    def _read(self) -> Any:
        need = _need(self._settings)
        folder = weights.folder(need, self._settings)
        if pickled := _pickled(folder):
            raise EngineUnavailable(f"the embedding model cannot be used: {pickled.reason}", hint=pickled.fix)
        torch = device.prepare(self._settings)
        from sentence_transformers import SentenceTransformer

        where = device.device(self._settings)
        # On the processor exact numbers are worth more than speed: a library keeps them for years.
        dtype = torch.float32 if where.type == "cpu" else device.precision(where)
        try:
            return SentenceTransformer(
                str(folder),
                device=str(where),
                local_files_only=True,
                trust_remote_code=weights.trusted(need, self._settings),
                model_kwargs={"dtype": dtype, "use_safetensors": True},
            ).eval()
        except Exception as error:  # a damaged file may raise anything
            raise EngineFailed(f"the embedding model cannot be loaded ({error})", str(folder)) from error


def _need(settings: Settings) -> Need:
    return Need(
        sense="embeddings",
        engine=SentenceModel.name,
        model=settings.embeddings.model,
        packages=("torch", "transformers", "sentence_transformers"),
        files=("modules.json",),
    )


def _pickled(folder: Path) -> Status | None:
    """Why a folder is refused that has weights only as a pickle, which may run any code when it is read."""
    try:
        modules = json.loads((folder / "modules.json").read_bytes())
        parts = [folder / str(module["path"]) for module in modules]
    except (OSError, ValueError, TypeError, KeyError) as error:
        return Status(False, f"modules.json cannot be read ({error})", "fetch the model again")
    for part in parts:
        if (part / "pytorch_model.bin").exists() and not any(part.glob("*.safetensors")):
            fix = "take a revision of the model with model.safetensors, or convert it"
            return Status(False, f"{folder.name} holds pickled weights only (pytorch_model.bin)", fix)
    return None
