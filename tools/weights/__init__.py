"""Model weights: which are known (``catalog``), where they lie on this machine (``local``), and how they get here
(``hub``).

An engine says with a ``Need`` what it needs; ``status`` tells in milliseconds whether that is here, ``folder`` gives
the folder to load from. Engines only ever load from folders: a library that is given a hub's id asks the network at
every load, and waits for minutes when the network does not answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vagent.configs import Settings
from vagent.errors import EngineUnavailable
from vagent.tools.engines import Sense, Status


@dataclass(frozen=True, slots=True)
class Need:
    """What an engine needs before it can run.

    Attributes:
        model: an alias of the catalogue, a hub id or a folder; None: the best of the catalogue's models for this
            engine that lies on this machine, else the one recommended for its memory.
        packages: modules that must be importable.
        extra: the extra of vagent that installs them; None: they come with vagent.
        files: what a folder of this engine's format must hold, at least.
    """

    sense: Sense
    engine: str
    model: str | None
    packages: tuple[str, ...] = ("torch", "transformers")
    extra: str | None = None
    files: tuple[str, ...] = ("config.json",)


def status(need: Need, settings: Settings) -> Status:
    """Whether the packages and the weights are here. No heavy import; the network is asked only where the settings let
    models be fetched, once a process, for two seconds at most."""
    missing = [package for package in need.packages if find_spec(package) is None]
    if missing:
        fix = f"pip install 'vagent[{need.extra}]'" if need.extra else f"pip install {' '.join(missing)}"
        return Status(False, f"{' and '.join(missing)} not installed", fix)
    found = locate(need, settings)
    if found is None:
        name = need.model or "its model"
        return Status(False, f"{name} is not on this machine", f"vagent models pull {need.model or need.sense}")
    return Status(True, f"{found.name} is on this machine")


def folder(need: Need, settings: Settings) -> Path:
    """The folder to load the model from; fetched first where the settings allow that.

    Raises:
        EngineUnavailable: it is not here and cannot be fetched; the message says what to run.
    """
    found = locate(need, settings)
    if found is None:
        state = status(need, settings)
        raise EngineUnavailable(f"{need.sense} engine {need.engine} cannot run here: {state.reason}", hint=state.fix)
    return found


def label(need: Need, settings: Settings) -> str:
    """The model's name and what tells its weights from others', for the ``revision`` of an engine.

    A model that is not here has no digest: its bare name is given.
    """
    import hashlib

    found = locate(need, settings)
    if found is None:
        return need.model or "none"
    sizes = sorted((f.name, f.stat().st_size) for f in found.iterdir() if f.is_file())
    return f"{found.name} {hashlib.blake2b(repr(sizes).encode(), digest_size=4).hexdigest()}"


def locate(need: Need, settings: Settings) -> Path | None:
    """The folder that holds the model completely; None where there is none."""
    if need.model is None:
        return None
    path = Path(need.model).expanduser()
    return path if path.is_dir() and all((path / file).exists() for file in need.files) else None
