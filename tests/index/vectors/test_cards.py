"""Vectors on a graphics card. No card is here: a stand-in of the few calls has the real index behind it, and what it
cannot show is whether FAISS itself finds the same on a card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from tests.index.vectors.rows import put, unit
from tests.index.vectors.test_faiss import index_of
from vagent.index.store import Store
from vagent.index.vectors import faiss as module
from vagent.index.vectors.cards import cards


class Resources:
    """What FAISS allocates on a card."""

    def setTempMemory(self, size: int) -> None:  # noqa: N802 - FAISS's name
        assert 0 < size <= 1 << 28


class Copied:
    """An index on a card: takes no parameters, and forgets nothing that was there when it was copied."""

    def __init__(self, index: Any, calls: list[str]) -> None:
        self.copy = faiss.clone_index(index)
        self.calls = calls
        self.nprobe = 1
        self.broken = False

    def search(self, query: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        self.calls.append("card")
        if self.broken:
            raise RuntimeError("Error: 'err == cudaSuccess' failed: CUDA error 2 out of memory")
        if isinstance(self.copy, faiss.IndexIVF):
            return self.copy.search(query, k, params=faiss.SearchParametersIVF(nprobe=self.nprobe))
        return self.copy.search(query, k)


class Faiss:
    """The package as a build for cards has it."""

    def __init__(self, cards: int = 1, room: bool = True) -> None:
        self.cards, self.room = cards, room
        self.calls: list[str] = []
        self.copies: list[Copied] = []
        self.StandardGpuResources = Resources

    def __getattr__(self, name: str) -> Any:
        return getattr(faiss, name)

    def get_num_gpus(self) -> int:
        return self.cards

    def index_cpu_to_gpu(self, resources: Resources, card: int, index: Any) -> Copied:
        assert (type(resources), card) == (Resources, 0)
        if not self.room:
            raise RuntimeError("out of memory")
        self.copies.append(Copied(index, self.calls))
        return self.copies[-1]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "library")
    yield opened
    opened.close()


def on_cards(monkeypatch: pytest.MonkeyPatch, stand_in: Faiss) -> Faiss:
    monkeypatch.setattr(module, "_faiss", lambda: stand_in)
    return stand_in


@pytest.mark.parametrize("exact", [300_000, 50])
def test_a_card_finds_the_same(store: Store, monkeypatch: pytest.MonkeyPatch, exact: int) -> None:
    ids = put(store, unit(300))
    queries = unit(5, seed=1)
    plain = index_of(store, exact).search(queries, 10)
    stand_in = on_cards(monkeypatch, Faiss())
    index = index_of(store, exact)
    scores, found = index.search(queries, 10)
    assert stand_in.calls == ["card"]
    np.testing.assert_array_equal(found, plain[1])
    np.testing.assert_array_equal(scores, plain[0])
    # What comes later is found too, and removing it takes it away again.
    later = unit(1, seed=3)
    (new,) = put(store, later, name="later")
    assert index.search(later, 1)[1].tolist() == [[new]]
    store.remove_video(store.evidence(ids=[new])[0].video)
    assert index.search(later, 1)[1][0, 0] in ids


def test_a_filter_stays_on_the_processor(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = put(store, unit(100))
    stand_in = on_cards(monkeypatch, Faiss())
    allowed = np.array(ids[10:20])
    _, found = index_of(store).search(unit(2, seed=1), 5, allowed)
    assert set(found.ravel()) <= set(allowed)
    assert stand_in.calls == []


def test_the_file_is_the_processors(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, unit(100))
    queries = unit(2, seed=1)
    plain = index_of(store).search(queries, 5)
    for file in (store.folder / "vectors").iterdir():
        file.unlink()
    on_cards(monkeypatch, Faiss())
    index_of(store).search(queries, 5)
    monkeypatch.undo()
    again = index_of(store)
    np.testing.assert_array_equal(again.search(queries, 5)[1], plain[1])
    assert again.origin == "read from its file"


@pytest.mark.parametrize("stand_in", [Faiss(cards=0), Faiss(room=False)], ids=["no card", "no room"])
def test_without_a_card_that_takes_them_the_processor_searches(
    store: Store, monkeypatch: pytest.MonkeyPatch, stand_in: Faiss
) -> None:
    ids = put(store, unit(20))
    on_cards(monkeypatch, stand_in)
    assert index_of(store).search(unit(20)[3:4], 1)[1].tolist() == [[ids[3]]]
    assert stand_in.calls == []


def test_a_card_that_breaks_is_left_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ids = put(store, unit(20))
    stand_in = on_cards(monkeypatch, Faiss())
    index = index_of(store)
    index.search(unit(1), 1)
    stand_in.copies[0].broken = True
    for _ in range(2):
        assert index.search(unit(20)[3:4], 1)[1].tolist() == [[ids[3]]]
    assert stand_in.calls == ["card", "card"]
    assert "on the processor from now on" in caplog.text


def test_this_build_has_no_cards() -> None:
    assert cards(faiss) == (hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0)
