"""One film through vagent and through what other systems do first, with the same recognisers, in one run.

    python -m benchmarks.peers [FILM ...] [--questions QUESTIONS.jsonl] [--made 60] [--height 720] [--hear]
                               [--scenedetect COMMAND] [--folder DIR] [--json FILE]

Without FILM one is made whose truth is known (see ``benchmarks.cinema``). Compared are the recipes of
``benchmarks.recipes``, and PySceneDetect's own command where ``--scenedetect`` names it: it replaces OpenCV by another
build of it, so it wants an environment of its own. They need ffmpeg. ``--hear`` adds speech recognition, which costs
all sides the same and hides the rest; vagent then does not look for subtitles beside the film.

    x standard  times the processor seconds of vagent with its preset standard
    text        part of the written words that were read at the right time; with ``--questions`` part of the questions
                of kind text of that film for which an accepted answer was read within the evidence's stretch
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.cinema import Film, make
from benchmarks.indexing import indexed
from benchmarks.recipes import RECIPES
from benchmarks.truth import Found, recall, words
from vagent.index.store import Store

_QUIET = {"objects": "off", "sounds": "off", "visual": "off", "text": "rapidocr"}
_SLACK = 1.0  # seconds by which an answer may be placed beside the stretch that holds it


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    if shutil.which("ffmpeg") is None:
        sys.exit("benchmarks.peers: the recipes need ffmpeg, which is not on the PATH")
    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        films = [Film(path, 0.0, (), (), ()) for path in given.films] or [
            make(folder / f"{given.height}-{given.made:g}.mp4", given.made, given.height)
        ]
        warm = make(folder / "warm.mp4", 2.0, 360, seed=1)
        rows = [
            {"film": film.path.name} | row
            for number, film in enumerate(films)
            for row in _film(film, warm, given, Path(scratch) / str(number))
        ]
    print(table(rows))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path, nargs="*", metavar="FILM")
    parser.add_argument("--questions", type=Path, help="questions about the films, as benchmarks.questions reads them")
    parser.add_argument("--made", type=float, default=60.0, help="seconds of the film that is made")
    parser.add_argument("--height", type=int, default=720, help="lines of the film that is made")
    parser.add_argument("--hear", action="store_true", help="recognise speech too")
    parser.add_argument("--scenedetect", help="PySceneDetect's command")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--folder", type=Path, help="where the film is kept; default: it is deleted")
    parser.add_argument("--json", type=Path)
    return parser


def _film(film: Film, warm: Film, given: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    asked = _questions(given.questions, film.path) if given.questions else []
    rows: list[dict[str, Any]] = []
    for preset in ("standard", "quick"):
        engines = _QUIET | {"speech": "pocketsphinx" if given.hear else "off"}
        settings = {"preset": preset, "engines": engines, "subtitles": {"use": False}}
        run = indexed(film, warm, folder / preset, settings)
        rows.append({"recipe": f"vagent {preset}", "wall": run["wall"], "cpu": run["cpu"]})
        rows[-1]["text"] = _text(film, asked, _read(folder / preset, film.path))
    for name in given.recipes:
        command = [sys.executable, "-m", "benchmarks.recipes", name, str(film.path), str(folder / name)]
        done = subprocess.run(command + ["--hear"] * given.hear, check=True, stdout=subprocess.PIPE, text=True)
        run = json.loads(done.stdout)
        read = None if name == "DVD" else _text(film, asked, [tuple(one) for one in run["found"]])
        rows.append({"recipe": name, "wall": run["wall"], "cpu": run["cpu"], "text": read})
    if given.scenedetect:
        rows.append(_scenes(given.scenedetect, film.path, folder / "scenes"))
    for row in rows:
        yield row | {"x_standard": {what: row[what] / rows[0][what] for what in ("wall", "cpu")}}


def _scenes(command: str, film: Path, folder: Path) -> dict[str, Any]:
    """PySceneDetect's own pass: its default detector, and the list of scenes."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    arguments = [command, "-q", "-i", str(film), "-o", str(folder), "detect-adaptive", "list-scenes", "-q"]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    wall, after = perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"recipe": "PySceneDetect", "wall": wall, "cpu": cpu, "text": None}


def _read(library: Path, film: Path) -> list[Found]:
    store = Store(library)
    try:
        (video,) = [v for v in store.videos() if Path(v.path).name == film.name]
        rows = store.evidence(video.id, kinds=["screen_text"])
        return [(row.span.start, row.span.end, row.text) for row in rows]
    finally:
        store.close()


def _questions(file: Path, film: Path) -> list[dict[str, Any]]:
    asked = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [one for one in asked if one["video"] == film.name and one["kind"] == "text" and one["evidence"]]


def _text(film: Film, asked: Sequence[Mapping[str, Any]], found: Sequence[Found]) -> float | None:
    """How much of what is written was read; None where nothing is known of the film."""
    if asked:
        return sum(_answered(one, found) for one in asked) / len(asked)
    return recall(found, film.written) if film.written else None


def _answered(question: Mapping[str, Any], found: Sequence[Found]) -> bool:
    """Whether an accepted answer stands in what was read within one of the evidence's stretches."""
    near = [
        text
        for start, end, text in found
        if any(start <= last + _SLACK and end >= first - _SLACK for first, last in question["evidence"])
    ]
    read = "".join(words(" ".join(near)))
    return any("".join(words(accepted)) in read for accepted in question["accept"])


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows to read."""
    lines = [f"{'film':28} {'recipe':16} {'wall s':>8} {'cpu s':>8}   x standard (wall, cpu)  {'text':>5}"]
    for row in rows:
        ratios = "{wall:11.2f} {cpu:9.2f}".format(**row["x_standard"])
        text = "" if row["text"] is None else f"{row['text']:5.2f}"
        lines.append(
            f"{row['film'][:28]:28} {row['recipe']:16} {row['wall']:8.2f} {row['cpu']:8.2f}   {ratios}    {text}"
        )
    return "\n".join(line.rstrip() for line in lines)


if __name__ == "__main__":
    sys.exit(main())
