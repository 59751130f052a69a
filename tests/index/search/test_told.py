"""Which videos are found by their words alone, and how that is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vagent import configs
from vagent.index.records import Evidence, Video
from vagent.index.search.searcher import Searcher
from vagent.index.search.told import by_words_alone
from vagent.index.store import Store, Vectors
from vagent.tools.time import Span


class Engine:
    """Makes vectors of three numbers; how a text is embedded makes no difference here."""

    model = "in force"
    dimension = 3

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.tile(np.array([1, 0, 0], np.float32), (len(texts), 1))

    embed_query = embed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def searcher(store: Store, settings: configs.Settings) -> Searcher:
    return Searcher(store, store.folder, Engine(), settings.search)  # type: ignore[arg-type]


def add(store: Store, name: str, model: str | None, texts: Sequence[str] = ("said",), *, complete: bool = True) -> int:
    video = store.add_video(name, f"/films/{name}.mp4", 1, 1, 60.0, {}).id
    ids = store.add_evidence([Evidence(video, Span(n, n + 1.0), "subtitle", text) for n, text in enumerate(texts)])
    if model is not None:
        store.put_vectors(model, ids, Engine().embed(texts))
    store._run("UPDATE videos SET complete = ? WHERE id = ?", (complete, video))
    return video


def test_those_without_vectors_of_the_model_in_force(store: Store, searcher: Searcher) -> None:
    assert list(searcher.by_words_alone()) == []
    add(store, "embedded", "in force")
    off = add(store, "off", None)
    other = add(store, "other", "another model")
    add(store, "nothing said", None, texts=())
    add(store, "pictures", None, texts=("", " "))
    add(store, "a card, then words", "in force", texts=("", "said"))
    going_on = add(store, "going on", None, complete=False)
    assert list(searcher.by_words_alone()) == [off, other]
    store._run("UPDATE videos SET complete = 1 WHERE id = ?", (going_on,))
    assert list(searcher.by_words_alone()) == [off, other, going_on]
    (row,) = store.evidence(video=off)
    store.put_vectors("in force", [row.id], Engine().embed([row.text]))
    assert list(searcher.by_words_alone()) == [other, going_on]
    store.remove_video(other)
    assert list(searcher.by_words_alone()) == [going_on]
    assert list(Searcher(store, store.folder, None, searcher.settings).by_words_alone()) == []


def test_it_is_looked_up_once_for_each_state(store: Store, searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = store.videos_without_vectors
    monkeypatch.setattr(store, "videos_without_vectors", lambda model: [asked.append(model), *real(model)][1:])
    off = add(store, "off", None)
    for _ in range(3):
        assert list(searcher.by_words_alone()) == [off]
    assert asked == ["in force"]
    add(store, "embedded", "in force")
    assert list(searcher.by_words_alone()) == [off]
    assert asked == ["in force"] * 2


def test_what_is_said_names_some_and_the_command(store: Store) -> None:
    one = store.add_video("1", "/films/a b.mp4", 1, 1, 60.0, {})
    more = [replace(one, path=f"/films/more/{n}.mp4") for n in range(4)]

    def told(videos: Sequence[Video]) -> str:
        return by_words_alone(videos, "MODEL")

    assert told([]) == ""
    assert told([one]).endswith("a b.mp4; indexed without embeddings of MODEL, run: vagent index '/films/a b.mp4'")
    assert "a b.mp4, 0.mp4, 1.mp4; indexed" in told([one, *more[:2]])
    assert told([one, *more[:2]]).endswith("vagent index '/films/a b.mp4' /films/more/0.mp4 /films/more/1.mp4")
    assert "a b.mp4, 0.mp4, 1.mp4 and 2 more; indexed" in told([one, *more])
    assert told([one, *more]).endswith("run: vagent index /films")
