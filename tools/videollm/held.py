"""A video-LLM in memory, of which a process has one: the engine that looks and the one that chats use the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, RLock
from typing import Any
from weakref import WeakValueDictionary

from vagent.configs import Settings
from vagent.tools import device, weights
from vagent.tools.checkpoints import needs
from vagent.tools.engines import Status
from vagent.tools.videollm.loading import KIND, Loaded, load


class Hold:
    """One engine's hold on the model that its settings ask for; engines that ask for the same one share it.

    A model is in memory as long as an engine holds it. May be used from several threads.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sharing = Lock()
        self._shared: _Shared | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The model is ours alone meanwhile: some keep notes about a prompt while they answer it."""
        while True:
            shared = self._taken()
            with shared.lock:
                if shared is self._shared:  # nobody closed it while we waited
                    yield
                    return

    def loaded(self) -> Loaded:
        """The model, loaded at the first use. Called in our turn.

        Raises:
            EngineUnavailable: the model is not here or cannot run here.
            EngineFailed: it cannot be loaded.
        """
        return self._taken().loaded(self._settings)

    def close(self) -> None:
        """Let go of the model, when the call that runs has ended."""
        if self._shared is None:
            return
        with self.turn():
            where = self._taken().where
            self._shared = None
        if where is not None:
            device.release(where)

    def _taken(self) -> _Shared:
        with self._sharing:
            self._shared = self._shared or _shared(self._settings)
            return self._shared


class _Shared:
    """One model of the process, and the lock of whoever asks it."""

    def __init__(self) -> None:
        self.lock = RLock()
        self._loaded: Loaded | None = None

    @property
    def where(self) -> Any:
        """The device that it is on; None where it is not loaded."""
        return None if self._loaded is None else self._loaded.where

    def loaded(self, settings: Settings) -> Loaded:
        if self._loaded is None:
            wanted = need(settings)
            folder = weights.folder(wanted, settings)
            self._loaded = load(folder, settings, trusted=weights.trusted(wanted, settings))
        return self._loaded


_ALL: WeakValueDictionary[tuple[object, ...], _Shared] = WeakValueDictionary()
_MAKING = Lock()


def _shared(settings: Settings) -> _Shared:
    wanted = settings.videollm
    key = (wanted.model, wanted.precision, wanted.attention, settings.device, settings.models, settings.trust)
    with _MAKING:
        found = _ALL.get(key)
        if found is None:
            found = _ALL[key] = _Shared()
        return found


def need(settings: Settings) -> weights.Need:
    """What has to be here before the model can be loaded."""
    packages, files = ("torch", "torchvision", "transformers"), ("config.json", "*.safetensors")
    return weights.Need("videollm", "transformers", settings.videollm.model, packages, files=files)


def status(settings: Settings) -> Status:
    """Whether the packages and the weights are here."""
    found = weights.status(need(settings), settings)
    missing = needs(KIND, settings) if found.ready else None
    return Status(False, "a package that the settings ask for is not installed", missing) if missing else found
