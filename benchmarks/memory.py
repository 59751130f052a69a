"""What memory and time indexing takes as films get longer: both should depend on the format, not on the length.

    python -m benchmarks.memory [--hours 10] [--minutes 10] [--boards 20] [--spoken 120] [--size 480x270]
                                [--container mkv] [--lecture] [--preset standard] [--set SECTION.KEY=VALUE ...]
                                [--json OUT]

Two films of one format are made, one of ``--minutes`` and one of ``--hours``: the same packets, again and again at
later times, with subtitles of which each is different. They show boards of text that change every ``--boards`` seconds,
and somebody speaks every ``--spoken`` seconds; speech is recognised although there are subtitles: every bundled sense
works. With ``--lecture`` somebody speaks all the time, as subtitles beside each film say: then the preset deep, which
sums films up, has most to do. Each film is indexed by a process of its own into a library of its own, while the memory
of that process and of those that it started is read ten times a second.

    peak        largest resident memory of all these processes together, MB, and in each phase of the work
    high water  the largest that the kernel has seen of each process by itself, MB (Linux)
    cpu         processor seconds for an hour of film: over all, and in each quarter of the decode pass
    commits     transactions for a checkpoint, their milliseconds each, bytes written for an hour of film, by quarter
    by hours    of the long film: bytes written, and the most that the indexing process held

The aim is a ratio of the peaks of at most 1.15 where one film is sixty times as long as the other.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from benchmarks import films, lectures
from vagent.tools.time import format_time

_EVERY = 0.1  # seconds between two looks at the memory
_QUARTERS = 4
_MB = 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as folder:
        cycle = films.cycle(
            Path(folder) / f"cycle.{given.container}",
            given.minutes * 60,
            given.boards,
            given.size,
            given.spoken,
            subtitles=not given.lecture,
        )
        times = max(1, round(given.hours * 60 / given.minutes))
        long = films.repeated(cycle, Path(folder) / f"long.{given.container}", times)
        if given.lecture:
            for film, rounds in ((cycle, 1), (long, times)):
                lectures.written(film.with_suffix(".srt"), rounds * given.minutes * 60)
        found = [measured(film, Path(folder) / film.stem, given.preset, given.set) for film in (cycle, long)]
    report = {
        "machine": machine(),
        "format": f"{given.size[0]} x {given.size[1]}, {given.container}{', a lecture' if given.lecture else ''}",
        "preset": given.preset or "standard",
        **_compared(found),
    }
    print(table(report))
    if given.json:
        given.json.write_text(json.dumps(report, indent=2), encoding="utf-8")
    return 0


def machine() -> str:
    """The machine in words that tell nothing of whose it is."""
    return f"{platform.machine()}, {psutil.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB"


@dataclass
class _Watched:
    """What is seen of a process that indexes, and of those that it started.

    Attributes:
        stage: what it works on.
        peaks: most bytes of all together, by stage.
        water: most bytes that one process ever had, by its name.
    """

    process: psutil.Process
    stage: str = "start"
    peaks: dict[str, int] = field(default_factory=dict)
    water: dict[str, int] = field(default_factory=dict)
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, stage: str) -> None:
        """Go on to another stage, or on with the same; each is looked at once at least, however short it is."""
        self.look()
        self.stage = stage

    def look(self) -> None:
        """Read the memory of the whole tree once."""
        with self._looking:
            self._look()

    def _look(self) -> None:
        whole = 0
        with suppress(psutil.NoSuchProcess):
            for process in [self.process, *self.process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    whole += process.memory_info().rss
                    name = "indexer" if process.pid == self.process.pid else "recogniser of speech"
                    self.water[name] = max(self.water.get(name, 0), _high_water(process.pid))
        self.peaks[self.stage] = max(self.peaks.get(self.stage, 0), whole)


def _high_water(pid: int) -> int:
    """Bytes that the kernel has ever seen resident of a process; 0 where it does not tell."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def measured(film: Path, library: Path, preset: str | None, settings: Sequence[str]) -> dict[str, Any]:
    """What indexing one film in a fresh process took.

    Raises:
        SystemExit: it failed; its own words have been printed.
    """
    given = json.dumps({"film": str(film), "library": str(library), "preset": preset, "settings": list(settings)})
    command = [sys.executable, "-m", "benchmarks.memory_child", given]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watched = _Watched(psutil.Process(process.pid))
        told: list[dict[str, Any]] = []
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(_EVERY):
                watched.look()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            for line in process.stdout or ():
                told.append(json.loads(line))
                watched.enter(told[-1]["stage"])
        finally:
            ended.set()
            thread.join()
    if process.returncode or not told:
        raise SystemExit(f"indexing {film.name} failed")
    return _figures(told, watched)


