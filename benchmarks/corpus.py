"""A library of any number of rows of evidence that nobody said, as uneven as real ones.

Words: half are English function words, the rest are drawn from 60,000 made-up words by Zipf and Mandelbrot's law
(1 / (rank + 10)), so that the commonest stands in one row of twenty and most stand in a few; two in five come from the
few hundred words of the row's video instead. Vectors: a genre, a video, a scene and the row itself each add a part,
drawn with variances that fall with the dimension as those of sentence embeddings do, so that rows lie in clusters
within clusters. Two rows of different videos have a cosine of about 0.1, neighbours in a scene of about 0.7, and a
query and the row that it was made from of about 0.6.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vagent.index.records import Clip, Evidence, Kind
from vagent.index.search.queries import STOP_WORDS
from vagent.index.store import Store
from vagent.tools.time import Span

ROWS = 500
"""Rows of one video."""

LENGTH = 384
"""Numbers of a vector, as many as MiniLM's."""

SECONDS = 6000.0
"""Length of a video."""

FILTERED = ("in one video", "of one kind", "in a stretch of time", "in films of one language")
"""Sorts of queries that a filter goes with."""

_VOCABULARY = 60_000
_GENRES = 60
_SCENE = 12  # rows
_SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
_KINDS: tuple[Kind, ...] = ("subtitle", "screen_text", "caption", "objects", "sound")
_SHARES = (0.45, 0.25, 0.15, 0.1, 0.05)
_LANGUAGES = ("en", "de", "fr", "ja")
_SPOKEN = (0.6, 0.2, 0.15, 0.05)
_PARTS = (0.35, 0.45, 0.45, 0.5, 0.55)  # what all rows share, genre, video, scene, row
_SPECTRUM = (np.arange(LENGTH) + 8.0) ** -0.4

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Query:
    """Something to look for, and of which sort it is."""

    sort: str
    text: str
    vector: Vectors
    video: int | None = None
    kind: Kind | None = None
    start: float | None = None
    end: float | None = None
    language: str | None = None


