"""What libraries of films cost: indexing a folder, looking again, searching, asking, and how large they become.

    python -m benchmarks.library [--videos 500] [--workers 1 2] [--films 5000] [--clips 500] [--share 1.0] [--each 12]
                                 [--folder DIR] [--made DIR] [--json OUT]

Two parts, each left out with 0. ``--videos`` short videos with words in them are made and indexed with the preset
``quick``, anew for each number of workers. ``--films`` films that were never filmed are put into a library as rows of
evidence, ``--clips`` each, with vectors for a ``--share`` of them; ``--made`` takes one that an earlier run left in
``--folder``.

Each line has the time and the time of processors (in all processes), the ratio of the latter to a reference measured in
the same run, and the peak memory of a command. A latency is the median and the slowest of ``--each`` different queries
or questions. A command is the real one, started as a process of its own, of which most is the start of an interpreter.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import av

from benchmarks.made import SECONDS, Fact, fill, name, write_videos
from vagent import Library
from vagent.index.store import Store
from vagent.index.which import Which

_POLICY = {"agent": {"driver": "policy"}, "runs": {"cache": False}}
_COMMON = (
    "money in the house at night",
    "a letter to the captain",
    "water and fire in the forest",
    "murder at the hotel",
)

# Linux counts as a process's peak also what its parent held when it was started, so the parent has to be a small one.
_LAUNCHER = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
subprocess.run([sys.executable, "-m", "vagent.cli", *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
wall, used = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([wall, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What something took: seconds of time and of processors; of several runs the median, and the slowest."""

    wall: float
    cpu: float
    slowest: float | None = None
    reference: str = ""  # the name of what it is a ratio to
    ratio: float | None = None
    memory: int | None = None  # bytes, of a process of its own
    right: float | None = None  # part of the answers that are right

    def against(self, reference: str, other: Cost) -> Cost:
        """The same with its ratio to another, by the time of processors."""
        return Cost(
            self.wall, self.cpu, self.slowest, reference, self.cpu / max(other.cpu, 1e-9), self.memory, self.right
        )


Costs = dict[str, Cost]


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    report: dict[str, Any] = {"machine": f"{os.cpu_count()} cores", "settings": {"preset": "quick", "each": given.each}}
    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as temporary:
        place = given.folder or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        if given.videos:
            report["videos"] = _told(f"{given.videos} videos of {SECONDS:g} s", *videos(place, given))
        if given.films or given.made:
            costs, sizes = films(given.made or place / "films", given)
            report["films"] = _told(f"{given.films} films of {given.clips} clips", costs, sizes)
    if given.json:
        given.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0


def videos(place: Path, given: argparse.Namespace) -> tuple[Costs, dict[str, int]]:
    """A folder of real files: what indexing them costs, and what a second look does."""
    folder = place / "videos"
    paths = write_videos(folder, given.videos)
    found: Costs = {"decode all of it (PyAV)": (decoded := cost(lambda: [_decode(path) for path in paths]))}
    for workers in given.workers:
        where = place / f"library-{workers}"
        with Library(where, preset="quick") as library:
            spent = cost(lambda: _all("indexed", library.add(folder, workers=workers)))  # noqa: B023
        found[f"index with {workers} workers"] = spent.against("decode", decoded)
    found["walk and stat the folder"] = walked = cost(lambda: _walk(folder))
    with Library(where, preset="quick") as library:
        again = cost(lambda: _all("unchanged", library.add(folder)))
        found["index again, nothing changed"] = again.against("walk", walked)
        facts = [Fact(number) for number in _chosen(given.videos, given.each)]
        found["search"] = latency([lambda f=f: f.person in _best(library, f.question) for f in facts])
        found["ask"] = latency([lambda f=f: f.person in library.ask(f.question).text for f in facts])
    found |= _commands(where, {"index again": ("index", str(folder), "--preset", "quick")})
    return found, _sizes(where)


def films(where: Path, given: argparse.Namespace) -> tuple[Costs, dict[str, int]]:
    """Many films: what a search, a question, a list cost."""
    found: Costs = {}
    chosen = _chosen(given.films, given.each)
    facts = [Fact(number) for number in chosen if number < given.share * given.films]
    strange = [name(50_000 + number) for number in chosen]
    if not given.made:
        found["put the rows in"] = cost(lambda: _fill(where, given))
        with Library(where, settings=_POLICY) as library:
            found["first search, vectors made"] = cost(lambda: library.search(facts[0].question))
    with Library(where, settings=_POLICY) as library:
        found["first search, vectors read"] = cost(lambda: library.search(facts[0].question))
        words = latency([lambda f=f: _matched(where, f.place) for f in facts])
        found["full text alone, a name"] = words
        common = latency([lambda q=q: _matched(where, *q.split()) for q in _COMMON])
        found["full text alone, common words"] = common
        found["search, a name"] = latency(
            [lambda f=f: f.person in _best(library, f.question) for f in facts]
        ).against("full text", words)  # fmt: skip
        found["search, common words"] = latency(
            [lambda q=q: bool(library.search(q)) for q in _COMMON]
        ).against("full text", common)  # fmt: skip
        titles = [(f, Which(title=f.place)) for f in facts]
        found["search in one film by its title"] = latency(
            [lambda f=f, w=w: f.person in _best(library, f.question, w) for f, w in titles]
        )
        found |= _asked(library, facts, strange)
        found["list of the videos"] = cost(library.videos)
    commands = {
        "search": ("search", facts[1].question),
        "ask": ("ask", facts[1].question, "--driver", "policy"),
        "list": ("list",),
    }
    return found | _commands(where, commands), _sizes(where)


