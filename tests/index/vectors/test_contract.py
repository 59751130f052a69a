"""What every way of searching vectors must do alike. A further one adds its row to ``INDEXES`` here, and a fixture for
what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.index.vectors.rows import LENGTH, MODEL, expected, put, unit
from vagent import configs
from vagent.errors import EngineUnavailable, LibraryError
from vagent.index import vectors as module
from vagent.index.store import Store
from vagent.index.vectors import VectorIndex, open_index

IMPLEMENTATIONS = ["faiss", "milvus"]

Opener = Callable[..., VectorIndex]


@pytest.fixture(params=IMPLEMENTATIONS)
def index_of(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens the vectors of a library; all are closed after the test."""
    opened: list[VectorIndex] = []

    def open_one(store: Store, model: str = MODEL, dimension: int = LENGTH) -> VectorIndex:
        search = configs.load({"search": {"vectors": request.param}}, env={}).search
        opened.append(open_index(store, store.folder, model, dimension, search))
        return opened[-1]

    yield open_one
    for index in opened:
        index.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "library")
    yield opened
    opened.close()


def test_the_nearest_come_first_with_their_products(store: Store, index_of: Opener) -> None:
    vectors = unit(200)
    ids = put(store, vectors)
    queries = unit(7, seed=1)
    scores, found = index_of(store).search(queries, 10)
    np.testing.assert_array_equal(found, expected(vectors, ids, queries, 10))
    lookup = dict(zip(ids, vectors, strict=True))
    for query, row, row_scores in zip(queries, found, scores, strict=True):
        np.testing.assert_allclose(row_scores, [query @ lookup[int(i)] for i in row], atol=2e-3)
        assert sorted(row_scores, reverse=True) == list(row_scores)


def test_a_new_library_in_the_folder_does_not_get_the_old_vectors(tmp_path: Path, index_of: Opener) -> None:
    for seed in (0, 5):
        store = Store(tmp_path)
        vectors = unit(30, seed=seed)
        ids = put(store, vectors)
        found = index_of(store).search(unit(4, seed=1), 5)[1]
        np.testing.assert_array_equal(found, expected(vectors, ids, unit(4, seed=1), 5))
        store.close()
        (tmp_path / "library.db").unlink()


def test_what_is_removed_or_replaced_is_never_found(store: Store, index_of: Opener) -> None:
    vectors = unit(40)
    ids = put(store, vectors)
    other = unit(10, seed=3)
    put(store, other, name="b")
    index = index_of(store)
    assert int(index.search(other[:1], 1)[1][0, 0]) == 41
    store.remove_video(2)
    assert set(index.search(other, 60)[1].ravel()) == {*ids, -1}
    store.put_vectors(MODEL, ids[:1], other[:1])
    scores, found = index.search(other[:1], 60)
    assert int(found[0, 0]) == ids[0]
    assert scores[0, 0] == pytest.approx(1, abs=1e-3)
    assert sorted(found[0][found[0] >= 0]) == ids


def test_filters_let_only_the_allowed_through(store: Store, index_of: Opener) -> None:
    vectors = unit(100)
    put(store, vectors)
    index = index_of(store)
    for allowed in ([5], [1, 100], list(range(10, 60)), [7, 5000]):
        ids = np.array(allowed, np.int64)
        scores, found = index.search(vectors[:4], 30, ids)
        inside = [i for i in allowed if i <= 100]
        for row, row_scores in zip(found, scores, strict=True):
            kept = row[row >= 0]
            assert set(kept) <= set(inside)
            assert len(kept) == min(30, len(inside))
            assert np.all(np.isneginf(row_scores[len(kept) :]))
        best = np.array(inside)[np.argmax(vectors[:4] @ vectors[np.array(inside) - 1].T, axis=1)]
        np.testing.assert_array_equal(found[:, 0], best)
    assert np.all(index.search(vectors[:2], 3, np.array([], np.int64))[1] == -1)