class Corpus:
    """Draws the rows of any video by its number; the same number gives the same rows.

    Args:
        model: the name under which vectors are stored.
    """

    def __init__(self, model: str, seed: int = 0) -> None:
        self.model = model
        self.seed = seed
        chance = np.random.default_rng(seed)
        names = ["".join(parts) for parts in itertools.product(_SYLLABLES, repeat=3)]
        self.words = np.array([str(name) for name in chance.permutation(names)[:_VOCABULARY]])
        self._small = np.array(sorted(STOP_WORDS))
        self._reach = _cumulative(_VOCABULARY, 10.0)
        self._small_reach = _cumulative(len(self._small), 2.0)
        self._shared = _drawn(chance, 1)
        self._genres = _drawn(chance, _GENRES)

    def add(self, store: Store, number: int) -> int:
        """Stores one video with its rows, clips and vectors; returns its id."""
        texts, kinds, vectors = self.rows(number)
        step = SECONDS / ROWS
        with store.transaction():
            video = store.add_video(f"made {number}", f"/films/{number}.mkv", 1, 1, SECONDS, {}).id
            store.replace_clips(video, [Clip(Span(t, t + 2 * step)) for t in np.arange(0.0, SECONDS, 2 * step)])
            rows = [
                Evidence(video, Span(i * step, i * step + 4.0), kind, text)
                for i, (text, kind) in enumerate(zip(texts, kinds, strict=True))
            ]
            store.put_vectors(self.model, store.add_evidence(rows), vectors)
            store.name_video(video, None, None, self.language(number))
        return video

    def language(self, number: int) -> str:
        """What is spoken in one video."""
        return str(np.random.default_rng([self.seed, number, 1]).choice(_LANGUAGES, p=_SPOKEN))

    def rows(self, number: int) -> tuple[list[str], list[Kind], Vectors]:
        """Texts, kinds and unit vectors of one video."""
        chance = np.random.default_rng([self.seed, number])
        own = np.searchsorted(self._reach, chance.random(400))  # what this film is about
        texts = [self._text(chance, own) for _ in range(ROWS)]
        kinds = [_KINDS[k] for k in chance.choice(len(_KINDS), ROWS, p=_SHARES)]
        scenes = -(-ROWS // _SCENE)
        parts = (
            self._shared,
            self._genres[[int(_GENRES * chance.random() ** 2)]],  # some genres are common
            _drawn(chance, 1),
            np.repeat(_drawn(chance, scenes), _SCENE, axis=0)[:ROWS],
            _drawn(chance, ROWS),
        )
        return texts, kinds, _unit(sum(weight * part for weight, part in zip(_PARTS, parts, strict=True)))

    def queries(self, count: int, videos: int) -> Iterator[Query]:
        """Things to look for in a library of the first so many videos, of each sort in turn."""
        chance = np.random.default_rng([self.seed, 10**6])
        sorts = ("rare words", "common words", "question", *FILTERED)
        for sort, _ in zip(itertools.cycle(sorts), range(count), strict=False):
            number = int(chance.integers(videos))
            texts, kinds, vectors = self.rows(number)
            row = int(chance.integers(ROWS))
            noise = _drawn(chance, 1)[0]
            vector = _unit(vectors[row] + 1.25 * noise)
            at = row * SECONDS / ROWS
            yield Query(
                sort,
                self._asked(chance, sort, texts[row]),
                vector,
                video=number + 1 if sort == "in one video" else None,
                kind=kinds[row] if sort == "of one kind" else None,
                start=max(0.0, at - 600) if sort == "in a stretch of time" else None,
                end=at + 600 if sort == "in a stretch of time" else None,
                language=self.language(number) if sort == "in films of one language" else None,
            )

    def _asked(self, chance: np.random.Generator, sort: str, text: str) -> str:
        content = [word for word in text.split() if word not in STOP_WORDS]
        if sort == "rare words":
            return " ".join(self.words[chance.integers(5000, _VOCABULARY, size=2)])
        if sort == "common words":
            return " ".join(self.words[chance.integers(0, 100, size=3)])
        if sort == "question":
            common = " ".join(self.words[chance.integers(0, 300, size=2)])
            return f"What did the {' and the '.join(content[:4])} do when they {common} in there?"
        return " ".join(content[:4]) or "there"

    def _text(self, chance: np.random.Generator, own: NDArray[np.int64]) -> str:
        length = int(np.clip(chance.lognormal(2.1, 0.5), 2, 60))
        small = self._small[np.searchsorted(self._small_reach, chance.random(length))]
        drawn = np.searchsorted(self._reach, chance.random(length))
        topical = chance.random(length) < 0.4
        drawn[topical] = chance.choice(own, int(topical.sum()))
        return " ".join(np.where(chance.random(length) < 0.5, small, self.words[drawn]))


def build(folder: Path, corpus: Corpus, rows: int) -> Store:
    """A library of so many rows, made anew where the folder does not hold one of at least as many."""
    store = Store(folder)
    held = store.films()
    with store.transaction():
        for number, film in enumerate(held):
            if film.language is None:  # it was made before films had any
                store.name_video(film.id, None, None, corpus.language(number))
    for number in range(len(held), -(-rows // ROWS)):
        corpus.add(store, number)
    return store


def _cumulative(count: int, shift: float) -> NDArray[np.float64]:
    weights = 1 / (np.arange(count) + shift)
    reach: NDArray[np.float64] = np.cumsum(weights) / weights.sum()
    reach[-1] = 1.0
    return reach


def _drawn(chance: np.random.Generator, count: int) -> Vectors:
    drawn = chance.standard_normal((count, LENGTH), np.float32) * _SPECTRUM.astype(np.float32)
    return _unit(drawn)


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return unit
