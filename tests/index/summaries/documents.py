"""Documents of several topics with known bounds, and how well a segmentation meets them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from vagent.index.records import Clip, Evidence
from vagent.index.summaries.sentences import Columns, Heading, Sentences, Vocabulary
from vagent.tools.time import Span

_DIALOGUES = Path(__file__).parents[2] / "agent" / "data" / "dialogues.jsonl"


def topics() -> list[list[str]]:
    """The lines of small documents, each about something else."""
    held = [json.loads(line) for line in _DIALOGUES.read_text(encoding="utf-8").splitlines()]
    return [[text for _, _, text in document["evidence"]] for document in held if document["kind"] == "subtitle"]


def film(parts: Sequence[Sequence[str]], *, seconds: float = 4.0) -> tuple[list[Evidence], list[float]]:
    """Subtitles of one part after the other, a line every so many seconds, and where the parts begin."""
    rows: list[Evidence] = []
    starts = []
    for part in parts:
        starts.append(len(rows) * seconds)
        for line in part:
            at = len(rows) * seconds
            rows.append(
                Evidence(1, Span(at, at + seconds - 0.5), "subtitle", line, 1.0, engine="test", id=len(rows) + 1)
            )
    return rows, starts


def slides(*shown: tuple[float, str, float]) -> Sentences:
    """On-screen text of five seconds each: when it comes up, what stands there, and how high its type is."""
    columns = Columns(vocabulary := Vocabulary(), lambda ids: {})
    for number, (at, text, height) in enumerate(shown):
        columns.add(Span(at, at + 5), "screen_text", text, [number], False, Heading(text, height))
    vocabulary.close()
    return columns.in_order()


def clips(duration: float, every: float = 8.0) -> list[Clip]:
    """Clips of equal length."""
    edges = [*np.arange(0.0, duration, every), duration]
    return [Clip(Span(float(a), float(b)), n) for n, (a, b) in enumerate(pairwise(edges), 1)]


def made_up(seed: int, sizes: Sequence[int], *, shared: float = 0.5) -> list[list[str]]:
    """Blocks of words: each part draws from a vocabulary of its own, and from one that all share."""
    chance = random.Random(seed)
    common = [f"common{n}" for n in range(60)]
    found = []
    for part, size in enumerate(sizes):
        own = [f"topic{part}x{n}" for n in range(25)]
        found += [[chance.choice(common if chance.random() < shared else own) for _ in range(12)] for _ in range(size)]
    return found


def labels(cuts: Sequence[int], size: int) -> list[int]:
    """The number of its part for each block."""
    return [sum(cut <= block for cut in cuts) for block in range(size)]


def errors(truth: Sequence[int], found: Sequence[int]) -> tuple[float, float]:
    """Pk (Beeferman, Berger and Lafferty 1999) and WindowDiff (Pevzner and Hearst 2002); 0 is perfect."""
    reach = max(1, round(len(truth) / (truth[-1] + 1) / 2))
    pairs = [(at, at + reach) for at in range(len(truth) - reach)]
    pk = np.mean([(truth[a] == truth[b]) != (found[a] == found[b]) for a, b in pairs])
    difference = np.mean([truth[b] - truth[a] != found[b] - found[a] for a, b in pairs])
    return float(pk), float(difference)