def test_a_filter_is_the_same_as_searching_the_allowed_alone(store: Store, index_of: Opener) -> None:
    vectors = unit(40)
    ids = put(store, vectors)
    index = index_of(store)

    @given(st.lists(st.integers(1, 40), unique=True), st.integers(1, 50), st.integers(0, 99))
    @hypothesis_settings(max_examples=25, deadline=None)
    def same(allowed: list[int], k: int, seed: int) -> None:
        query = unit(1, seed=seed)
        found = index.search(query, k, np.array(sorted(allowed), np.int64))[1][0]
        wanted = [int(i) for i in expected(vectors, ids, query, 40)[0] if i in allowed][:k]
        assert [int(i) for i in found if i >= 0] == wanted

    same()


def test_an_empty_library_finds_nothing(store: Store, index_of: Opener) -> None:
    scores, ids = index_of(store).search(unit(2), 3)
    assert ids.tolist() == [[-1] * 3] * 2
    assert np.all(np.isneginf(scores))
    assert index_of(store).search(unit(2)[:0], 3)[1].shape == (0, 3)


def test_another_model_is_refused_by_name(store: Store, index_of: Opener) -> None:
    put(store, unit(3))
    with pytest.raises(LibraryError, match=r"embedded with all-MiniLM-L6-v2 53aa5117.*'other 1'.*vagent index"):
        index_of(store, model="other 1").search(unit(1), 1)
    put(store, unit(2, seed=8), name="b", model="other 1")
    assert set(index_of(store, model="other 1").search(unit(1), 5)[1].ravel()) == {4, 5, -1}


def test_another_length_is_refused(store: Store, index_of: Opener) -> None:
    put(store, unit(3))
    with pytest.raises(LibraryError, match="does not fit"):
        index_of(store).search(np.zeros((1, 3), np.float32), 1)
    with pytest.raises(LibraryError, match="have 16 numbers"):
        index_of(store, dimension=3).search(np.zeros((1, 3), np.float32), 1)


def test_a_search_changes_no_byte_of_the_database(store: Store, tmp_path: Path, index_of: Opener) -> None:
    put(store, unit(30))
    store.close()
    before = store.file.read_bytes()
    reader = Store(store.folder, write=False)
    index_of(reader).search(unit(1), 3)
    reader.close()
    assert store.file.read_bytes() == before


def test_all_of_several_queries_are_answered_and_more_rows_than_there_are(store: Store, index_of: Opener) -> None:
    vectors = unit(12)
    ids = put(store, vectors)
    scores, found = index_of(store).search(vectors[:5], 20)
    assert found.shape == scores.shape == (5, 20)
    np.testing.assert_array_equal(found[:, :12], expected(vectors, ids, vectors[:5], 12))
    assert np.all(found[:, 12:] == -1)
    assert np.all(np.isneginf(scores[:, 12:]))


def test_a_second_opener_sees_what_the_first_one_does(store: Store, index_of: Opener) -> None:
    put(store, unit(30))
    first, second = index_of(store), index_of(store)
    query = unit(1, seed=5)
    np.testing.assert_array_equal(first.search(query, 9)[1], second.search(query, 9)[1])
    (new,) = put(store, query, name="b")
    assert [int(one.search(query, 1)[1][0, 0]) for one in (first, second)] == [new, new]
    assert first.origin
    assert (first.model, first.dimension) == (MODEL, LENGTH)


def test_what_is_not_installed_is_named_with_its_command(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = module.Index("nowhere:Nothing", "a_package_that_is_not_there", "pip install it")
    monkeypatch.setattr(module, "INDEXES", {"faiss": missing})
    with pytest.raises(EngineUnavailable, match="faiss: a_package_that_is_not_there is not installed; pip install it"):
        open_index(store, store.folder, MODEL, LENGTH, configs.load(env={}).search)


def test_every_value_of_the_setting_has_its_row() -> None:
    field = configs.SearchSettings.model_fields["vectors"]
    assert set(module.INDEXES) == set(field.annotation.__args__)
