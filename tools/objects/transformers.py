"""Object detection with any model of transformers: RT-DETR, RT-DETRv2, D-FINE, RF-DETR, DEIMv2, DETR ... (Apache-2.0),
and beside it one that finds what is described to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, ClassVar

from vagent.configs import Settings
from vagent.tools import weights
from vagent.tools.engines import Status
from vagent.tools.objects import Detection, Image
from vagent.tools.objects import openvocab as described
from vagent.tools.objects.boxes import distinct
from vagent.tools.objects.loaded import Detector, detection
from vagent.tools.objects.openvocab import OpenVocabulary
from vagent.tools.weights import Need

_NO_NAMES = frozenset({"n/a", "no-object", "no_object", "background", ""})  # classes that stand for nothing


def need(settings: Settings) -> Need:
    """Which model finds the things that it knows."""
    return Need(sense="objects", engine="transformers", model=settings.objects.model)


class KnownVocabulary(Detector):
    """Finds the things that the model was trained on."""

    auto = "AutoModelForObjectDetection"
    processor = "AutoImageProcessor"

    def __init__(self, settings: Settings) -> None:
        super().__init__(need(settings), settings)

    def detections(
        self, processor: Any, model: Any, pictures: Sequence[Image], descriptions: Sequence[str]
    ) -> list[list[Detection]]:
        inputs = processor(images=list(pictures), return_tensors="pt", input_data_format="channels_last")
        results = processor.post_process_object_detection(
            self.seen(model, inputs.to(model.device)),
            threshold=self.settings.objects.threshold,
            target_sizes=[picture.shape[:2] for picture in pictures],
        )
        names = model.config.id2label
        return [
            [
                one
                for label, box, score in zip(*(result[k].tolist() for k in ("labels", "boxes", "scores")), strict=True)
                if names[label].strip().lower() not in _NO_NAMES
                for one in detection(names[label].strip(), box, score, picture)
            ]
            for result, picture in zip(results, pictures, strict=True)
        ]


class TransformersObjects:
    """Detectors of transformers: one for the things it knows, one for what is described; each is optional.

    Args:
        settings: the section ``objects`` counts; models load on first use.
    """

    name: ClassVar[str] = "transformers"
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notices: list[str] = []
        self._known = KnownVocabulary(settings)
        self._described = OpenVocabulary(settings)

    @property
    def revision(self) -> str:
        """The library's version, and the names and digests of the models that are used."""
        models = [weights.label(need(self.settings), self.settings)] if self.detects else []
        if self.settings.objects.find:
            models.append(weights.label(described.need(self.settings), self.settings))
        return f"transformers {version('transformers')} {' + '.join(models)}".strip()

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether a model is here for what the settings ask for; one of the two is enough to be of use."""
        known = weights.status(need(settings), settings)
        if not settings.objects.find:
            return known
        found = weights.status(described.need(settings), settings)
        if known.ready and not found.ready:
            return Status(True, f"{known.reason}; descriptions are not looked for: {found.reason}", found.fix)
        if found.ready and not known.ready and settings.objects.model is None:
            return Status(True, f"{found.reason}; only descriptions are looked for: {known.reason}", known.fix)
        return found if settings.objects.model is None else known

    @property
    def detects(self) -> bool:
        """Whether there is a model with a vocabulary of its own: one was named, or one is here."""
        return self.settings.objects.model is not None or self._known.status.ready

    @property
    def finds(self) -> Status:
        """Whether a model that looks for descriptions is here."""
        return self._described.status

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The things that the model knows in each picture, surest first; nothing where ``detects`` is False.

        Raises:
            EngineUnavailable: the model that was named is not here.
            EngineFailed: the model broke.
        """
        if not images or not self.detects:
            return [[] for _ in images]
        return [distinct(found) for found in self._known.run(images)]

    def find(self, images: Sequence[Image], descriptions: Sequence[str]) -> list[list[Detection]]:
        """What is described, in each picture, surest first.

        Raises:
            EngineUnavailable: no model here looks for descriptions.
            EngineFailed: the model broke.
        """
        if not descriptions:
            return [[] for _ in images]
        return [distinct(found) for found in self._described.run(images, descriptions)]

    def close(self) -> None:
        """Let go of the models."""
        self._known.close()
        self._described.close()
