"""Where models lie on this machine, and whether they lie there completely. Nothing here touches the network.

A folder that an interrupted download left behind looks like a model: the hub's own library takes it for one, and
loading it fails minutes later. So the weights are checked against their index, and each safetensors file against its
header.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from platformdirs import user_cache_path

from vagent.configs import Settings
from vagent.tools.weights.catalog import hub_id, known

_INDEX = "model.safetensors.index.json"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".onnx")
_LONGEST_HEADER = 100_000_000  # bytes; the format's own limit


@dataclass(frozen=True, slots=True)
class Found:
    """A folder that holds a model, or the reason why the folder that is there does not."""

    path: Path | None
    problem: str | None = None


def find(name: str, files: Sequence[str], settings: Settings) -> Found:
    """The folder of a model.

    Args:
        name: a name of the catalogue, a hub id or a folder.
        files: names or patterns that the folder must hold.
    """
    problem = None
    for path in places(name, settings):
        if not path.is_dir():
            continue
        lacking = missing(path, files)
        if lacking is None:
            return Found(path)
        problem = problem or f"{path} is not complete: {lacking}"
    return Found(None, problem)


def places(name: str, settings: Settings) -> Iterator[Path]:
    """Folders where a model may lie, the likeliest first."""
    model = known(name)
    # A catalogue's name goes before a folder of the working directory that happens to be called the same.
    if model is None or name != model.name:
        yield Path(name).expanduser()
    hub = hub_id(name)
    ours = settings.models.expanduser() if settings.models else None
    if ours is not None:
        yield from (ours / one for one in (model.name if model else None, *_folders(hub)) if one)
        if model is None and hub is None and Path(name).name == name:
            yield ours / name
        if hub:
            yield from snapshots(ours / repo_folder(hub[0]), hub[1])
    if model is not None and not model.hub:
        yield downloads(settings) / model.name
    if hub:
        yield from snapshots(hub_cache() / repo_folder(hub[0]), hub[1])


def _folders(hub: tuple[str, str] | None) -> tuple[str, ...]:
    return (hub[0].replace("/", "--"), hub[0]) if hub else ()


def repo_folder(hub: str) -> str:
    """The name of a model's folder in the hub's cache."""
    return f"models--{hub.replace('/', '--')}"


def hub_cache() -> Path:
    """The hub's own cache, where its own library would look."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.path.expandvars(os.environ[name])).expanduser()
    return hub_home() / "hub"


def hub_home() -> Path:
    """The hub's own folder."""
    named = os.environ.get("HF_HOME")
    if named:
        return Path(os.path.expandvars(named)).expanduser()
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expandvars(caches)).expanduser() / "huggingface"


def downloads(settings: Settings) -> Path:
    """Where models go that do not come from the hub."""
    return settings.models.expanduser() if settings.models else user_cache_path("vagent", appauthor=False) / "models"


def snapshots(repo: Path, revision: str) -> Iterator[Path]:
    """The snapshots of a model in a cache folder: the one of the revision first, then others, the newest first.

    A branch that has moved on leaves an older snapshot, which is better than none; a commit is that commit only.
    """
    folder = repo / "snapshots"
    try:
        commit = (repo / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        commit = revision
    if "/" not in commit and (folder / commit).is_dir():
        yield folder / commit
    if len(revision) != 40 and folder.is_dir():
        others = [path for path in folder.iterdir() if path.name != commit and path.is_dir()]
        yield from sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)


def missing(folder: Path, files: Sequence[str]) -> str | None:
    """What a folder lacks of a whole model, in words; None where it lacks nothing."""
    for pattern in files:
        if not any(file.is_file() for file in folder.glob(pattern)):
            return f"{pattern} is missing"
    if any(folder.glob("*.incomplete")):
        return "a download into it was interrupted"
    broken = next((path for path in folder.rglob("*") if path.is_symlink() and not path.exists()), None)
    if broken is not None:
        return f"{broken.name} leads nowhere"
    weights = {Path(file).suffix for file in files} & set(_WEIGHTS)
    return None if weights and ".safetensors" not in weights else _lacking_weights(folder)


def _lacking_weights(folder: Path) -> str | None:
    """The same for the weights of a model in safetensors format, which may be split over many files."""
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        named = sorted(set(index["weight_map"].values()))
    except FileNotFoundError:
        named = sorted(file.relative_to(folder).as_posix() for file in folder.glob("*.safetensors"))
        named = named or sorted(file.relative_to(folder).as_posix() for file in folder.glob("*/*.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{_INDEX} cannot be read ({error})"
    if not named:
        others = sorted(file.name for file in folder.iterdir() if file.suffix in _WEIGHTS)
        only = f" (only {others[0]}, which vagent does not load, as it may hold code)" if others else ""
        return f"no safetensors weights{only}"
    for name in named:
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        state = file.stat()
        if not _whole(str(file), state.st_size, state.st_mtime_ns):
            return f"{name} is cut off or no safetensors file"
    return None


@lru_cache(maxsize=256)
def _whole(file: str, size: int, _changed: int) -> bool:
    """Whether a safetensors file is as long as its header says."""
    try:
        with Path(file).open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 0 < length <= min(size, _LONGEST_HEADER):
                return False
            header = json.loads(stream.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return bool(size == 8 + length + max(ends, default=0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return False


def digest(folder: Path) -> str:
    """Eight letters that tell a model's weights from others', without reading them: from names and sizes.

    It is the same wherever the folder lies, so that moving a model does not make every index look out of date.
    """
    import hashlib

    held = [file for file in folder.rglob("*") if file.suffix in _WEIGHTS or file.name == "config.json"]
    if any(file.suffix == ".safetensors" for file in held):  # the same weights in other formats do not matter
        held = [file for file in held if file.suffix == ".safetensors" or file.name == "config.json"]
    sizes = sorted((file.relative_to(folder).as_posix(), file.stat().st_size) for file in held if file.is_file())
    return hashlib.blake2b(repr(sizes).encode(), digest_size=4).hexdigest()
