"""How a machine is shared out among processes that index: how many, with how many threads and on which card."""

from __future__ import annotations

from pathlib import Path

from vagent.configs import Settings
from vagent.errors import EngineUnavailable
from vagent.tools.engines import SENSES, Sense, choose
from vagent.tools.weights.catalog import catalogue
from vagent.tools.weights.machine import cards, measure

EACH = 1_400_000_000
"""Bytes of one process with the engines that come along: 0.7e9 measured at 854 x 480."""

_CORES_EACH = 2  # threads that one process keeps busy: decoding and recognition go on side by side
_SHARE = 0.8  # of the free memory that all processes together may take
_BUNDLED = frozenset({"rapidocr", "minilm", "pocketsphinx"})  # models of a few megabytes, counted in EACH
_ELSEWHERE = frozenset({"openai"})  # their models run on a server
_INDEXING: tuple[Sense, ...] = tuple(sense for sense in SENSES if sense != "chat")


def shares(settings: Settings, files: int, wanted: int = 0) -> list[Settings]:
    """The settings of each process that shall index: together they take what the machine has, and no more.

    Args:
        settings: the settings in force, whose ``threads`` and ``device`` are those of all processes together.
        files: how many there are to index; more processes than files are never any use.
        wanted: how many processes; 0: on cards one a card, else as many as cores and free memory allow.
    """
    heavy = memory_of_models(settings)
    devices = _devices(settings) if heavy else []
    count = max(1, min(files, wanted or len(devices) or _suitable(settings, heavy)))
    threads = max(1, settings.cores // count)
    found = []
    for number in range(count):
        given: dict[str, object] = {"threads": threads}
        if devices:
            given["device"] = devices[number % len(devices)]
        found.append(settings.model_copy(update=given))
    return found


def _suitable(settings: Settings, models: int) -> int:
    """As many processes as the cores and the free memory allow, one at least."""
    import psutil

    room = int(psutil.virtual_memory().available * _SHARE) // (EACH + models)
    return max(1, min(settings.cores // _CORES_EACH, room))


def _devices(settings: Settings) -> list[str]:
    """The cards that models may run on; none where they run on the processor."""
    if settings.device == "auto":
        return [f"cuda:{number}" for number in range(cards())]
    return [settings.device] if settings.device.startswith(("cuda", "mps")) else []


def memory_of_models(settings: Settings) -> int:
    """Bytes that the models of the chosen engines take in memory, but for those that come with vagent."""
    total = 0
    for sense in _INDEXING:
        if sense == "videollm" and not settings.captions.use:
            continue
        try:
            name = choose(sense, settings).name
        except EngineUnavailable:  # the work on the first file says so, with what to do
            continue
        if name not in _BUNDLED | _ELSEWHERE | {"off"}:
            total += _memory(sense, name, settings)
    return total


def _memory(sense: Sense, engine: str, settings: Settings) -> int:
    """Bytes that one model takes: what the catalogue says, else the size of its folder."""
    named = getattr(getattr(settings, sense), "model", None)
    if named is None:
        model = catalogue().recommended(sense, engine, measure(settings))
        return model.memory if model else EACH
    model = catalogue().models.get(str(named))
    return model.memory if model else _folder_bytes(Path(named)) or EACH


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) if folder.is_dir() else 0
