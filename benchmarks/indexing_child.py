"""One run of ``benchmarks.indexing``: indexes a film in a process of its own, and says what that has cost.

The engines are loaded before, on a film of two seconds: a process loads them once, however many films it indexes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.cinema import Line
from benchmarks.truth import f1, recall
from vagent import configs
from vagent.errors import VagentError
from vagent.index.library import VideoLibrary
from vagent.index.video.spending import processor_seconds

_WITHIN_SCAN = ("shots", "pictures", "print of pictures", "print of sound", "text", "objects", "speech", "sounds")


def main(given: str) -> int:
    task = json.loads(given)
    settings = configs.load(task["settings"] | {"library": task["library"]}, env={})
    library = VideoLibrary(settings)
    try:
        _add(library, Path(task["warm"]))
        library.embed(["there may be nothing to embed in it"])
        cpu, wall, helpers = processor_seconds(), time.perf_counter(), _children()
        report = _add(library, Path(task["film"]))
        spent = {
            "wall": time.perf_counter() - wall,
            "cpu": processor_seconds() - cpu,
            "helpers": _children() - helpers,
        }
        video = report.video
        costs = {c.stage: c.cpu for c in library.store.actuals() if c.video == video.id}
        found = spent | {"parts": parts(costs, spent), "counts": dict(report.counts)}
        if task["truth"] is not None:
            found |= _held_against(*task["truth"], library, video.id)
    finally:
        library.close()
    print(json.dumps(found))
    return 0


def _held_against(
    cuts: Sequence[float], written: Sequence[Sequence[Any]], library: VideoLibrary, video: int
) -> dict[str, float]:
    read = [(r.span.start, r.span.end, r.text) for r in library.evidence(video, kinds=["screen_text"])]
    return {
        "shots": f1([s.span.start for s in library.shots(video)][1:], cuts),
        "text": recall(read, [Line(*line) for line in written]),
    }


def _add(library: VideoLibrary, film: Path) -> Any:
    (report,) = library.add(film)
    if report.error is not None:
        raise report.error
    return report


def _children() -> float:
    """Processor seconds of the processes that this one runs: the bundled speech recogniser."""
    return float(sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children(recursive=True)))


def parts(costs: Mapping[str, float], spent: Mapping[str, float]) -> dict[str, float]:
    """Where the processor's time went. What the threads of the decoder take is what is left of the decode pass when its
    stages have been taken off.
    """
    found = {name: costs[name] for name in _WITHIN_SCAN if name in costs}
    if spent["helpers"]:
        found["speech"] = found.get("speech", 0.0) + spent["helpers"]
    found = {"decode": max(0.0, costs.get("scan", 0.0) - sum(found.values()))} | found
    found |= {name: costs[name] for name in ("subtitles", "clips", "embed", "visual", "captions") if name in costs}
    return found | {"rest": max(0.0, spent["cpu"] - sum(found.values()))}


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except VagentError as error:
        sys.exit(f"benchmarks.indexing: {error}")
