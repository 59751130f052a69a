"""How much memory this machine has for models, found without loading torch."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vagent.configs import Settings

_SHARE = 0.7  # of the main memory that a model may take; the rest is for decoding, the index and everybody else
_SECONDS = 3.0  # nvidia-smi waits for a driver that hangs


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory in bytes: ``ram`` of the machine, ``card`` of the graphics card that the settings use, 0 without one."""

    ram: int
    card: int

    @property
    def usable(self) -> int:
        """What one model may take."""
        return self.card or int(self.ram * _SHARE)


def measure(settings: Settings) -> Machine:
    """The memory that models have under these settings."""
    return Machine(_ram(), _card(settings.device))


def cards() -> int:
    """How many NVIDIA cards this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return len(_cards())
    named = [name for name in visible.split(",") if name.strip() and name.strip() != "-1"]
    return min(len(named), len(_cards()))


@cache
def _ram() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        import psutil

        return int(psutil.virtual_memory().total)


def _card(device: str) -> int:
    if device in ("cpu", "mps") or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return 0
    cards = _cards()
    number = device.partition(":")[2]
    if number:
        return cards[int(number)] if int(number) < len(cards) else 0
    return max(cards, default=0)


@cache
def _cards() -> tuple[int, ...]:
    """Bytes of memory of each NVIDIA card, in the driver's order."""
    program = shutil.which("nvidia-smi")
    if program is None or (os.name == "posix" and not Path("/dev/nvidiactl").exists() and not _is_wsl()):
        return ()
    command = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    sizes = (line.strip() for line in done.stdout.splitlines()) if done.returncode == 0 else ()
    return tuple(int(size) * 2**20 for size in sizes if size.isdigit())


def _is_wsl() -> bool:
    return Path("/dev/dxg").exists()
