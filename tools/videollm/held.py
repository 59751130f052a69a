"""A video-LLM in memory, of which a process has one: the engine that looks and the one that chats use the same."""

from __future__ import annotations

from threading import Lock, RLock
from weakref import WeakValueDictionary

from vagent.configs import Settings
from vagent.tools import weights
from vagent.tools.checkpoints import needs
from vagent.tools.engines import Status
from vagent.tools.videollm.loading import KIND, Loaded, load


class Held:
    """One model, there as long as somebody holds this object.

    Attributes:
        lock: held by whoever asks the model: some models keep notes about a prompt while they answer it.
    """

    def __init__(self, settings: Settings) -> None:
        self.lock = RLock()
        self._settings = settings
        self._loaded: Loaded | None = None

    def loaded(self) -> Loaded:
        """The model, loaded at the first use. Called under the lock.

        Raises:
            EngineUnavailable: the model is not here or cannot run here.
            EngineFailed: it cannot be loaded.
        """
        if self._loaded is None:
            wanted = need(self._settings)
            folder = weights.folder(wanted, self._settings)
            self._loaded = load(folder, self._settings, trusted=weights.trusted(wanted, self._settings))
        return self._loaded


_ALL: WeakValueDictionary[tuple[object, ...], Held] = WeakValueDictionary()
_MAKING = Lock()


def held(settings: Settings) -> Held:
    """The model that the settings ask for; the same object for all who ask for the same one."""
    wanted = settings.videollm
    key = (wanted.model, wanted.precision, wanted.attention, settings.device, settings.models, settings.trust)
    with _MAKING:
        found = _ALL.get(key)
        if found is None:
            found = _ALL[key] = Held(settings)
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