def _figures(told: Sequence[dict[str, Any]], watched: _Watched) -> dict[str, Any]:
    end = told[-1]
    hours = end["duration"] / 3600
    scan = [one for one in told if one["stage"] == "scan"]
    return {
        "seconds of film": round(end["duration"], 1),
        "rows": end["counts"],
        "peak": round(max(watched.peaks.values()) / _MB, 1),
        "peak by phase": {stage: round(value / _MB, 1) for stage, value in watched.peaks.items()},
        "high water": {name: round(value / _MB, 1) for name, value in watched.water.items()},
        "wall for an hour": round(end["wall"] / hours, 1),
        "cpu for an hour": round(end["cpu"] / hours, 1),
        "seconds by phase for an hour": {name: round(value / hours, 2) for name, value in end["seconds"].items()},
        "library for an hour, MB": round(end["library"] / _MB / hours, 1),
        "quarters": _parts(scan, end["checkpoint"], _QUARTERS),
        "hours": _parts(scan, end["checkpoint"], round(hours)),
    }


def _parts(scan: Sequence[dict[str, Any]], checkpoint: float, count: int) -> list[dict[str, float]]:
    """The decode pass in so many parts of equal length: what each cost."""
    if not count or len(scan) < count + 1:
        return []
    first, last = scan[0]["done"], scan[-1]["done"]
    edges = [first + (last - first) * i / count for i in range(count + 1)]
    marks = [next(one for one in scan if one["done"] >= edge - 1e-9) for edge in edges]
    found = []
    for before, after in pairwise(marks):
        seconds = max(after["done"] - before["done"], 1e-9)
        commits = max(1, after["commits"] - before["commits"])
        between = [one for one in scan if before["done"] <= one["done"] <= after["done"]]
        found.append(
            {
                "cpu for an hour": round((after["cpu"] - before["cpu"]) / seconds * 3600, 1),
                "commits for a checkpoint": round(commits / seconds * checkpoint, 1),
                "milliseconds a commit": round((after["committing"] - before["committing"]) / commits * 1000, 2),
                "MB written for an hour": round((after["written"] - before["written"]) / _MB / seconds * 3600, 1),
                "resident, MB": round(after["resident"] / _MB, 1),
                "most resident, MB": round(max(one["resident"] for one in between) / _MB, 1),
            }
        )
    return found


def _compared(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    short, long = found
    return {
        "films": found,
        "ratios": {
            "length": round(long["seconds of film"] / short["seconds of film"], 2),
            "peak": round(long["peak"] / short["peak"], 3),
            "cpu for an hour": round(long["cpu for an hour"] / short["cpu for an hour"], 3),
        },
    }


def table(report: dict[str, Any]) -> str:
    """What grows, for people."""
    short, long = report["films"]
    ends = [format_time(film["seconds of film"]) for film in (short, long)]
    lines = [
        f"{report['machine']}; {report['format']}; {report['preset']}",
        f"{'':34}{ends[0]:>12}{ends[1]:>12}{'ratio':>8}",
    ]

    def line(name: str, one: float, other: float) -> None:
        ratio = f"{other / one:8.2f}" if one else f"{'-':>8}"
        lines.append(f"{name:34}{one:12.1f}{other:12.1f}{ratio}")

    line("peak, MB", short["peak"], long["peak"])
    for name in ("peak by phase", "high water"):
        for key in long[name]:
            line(f"  {name[:4]} {key}", short[name].get(key, 0.0), long[name][key])
    for name in ("cpu for an hour", "wall for an hour", "library for an hour, MB"):
        line(name, short[name], long[name])
    for key in long["seconds by phase for an hour"]:
        line(f"  {key}", short["seconds by phase for an hour"].get(key, 0.0), long["seconds by phase for an hour"][key])
    if long["quarters"]:
        lines.append(
            f"{'the long film by quarters':34}" + "".join(f"{number:>12}" for number in range(1, _QUARTERS + 1))
        )
        for key in long["quarters"][0]:
            lines.append(f"  {key:32}" + "".join(f"{quarter[key]:12.1f}" for quarter in long["quarters"]))
    if len(long["hours"]) > 1:
        lines.append("the long film by hours")
        for key in ("MB written for an hour", "most resident, MB"):
            lines.append(f"  {key:32}" + "".join(f"{hour[key]:8.1f}" for hour in long["hours"]))
    return "\n".join(lines)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hours", type=float, default=10.0, help="length of the long film")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the short film")
    parser.add_argument("--boards", type=float, default=20.0, help="seconds that each board of text stands")
    parser.add_argument("--spoken", type=float, default=120.0, help="seconds from one spoken passage to the next")
    parser.add_argument("--size", type=_size, default=(480, 270), help="width x height, pixels")
    parser.add_argument("--container", default="mkv", choices=("mkv", "mp4"))
    parser.add_argument("--lecture", action="store_true", help="subtitles of somebody who speaks all the time")
    parser.add_argument("--preset", help="quick, standard or deep")
    parser.add_argument("--set", nargs="*", default=[], help="settings, section.key=value")
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
