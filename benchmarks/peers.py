"""Films through vagent and through what other systems do first, with the same recognisers, in one run.

    python -m benchmarks.peers [FILM ...] [--questions QUESTIONS.jsonl] [--made 60] [--height 720] [--hear]
                               [--scenedetect COMMAND] [--recipes NAME ...] [--folder DIR] [--json FILE]
    python -m benchmarks.peers --sum FILE ...

Without FILM one is made whose truth is known (see ``benchmarks.cinema``). Compared are the recipes of
``benchmarks.recipes``, and PySceneDetect's own command where ``--scenedetect`` names it: it replaces OpenCV by another
build of it, so it wants an environment of its own. They need ffmpeg. ``--hear`` adds speech recognition, which costs
all sides the same and hides the rest; vagent then does not look for subtitles beside the film. The recipes take turns
in going first. Many films take long: ``--sum`` adds up what several runs wrote with ``--json``.

What is compared is what does the same job: reading what is written, finding cuts, keeping pictures. Engines, and what
each program imports, are loaded before the clock runs.

    x standard, x quick  times the processor seconds of vagent at the same job with that preset
    text      of the questions of kind text of those films, how many have an accepted answer that was read within the
              evidence's stretch; of a film that is made, how many of its words were read at the right time
    cuts      F1 of the cuts found: of a film that is made, against where they are; of others, with what vagent finds
              with its preset standard, which is agreement and no proof
    pictures  how many are kept, and their megabytes
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import av

from benchmarks.cinema import Film, make
from benchmarks.indexing import indexed
from benchmarks.recipes import RECIPES
from benchmarks.truth import Found, hits, read, words
from vagent.index.store import Store

Row = dict[str, Any]

_QUIET = {"objects": "off", "sounds": "off", "visual": "off", "speech": "off"}
_SLACK = 1.0  # seconds by which an answer may be placed beside the stretch that holds it
_DETECTORS = ("adaptive", "content")  # of PySceneDetect; the first is its default
_JOBS = {
    "reading": ("text standard", "text quick", "Video-RAG", "VideoRAG"),
    "cuts": ("cuts standard", "cuts quick", *(f"PySceneDetect {name}" for name in _DETECTORS)),
    "pictures": ("pictures standard", "pictures quick", "DVD"),
}
_OWN = ("standard", "quick")
_NAMES = [name for names in _JOBS.values() for name in names]


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    if given.sum:
        rows = [row for file in given.sum for row in json.loads(file.read_text(encoding="utf-8"))]
    else:
        rows = _measured(given)
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
    parser.add_argument("--recipes", nargs="+", default=_NAMES, choices=_NAMES)
    parser.add_argument("--folder", type=Path, help="where the film is kept; default: it is deleted")
    parser.add_argument("--sum", type=Path, nargs="+", metavar="FILE", help="only add up what other runs wrote")
    parser.add_argument("--json", type=Path)
    return parser


def _measured(given: argparse.Namespace) -> list[Row]:
    if shutil.which("ffmpeg") is None:
        sys.exit("benchmarks.peers: the recipes need ffmpeg, which is not on the PATH")
    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        films = [Film(path, 0.0, made=False) for path in given.films] or [
            make(folder / f"{given.height}-{given.made:g}.mp4", given.made, given.height)
        ]
        warm = make(folder / "warm.mp4", 2.0, 360, seed=1)
        runs = _runs(given, warm)
        rows: list[Row] = []
        for turn, film in enumerate(films):
            asked = _questions(given.questions, film.path) if given.questions else []
            place = Path(scratch) / str(turn)
            found = {name: runs[name](film, place / name) for name in [*runs][turn % 2 :] + [*runs][: turn % 2]}
            rows += [_row(film, asked, name, found) for name in runs]
    return rows


def _runs(given: argparse.Namespace, warm: Film) -> dict[str, Callable[[Film, Path], Row]]:
    """How each recipe that was asked for is run on a film; PySceneDetect's where there is its command."""
    own = {f"{job} {preset}": (job, preset) for job in ("text", "pictures") for preset in _OWN}
    start = _started([given.scenedetect, "version"]) if given.scenedetect else {}
    runs: dict[str, Callable[[Film, Path], Row]] = {}
    for name in given.recipes:
        if name in own:
            runs[name] = partial(_vagent, *own[name], hear=given.hear, warm=warm)
        elif name in RECIPES:
            runs[name] = partial(_recipe, name, hear=given.hear)
        elif given.scenedetect:
            runs[name] = partial(_scenes, given.scenedetect, name.split()[-1], start)
    return runs


# ---------------------------------------------------------------------- what is run


def _vagent(job: str, preset: str, film: Film, folder: Path, *, hear: bool, warm: Film) -> Row:
    """vagent's whole decode pass; without reading where only its pictures are wanted."""
    engines = _QUIET | {"text": "off" if job == "pictures" else "rapidocr"}
    if hear and job != "pictures":
        engines |= {"speech": "pocketsphinx"}
    run = indexed(film, warm, folder, {"preset": preset, "engines": engines, "subtitles": {"use": False}})
    with closing(Store(folder)) as store:
        (video,) = [v for v in store.videos() if Path(v.path).name == film.path.name]
        texts = [(row.span.start, row.span.end, row.text) for row in store.evidence(video.id, kinds=["screen_text"])]
    with closing(sqlite3.connect(folder / "frames" / f"{video.fingerprint}.db")) as kept:
        pictures = kept.execute("SELECT count(*), coalesce(sum(length(jpeg)), 0) FROM pictures").fetchone()
    return {"wall": run["wall"], "cpu": run["cpu"], "texts": texts, "cuts": None, "pictures": list(pictures)}


