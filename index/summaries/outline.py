"""The parts of a video: chapters, and the scenes of each."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from vagent.index.records import SPOKEN
from vagent.index.summaries.material import Material
from vagent.index.summaries.sentences import Numbers
from vagent.index.summaries.topics import costs, divide
from vagent.tools.safe import safe
from vagent.tools.time import Span

SHORTEST = 30.0
"""Seconds that a chapter lasts at least, unless the file marks a shorter one."""

_BLOCKS = 800  # blocks in which topics are looked for, at most; the effort grows with their square
_GROWTH = 1.5  # chapters of a video of one minute; they grow with the root of its length: 3 for 4 minutes, 16 for 2 h
_FEWER, _MORE = 0.5, 1.25  # how far the number of chapters may be from that
_SCENE = 60.0  # seconds of a scene, about
_SHORT_SCENE = 10.0  # seconds that a scene lasts at least

_PAUSE = 8.0  # seconds of silence that are as good a place for a cut as there can be
_NEAR = 0.5  # seconds around an edge in which a shot boundary counts as lying there
_COMES_UP = 3.0  # seconds after an edge within which a new heading belongs to what begins there
_AT_HEADING, _AT_FADE, _AT_CUT = 0.6, 0.5, 0.2  # how good a place for a cut these are

_CLOSEST = 1.0  # seconds between two marks of a file, at least
_BARE = re.compile(r"(?:\w+\s+)?[\d\W_]*", re.UNICODE)  # a mark that only counts: "Chapter 3", "00:12:00.000"


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter with its scenes, which cover it; ``title`` is the file's own, "" where it gives none.

    Attributes:
        bare: the title only counts, as "Chapter 3" does.
    """

    span: Span
    scenes: tuple[Span, ...]
    title: str = ""
    bare: bool = False


def outline(material: Material, marks: Sequence[Mapping[str, Any]]) -> list[Chapter]:
    """The chapters of a video in order; they cover it without gap or overlap.

    Args:
        marks: the chapters that the file marks, as ``start`` in seconds and ``title``; where there are any, they win.
    """
    if not material.duration > 0:
        return []
    blocks = _blocks(material)
    edges = [block.start for block in blocks] + [material.duration]
    words, vectors = _contents(material, blocks)
    cost = costs(words, vectors)
    ease = _ease(material, edges)
    marked = _marked(marks, material.duration)
    if marked:
        starts = [start for start, _ in marked]
        titles = [title for _, title in marked]
    else:
        tells = any(words) or vectors is not None
        cuts = divide(cost, edges, SHORTEST, _number(material.duration), ease) if tells else []
        starts = [0.0, *(edges[cut] for cut in cuts)]
        titles = [""] * len(starts)
    ends = [*starts[1:], material.duration]
    return [
        Chapter(Span(start, end), _scenes(Span(start, end), edges, cost, ease), title, bool(_BARE.fullmatch(title)))
        for start, end, title in zip(starts, ends, titles, strict=True)
    ]


def _blocks(material: Material) -> list[Span]:
    """The clips; where there are too many, several together."""
    spans = [clip.span for clip in material.clips if clip.span.start < material.duration]
    if not spans:
        return [Span(0.0, material.duration)]
    size = -(-len(spans) // _BLOCKS)
    groups = [spans[at : at + size] for at in range(0, len(spans), size)]
    return [Span(group[0].start, group[-1].end) for group in groups]


def _contents(material: Material, blocks: Sequence[Span]) -> tuple[list[list[str]], Numbers | None]:
    """Words and meaning of each block. What is shown belongs to every block in which it is."""
    starts = [block.start for block in blocks]
    words: list[list[str]] = [[] for _ in blocks]
    sums = np.zeros((len(blocks), 0))
    for sentence, direction in zip(material.sentences, material.sentences.directions(), strict=True):
        if direction is not None and not sums.size:
            sums = np.zeros((len(blocks), len(direction)))
        said = sentence.kind in SPOKEN
        at = max(0, bisect_right(starts, sentence.at) - 1)
        last = at if said else max(at, bisect_left(starts, sentence.span.end) - 1)
        for block in range(at, last + 1):
            words[block] += sentence.words
            if direction is not None:
                sums[block] += direction * max(1, len(sentence.words))
    for label in material.labels:
        for block in range(max(0, bisect_right(starts, label.span.start) - 1), bisect_left(starts, label.span.end)):
            words[block] += label.words
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    sums /= np.where(lengths > 0, lengths, 1.0)
    return words, sums if sums.size else None


def _number(duration: float) -> tuple[int, int]:
    usual = _GROWTH * math.sqrt(duration / 60)
    return max(1, round(_FEWER * usual)), max(1, int(_MORE * usual))


def _scenes(chapter: Span, edges: Sequence[float], cost: Numbers, ease: Sequence[float]) -> tuple[Span, ...]:
    """A chapter parted at the edges inside it."""
    first, last = bisect_left(edges, chapter.start + 1e-6), bisect_right(edges, chapter.end - 1e-6)
    inner = list(edges[first:last])
    if not inner:
        return (chapter,)
    # A chapter that a file marks begins and ends within blocks: these are taken whole.
    at = max(0, first - 1)
    number = max(1, round(chapter.duration / _SCENE))
    times = [chapter.start, *inner, chapter.end]
    part = cost[at : at + len(times) - 1, at : at + len(times)]
    cuts = divide(part, times, _SHORT_SCENE, (number, number), [0.0, *ease[first:last]])
    bounds = [chapter.start, *(times[cut] for cut in cuts), chapter.end]
    return tuple(Span(start, end) for start, end in pairwise(bounds))


def _ease(material: Material, edges: Sequence[float]) -> list[float]:
    """How good a place for a cut each edge is by itself: a pause, a new heading, a fade, a cut."""
    spoken = material.sentences.take(material.sentences.spoken)
    begins, ends = spoken.starts.tolist(), np.maximum.accumulate(spoken.ends).tolist()
    headings = [at for at, _ in material.sentences.headings()]
    kinds = {shot.span.start: shot.start_kind for shot in material.shots if shot.start_kind != "start"}
    bounds = sorted(kinds)
    found = []
    for edge in edges:
        after = bisect_left(begins, edge - _NEAR)
        pause = begins[after] - ends[after - 1] if 0 < after < len(begins) else 0.0
        signs = [min(1.0, max(0.0, pause) / _PAUSE)]
        signs += [_AT_HEADING] if _any(headings, edge - _NEAR, edge + _COMES_UP) else []
        near = bounds[bisect_left(bounds, edge - _NEAR) : bisect_right(bounds, edge + _NEAR)]
        signs += [_AT_CUT if kinds[bound] == "cut" else _AT_FADE for bound in near]
        found.append(1.0 - math.prod(1.0 - sign for sign in signs))
    return found


def _any(times: Sequence[float], low: float, high: float) -> bool:
    at = bisect_left(times, low)
    return at < len(times) and times[at] <= high


def _marked(marks: Sequence[Mapping[str, Any]], duration: float) -> list[tuple[float, str]]:
    """Starts and titles of the chapters that a file marks; none where it marks fewer than two."""
    found: list[tuple[float, str]] = []
    for mark in marks:
        start, title = float(mark["start"]), safe(str(mark.get("title", "")))
        if start < duration - _CLOSEST and (not found or start - found[-1][0] >= _CLOSEST):
            found.append((start, title))
    if len(found) < 2:
        return []
    # What comes before the first mark is a part of the video too.
    return [(0.0, found[0][1]), *found[1:]] if found[0][0] < _CLOSEST else [(0.0, ""), *found]
