"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def replace(file: Path, content: bytes) -> None:
    """Puts a file in its place at once: a reader sees the old one or the new one, also after a crash.

    Raises:
        OSError: the folder cannot be written.
    """
    put(file, content, over=True)


def put(file: Path, content: bytes, *, over: bool) -> bool:
    """Puts a file in its place at once, maybe ``over`` one of that name; whether it is there now.

    Raises:
        OSError: the folder cannot be written.
    """
    # Not by ``tempfile``: its files are for their owner alone, and a library may be shared.
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if not over and file.exists():
            return False
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(file.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last through a crash."""
    if os.name == "nt":  # Windows cannot open a folder, and needs not
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
