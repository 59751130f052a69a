"""A small library in memory: the same seam as the real one, for tests and calibration of the agent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.agent.language.words import Bag, Rarity, content
from vagent.configs import Settings, load
from vagent.index.records import Clip, Evidence, Hit, Kind, Moment, Shot, Video
from vagent.index.summaries.make import make
from vagent.index.summaries.material import gather
from vagent.tools.engines import Engines
from vagent.tools.time import Span

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Covered:
    video: Video
    span: Span
    kinds: tuple[Kind, ...]


@dataclass
class MemoryIndex:
    """Videos and evidence held in lists. ``kinds``: senses that ran; by default those that found something."""

    rows: list[Evidence]
    videos: dict[int, Video] = field(default_factory=dict)
    settings: Settings = field(default_factory=lambda: load({}, env={}))
    embedder: Any = None
    kinds: tuple[Kind, ...] | None = None
    jpeg: bytes = b""
    queries: list[str] = field(default_factory=list)
    marks: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        self.rows = [row if row.id else _numbered(row, i) for i, row in enumerate(self.rows, 1)]
        for number in {row.video for row in self.rows} - self.videos.keys():
            end = max(row.span.end for row in self.rows if row.video == number)
            self.videos[number] = Video(number, f"f{number}", f"/films/{number}.mkv", end + 1.0, complete=True)

    @property
    def engines(self) -> Engines:
        return Engines(self.settings)

    def video(self, video: int, /) -> Video:
        return self.videos[video]

    def evidence(self, video: int, span: Span | None = None, kinds: Sequence[Kind] | None = None) -> list[Evidence]:
        found = [r for r in self.rows if r.video == video and (kinds is None or r.kind in kinds)]
        return sorted((r for r in found if span is None or r.span.touches(span)), key=lambda r: (r.span.start, r.id))

    def search(
        self,
        query: str,
        *,
        videos: Sequence[int] | None = None,
        kinds: Sequence[Kind] | None = None,
        start: float | None = None,
        end: float | None = None,
        limit: int | None = None,
    ) -> list[Moment]:
        self.queries.append(query)
        rows = [r for n in (videos or list(self.videos)) for r in self.evidence(n, None, kinds)]
        rows = [r for r in rows if r.span.end > (start or 0.0) and (end is None or r.span.start < end)]
        rarity, words = Rarity(Bag.of(r.text) for r in rows), content(query, frame=True)
        covered = {text: rarity.coverage(words, Bag.of(text)) for text in {r.text for r in rows}}
        vectors = self.embed([query, *(r.text for r in rows)])
        similar = np.zeros(len(rows)) if vectors is None else vectors[1:] @ vectors[0]
        scored = [(covered[r.text] + float(s), r) for s, r in zip(similar, rows, strict=True)]
        scored = sorted((x for x in scored if x[0] > 0.1), key=lambda x: (-x[0], x[1].id))[: limit or 10]
        return [Moment(self.videos[r.video], r.span, s, (Hit(r, s),)) for s, r in scored]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        return None if self.embedder is None else self.embedder(texts)

    def shots(self, video: int) -> list[Shot]:
        return [Shot(Span(0.0, self.videos[video].duration))]

    def pictures(self, video: int, times: Sequence[float]) -> list[tuple[float, bytes]]:
        return [(time, self.jpeg) for time in times] if self.jpeg else []

    def searched(self, videos: Sequence[int], start: float | None = None, end: float | None = None) -> list[Covered]:
        found = []
        held: dict[int, set[Kind]] = {}
        for row in self.rows:
            held.setdefault(row.video, set()).add(row.kind)
        for number in videos:
            video = self.videos[number]
            kinds = self.kinds or tuple(sorted(held.get(number, ())))
            found.append(Covered(video, Span(start or 0.0, video.duration if end is None else end), kinds))
        return found

    def summaries(self, video: int) -> list[Evidence]:
        held, duration = self.evidence(video), self.videos[video].duration
        vectors = self.embed([row.text for row in held])
        known = {} if vectors is None else {row.id: vector for row, vector in zip(held, vectors, strict=True)}
        edges = [*np.arange(0.0, duration, 10.0).tolist(), duration]
        clips = [Clip(Span(a, b)) for a, b in pairwise(edges)]
        material = gather(held, clips, self.shots(video), duration, known)
        made = make(self.videos[video], material, self.marks, self.settings.summaries.words, self.embedder, None)
        return [replace(row, id=len(self.rows) + number) for number, row in enumerate(made, 1)]

    def describe(self, video: int) -> Mapping[str, Any]:
        return self.videos[video].info


def _numbered(row: Evidence, number: int) -> Evidence:
    return Evidence(row.video, row.span, row.kind, row.text, row.confidence, row.weak, row.engine, row.extra, number)


def rows(
    kind: Kind, lines: Sequence[tuple[float, float, str]], *, video: int = 1, weak: bool = False
) -> list[Evidence]:
    """Evidence of one kind from (start, end, text)."""
    return [Evidence(video, Span(s, e), kind, text, 1.0, weak, "test") for s, e, text in lines]


@cache
def minilm() -> Any:
    """The embedded embedding engine's ``embed`` with a cache of texts; loads once a process."""
    from vagent.tools.embeddings.minilm import MiniLM

    engine = MiniLM(load({"threads": 1}, env={}))
    known: dict[str, NDArray[np.float32]] = {}

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        new = list(dict.fromkeys(t for t in texts if t not in known))
        known.update(zip(new, engine.embed(new), strict=True))
        return np.stack([known[t] for t in texts])

    return embed


def documents(name: str = "dialogues.jsonl") -> list[dict[str, Any]]:
    """The small documents with questions that calibration and tests share."""
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def index_of(document: Mapping[str, Any], embedder: Any = None) -> MemoryIndex:
    """One of those documents as a library of one video."""
    lines = [(s, e, t) for s, e, t in document["evidence"]]
    return MemoryIndex(rows(document["kind"], lines, weak=document.get("weak", False)), embedder=embedder)
