"""What indexing costs, beside playing the film through a decoder and beside the slowest sense alone.

    python -m benchmarks.indexing [--heights 720 1080] [--seconds 60] [--films FILM ...] [--presets quick standard]
                                  [--repeat 1] [--folder DIR] [--json FILE] [--chart FILE.png]

Films with pans, cuts, grain, slides, burned lines and speech are made (see ``benchmarks.cinema``; ``--folder`` keeps
them), and indexed with each preset, with and without the subtitles that lie beside them, with what comes with the
packages alone. Films that somebody brings (``--films``) are indexed without subtitles, and what is true of them is not
known. Each run is a process that has loaded its engines before. In the same round the film is decoded as

    ffmpeg -i FILM -f null -

does (without ffmpeg: by PyAV, with as many threads; the table says so). Wall and processor seconds are of the best of
``--repeat`` rounds. On a busy machine only processor seconds mean something.

    x decode   times what decoding everything costs
    x slowest  times the larger of decoding everything and the slowest single sense, by processor time
    shots      F1 of the cuts found       text: part of the written words that were read, at the right time
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.cinema import Film, make
from vagent.tools.media.probe import probe

_SPARE = {"objects": "off", "sounds": "off", "visual": "off", "speech": "pocketsphinx", "text": "rapidocr"}
_PYAV = "import av, sys; [None for _ in av.open(sys.argv[1]).decode(video=0)]"
_STAGES = {"decode": "decoding", "text": "text", "speech": "speech", "pictures": "pictures kept", "shots": "shots"}

Run = Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        warm = make(folder / "warm.mp4", 2.0, 360, seed=1)
        for name, film in _films(given, folder):
            rounds = [
                list(_round(film, warm, given.presets, Path(scratch) / f"{name}-{n}")) for n in range(given.repeat)
            ]
            best = [min(runs, key=lambda run: run["cpu"]) for runs in zip(*rounds, strict=True)]
            rows += [{"film": name, "seconds": film.seconds} | row for row in _ratios(best)]
    print(table(rows))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if given.chart:
        chart(rows, given.chart)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heights", type=int, nargs="+", default=[720, 1080])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--films", type=Path, nargs="+", default=[], help="instead of films that are made")
    parser.add_argument("--presets", nargs="+", default=["quick", "standard"])
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the films are kept; default: they are deleted")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--chart", type=Path, help="picture of where the processor's time goes; needs matplotlib")
    return parser


def _films(given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Film]]:
    """Names and films."""
    for path in given.films:
        yield path.stem, Film(path, probe(path).duration or 0.0, made=False)
    for height in () if given.films else given.heights:
        yield f"{height}p", make(folder / f"{height}-{given.seconds:g}.mp4", given.seconds, height)


def _round(film: Film, warm: Film, presets: Sequence[str], folder: Path) -> Iterator[dict[str, Any]]:
    yield decoded(film.path)
    for preset in presets:
        for subtitles in (True, False) if film.made else (False,):
            library = folder / f"{preset}-{subtitles}"
            settings = {"preset": preset, "engines": _SPARE, "subtitles": {"use": subtitles}}
            yield {"run": preset, "subtitles": subtitles} | indexed(film, warm, library, settings)


def decoded(film: Path) -> dict[str, Any]:
    """Wall and processor seconds of decoding everything in a film."""
    program = shutil.which("ffmpeg")
    command = [program, "-v", "error", "-i", str(film), "-f", "null", "-"] if program else [sys.executable, "-c", _PYAV]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run(command + ([] if program else [str(film)]), check=True, stdin=subprocess.DEVNULL)
    wall, after = perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"run": f"decode ({'ffmpeg' if program else 'PyAV'})", "subtitles": None, "wall": wall, "cpu": cpu}


def indexed(film: Film, warm: Film, library: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What indexing a film has cost in a process of its own, and how much of the truth it found."""
    task = {
        "film": str(film.path),
        "warm": str(warm.path),
        "library": str(library),
        "settings": settings,
        "truth": [film.cuts, [astuple(line) for line in film.written]] if film.made else None,
    }
    command = [sys.executable, "-m", "benchmarks.indexing_child", json.dumps(task)]
    # One thread an operation, as many as the settings give: what the environment says is not what is measured.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VAGENT_")}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _ratios(runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    decode = runs[0]
    yield dict(decode)
    for run in runs[1:]:
        slowest = max(cpu for part, cpu in run["parts"].items() if part not in ("decode", "rest"))
        yield dict(run) | {
            "x_decode": {what: run[what] / decode[what] for what in ("wall", "cpu")},
            "x_slowest": {what: run[what] / max(decode[what], slowest) for what in ("wall", "cpu")},
            "slowest": slowest,
        }


def table(rows: Sequence[Run]) -> str:
    """The rows to read."""
    wide = max(len(row["film"]) for row in rows)
    head = f"{'film':{wide}} {'run':17} {'subtitles':9} {'wall s':>7} {'cpu s':>7}   x decode (wall, cpu)"
    lines = [f"{head}  x slowest (wall, cpu)  {'shots':>5} {'text':>5}"]
    for row in rows:
        line = f"{row['film']:{wide}} {row['run']:17} {_said(row['subtitles']):9} {row['wall']:7.2f} {row['cpu']:7.2f}"
        if "parts" in row:
            ratios = [row[of][what] for of in ("x_decode", "x_slowest") for what in ("wall", "cpu")]
            line += "   {:9.2f} {:9.2f}   {:9.2f} {:9.2f}  ".format(*ratios)
            line += "".join(f" {row[what]:5.2f}" for what in ("shots", "text") if what in row).rjust(13)
        lines.append(line.rstrip())
    return "\n".join(lines)


def _said(subtitles: bool | None) -> str:
    return "" if subtitles is None else "yes" if subtitles else "no"


def chart(rows: Sequence[Run], path: Path) -> None:
    """Draws where the processor's time goes: a bar for each run, a mark where decoding everything would end.

    Raises:
        SystemExit: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        sys.exit("benchmarks.indexing: --chart needs matplotlib; run: pip install matplotlib")
    mpl.use("Agg")
    from matplotlib import pyplot

    runs = [row for row in rows if "parts" in row][::-1]
    names = [*_STAGES.values(), "everything else"]
    figure, axes = pyplot.subplots(figsize=(9, 1.8 + 0.45 * len(runs)), layout="constrained")
    labels = [f"{r['film']} {r['run']}, {'with' if r['subtitles'] else 'without'} subtitles" for r in runs]
    shares = [_shares(run) for run in runs]
    left = [0.0] * len(runs)
    for name in names:
        widths = [share[name] for share in shares]
        axes.barh(labels, widths, left=left, label=name)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for number, run in enumerate(runs):
        decode = next(r["cpu"] for r in rows if r["film"] == run["film"] and "parts" not in r)
        end = decode / run["seconds"]
        label = "decoding everything" if number == 0 else None
        axes.plot([end, end], [number - 0.45, number + 0.45], color="black", linewidth=2, label=label)
    axes.set_xlabel("processor seconds a second of film")
    figure.legend(loc="outside lower center", ncols=4, fontsize="small")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _shares(run: Run) -> dict[str, float]:
    """Processor seconds a second of film, by what is drawn."""
    parts = {_STAGES.get(name, "everything else"): 0.0 for name in [*_STAGES, "rest"]}
    for name, cpu in run["parts"].items():
        parts[_STAGES.get(name, "everything else")] += cpu / run["seconds"]
    return parts


if __name__ == "__main__":
    sys.exit(main())
