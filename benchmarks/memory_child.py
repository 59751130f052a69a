"""The process that ``benchmarks.memory`` watches: indexes a film, and says on each line of its output how far."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from vagent import Library
from vagent.index.store.database import Database
from vagent.index.video.job import Job, Progress

_AGAIN = 0.2  # seconds between two lines of one phase


class _Commits:
    """Counts the outermost transactions of this process, and the seconds that they take."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self._begin = Database.transaction

    def watch(self) -> None:
        """Look at every transaction from now on."""
        begin, ours = self._begin, self

        @contextmanager
        def transaction(self: Database) -> Iterator[None]:
            inner = self._handle().depth > 0
            begun = time.perf_counter()
            with begin(self):
                yield
            if not inner:
                ours.count += 1
                ours.seconds += time.perf_counter() - begun

        Database.transaction = transaction  # type: ignore[method-assign]


def main(given: Mapping[str, Any]) -> int:
    commits = _Commits()
    commits.watch()
    process = psutil.Process()
    told = 0.0

    def state(stage: str, done: float) -> dict[str, Any]:
        return {
            "stage": stage,
            "done": done,
            "cpu": _cpu(process),
            "written": _written(process),
            "resident": process.memory_info().rss,
            "commits": commits.count,
            "committing": commits.seconds,
        }

    def on_progress(progress: Progress) -> None:
        nonlocal told
        if time.monotonic() - told > _AGAIN or progress.done == 0.0:
            told = time.monotonic()
            print(json.dumps(state(progress.stage, progress.done)), flush=True)

    timed = Job.timed

    @contextmanager
    def told_and_timed(self: Job, phase: str) -> Iterator[None]:
        # Phases that last a moment tell no progress.
        print(json.dumps(state(phase, 0.0)), flush=True)
        with timed(self, phase):
            yield

    Job.timed = told_and_timed  # type: ignore[method-assign]
    overrides: dict[str, Any] = {"speech": {"when": "always"}}
    for one in given["settings"]:
        key, _, value = one.partition("=")
        section, _, name = key.partition(".")
        overrides.setdefault(section, {})[name] = value
    begun = time.perf_counter()
    with Library(given["library"], preset=given["preset"], settings=overrides) as library:
        (report,) = library.add(given["film"], progress=on_progress)
        if report.error is not None or report.video is None:
            print(report.error, file=sys.stderr)
            return 1
        end = {
            "duration": report.video.duration,
            "counts": dict(report.counts),
            "wall": time.perf_counter() - begun,
            "seconds": dict(report.seconds),
            "checkpoint": library.settings.media.checkpoint,
        }
        size = sum(file.stat().st_size for file in Path(given["library"]).rglob("*") if file.is_file())
        print(json.dumps({**state("end", report.video.duration), **end, "library": size}), flush=True)
    return 0


def _cpu(process: psutil.Process) -> float:
    """Processor seconds of this process and of those that it started."""
    whole = 0.0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            whole += times.user + times.system
    return whole


def _written(process: psutil.Process) -> int:
    """Bytes that this process has handed to the system; 0 where it does not tell."""
    try:
        return int(process.io_counters().write_chars)
    except AttributeError:
        return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
