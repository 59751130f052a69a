"""How many parameters a model has: counted in its files, or as its name tells."""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from pathlib import Path

_NAMED = re.compile(r"(?<![a-z0-9.])(?:(\d{1,2})x)?(\d{1,4}(?:\.\d{1,3})?)([bm])(?![a-z0-9])", re.I)


def named(name: str) -> float | None:
    """Billions of parameters that a model's name tells, ``qwen3:8b`` or ``Mixtral-8x7B`` for instance; None where it
    tells none. Of a mixture it is the whole, not the part that works on a token."""
    found = [
        float(size) * int(times or 1) / (1 if unit in "bB" else 1000) for times, size, unit in _NAMED.findall(name)
    ]
    return max(found, default=None)


def counted(folder: Path) -> float | None:
    """Billions of parameters of the safetensors files in a folder, by their headers alone; None where there are none,
    or where several parameters share a number there."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(config, dict) or "quantization_config" in config:
            return None
        files = [(file, file.stat()) for file in sorted(folder.glob("*.safetensors"))]
        whole = sum(_parameters(str(file), state.st_size, state.st_mtime_ns) for file, state in files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return whole / 1e9 or None


@lru_cache(maxsize=256)
def _parameters(file: str, _size: int, _changed: int) -> int:
    with Path(file).open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