def _recipe(name: str, film: Film, folder: Path, *, hear: bool) -> Row:
    command = [sys.executable, "-m", "benchmarks.recipes", name, str(film.path), str(folder)]
    done = subprocess.run(command + ["--hear"] * hear, check=True, stdout=subprocess.PIPE, text=True)
    run: Row = json.loads(done.stdout)
    return run


def _scenes(command: str, detector: str, start: Row, film: Film, folder: Path) -> Row:
    """PySceneDetect's own pass and its list of scenes, less what its start alone costs.

    It counts from the first picture, which may come later than the sound.
    """
    arguments = [command, "-q", "-i", str(film.path), "-o", str(folder), f"detect-{detector}"]
    run = _started([*arguments, "list-scenes", "-q", "-s"])
    (file,) = folder.glob("*.csv")
    with file.open(newline="", encoding="utf-8") as lines:
        begins = [first_picture(film.path) + float(line["Start Time (seconds)"]) for line in csv.DictReader(lines)]
    cost = {what: max(0.0, run[what] - start[what]) for what in ("wall", "cpu")}
    return cost | {"texts": [], "cuts": begins[1:], "pictures": [0, 0]}


def first_picture(film: Path) -> float:
    """When the first picture is shown, in seconds from where the file begins."""
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        start = float((stream.start_time or 0) * (stream.time_base or 0))
        return start - (container.start_time or 0) / av.time_base


def _started(command: Sequence[str]) -> Row:
    """Wall and processor seconds of a command."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    wall, after = perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


# ---------------------------------------------------------------------- what it came to


def _row(film: Film, asked: Sequence[Mapping[str, Any]], name: str, found: Mapping[str, Row]) -> Row:
    """One recipe on one film: what it cost, and counts that can be added to those of other films."""
    run = found[name]
    row = {"film": film.path.name, "recipe": name, "wall": run["wall"], "cpu": run["cpu"], "pictures": run["pictures"]}
    texts = [(start, end, text) for start, end, text in run["texts"]]
    row["text"] = _text(film, asked, texts) if name in _JOBS["reading"] else None
    truth = film.cuts if film.made else found.get("cuts standard", {}).get("cuts")
    row["cuts"] = None
    if run["cuts"] is not None and truth is not None:
        row["cuts"] = [hits(run["cuts"], truth), len(run["cuts"]), len(truth)]
    return row


def _questions(file: Path, film: Path) -> list[Row]:
    asked = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [one for one in asked if one["video"] == film.name and one["kind"] == "text" and one["evidence"]]


def _text(film: Film, asked: Sequence[Mapping[str, Any]], found: Sequence[Found]) -> tuple[int, int] | None:
    """How much of what is written was read, and of how much; None where nothing is known of the film."""
    if asked:
        return sum(_answered(one, found) for one in asked), len(asked)
    return read(found, film.written) if film.written else None


def _answered(question: Mapping[str, Any], found: Sequence[Found]) -> bool:
    """Whether an accepted answer stands in what was read within one of the evidence's stretches."""
    near = [
        text
        for start, end, text in found
        if any(start <= last + _SLACK and end >= first - _SLACK for first, last in question["evidence"])
    ]
    read_there = "".join(words(" ".join(near)))
    return any("".join(words(accepted)) in read_there for accepted in question["accept"])


def totals(rows: Sequence[Row]) -> list[Row]:
    """The films together, a row a recipe, with what it costs beside vagent at the same job."""
    found = []
    for names in _JOBS.values():
        of = {name: [row for row in rows if row["recipe"] == name] for name in names}
        spent = {name: sum(row["cpu"] for row in held) for name, held in of.items()}
        for name in filter(of.get, names):
            whole = {"recipe": name, "films": len(of[name]), "cpu": spent[name]}
            whole |= {what: _added(row[what] for row in of[name]) for what in ("text", "cuts", "pictures")}
            for own, preset in zip(names, _OWN, strict=False):
                whole[f"x_{preset}"] = spent[name] / spent[own] if spent[own] else None
            found.append(whole)
    return found


def _added(counts: Iterator[Sequence[int] | None]) -> list[int] | None:
    """Counts of several films, place by place; None where no film has any."""
    held = [one for one in counts if one is not None]
    return [sum(column) for column in zip(*held, strict=True)] if held else None


def table(rows: Sequence[Row]) -> str:
    """The rows to read: film by film, then all together."""
    lines = [f"{'film':28} {'recipe':24} {'wall s':>8} {'cpu s':>8}  {'text':>8} {'cuts':>5} {'pictures':>8}"]
    for row in rows:
        cost = f"{row['film'][:28]:28} {row['recipe']:24} {row['wall']:8.2f} {row['cpu']:8.2f}"
        lines.append(f"{cost}  {_seen(row)}".rstrip())
    lines += ["", f"{'together':28} {'recipe':24} {'x stand.':>8} {'x quick':>8}"]
    for row in totals(rows):
        ratios = "".join(
            f" {'-' if row[key] is None else format(row[key], '.2f'):>8}" for key in ("x_standard", "x_quick")
        )
        films = f"{row['films']} film{'s' * (row['films'] > 1)}, {row['cpu']:.2f} cpu s"
        lines.append(f"{films:28} {row['recipe']:24}{ratios}  {_seen(row)}".rstrip())
    return "\n".join(lines)


def _seen(row: Row) -> str:
    text = "" if row["text"] is None else "{}/{}".format(*row["text"])
    cuts = ""
    if row["cuts"] is not None:
        right, found, there = row["cuts"]
        cuts = f"{2 * right / (found + there) if found + there else 1.0:.2f}"
    count, size = row["pictures"] or (0, 0)
    return f"{text:>8} {cuts:>5} " + (f"{count:>8} {size / 1e6:6.2f} MB" if count else "")


if __name__ == "__main__":
    sys.exit(main())
