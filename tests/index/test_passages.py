"""Texts of rows that are embedded: spoken lines with their neighbours, and each text once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from vagent import configs
from vagent.index.passages import embed_video
from vagent.index.records import Evidence, Kind
from vagent.index.store import Store
from vagent.tools.embeddings import Vectors
from vagent.tools.embeddings.minilm import MiniLM
from vagent.tools.time import Span


class Counted(MiniLM):
    """The engine, which remembers what it was given."""

    def __init__(self) -> None:
        super().__init__(configs.load({"threads": 1}, env={}))
        self.given: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.given += texts
        return super().embed(texts)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


def add(store: Store, video: int, texts: Sequence[str], kind: Kind = "screen_text", start: float = 0.0) -> list[int]:
    spans = [Span(start + 20 * i, start + 20 * i + 2) for i in range(len(texts))]
    return store.add_evidence([Evidence(video, span, kind, text) for span, text in zip(spans, texts, strict=True)])


def test_a_text_that_comes_back_is_embedded_once(store: Store) -> None:
    video = store.add_video("f", "/f.mp4", 1, 1, 100.0, {}).id
    ids = add(store, video, ["Chapter  one", "the harbour", "Chapter one", "Chapter one"])
    engine = Counted()
    assert embed_video(store, video, engine) == 4
    assert sorted(engine.given) == ["Chapter one", "the harbour"]
    more = add(store, video, ["Chapter one", "the island"], start=200.0)
    add(store, video, ["the last one"], "summary")
    assert embed_video(store, video, engine) == 2
    assert sorted(engine.given) == ["Chapter one", "the harbour", "the island"]
    vectors = store.vectors_of(engine.model, [*ids, *more])
    assert len(vectors) == 6
    same = [vectors[number] for number in (ids[0], ids[2], ids[3], more[0])]
    assert all(np.array_equal(same[0], other) for other in same)
    assert np.allclose(vectors[more[1]], engine.embed(["the island"])[0], atol=1e-3)


def test_the_same_words_between_others_are_another_passage(store: Store) -> None:
    video = store.add_video("f", "/f.mp4", 1, 1, 100.0, {}).id
    spans = [Span(0, 1), Span(2, 3), Span(40, 41)]
    said = ["it is late", "come with me", "it is late"]
    store.add_evidence([Evidence(video, span, "subtitle", text) for span, text in zip(spans, said, strict=True)])
    engine = Counted()
    embed_video(store, video, engine)
    assert sorted(engine.given) == ["it is late", "it is late come with me"]