def _asked(library: Library, facts: Sequence[Fact], strange: Sequence[str]) -> Costs:
    """Questions of the sorts that go different ways."""

    def right(question: str, held: str) -> Callable[[], bool]:
        return lambda: held in library.ask(question).text

    return {
        "ask for a fact": latency([right(f.question, f.person) for f in facts]),
        "ask which film": latency([right(f"In which film is {f.person} spoken of?", f.place) for f in facts]),
        "ask one film by its title": latency(
            [right(f'In the film "{_title(library, f)}", who is the {f.office}?', f.person) for f in facts]
        ),
        "ask how often": latency([right(f"How often is {f.person} mentioned?", "") for f in facts]),
        "ask what no film tells": latency(
            [lambda s=s: not library.ask(f"Who is the harbour master of {s}?").answered for s in strange]
        ),
    }


def _title(library: Library, fact: Fact) -> str:
    return library.videos(Which(title=fact.place))[0].title or ""


def cost(act: Callable[[], object]) -> Cost:
    """What something takes, once; processes that it starts and waits for count too."""
    cpu, begun = _cpu(), perf_counter()
    act()
    return Cost(perf_counter() - begun, _cpu() - cpu)


def latency(acts: Iterable[Callable[[], bool]]) -> Cost:
    """The median of several, and how many of them came out right."""
    results: list[bool] = []
    costs = [cost(lambda act=act: results.append(act())) for act in acts]  # type: ignore[misc]
    walls = [one.wall for one in costs]
    middle = statistics.median(one.cpu for one in costs)
    return Cost(statistics.median(walls), middle, max(walls), right=statistics.mean(results))


def command(*arguments: str) -> Cost:
    """What a command of vagent takes, as a process of its own.

    Raises:
        CalledProcessError: it failed.
    """
    told = subprocess.run([sys.executable, "-S", "-c", _LAUNCHER, *arguments], check=True, capture_output=True)
    wall, cpu, kilobytes = json.loads(told.stdout)
    return Cost(wall, cpu, memory=(1 if sys.platform == "darwin" else 1024) * kilobytes)


def _commands(where: Path, commands: dict[str, tuple[str, ...]]) -> Costs:
    bare = command("--version")
    found = {"vagent --version": bare}
    for said, arguments in commands.items():
        found[f"vagent {said}"] = command(*arguments, "--library", str(where)).against("--version", bare)
    return found


def _cpu() -> float:
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def _decode(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(*container.streams))


def _walk(folder: Path) -> int:
    return sum(Path(where, file).lstat().st_size for where, _, files in os.walk(folder) for file in files)


def _all(status: str, reports: Sequence[Any]) -> None:
    others = [report for report in reports if report.status != status]
    if others:
        raise SystemExit(f"{len(others)} of {len(reports)} videos are not {status}: {others[0]}")


def _fill(where: Path, given: argparse.Namespace) -> None:
    with Library(where, settings=_POLICY) as library:
        _, engine = library.index.engines.get("embeddings")
        assert engine is not None
        store: Store = library.index.store
        for done in fill(store, given.films, given.clips, engine.model, engine.embed, given.share):
            print(f"\r{done} of {given.films} films", end="", file=sys.stderr)
        print(file=sys.stderr)


def _matched(where: Path, *words: str) -> bool:
    """The ten best rows by SQLite's own full text."""
    sql = "SELECT rowid FROM evidence_fts WHERE evidence_fts MATCH ? ORDER BY rank LIMIT 10"
    address = f"{(where / 'library.db').absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        return bool(connection.execute(sql, (" OR ".join(f'"{word}"' for word in words),)).fetchall())


def _best(library: Library, query: str, which: Which | None = None) -> str:
    moments = library.search(query, which=which)
    return " ".join(hit.evidence.text for hit in moments[0].hits) if moments else ""


def _chosen(among: int, each: int) -> list[int]:
    return random.Random(7).sample(range(among), min(each, among))


def _sizes(where: Path) -> dict[str, int]:
    """Bytes of the parts of a library."""
    parts = {"library.db": [where / "library.db"], "vectors": (where / "vectors").glob("*")}
    parts["frames"] = (where / "frames").glob("*")
    return {part: sum(file.stat().st_size for file in files) for part, files in parts.items()}


def _told(what: str, costs: Costs, sizes: dict[str, int]) -> dict[str, Any]:
    print(f"\n{what}\n{'':36}{'time, s':>10}{'slowest':>10}{'CPU, s':>10}{'memory':>9}{'right':>7}  ratio of CPU")
    for said, one in costs.items():
        slowest = "" if one.slowest is None else f"{one.slowest:.3f}"
        memory = "" if one.memory is None else f"{one.memory / 1e6:.0f} MB"
        right = "" if one.right is None else f"{one.right:.2f}"
        ratio = "" if one.ratio is None else f"{one.ratio:.2f} x {one.reference}"
        print(f"{said:36}{one.wall:10.3f}{slowest:>10}{one.cpu:10.3f}{memory:>9}{right:>7}  {ratio}")
    print(", ".join(f"{part} {size / 1e6:.1f} MB" for part, size in sizes.items()))
    return {"costs": {said: asdict(one) for said, one in costs.items()}, "bytes": sizes}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=500, help="short videos that are made; 0: none")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="processes that index them")
    parser.add_argument("--films", type=int, default=5000, help="films that are put in as rows; 0: none")
    parser.add_argument("--clips", type=int, default=500, help="rows of each")
    parser.add_argument("--share", type=float, default=1.0, help="part of the films whose rows have vectors")
    parser.add_argument("--each", type=int, default=12, help="queries and questions of each sort")
    parser.add_argument("--folder", type=Path, help="keep all that is made there; default: a temporary folder")
    parser.add_argument("--made", type=Path, help="a library of so many films and clips that an earlier run made")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
