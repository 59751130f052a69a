"""Model weights: which are known (``catalog``), where they lie on this machine (``local``), whether the hub answers
(``hub``), and how models get here (``download``).

An engine says with a ``Need`` what it needs; ``status`` tells in milliseconds whether that is here, ``folder`` gives
the folder to load from. Engines only ever load from folders: a library that is given a hub's id asks the network at
every load, and waits for minutes when the network does not answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vagent.configs import Settings
from vagent.errors import EngineUnavailable, SettingsError
from vagent.tools.engines import Sense, Status
from vagent.tools.weights import catalog, hub, local, sizes
from vagent.tools.weights.catalog import Model
from vagent.tools.weights.download import amount, by_hand, fetch
from vagent.tools.weights.machine import measure
from vagent.tools.weights.trust import trusts


@dataclass(frozen=True, slots=True)
class Need:
    """What an engine needs before it can run.

    Attributes:
        model: an alias of the catalogue, a hub id or a folder; None: the best of the catalogue's models for this
            engine that lies on this machine, else the one recommended for its memory.
        packages: modules that must be importable.
        extra: the extra of vagent that installs them; None: they come with vagent.
        files: what a folder of this engine's format must hold, at least: names or patterns.
        role: what the model is for, where that is not the whole sense: ``find``.
    """

    sense: Sense
    engine: str
    model: str | None
    packages: tuple[str, ...] = ("torch", "transformers")
    extra: str | None = None
    files: tuple[str, ...] = ("config.json",)
    role: str | None = None


def status(need: Need, settings: Settings) -> Status:
    """Whether the packages and the weights are here. No heavy import; the network is asked only where the settings let
    models be fetched, once a process, for two seconds at most."""
    lacking = [package for package in need.packages if find_spec(package) is None]
    if lacking:
        fix = f"pip install 'vagent[{need.extra}]'" if need.extra else f"pip install {' '.join(lacking)}"
        return Status(False, f"{' and '.join(lacking)} not installed", fix)
    found, name = _find(need, settings)
    if found.path is not None:
        return Status(True, f"{_title(name)} is on this machine")
    if name is None:
        return Status(False, "no model is known for it", f"set {need.sense}.model to a hub id or a folder")
    if catalog.known(name) is None and catalog.hub_id(name) is None:
        return _no_such_model(need, name, found.problem)
    return _fetchable(need, name, found.problem, settings)


def folder(need: Need, settings: Settings) -> Path:
    """The folder to load the model from; fetched first where the settings allow that.

    Raises:
        EngineUnavailable: it is not here and cannot be fetched; the message says what to run.
        EngineFailed: what was fetched is not what the hub said it would be.
        StorageError: no room for it.
    """
    found, name = _find(need, settings)
    if found.path is not None:
        return found.path
    state = status(need, settings)
    if not state.ready or name is None:
        raise _unavailable(need, state.reason, state.fix)
    fetch(name, settings)
    found, _ = _find(need, settings)
    if found.path is None:
        raise _unavailable(need, found.problem or f"{name} is no model for it", "choose another model")
    return found.path


def label(need: Need, settings: Settings) -> str:
    """The model's name and what tells its weights from others', for the ``revision`` of an engine.

    A model that is not here has no digest: its bare name is given.
    """
    found, name = _find(need, settings)
    if found.path is None:
        return _title(name) if name else "none"
    at = catalog.hub_id(name) if name else None
    return f"{at[0] if at else found.path.name} {local.digest(found.path)}"


def billions(need: Need, settings: Settings) -> float | None:
    """Billions of parameters of the model: counted in its files where it is here, else what its name tells; None where
    neither tells."""
    found, name = _find(need, settings)
    counted = sizes.counted(found.path) if found.path is not None else None
    return counted if counted is not None else sizes.named(name or "")


def locate(need: Need, settings: Settings) -> Path | None:
    """The folder that holds the model completely; None where there is none."""
    return _find(need, settings)[0].path


def trusted(need: Need, settings: Settings) -> bool:
    """Whether the model's own Python code may run: only where the user named that very model."""
    return need.model is not None and trusts(need.model, settings)


def _find(need: Need, settings: Settings) -> tuple[local.Found, str | None]:
    """Where the model lies, and its name: the one that was asked for, or the one that is taken or recommended."""
    if need.model is not None:
        return local.find(need.model, need.files, settings), need.model
    here: dict[str, local.Found] = {}
    candidates = catalog.catalogue().candidates(need.role or need.sense, need.engine)
    for model in candidates:
        found = local.find(model.name, need.files, settings)
        if found.path is not None:
            here[model.name] = found
    best = _best([model for model in candidates if model.name in here], need, settings)
    if best is not None:
        return here[best.name], best.name
    recommended = _recommended(need, settings) if candidates else None
    if recommended is None:
        return local.Found(None), None
    return local.find(recommended.name, need.files, settings), recommended.name


def _best(here: list[Model], need: Need, settings: Settings) -> Model | None:
    """Of the models that are here: the one recommended for this machine, else the largest that fits, else any."""
    if len(here) < 2:
        return here[0] if here else None
    recommended = _recommended(need, settings)
    if recommended in here:
        return recommended
    return catalog.largest(here, measure(settings)) or min(here, key=lambda model: model.size)


def _recommended(need: Need, settings: Settings) -> Model | None:
    return catalog.catalogue().recommended(need.role or need.sense, need.engine, measure(settings))


def _title(name: str | None) -> str:
    """A model's name as people know it; of a folder its last part."""
    return name if name is None or catalog.hub_id(name) else Path(name).name  # type: ignore[return-value]


def _no_such_model(need: Need, name: str, problem: str | None) -> Status:
    if problem is not None:
        return Status(False, problem, f"give a folder that holds {', '.join(need.files)} and the weights")
    error: SettingsError = catalog.unknown(name)
    return Status(False, f"{name} is no model and no folder", error.hint or "vagent models list")


def _fetchable(need: Need, name: str, problem: str | None, settings: Settings) -> Status:
    """The status of a model that is not here but has a place to come from."""
    model = catalog.known(name)
    title = f"{model.name} ({amount(model.size)})" if model else name
    reason = problem or f"{title} is not on this machine"
    pull = f"vagent models pull {model.name if model else name}"
    if hub.offline(settings):
        return Status(False, f"{reason}, and offline is set", by_hand(name, settings))
    if settings.download == "never" or (settings.download == "named" and not _named(need, settings)):
        return Status(False, reason, pull)
    if not (model and model.files) and not hub.reachable():
        return Status(False, f"{reason}, and {hub.host()} cannot be reached", by_hand(name, settings))
    return Status(True, f"{title} will be fetched when it is needed", fetch=name)


def _named(need: Need, settings: Settings) -> bool:
    """Whether the user asked for the engine by name."""
    return bool(getattr(settings.engines, need.sense) == need.engine)


def _unavailable(need: Need, reason: str, fix: str | None) -> EngineUnavailable:
    return EngineUnavailable(f"{need.sense} engine {need.engine} cannot run here: {reason}", hint=fix)
