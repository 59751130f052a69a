"""What indexing a video has cost, kept for estimates of what comes next."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

from vagent.index.store import Actual
from vagent.index.video.job import KINDS, Job
from vagent.tools.weights.machine import measure


def machine(threads: int, device: str, card: int = 0) -> str:
    """What tells a machine from others of another speed: its processor, its memory, and what of it one process uses."""
    size = f", card of {card / 2**30:.0f} GB" if card and device != "cpu" else ""
    return f"{_processor()}, {threads} threads, {device}{size}"


def preset(name: str, common: str) -> str:
    """What tells costs of one way to index from those of others: the preset, and all that its results depend on."""
    return f"{name} {common}"


def keep(job: Job, common: str) -> None:
    """Write down what a run over one video has cost: a row for each phase, and for each stage of the decode pass.

    Args:
        common: what marks of videos have in common in this process.

    Raises:
        LibraryError: the library cannot be written.
    """
    if not job.costs:
        return
    settings, video = job.settings, job.store.video(job.video.id)
    here = machine(settings.cores, settings.device, measure(settings).card)
    sizes = grown(job)
    rows = []
    for stage, cost in job.costs.items():
        media = cost.media or video.duration
        share = min(1.0, media / video.duration) if video.duration else 1.0
        size = round(share * sizes.get(stage, 0))
        rows.append(Actual(preset(settings.preset, common), here, video.id, stage, media, cost.wall, cost.cpu, size))
    job.store.add_actuals(rows)


def grown(job: Job) -> dict[str, int]:
    """Bytes of the library that hold what each stage has found in a video."""
    held = job.store.footprint(job.video.id)
    sizes = {stage: sum(held.get(kind, 0) for kind in kinds) for stage, kinds in KINDS.items()}
    return {**sizes, "pictures": _size(job.pictures.path), "embed": held["vectors"]}


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


@cache
def _processor() -> str:
    """The processor's name and how many cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{cores} cores of {_model() or platform.processor() or platform.machine()}"


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
