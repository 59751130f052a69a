"""What the engines that judge sound with a transformers model share."""

from __future__ import annotations

import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from math import gcd
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable, VagentError
from vagent.tools import batches, checkpoints, device, weights
from vagent.tools.checkpoints import Kind
from vagent.tools.engines import Status
from vagent.tools.sounds import RATE, Samples
from vagent.tools.weights import Need

_SHORTEST = RATE // 10  # samples below which there is nothing to analyse; shorter sound is filled up with silence
_CONFIG = "config.json"


class Loaded(Protocol):
    """What an engine keeps of its model: how long a stretch it sees at once, and the sampling rate it wants, Hz."""

    @property
    def seconds(self) -> float: ...

    @property
    def rate(self) -> int: ...


class Tagger(ABC):
    """A model in a folder, loaded at the first use and used by one thread at a time."""

    name: ClassVar[str]
    weak: ClassVar[bool] = False
    model_type: ClassVar[str]  # what the model's config.json calls itself
    auto: ClassVar[str]  # the class of transformers that it is
    extractor: ClassVar[str]  # the same for what makes its input

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._batch = batches.size("sounds", settings)
        self._lock = Lock()
        self._loaded: Loaded | None = None
        self.notices: list[str] = []

    @classmethod
    def _need(cls, settings: Settings) -> Need:
        files = (_CONFIG, "preprocessor_config.json", "model.safetensors")
        return Need("sounds", cls.name, settings.sounds.model, files=files)

    @property
    def revision(self) -> str:
        """Name, library and model, as it is written beside what was heard."""
        return f"{self.name} {version('transformers')} {weights.label(self._need(self._settings), self._settings)}"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Ready where a model of this kind lies on this machine."""
        state = weights.status(cls._need(settings), settings)
        given = Path(settings.sounds.model).expanduser() if settings.sounds.model else None
        if state.ready and given is not None and given.is_dir() and (found := _type(given)) != cls.model_type:
            return Status(False, f"{given.name} holds a model of type {found}, not {cls.model_type}", state.fix)
        return state

    def tag(self, windows: Sequence[Samples]) -> Sequence[Mapping[str, float]]:
        """For each window, how probable each label is.

        Raises:
            EngineUnavailable: the model is not here.
            EngineFailed: the model broke.
        """
        with self._lock:
            loaded, where = self._load(), device.device(self._settings)
            try:
                return device.in_batches(
                    windows, self._batch, lambda part: self._heard(loaded, part), where, self._smaller
                )
            except VagentError:
                raise
            except Exception as error:  # torch and transformers have no common base of their errors
                raise EngineFailed(f"the sound model broke ({error})", self.revision) from error

    def _smaller(self, size: int) -> None:
        self._batch = size
        self.notices.append(f"memory is short: sounds are judged {size} at a time")

    def close(self) -> None:
        """Let go of the model; the next call loads it anew."""
        with self._lock:
            if self._loaded is not None:
                self._loaded = None
                device.release(device.device(self._settings))

    @abstractmethod
    def _judge(self, loaded: Any, waves: Sequence[NDArray[np.float32]]) -> Sequence[Mapping[str, float]]:
        """One batch through the model, at its own sampling rate."""

    @abstractmethod
    def _open(self, folder: Path, model: Any, extractor: Any) -> Loaded:
        """What ``_judge`` works with."""

    def _heard(self, loaded: Loaded, windows: Sequence[Samples]) -> list[Mapping[str, float]]:
        """A label is as probable in a window as in that part of it where it is most."""
        parts = [_parts(window, round(loaded.seconds * RATE)) for window in windows]
        scores = iter(self._judge(loaded, [resampled(part, loaded.rate) for window in parts for part in window]))
        found: list[Mapping[str, float]] = []
        for window in parts:
            heard = [next(scores) for _ in window]
            found.append({label: max(one[label] for one in heard) for label in heard[0]})
        return found

    def _load(self) -> Loaded:
        if self._loaded is None:
            need = self._need(self._settings)
            folder = weights.folder(need, self._settings)
            if (found := _type(folder)) != self.model_type:
                raise EngineUnavailable(f"sounds engine {self.name} cannot run a model of type {found}", folder.name)
            kind, place = Kind("sounds", "hears", (self.auto,)), checkpoints.encoders(self._settings)
            try:
                with _quiet():
                    model = checkpoints.model(folder, kind, self._settings, place, trusted=False)
                    extractor = checkpoints.piece(folder, self.extractor, "feature extractor", trusted=False)
                    self._loaded = self._open(folder, model, extractor)
            except VagentError:
                raise
            except Exception as error:  # a damaged file may break the loader anywhere
                raise EngineFailed(f"the sound model cannot be loaded ({error})", str(folder)) from error
        return self._loaded


def resampled(window: Samples, rate: int) -> NDArray[np.float32]:
    """A window as numbers from -1 to 1, at the rate that a model wants."""
    wave: NDArray[np.float32] = (window / 32768).astype(np.float32)
    if rate == RATE:
        return wave
    from scipy.signal import resample_poly

    shared = gcd(rate, RATE)
    return np.asarray(resample_poly(wave, rate // shared, RATE // shared), np.float32)


def _parts(window: Samples, longest: int) -> list[Samples]:
    """Equal parts of at most so many samples, and long enough to be analysed."""
    if len(window) < _SHORTEST:
        window = np.pad(window, (0, _SHORTEST - len(window)))
    return np.array_split(window, -(-len(window) // longest))


def _type(folder: Path) -> str:
    try:
        return str(json.loads((folder / _CONFIG).read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # AST has bands at the low end that are narrower than the analysis: so it was trained.
        warnings.filterwarnings("ignore", message="At least one mel filter has all zero values")
        yield
