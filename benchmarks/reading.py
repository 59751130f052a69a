"""What reading the text on the screen costs, part by part, beside decoding the film.

    python -m benchmarks.reading FILM ... [--preset standard] [--cores 2 4] [--repeat 2] [--json FILE]

Each film is decoded in one thread, outside the clock, and its samples are read as while indexing, by an engine that is
loaded before. ``--cores`` are values of the setting ``threads``: half as many threads, four at most, work on one
picture. Processor seconds are of all threads, in the best of ``--repeat`` rounds. A cell tells seconds and how often:

    gate       what has changed, which lines are still there, and following them: samples
    coarse     looks at small pictures       whole, parts   at large ones, and at parts of large ones
    choice     which parts, and from what the network makes of them to boxes: pictures looked at
    lines      what is written: readings, of a line that is not read surely several
    x decode   times the processor seconds of ``ffmpeg -i FILM -f null -`` (without ffmpeg: of PyAV)

Exit code 1 where what was read depends on ``--cores``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.indexing import decoded
from vagent import configs
from vagent.tools import heap
from vagent.tools.media import Frame
from vagent.tools.media.probe import pick, probe
from vagent.tools.media.reader import read
from vagent.tools.text import Region
from vagent.tools.text.detector import Detector
from vagent.tools.text.rapid import RapidText
from vagent.tools.text.recogniser import Recogniser
from vagent.tools.text.tracks import Moments, TextReader, TextSpan

_TIMED: Sequence[tuple[type, str]] = (
    (TextReader, "feed"),
    (RapidText, "detect"),
    (RapidText, "recognise"),
    (Detector, "_coarse"),
    (Detector, "_whole"),
    (Detector, "_within"),
    (Recogniser, "read"),
)
_LOOKS = {"coarse": "_coarse", "whole": "_whole", "parts": "_within"}
_COUNTED = {"gate": "feed", "choice": "detect", "lines": "read"} | _LOOKS
PARTS = ("gate", "coarse", "whole", "parts", "choice", "lines")


@dataclass
class Clock:
    """How often methods were called, and their processor seconds in all threads and seconds on the clock."""

    calls: Counter[str] = field(default_factory=Counter)
    cpu: dict[str, float] = field(default_factory=dict)
    wall: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time whatever of it is called inside the block; a method that calls another counts with it."""
        with ExitStack() as stack:
            for owner, method in _TIMED:
                stack.enter_context(patch.object(owner, method, self._timed(getattr(owner, method), method)))
            yield

    def _timed(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            cpu, wall = time.process_time(), time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.calls[name] += 1
                self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu
                self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall

        return timed

    def parts(self) -> dict[str, dict[str, float]]:
        """How often each part was done, and its processor seconds; none holds another."""
        cpu = {name: self.cpu.get(method, 0.0) for name, method in _LOOKS.items()}
        detect, lines = self.cpu.get("detect", 0.0), self.cpu.get("recognise", 0.0)
        cpu |= {"gate": self.cpu["feed"] - detect - lines, "choice": detect - sum(cpu.values()), "lines": lines}
        return {name: {"times": self.calls[_COUNTED[name]], "cpu": cpu[name]} for name in PARTS}


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    heap.steady()
    rows, same = [], True
    for film in given.films:
        decode = min(decoded(film)["cpu"] for _ in range(given.repeat))
        rounds = [[_run(film, given.preset, cores) for cores in given.cores] for _ in range(given.repeat)]
        same = same and all(texts == rounds[0][0][1] for one in rounds for _, texts in one)
        for runs in zip(*rounds, strict=True):
            best = min((run for run, _ in runs), key=lambda run: run["cpu"])
            rows.append(best | {"decode": decode, "x_decode": best["cpu"] / decode})
    print(table(rows))
    print("what was read is the same" if same else "WHAT WAS READ IS NOT THE SAME")
    if given.json:
        given.json.write_text(json.dumps({"preset": given.preset, "same": same, "runs": rows}, indent=1) + "\n")
    return 0 if same else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path, nargs="+")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--cores", type=int, nargs="+", default=[2])
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", type=Path)
    return parser


def _run(film: Path, preset: str, cores: int) -> tuple[dict[str, Any], list[TextSpan]]:
    """A film read once: what that cost, and what was read."""
    settings = configs.load({"preset": preset, "threads": cores}, env={})
    engine, moments, clock = RapidText(settings), Moments(), Clock()
    blank = np.zeros((90, 160, 3), np.uint8)
    engine.recognise(blank, [Region.upright((0, 0, 1, 1)), *engine.detect(blank)])  # loads it
    reader = TextReader(engine, settings.text, 1 / settings.media.sample_fps, moments)
    info, spans, end = probe(film), [], 0.0
    # A decoder with threads of its own would be at work while a picture is read.
    alone = settings.model_copy(update={"threads": 1})
    with clock.running():
        for item in read(info, alone, video=pick(info, "video"), audio=None):
            if isinstance(item, Frame):
                end = item.time
                moments.watch(item.time, item.signature)
                spans += reader.feed(item.time, item.image) if item.image is not None else []
        spans += reader.finish(end)
    row = {"film": film.name, "cores": cores, "parts": clock.parts(), "texts": len(spans)}
    return row | {"cpu": clock.cpu["feed"], "wall": clock.wall["feed"]}, spans


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each film and number of cores, and for all films together where there are several."""
    heads = [*(f"{name:>9}" for name in PARTS), f"{'cpu, s':>7} {'wall, s':>7} {'x decode':>8} {'texts':>5}"]
    lines = [f"{'film':28} {'cores':>5} {' '.join(heads)}"]
    lines += [_line(row["film"], row["cores"], [row]) for row in rows]
    if len({row["film"] for row in rows}) > 1:
        numbers = dict.fromkeys(row["cores"] for row in rows)
        lines += [_line("all", cores, [row for row in rows if row["cores"] == cores]) for cores in numbers]
    return "\n".join(lines)


def _line(name: str, cores: int, rows: Sequence[Mapping[str, Any]]) -> str:
    cells = []
    for part in PARTS:
        cpu, times = (sum(row["parts"][part][what] for row in rows) for what in ("cpu", "times"))
        cells.append(f"{f'{cpu:.2f}/{times}':>9}")
    cpu, wall, decode, texts = (sum(row[what] for row in rows) for what in ("cpu", "wall", "decode", "texts"))
    return f"{name[:28]:28} {cores:5} {' '.join(cells)} {cpu:7.2f} {wall:7.2f} {cpu / decode:8.2f} {texts:5}"


if __name__ == "__main__":
    sys.exit(main())
