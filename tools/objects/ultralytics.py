"""Object detection with YOLO through Ultralytics: fast also without a graphics card, but AGPL-3.0.

The package is imported only when this engine is asked for by name. It calls home, installs packages, downloads weights
and keeps settings of its own unless it is told not to; here it is told so before it is imported.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar

from platformdirs import user_cache_path

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools import batches, device
from vagent.tools.engines import Status
from vagent.tools.objects import Detection, Image
from vagent.tools.objects.boxes import distinct
from vagent.tools.objects.loaded import detection
from vagent.tools.objects.openvocab import OpenVocabulary

_log = logging.getLogger("vagent.tools.objects")

LICENCE = (
    "objects are found with Ultralytics, which is AGPL-3.0, and so are its weights: whoever passes on a program or "
    "offers a service that uses it takes on that licence's terms or needs one from Ultralytics; "
    "`--engine objects=transformers` is free of them"
)
_OFF = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS": "true",
    "ULTRALYTICS_SAFE_LOAD": "true",  # a file of weights is a pickle: only weights are read from it, no code is run
}
_DESCRIBING = ("-world", "yoloe")  # in names of weights that look for descriptions
_told = threading.Event()


class UltralyticsObjects:
    """YOLO models of any version, YOLO-World and YOLOE: a file of weights on this machine (``objects.model``).

    Never taken by ``auto``: its licence has to be wanted.

    Args:
        settings: the section ``objects`` counts; the model loads on first use.
    """

    name: ClassVar[str] = "ultralytics"
    weak: ClassVar[bool] = False
    named_only: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notices: list[str] = []
        self._lock = threading.RLock()
        self._models: dict[tuple[str, ...], Any] = {}  # by what they were told to look for
        self._described = OpenVocabulary(settings)

    @property
    def revision(self) -> str:
        """The library's version, and name and size of the weights."""
        file = _weights(self.settings)
        size = file.stat().st_size if file else 0
        digest = hashlib.blake2b(f"{file and file.name} {size}".encode(), digest_size=4).hexdigest()
        return f"ultralytics {version('ultralytics')} {file.stem if file else 'none'} {digest}"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether the package is installed and the weights lie here; they are never downloaded."""
        if find_spec("ultralytics") is None:
            return Status(False, "ultralytics not installed", "pip install 'vagent[yolo]' (AGPL-3.0)")
        file = _weights(settings)
        if file is None:
            named = settings.objects.model
            reason = f"no such file of weights: {named}" if named else "no file of weights is set"
            return Status(False, reason, "set objects.model to a file of YOLO weights on this machine")
        return Status(True, f"{file.name} is on this machine (AGPL-3.0)")

    @property
    def detects(self) -> bool:
        """Always: every YOLO knows things by itself."""
        return True

    @property
    def finds(self) -> Status:
        """Where the weights are YOLO-World's or YOLOE's and what reads descriptions for them lies beside them; with
        other weights, where a model of transformers that looks for descriptions is here."""
        file = _weights(self.settings)
        if file is None or not self._describes:
            return self._described.status
        encoder = file.parent / ("mobileclip_blt.ts" if "yoloe" in file.stem.lower() else "clip/ViT-B-32.pt")
        if find_spec("clip") is None or not encoder.is_file():
            fix = f"it needs the package clip of Ultralytics and the file {encoder}"
            return Status(False, f"{file.name} cannot read descriptions", fix)
        return Status(True, f"{file.name} looks for descriptions")

    @property
    def _describes(self) -> bool:
        file = _weights(self.settings)
        return file is not None and any(sign in file.stem.lower() for sign in _DESCRIBING)

    def detect(self, images: Sequence[Image]) -> list[list[Detection]]:
        """The things that the model knows in each picture, surest first.

        Raises:
            EngineUnavailable: the weights have gone.
            EngineFailed: the model cannot be loaded, or broke.
        """
        return self._run(images, (), self.settings.objects.threshold)

    def find(self, images: Sequence[Image], descriptions: Sequence[str]) -> list[list[Detection]]:
        """What is described, in each picture, surest first.

        Raises:
            EngineUnavailable: no model here looks for descriptions, or what it needs to read them is missing.
            EngineFailed: the model cannot be loaded, or broke.
        """
        if not descriptions:
            return [[] for _ in images]
        if not (status := self.finds).ready:
            raise EngineUnavailable(f"descriptions cannot be looked for: {status.reason}", hint=status.fix)
        if self._describes:
            return self._run(images, tuple(descriptions), self.settings.objects.find_threshold)
        return [distinct(found) for found in self._described.run(images, descriptions)]

    def close(self) -> None:
        """Let go of the models."""
        with self._lock:
            self._models.clear()
        self._described.close()

    def _run(self, images: Sequence[Image], described: tuple[str, ...], threshold: float) -> list[list[Detection]]:
        found: list[list[Detection]] = []
        size = batches.size("objects", self.settings)
        with self._lock, _threads(self.settings):
            while len(found) < len(images):
                model = self._model(described)
                left = images[len(found) : len(found) + size]
                # Pictures of several sizes would be padded to one, and found in differently than alone.
                batch = list(takewhile(lambda image: image.shape == left[0].shape, left))  # noqa: B023
                try:
                    where = str(device.device(self.settings))
                    # It takes BGR, as pictures are here.
                    results = model.predict(
                        batch, conf=threshold, batch=len(batch), device=where, verbose=False, save=False
                    )
                except Exception as error:  # whatever torch and ultralytics raise
                    if not device.out_of_memory(error) or size == 1:
                        raise EngineFailed(f"the model that finds things broke ({error})", self.revision) from error
                    size //= 2
                    continue
                found += [distinct(_detections(*one)) for one in zip(results, batch, strict=True)]
        return found

    def _model(self, described: tuple[str, ...]) -> Any:
        if described not in self._models:
            self._tell()
            file = _weights(self.settings)
            if file is None:
                status = self.check(self.settings)
                raise EngineUnavailable(f"objects engine {self.name} cannot run here: {status.reason}", hint=status.fix)
            yolo = _imported(file.parent)
            try:
                model = yolo(str(file), task="segment" if "-seg" in file.stem else "detect")
            except Exception as error:  # UnpicklingError, TypeError, KeyError, RuntimeError: any file may be bad
                raise EngineFailed(f"the weights cannot be loaded ({error})", str(file)) from error
            if described:
                _describe(model, described, file)
            self._models[described] = model
        return self._models[described]

    def _tell(self) -> None:
        """The licence: to the user of each library, and once a process to the log."""
        if LICENCE not in self.notices:
            self.notices.append(LICENCE)
        if not _told.is_set():
            _told.set()
            _log.warning(LICENCE)


def _weights(settings: Settings) -> Path | None:
    """The file of weights that the settings name, in the folder of models or anywhere."""
    if settings.objects.model is None:
        return None
    named = Path(settings.objects.model).expanduser()
    places = [named] if settings.models is None else [named, settings.models.expanduser() / named]
    return next((place.resolve() for place in places if place.is_file()), None)


def _imported(folder: Path) -> Any:
    """The class YOLO, from a package that was told to keep to itself. A package that the program has imported before is
    left as its owner set it up."""
    import sys

    import cv2
    import torch

    if "ultralytics" in sys.modules:
        return sys.modules["ultralytics"].YOLO
    home = user_cache_path("vagent", appauthor=False) / "ultralytics"
    home.mkdir(parents=True, exist_ok=True)
    threads, save, openmp = cv2.getNumThreads(), torch.save, os.environ.get("OMP_NUM_THREADS")
    for name, value in {**_OFF, "YOLO_CONFIG_DIR": str(home)}.items():
        os.environ.setdefault(name, value)
    import ultralytics
    import ultralytics.utils as utils

    # What it changes for the whole process is put back.
    cv2.setNumThreads(threads)
    torch.save = save
    if openmp is None:
        os.environ.pop("OMP_NUM_THREADS", None)
    if ultralytics.settings["sync"]:
        ultralytics.settings.update({"sync": False})
    # Where YOLO-World looks for the model that reads descriptions; otherwise a folder of the working directory.
    utils.WEIGHTS_DIR = folder
    return ultralytics.YOLO


def _describe(model: Any, described: Sequence[str], file: Path) -> None:
    """Tell YOLO-World or YOLOE what to look for; the text model that it needs is known to lie beside it."""
    import ultralytics

    ultralytics.settings.update({"weights_dir": str(file.parent)})
    try:
        model.set_classes(list(described))
    except Exception as error:  # whatever torch and clip raise
        raise EngineFailed(f"the descriptions cannot be read ({error})", str(file)) from error


def _detections(result: Any, picture: Image) -> Iterator[Detection]:
    names: Mapping[int, str] = result.names
    boxes = result.boxes
    for number, corners, score in zip(boxes.cls.tolist(), boxes.xyxy.tolist(), boxes.conf.tolist(), strict=True):
        yield from detection(names[int(number)], corners, score, picture)


@contextmanager
def _threads(settings: Settings) -> Iterator[None]:
    """Puts back the number of threads that torch uses in this process, which a prediction changes."""
    torch = device.prepare(settings)
    try:
        yield
    finally:
        torch.set_num_threads(settings.cores)
