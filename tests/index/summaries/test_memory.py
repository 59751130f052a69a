"""Summaries of a film take little memory, however long it is."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vagent import configs
from vagent.index.records import Clip, Evidence, Video
from vagent.index.store import Store
from vagent.index.summaries import extract, summarise
from vagent.tools.embeddings import Vectors
from vagent.tools.time import Span

SHORT, LONG = 200.0, 2000.0
CUE, CLIP = 4.0, 40.0
DIMENSION = 384
LINE = 1000  # bytes for a line that is said: its text and words by number, not the 3 kB of its direction
PAGE = 256 * DIMENSION * 8  # bytes of the directions that are read at once
COMPARED = 60  # lines that are compared each with each, at most
SETTINGS = configs.load({}, env={})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


class Embedding:
    """As little as an engine may be: what is measured is what its caller holds."""

    model = revision = "m"

    def embed(self, texts: Sequence[str]) -> Vectors:
        found = np.ones((len(texts), DIMENSION), np.float32)
        found[:, 0] += [len(text) % 40 for text in texts]
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def lecture(store: Store, end: float) -> Video:
    """Somebody speaks all the time, and shows slides and things."""
    video = store.add_video(f"{end:.0f}", f"/{end:.0f}.mkv", 1, 1, end, {})
    chance = random.Random(1)
    rows = []
    for number in range(int(end / CUE)):
        said = [f"word{int(1.02 ** chance.randrange(340))}" for _ in range(10)]
        span = Span(number * CUE, number * CUE + 3.5)
        rows.append(Evidence(video.id, span, "subtitle", " ".join([*said, "."]).capitalize()))
        shown = {"lines": [[f"Slide {number}", 0.9, 0.1, 0.1, 0.9, 0.2]]}
        rows.append(Evidence(video.id, span, "screen_text", f"Slide {number}", extra=shown))
        rows.append(Evidence(video.id, span, "objects", f"dog {number % 7}", extra={"boxes": [[0.0] * 5] * 4}))
    ids = store.add_evidence(rows)
    store.put_vectors("m", ids, Embedding().embed([row.text for row in rows]))
    store.replace_clips(video.id, [Clip(Span(at, at + CLIP)) for at in np.arange(0.0, end, CLIP)])
    return video


def peak(store: Store, video: Video, embeddings: Any) -> int:
    """Most bytes that summing up held at a time."""
    tracemalloc.start()
    try:
        assert summarise(store, video, SETTINGS, embeddings, None).made
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("chapters", [0, 2], ids=["found", "marked"])
def test_summaries_of_a_film_ten_times_as_long_take_little_more(
    chapters: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "_COMPARED", COMPARED)
    found = {}
    for end in (SHORT / 10, SHORT, LONG):  # the first time modules are imported too
        video = lecture(store, end)
        marks = [{"start": end * part / chapters, "title": f"Part {part}"} for part in range(chapters)]
        store.update_video(video.id, info={"chapters": marks})
        found[end] = peak(store, store.video(video.id), Embedding())
    assert found[LONG] <= 1.5 * found[SHORT] + PAGE + LINE * (LONG - SHORT) / CUE
