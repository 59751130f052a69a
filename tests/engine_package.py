"""An engine of another package, known to this process and to all that it starts as an installed one would be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vagent.tools import engines


def install(folder: Path, patch: pytest.MonkeyPatch, name: str, source: str) -> None:
    """Put a package into a folder that is searched for packages.

    Args:
        name: of the engine, a reader of text; its class carries the name with a capital.
        source: of the module, which is called ``vagent_NAME``.
    """
    (folder / f"vagent_{name}.py").write_text(source)
    meta = folder / f"vagent_{name}-1.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vagent-{name}\nVersion: 1\n")
    (meta / "entry_points.txt").write_text(f"[vagent.engines]\ntext.{name} = vagent_{name}:{name.capitalize()}\n")
    patch.syspath_prepend(str(folder))
    patch.setenv("PYTHONPATH", str(folder), prepend=":")
    engines._table.cache_clear()


def forget(name: str) -> None:
    """Undo what ``install`` leaves in this process."""
    sys.modules.pop(f"vagent_{name}", None)
    engines._table.cache_clear()
