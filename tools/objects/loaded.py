"""A detector of transformers on disk: loaded on first use, run in batches that memory has room for."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vagent.configs import Settings
from vagent.errors import EngineFailed, VagentError
from vagent.tools import batches, device, weights
from vagent.tools.engines import Status
from vagent.tools.objects import Detection, Image
from vagent.tools.objects.boxes import clipped
from vagent.tools.weights import Need


class Detector(ABC):
    """One model. Safe to use from several threads: one of them at a time runs it.

    Numbers are float32 everywhere: with half of their digits boxes would be off by pixels, and these models are small.

    Args:
        need: what says which model.
        settings: the settings in force.
    """

    auto: ClassVar[str]
    """The class of transformers that knows which model a folder holds."""
    processor: ClassVar[str]
    """The same for what prepares its input."""

    def __init__(self, need: Need, settings: Settings) -> None:
        self.need = need
        self.settings = settings
        self._lock = threading.RLock()
        self._loaded: tuple[Any, Any] | None = None

    @property
    def status(self) -> Status:
        """Whether it can run here now."""
        return weights.status(self.need, self.settings)

    def run(self, images: Sequence[Image], descriptions: Sequence[str] = ()) -> list[list[Detection]]:
        """What is found in each picture, in no order.

        Raises:
            EngineUnavailable: the model is not here.
            EngineFailed: it cannot be loaded, or broke.
        """
        size, where = batches.size("objects", self.settings), device.device(self.settings)
        with self._lock:
            try:
                return device.in_batches(images, size, lambda batch: self._batch(batch, descriptions), where)
            except VagentError:
                raise
            except Exception as error:  # whatever torch and transformers raise
                raise EngineFailed(f"the model that finds things broke ({error})", self.need.model) from error

    def close(self) -> None:
        """Let go of the model; the next use loads it anew."""
        with self._lock:
            if self._loaded is not None:
                self._loaded = None
                device.release(device.device(self.settings))

    def _batch(self, images: Sequence[Image], descriptions: Sequence[str]) -> list[list[Detection]]:
        import torch

        processor, model = self.load()
        pictures = [np.ascontiguousarray(image[..., ::-1]) for image in images]  # models see RGB
        with torch.inference_mode():
            return self.detections(processor, model, pictures, descriptions)

    @abstractmethod
    def detections(
        self, processor: Any, model: Any, pictures: Sequence[Image], descriptions: Sequence[str]
    ) -> list[list[Detection]]:
        """Run the model on a batch of RGB pictures."""

    def load(self) -> tuple[Any, Any]:
        """The processor and the model.

        Raises:
            EngineUnavailable: the model is not here.
            EngineFailed: what is here is not a model of this kind, or not a whole one.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = self._read(weights.folder(self.need, self.settings))
            return self._loaded

    def _read(self, folder: Path) -> tuple[Any, Any]:
        device.prepare(self.settings)
        import torch
        import transformers

        trusted = weights.trusted(self.need, self.settings)
        common = {"local_files_only": True, "trust_remote_code": trusted}
        try:
            processor = getattr(transformers, self.processor).from_pretrained(folder, **common)
            model, report = getattr(transformers, self.auto).from_pretrained(
                folder, **common, use_safetensors=True, dtype=torch.float32, output_loading_info=True
            )
        except Exception as error:  # ValueError, OSError, ImportError, SafetensorError, KeyError: any file may be bad
            raise EngineFailed(f"the model that finds things cannot be loaded ({error})", str(folder)) from error
        missing = [key for key in report["missing_keys"] if not key.endswith("num_batches_tracked")]
        if missing or report["mismatched_keys"]:
            # Left as they are these weights would be random, and so would be all that it finds.
            lacking = ", ".join([*missing, *map(str, report["mismatched_keys"])][:3])
            raise EngineFailed(f"weights of the model that finds things are missing: {lacking}", str(folder))
        return processor, model.to(device.device(self.settings)).eval()


def detection(label: str, corners: Sequence[float], confidence: float, picture: Image) -> list[Detection]:
    """One detection from pixels left, top, right, bottom; none where nothing of it lies in the picture."""
    height, width = picture.shape[:2]
    box = clipped(corners, width, height)
    return [] if box is None else [Detection(label, box, min(max(float(confidence), 0.0), 1.0))]
