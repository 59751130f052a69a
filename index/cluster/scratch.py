"""Room on a node's local disk for as long as a task lasts; what killed tasks have left there is cleared away."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vagent.index.bundle.steps import disk


@contextmanager
def scratch(root: Path | None) -> Iterator[Path]:
    """An empty folder that is gone afterwards.

    Args:
        root: where; None: in the node's folder for temporary files.

    Raises:
        StorageError: it cannot be made.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.getlogin()
    above = (root or Path(tempfile.gettempdir())) / f"vagent-{user}"
    name = secrets.token_hex(8)
    with disk("the node has no room to work in", above):
        above.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(above)
        # The lock comes first: a folder without one is swept away.
        lock = FileLock(above / f"{name}.lock")
        lock.acquire(blocking=False)
        folder = above / name
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        (above / f"{name}.lock").unlink(missing_ok=True)


def _sweep(above: Path) -> None:
    """Remove the folders whose tasks are dead: nobody holds their locks."""
    for file in above.glob("*.lock"):
        lock = FileLock(file)
        try:
            lock.acquire(blocking=False)
        except (Timeout, OSError):  # in use, or swept away by another task in this moment
            continue
        shutil.rmtree(file.with_suffix(""), ignore_errors=True)
        lock.release()
        file.unlink(missing_ok=True)
