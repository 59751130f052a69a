"""What the head of a cluster can take in: films that come back from nodes as parcels, whole and minute by minute.

    python -m benchmarks.cluster [--films 20] [--hours 2] [--rows 1000] [--ships 5] [--json OUT]

Films that were never filmed are put together on a "node", ``--rows`` of evidence an hour with a vector each, a picture
a second of the usual size, clips and shots. Each is sent to the head's library ``--ships`` times while it grows, and a
last time when it is complete. Packing is what the node pays, merging what the head pays; the head is the one process
that every film has to pass through. Processor time, of which one core has a second each second.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from benchmarks.made import Language
from vagent.index.bundle.choosing import State
from vagent.index.bundle.post import Post
from vagent.index.pictures import Pictures
from vagent.index.records import Clip, Evidence, Shot
from vagent.index.store import Store
from vagent.tools.time import Span

_MODEL, _DIMENSION = "sentences", 384
_JPEG = 15_500  # bytes of a picture: 56 MB an hour
_PRINTS = 65_000  # bytes of the prints of an hour
_DAY = 86_400.0


@dataclass
class Cost:
    """Processor and wall seconds of one kind of step, each time it was made."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    @contextmanager
    def measured(self) -> Iterator[None]:
        cpu, wall = process_time(), perf_counter()
        yield
        self.cpu.append(process_time() - cpu)
        self.wall.append(perf_counter() - wall)

    @property
    def mean(self) -> float:
        return statistics.fmean(self.cpu)


@dataclass
class Figures:
    """What was measured; bytes and rows are of one film."""

    films: int
    hours: float
    rows: int = 0
    parcel: int = 0
    parcels: int = 0
    library: int = 0
    pack: Cost = field(default_factory=Cost)
    ship: Cost = field(default_factory=Cost)
    last: Cost = field(default_factory=Cost)
    same: Cost = field(default_factory=Cost)

    @property
    def head(self) -> float:
        """Processor seconds of the head for one film."""
        return (sum(self.ship.cpu) + sum(self.last.cpu)) / self.films


