"""How long commands take from the start of their process to their output, and how much of the processor.

    python -m benchmarks.startup [--library DIR] [--runs 5] [--json OUT]

Each run is a process of its own; rounds go through all commands before the next begins. Beside the commands stand an
interpreter that does nothing, and one that only imports torch, where it is installed: the ratio of each command to
both is to be read rather than its seconds, which are the machine's. ``first ever`` asks with an empty cache of the
user's, where the embedding has not been exported yet. The library is a made one (``benchmarks.hour``), unless one is
named.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.hour import fill
from vagent import Library

_VAGENT = (sys.executable, "-m", "vagent.cli")
_NOTHING, _TORCH, _FIRST = "python", "torch", "ask, first ever"


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        library = given.library or _made(home / "library", given.seconds)
        found = measure(commands(library), given.runs, home)
    figures = {name: _figures(runs, found) for name, runs in found.items()}
    print(_table(figures))
    if given.json:
        given.json.write_text(json.dumps({"runs": given.runs, "commands": figures}, indent=1), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path, help="an indexed library; default: one is made")
    parser.add_argument("--seconds", type=float, default=600.0, help="length of the film in a library that is made")
    parser.add_argument("--runs", type=int, default=5, help="how often each command is run")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser


def _made(folder: Path, seconds: float) -> Path:
    with Library(folder) as library:
        fill(library, seconds)
    return folder


def commands(library: Path) -> dict[str, Sequence[str]]:
    """What is run, by the name that it has in the table."""
    where = ("--library", str(library))
    ask = (*_VAGENT, "ask", *where, "--driver", "policy", "When was the lighthouse built?")
    torch = {_TORCH: (sys.executable, "-c", "import torch")} if find_spec("torch") else {}
    return {
        _NOTHING: (sys.executable, "-c", "pass"),
        **torch,
        "import vagent": (sys.executable, "-c", "import vagent"),
        "--help": (*_VAGENT, "--help"),
        "--version": (*_VAGENT, "--version"),
        "list": (*_VAGENT, "list", *where),
        "search": (*_VAGENT, "search", *where, "lighthouse"),
        "ask": ask,
        _FIRST: ask,
    }


def measure(chosen: Mapping[str, Sequence[str]], runs: int, home: Path) -> dict[str, list[dict[str, float]]]:
    """Wall and processor seconds of each run of each command; every command is run once before, unmeasured."""
    kept, found = home / "cache", {name: [] for name in chosen}  # type: dict[str, list[dict[str, float]]]
    for number in range(-1, runs):
        for name, command in chosen.items():
            cache = home / f"empty {number}" if name == _FIRST else kept
            once = _run(command, {**os.environ, "XDG_CACHE_HOME": str(cache), "VAGENT_OFFLINE": "1"})
            if number >= 0:
                found[name].append(once)
    return found


def _run(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, float]:
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def _figures(runs: Sequence[dict[str, float]], found: Mapping[str, Sequence[dict[str, float]]]) -> dict[str, Any]:
    """Least and median of the seconds, and the ratio of the least processor time to what it is compared with."""
    least = min(run["cpu"] for run in runs)
    return {
        **{
            part: {"min": min(run[part] for run in runs), "median": statistics.median(run[part] for run in runs)}
            for part in ("wall", "cpu")
        },
        "ratio": {
            name: least / max(min(run["cpu"] for run in found[name]), 1e-9)
            for name in (_NOTHING, _TORCH)
            if name in found
        },
    }


def _table(figures: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        f"{'seconds':18}{'wall min':>10}{'median':>8}{'cpu min':>10}{'median':>8}{'to python':>11}{'to torch':>10}"
    ]
    for name, one in figures.items():
        times = [one[part][kind] for part in ("wall", "cpu") for kind in ("min", "median")]
        cells = "".join(f"{value:{width}.2f}" for value, width in zip(times, (10, 8, 10, 8), strict=True))
        ratios = "".join(
            f"{one['ratio'][other]:{width}.2f}" if other in one["ratio"] else f"{'-':>{width}}"
            for other, width in ((_NOTHING, 11), (_TORCH, 10))
        )
        lines.append(f"{name:18}{cells}{ratios}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
