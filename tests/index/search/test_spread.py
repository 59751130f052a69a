"""Many films and one long one: it gives way to the others, but not to nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.configs import Settings, load
from vagent.index.records import Clip, Evidence, Video
from vagent.index.search.fusion import spread
from vagent.index.search.searcher import Filters, Searcher
from vagent.index.store import Store
from vagent.tools.time import Span

_LONG = 3000  # rows of the long film, all of which match
_FILMS = 12


@given(st.lists(st.integers(1, 4), max_size=40), st.integers(1, 5), st.integers(1, 20))
def test_no_video_has_more_than_its_share_while_others_wait(owners: list[int], most: int, limit: int) -> None:
    places = spread(owners, most, limit)
    assert places == sorted(set(places))
    assert len(places) == min(limit, len(owners))
    kept = Counter(owners[place] for place in places)
    if any(count > most for count in kept.values()):
        left = Counter(owner for place, owner in enumerate(owners) if place not in places)
        assert not any(left[video] and kept[video] < most for video in left)
    if len(set(owners)) == 1:
        assert places == list(range(min(limit, len(owners))))


def put(store: Store, name: str, lines: list[str]) -> Video:
    video = store.add_video(name, f"/films/{name}.mp4", 1, 1, 10.0 * len(lines), {})
    spans = [Span(10.0 * i, 10.0 * i + 10) for i in range(len(lines))]
    store.add_evidence([Evidence(video.id, s, "subtitle", line) for s, line in zip(spans, lines, strict=True)])
    store.replace_clips(video.id, [Clip(span) for span in spans])
    return video


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The long film is short of words, so that every one of its rows ranks before the other films'."""
    opened = Store(tmp_path_factory.mktemp("spread"))
    with opened.transaction():
        put(opened, "long", [f"harbour {i}" for i in range(_LONG)])
        for i in range(_FILMS):
            put(opened, f"short {i}", [f"and so they all came at last to the old harbour of town number {i}", "rain"])
    yield opened
    opened.close()


@pytest.fixture
def searcher(store: Store, tmp_path: Path, settings: Settings) -> Searcher:
    return Searcher(store, tmp_path, None, settings.search)


@pytest.fixture
def settings() -> Settings:
    return load({}, env={})


def test_a_long_film_leaves_room_for_the_others(searcher: Searcher) -> None:
    moments = searcher.search("harbour")
    counts = Counter(moment.video.id for moment in moments)
    assert len(moments) == searcher.settings.limit
    assert counts[1] == searcher.settings.per_video
    assert len(counts) == 1 + len(moments) - searcher.settings.per_video
    assert set(Counter(m.video.id for m in searcher.search("harbour", limit=_FILMS + 4))) == set(range(1, _FILMS + 2))


def test_it_gives_way_to_others_not_to_nothing(searcher: Searcher) -> None:
    assert "harbour 77" in [moment.hits[0].evidence.text for moment in searcher.search("harbour 77", limit=3)]
    chosen = Filters(videos=[1, 2])
    moments = searcher.search("harbour", filters=chosen)
    assert Counter(moment.video.id for moment in moments) == {1: searcher.settings.limit - 1, 2: 1}


def test_one_video_is_searched_as_if_there_were_no_others(searcher: Searcher, tmp_path: Path) -> None:
    free = searcher.settings.model_copy(update={"per_video": 1000})
    for filters in (Filters(videos=[1]), Filters(videos=[1, 1], start=100.0)):
        without = Searcher(searcher.store, tmp_path, None, free).search("harbour", filters=filters)
        assert searcher.search("harbour", filters=filters) == without
        assert len(without) == free.limit


class Flat:
    """Embeds every text near one direction; the long film's rows lie nearest."""

    model = "flat"
    dimension = 8

    def embed_query(self, texts: list[str]) -> np.ndarray:
        return np.eye(1, self.dimension, dtype=np.float32)


def test_meaning_leaves_room_too(store: Store, tmp_path: Path, settings: Settings) -> None:
    rows = store.evidence()
    vectors = np.zeros((len(rows), 8), np.float32)
    vectors[:, 0] = [0.9 if row.video == 1 else 0.5 for row in rows]
    vectors[:, 1] = np.sqrt(1 - vectors[:, 0] ** 2)
    store.put_vectors("flat", [row.id for row in rows], vectors)
    searcher = Searcher(store, tmp_path, Flat(), settings.search)  # type: ignore[arg-type]
    moments = searcher.search("xyzzy")  # a word that nobody says
    assert Counter(moment.video.id for moment in moments)[1] == settings.search.per_video
    assert len({moment.video.id for moment in moments}) > 2