class Node:
    """A node's library, in which films grow.

    Args:
        folder: an empty one.
        rows: of evidence an hour.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        (folder / "post").mkdir(parents=True)
        self.post = Post(folder / "library", folder / "post")
        self._rows = rows
        self._language = Language(0)
        self._random = np.random.default_rng(0)

    def grow(self, number: int, start: float, end: float) -> str:
        """Adds some seconds to a film; returns its fingerprint."""
        fingerprint = f"{number:040x}"
        video = self.post.add_video(fingerprint, f"/films/{number}.mkv", 1, 1, end, {"name": f"{number}.mkv"}).id
        count = round(self._rows * (end - start) / 3600)
        step = (end - start) / max(1, count)
        texts = self._language.sentences(count)
        rows = [
            Evidence(video, Span(start + step * at, start + step * (at + 1)), "speech", text, 0.9, False, "made 1", {})
            for at, text in enumerate(texts)
        ]
        with self.post.transaction():
            ids = self.post.add_evidence(rows)
            vectors = self._random.standard_normal((len(ids), _DIMENSION)).astype(np.float32)
            self.post.put_vectors(_MODEL, ids, vectors)
            for name in ("speech", "pictures"):
                self.post.set_stage(video, name, "made", "running", end)
        jpegs = ((float(at), b"\xff\xd8" + self._random.bytes(_JPEG)) for at in range(round(start), round(end)))
        Pictures(self.post.folder / "frames", fingerprint).add(jpegs)
        return fingerprint

    def complete(self, number: int, end: float) -> None:
        """Ends a film: its clips and shots are cut, its stages are done."""
        video = self.post.by_fingerprint(f"{number:040x}")
        assert video is not None
        with self.post.transaction():
            self.post.replace_clips(video.id, [Clip(Span(at, at + 10)) for at in np.arange(0, end, 10).tolist()])
            self.post.replace_shots(video.id, [Shot(Span(at, at + 7)) for at in np.arange(0, end, 7).tolist()])
            self.post.put_print(video.id, "pictures", self._random.bytes(round(_PRINTS * end / 3600)))
            for name in ("speech", "pictures", "clips"):
                self.post.set_stage(video.id, name, "made", "done", end)
            self.post.update_video(video.id, complete=True)

    def forget(self, fingerprint: str) -> None:
        """Makes room for the next film: a node has one at a time."""
        video = self.post.by_fingerprint(fingerprint)
        assert video is not None
        self.post.remove_video(video.id)
        Pictures(self.post.folder / "frames", fingerprint).remove()


def measure(folder: Path, films: int, hours: float, rows: int, ships: int) -> Figures:
    """Sends films from a node to a head, one after the other."""
    figures = Figures(films, hours)
    node = Node(folder / "node", rows)
    (folder / "post").mkdir()
    with node.post, Post(folder / "library", folder / "post") as head:
        for number in range(films):
            _send(node, head, folder / "parcel", number, ships, figures)
        figures.rows = _rows(head) // films
        figures.library = sum(file.stat().st_size for file in (folder / "library").rglob("*") if file.is_file())
    return figures


def _send(node: Node, head: Post, file: Path, number: int, ships: int, figures: Figures) -> None:
    end, before = figures.hours * 3600, None
    for part in range(ships + 1):
        fingerprint = node.grow(number, end * part / (ships + 1), end * (part + 1) / (ships + 1))
        last = part == ships
        if last:
            node.complete(number, end)
        before = _shipped(node, head, file, fingerprint, before, figures, figures.last if last else figures.ship)
    _shipped(node, head, file, fingerprint, before, figures, figures.same)
    node.forget(fingerprint)


def _shipped(
    node: Node, head: Post, file: Path, fingerprint: str, before: State | None, figures: Figures, cost: Cost
) -> State | None:
    with figures.pack.measured():
        parcel = node.post.pack(fingerprint, file, before)
    assert parcel is not None
    figures.parcel += file.stat().st_size
    figures.parcels += 1
    with cost.measured():
        head.receive(fingerprint, parcel, lambda: None)
    return parcel.pictures


def _rows(store: Store) -> int:
    return sum(sum(store.counts(video.id).values()) for video in store.videos())


def told(figures: Figures) -> str:
    """The figures as a table."""
    head = figures.head
    rows = [
        ("films, hours each", f"{figures.films} x {figures.hours:g}"),
        ("rows of evidence of a film", f"{figures.rows:,}"),
        ("bytes sent for a film, MB", f"{figures.parcel / figures.films / 1e6:.1f}"),
        ("bytes of a film in the library, MB", f"{figures.library / figures.films / 1e6:.1f}"),
        ("node: packing, CPU-s a film", f"{sum(figures.pack.cpu) / figures.films:.2f}"),
        ("head: a shipment under way, CPU-s", f"{figures.ship.mean:.2f}" if figures.ship.cpu else "-"),
        ("head: the last shipment, CPU-s", f"{figures.last.mean:.2f}"),
        ("head: a shipment of nothing new, CPU-s", f"{figures.same.mean:.3f}"),
        ("head: a film, CPU-s", f"{head:.2f}"),
        ("head: rows taken in, a CPU-s", f"{figures.rows / head:,.0f}"),
        ("head: films a day on one core", f"{_DAY / head:,.0f}"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value:>12}" for name, value in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--films", type=int, default=20)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--rows", type=int, default=1000, help="of evidence an hour")
    parser.add_argument("--ships", type=int, default=5, help="shipments of a film before the last one")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        figures = measure(Path(name), given.films, given.hours, given.rows, given.ships)
    print(told(figures))
    if given.json is not None:
        given.json.write_text(json.dumps(asdict(figures) | {"head": figures.head}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
