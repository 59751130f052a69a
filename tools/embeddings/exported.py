"""An encoder in the user's cache, in the form that ONNX Runtime maps into memory: no process has to build it again.

A folder holds the graph, its numbers, and a manifest with the hashes of both. It is written under a name of its own and
renamed, so that whoever looks sees all of it or nothing; of several processes that export at once, one is first and
the others take its folder. It may be deleted at any time, also while it is in use.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vagent.tools.embeddings.bert import FORMAT, NUMBERS, layout

_log = logging.getLogger("vagent.tools.embeddings")

_GRAPH = "graph.onnx"
_MANIFEST = "manifest.json"
_LEFT = 3600.0  # seconds after which nobody is writing any more


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What lies in the folder.

    Attributes:
        source: SHA-256 of the weights that it was made from.
    """

    format: int
    source: str
    graph: str
    numbers: str


def find(folder: Path, source: str) -> Path | None:
    """The graph in a folder, whole and made from these weights; None where it has to be exported.

    Reads all of it, to compare hashes; other threads go on meanwhile.
    """
    try:
        manifest = _Manifest(**json.loads((folder / _MANIFEST).read_bytes()))
        found = _Manifest(FORMAT, source, _hash(folder / _GRAPH), _hash(folder / NUMBERS))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        _log.warning("the embedding model in %s cannot be read (%s); it is exported anew", folder, error)
        return None
    if manifest == found:
        return folder / _GRAPH
    _log.warning("the embedding model in %s is damaged or of another version; it is exported anew", folder)
    return None


def keep(
    folder: Path, source: str, graph: bytes, numbers: Mapping[str, NDArray[Any]], check: Callable[[Path], object]
) -> None:
    """Put a graph and its numbers into a folder; what is damaged there makes room.

    Args:
        source: SHA-256 of the weights that they were made from.
        check: is given the graph's file before anybody else sees it, and raises where it is not as it should be.

    Raises:
        OSError: the disk is full, or the cache may not be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(made, source, graph, numbers)
        check(made / _GRAPH)
        if find(folder, source) is None:
            _exchange(made, folder, source)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write(made: Path, source: str, graph: bytes, numbers: Mapping[str, NDArray[Any]]) -> None:
    (made / _GRAPH).write_bytes(graph)
    with (made / NUMBERS).open("wb") as file:
        for name, (start, _) in layout(numbers).items():
            file.seek(start)
            file.write(numbers[name].data)
    # Not flushed to the disk: what a crash of the machine leaves behind does not agree with its hashes.
    manifest = _Manifest(FORMAT, source, _hash(made / _GRAPH), _hash(made / NUMBERS))
    (made / _MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")


def _exchange(made: Path, folder: Path, source: str) -> None:
    if folder.exists():
        # Whoever has it open keeps what he has.
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        folder.rename(aside / "damaged")
        shutil.rmtree(aside, ignore_errors=True)
    try:
        made.rename(folder)
    except OSError:
        if find(folder, source) is None:  # else another process was faster
            raise


def _sweep(folder: Path) -> None:
    """Delete what processes left behind that were killed while they exported."""
    for left in folder.parent.glob(f".{folder.name}-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _LEFT:
                shutil.rmtree(left, ignore_errors=True)


def _hash(file: Path) -> str:
    """SHA-256 of a file, without a copy of it."""
    with file.open("rb") as opened:
        if not os.fstat(opened.fileno()).st_size:
            return hashlib.sha256().hexdigest()
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return hashlib.sha256(content).hexdigest()
