"""A detector of transformers on disk: loaded on first use, run in batches that memory has room for."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vagent.configs import Settings
from vagent.errors import EngineFailed, VagentError
from vagent.tools import batches, checkpoints, device, weights
from vagent.tools.checkpoints import Kind
from vagent.tools.engines import Status
from vagent.tools.objects import Detection, Image
from vagent.tools.objects.boxes import clipped
from vagent.tools.weights import Need

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

_CLOSE = 0.05  # a trained model's scores moved by 0.009 at most


class Detector(ABC):
    """One model. Safe to use from several threads: one of them at a time runs it.

    Its numbers are float32 everywhere. A card multiplies them in float16, which moves boxes by less than a pixel; a
    model that cannot do that, or comes out otherwise with the first batch, goes on in float32 alone.

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
        self._half: torch.dtype | None = None
        self._proved = False  # that half precision finds the same, on the first batch

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

    def seen(self, model: Any, inputs: Any) -> Any:
        """What the model says of a batch on its device: its ``logits`` and ``pred_boxes``, in float32."""
        if self._half is not None:
            found = self._seen_in_half(model, inputs, self._half)
            # Some models cut off what float16 cannot hold, and go on with that as if nothing were wrong.
            self._proved = self._proved or (found is not None and _as_sure(found, model(**inputs)))
            if found is not None and self._proved:
                return found
            self._half = None
            _log.warning("a model of type %s cannot multiply in float16: it takes longer", model.config.model_type)
        return model(**inputs)

    def _seen_in_half(self, model: Any, inputs: Any, number: torch.dtype) -> Any:
        """The same with multiplications in half precision; None where the model cannot do that."""
        import torch

        try:
            with torch.autocast(model.device.type, number):
                found = model(**inputs)
        except RuntimeError as error:
            if device.out_of_memory(error):
                raise
            return None  # it mixes number types somewhere; what breaks in float32 too is told by that
        found.logits, found.pred_boxes = found.logits.float(), found.pred_boxes.float()
        # Of a text's padding the logits are minus infinity; boxes are between 0 and 1.
        return found if bool(found.pred_boxes.isfinite().all()) and not bool(found.logits.isnan().any()) else None

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
        import torch

        trusted = weights.trusted(self.need, self.settings)
        checkpoints.config(folder, trusted)
        place = checkpoints.encoders(self.settings, torch.float32)
        self._half, self._proved = device.mixed(place.where), False
        processor = checkpoints.piece(folder, self.processor, "processor", trusted)
        kind = Kind("objects", "finds things", (self.auto,))
        return processor, checkpoints.model(folder, kind, self.settings, place, trusted)


def _as_sure(one: Any, other: Any) -> bool:
    """Whether a model is as sure of what it sees in each picture, whatever the order it names things in."""
    first, second = (found.logits.float().sigmoid().amax(-1).sort(-1).values for found in (one, other))
    return bool(((first - second).abs() <= _CLOSE).all())


def detection(label: str, corners: Sequence[float], confidence: float, picture: Image) -> list[Detection]:
    """One detection from pixels left, top, right, bottom; none where nothing of it lies in the picture."""
    height, width = picture.shape[:2]
    box = clipped(corners, width, height)
    return [] if box is None else [Detection(label, box, min(max(float(confidence), 0.0), 1.0))]
