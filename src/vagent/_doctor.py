"""What works on this machine, which engine each sense takes, and what would make it better."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Any

from vagent import __version__, _models, configs
from vagent.errors import EngineUnavailable
from vagent.tools.engines import SENSES, Sense, choose
from vagent.tools.media import hardware
from vagent.tools.weights import hub

_BETTER: dict[Sense, str] = {
    "speech": "subtitles in the video or beside it (film.srt) are taken instead, and are better than any recogniser",
    "videollm": "a video-LLM can look at the pictures; without one, questions about what is seen are declined",
    "chat": "a chat model can choose the steps of a question; without one, rules do",
}


def examine(settings: configs.Settings) -> dict[str, Any]:
    """The findings as ``vagent doctor --json`` prints them."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "cores": settings.cores,
        "library": str(settings.library_dir),
        "hub": _hub(settings),
        "faiss": _faiss(),
        "decoding": hardware.told(settings.media.hwaccel),
        "machine": _models.recommended(settings),
        "senses": [_sense(sense, settings) for sense in SENSES],
        "problems": list(_problems(settings)),
    }


def _sense(sense: Sense, settings: configs.Settings) -> dict[str, Any]:
    try:
        choice = choose(sense, settings)
    except EngineUnavailable as error:
        return {"sense": sense, "engine": "none", "reason": str(error), "weak": False, "better": []}
    better = [
        f"{name}: {status.reason}" + (f"; {status.fix}" if status.fix else "")
        for name, status in choice.passed_over.items()
    ]
    if choice.engine is None or choice.engine.weak:
        better += [_BETTER[sense]] if sense in _BETTER else []
    weak = bool(choice.engine and choice.engine.weak)
    reason = choice.reason + (" (weak: its words are searchable, but prove nothing alone)" if weak else "")
    return {"sense": sense, "engine": choice.name, "reason": reason, "weak": weak, "better": better}


def _hub(settings: configs.Settings) -> str:
    """Whether the model hub answers; known within two seconds."""
    if hub.offline(settings):
        return "not asked: offline is set"
    if hub.reachable():
        return f"{hub.host()} can be reached"
    return f"{hub.host()} cannot be reached; the engines whose models are on this machine are used"


def _faiss() -> str:
    both = [name for name in ("faiss-cpu", "faiss-gpu") if _installed(name)]
    if len(both) == 2:
        return "faiss-cpu and faiss-gpu are both installed and overwrite each other: pip uninstall both, install one"
    if not both:
        return "missing: pip install faiss-cpu"
    hint = (
        "; with an NVIDIA card: pip uninstall faiss-cpu, then pip install faiss-gpu" if both[0] == "faiss-cpu" else ""
    )
    return f"{both[0]} {version(both[0])}{hint}"


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _problems(settings: configs.Settings) -> Iterator[str]:
    if _installed("opencv-python") and _installed("opencv-python-headless"):
        yield "opencv-python and opencv-python-headless overwrite each other: pip uninstall opencv-python"
    if settings.models and not settings.models.expanduser().is_dir():
        yield f"the folder of models is not there: {settings.models}"
    folder = settings.library_dir
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not os.access(existing, os.W_OK):
        yield f"the library folder cannot be written: {folder}; use --library DIR"
    free = shutil.disk_usage(existing).free
    if free < 1 << 30:
        yield f"only {free >> 20} MB are free where the library lies ({existing})"
