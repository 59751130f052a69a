from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vagent import configs
from vagent.errors import LibraryError
from vagent.index.records import Evidence
from vagent.index.store import Ids, Store, Vectors
from vagent.index.vectors import VectorIndex
from vagent.tools.time import Span

MODEL = "all-MiniLM-L6-v2 53aa5117"
LENGTH = 16


def unit(count: int, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((count, LENGTH)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def put(store: Store, vectors: Vectors, name: str = "a", model: str = MODEL) -> list[int]:
    video = store.add_video(name, f"/{name}.mp4", 1, 1, 1e6, {}).id
    with store.transaction():
        ids = store.add_evidence(
            [Evidence(video, Span(i, i + 1), "subtitle", f"line {i}") for i in range(len(vectors))]
        )
        store.put_vectors(model, ids, vectors)
    return ids


def expected(vectors: Vectors, ids: list[int], queries: Vectors, k: int) -> Ids:
    stored = vectors.astype(np.float16).astype(np.float32)
    return np.array(ids)[np.argsort(-(queries @ stored.T), axis=1, kind="stable")[:, :k]]


@pytest.fixture
def store(tmp_path: Path):
    with_store = Store(tmp_path / "library")
    yield with_store
    with_store.close()


def index_of(store: Store, exact: int = 300_000, model: str = MODEL) -> VectorIndex:
    search = configs.load({"search": {"exact_vectors": exact}}, env={}).search
    return VectorIndex(store, store.folder, model, LENGTH, search)


def test_the_nearest_come_first_with_their_products(store: Store) -> None:
    vectors = unit(200)
    ids = put(store, vectors)
    queries = unit(7, seed=1)
    scores, found = index_of(store).search(queries, 10)
    np.testing.assert_array_equal(found, expected(vectors, ids, queries, 10))
    lookup = dict(zip(ids, vectors, strict=True))
    for query, row, row_scores in zip(queries, found, scores, strict=True):
        np.testing.assert_allclose(row_scores, [query @ lookup[int(i)] for i in row], atol=2e-3)
        assert sorted(row_scores, reverse=True) == list(row_scores)


def test_a_file_serves_the_next_process(store: Store) -> None:
    put(store, unit(50))
    first = index_of(store)
    answer = first.search(unit(3, seed=1), 5)
    second = index_of(store)
    again = second.search(unit(3, seed=1), 5)
    assert (first.origin, second.origin) == ("made from the database", "read from its file")
    np.testing.assert_array_equal(answer[1], again[1])
    np.testing.assert_array_equal(answer[0], again[0])


def damage_truncate(index: VectorIndex) -> None:
    index.file.write_bytes(index.file.read_bytes()[:-100])


def damage_flip(index: VectorIndex) -> None:
    content = bytearray(index.file.read_bytes())
    content[len(content) // 2] ^= 4
    index.file.write_bytes(bytes(content))


def damage_empty(index: VectorIndex) -> None:
    index.file.write_bytes(b"")


def damage_missing(index: VectorIndex) -> None:
    index.file.unlink()


def damage_manifest(index: VectorIndex) -> None:
    index.manifest.write_text('{"format": 1, "library')


def damage_manifest_shape(index: VectorIndex) -> None:
    index.manifest.write_text("[1, 2]")


def damage_half_replaced(index: VectorIndex) -> None:
    """A crash between the two files: the index is new, what stands beside it is old."""
    manifest = index.manifest.read_bytes()
    ids = put(index._store, unit(20, seed=9), name="later")
    index_of(index._store).search(unit(1), 1)
    index._store.remove_video(index._store.evidence(ids=ids)[0].video)
    index.manifest.write_bytes(manifest)


def changed(**values: object):
    def damage(index: VectorIndex) -> None:
        index.manifest.write_text(json.dumps(json.loads(index.manifest.read_text()) | values))

    return damage


DAMAGES = {
    "truncated": damage_truncate,
    "bit flipped": damage_flip,
    "empty": damage_empty,
    "missing": damage_missing,
    "manifest cut": damage_manifest,
    "manifest of another shape": damage_manifest_shape,
    "half replaced": damage_half_replaced,
    "another library": changed(library="0" * 32),
    "another model": changed(model="other"),
    "another format": changed(format=99),
    "from the future": changed(added=51, last=51),
    "vectors removed since": changed(removed=-1),
    "another sort": changed(nprobe=8),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_file_that_disagrees_is_made_anew_with_equal_results(store: Store, damage, caplog) -> None:
    put(store, unit(50))
    queries = unit(3, seed=1)
    first = index_of(store)
    scores, ids = first.search(queries, 60)
    damage(first)
    second = index_of(store)
    with caplog.at_level(logging.INFO, "vagent.index.vectors"):
        scores_after, ids_after = second.search(queries, 60)
    assert second.origin == "made from the database"
    assert "the file of vectors is not used" in caplog.text
    np.testing.assert_array_equal(ids_after, ids)
    np.testing.assert_array_equal(scores_after, scores)
    third = index_of(store)
    np.testing.assert_array_equal(third.search(queries, 60)[1], ids)
    assert third.origin == "read from its file"


def test_a_new_library_in_the_folder_does_not_get_the_old_vectors(tmp_path: Path) -> None:
    for seed in (0, 5):
        store = Store(tmp_path)
        vectors = unit(30, seed=seed)
        ids = put(store, vectors)
        found = index_of(store).search(unit(4, seed=1), 5)[1]
        np.testing.assert_array_equal(found, expected(vectors, ids, unit(4, seed=1), 5))
        store.close()
        (tmp_path / "library.db").unlink()


def test_what_is_added_is_found_without_starting_over(store: Store) -> None:
    index = index_of(store)
    vectors = unit(100)
    ids = put(store, vectors)
    index.search(vectors[:1], 1)
    later = unit(5, seed=2)
    new = put(store, later, name="b")
    assert [int(i) for i in index.search(later, 1)[1][:, 0]] == new
    assert index.origin == "5 added"
    fresh = index_of(store)
    np.testing.assert_array_equal(
        fresh.search(unit(3, seed=1), 20)[1],
        expected(np.vstack([vectors, later]), [*ids, *new], unit(3, seed=1), 20),
    )
    assert fresh.origin == "5 added"  # the file held the hundred


def test_many_additions_are_written_to_the_file(store: Store) -> None:
    index = index_of(store)
    put(store, unit(100))
    index.search(unit(1), 1)
    put(store, unit(30, seed=2), name="b")
    index.search(unit(1), 1)
    assert json.loads(index.manifest.read_text())["count"] == 130


def test_what_is_removed_or_replaced_is_never_found(store: Store) -> None:
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


def test_filters_let_only_the_allowed_through(store: Store) -> None:
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


@given(st.lists(st.integers(1, 40), unique=True), st.integers(1, 50), st.integers(0, 99))
@hypothesis_settings(max_examples=12, deadline=None)
def test_a_filter_is_the_same_as_searching_the_allowed_alone(
    tmp_path_factory: pytest.TempPathFactory, allowed: list[int], k: int, seed: int
) -> None:
    store = Store(tmp_path_factory.mktemp("library"))
    vectors = unit(40)
    ids = put(store, vectors)
    query = unit(1, seed=seed)
    found = index_of(store).search(query, k, np.array(sorted(allowed), np.int64))[1][0]
    store.close()
    wanted = [int(i) for i in expected(vectors, ids, query, 40)[0] if i in allowed][:k]
    assert [int(i) for i in found if i >= 0] == wanted


def test_beyond_the_exact_size_the_ten_nearest_are_still_found(store: Store) -> None:
    centres = unit(40, seed=7)
    chance = np.random.default_rng(3)
    vectors = centres[chance.integers(40, size=3000)] + 0.15 * chance.standard_normal((3000, LENGTH)).astype(np.float32)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    ids = put(store, vectors)
    index = index_of(store, exact=1000)
    queries = vectors[::60] + 0.1 * unit(50, seed=4)
    found = index.search(queries, 10)[1]
    truth = expected(vectors, ids, queries, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, truth, strict=True)])
    assert recall >= 0.99
    assert index._nprobe > 0
    again = index_of(store, exact=1000)
    np.testing.assert_array_equal(again.search(queries, 10)[1], found)
    assert again.origin == "read from its file"
    # A rare row is found whatever list it lies in.
    for allowed in ([17], [1, 2999]):
        kept = index.search(queries, 5, np.array(allowed))[1]
        assert all(set(row[row >= 0]) == set(allowed) for row in kept)
    # With the limit raised the index becomes exact again.
    exact = index_of(store)
    np.testing.assert_array_equal(exact.search(queries, 10)[1], truth)
    assert exact.origin == "made from the database"


def test_an_empty_library_finds_nothing(store: Store) -> None:
    scores, ids = index_of(store).search(unit(2), 3)
    assert ids.tolist() == [[-1] * 3] * 2
    assert np.all(np.isneginf(scores))
    assert index_of(store).search(unit(2)[:0], 3)[1].shape == (0, 3)


def test_another_model_is_refused_by_name(store: Store) -> None:
    put(store, unit(3))
    with pytest.raises(LibraryError, match=r"embedded with all-MiniLM-L6-v2 53aa5117.*'other 1'.*vagent index"):
        index_of(store, model="other 1").search(unit(1), 1)
    put(store, unit(2, seed=8), name="b", model="other 1")
    assert set(index_of(store, model="other 1").search(unit(1), 5)[1].ravel()) == {4, 5, -1}


def test_another_length_is_refused(store: Store) -> None:
    put(store, unit(3))
    with pytest.raises(LibraryError, match="does not fit"):
        index_of(store).search(np.zeros((1, 3), np.float32), 1)
    with pytest.raises(LibraryError, match="have 16 numbers"):
        VectorIndex(store, store.folder, MODEL, 3, configs.load(env={}).search).search(np.zeros((1, 3), np.float32), 1)


def test_a_folder_that_cannot_be_written_costs_only_the_file(store: Store, caplog) -> None:
    vectors = unit(20)
    ids = put(store, vectors)
    (store.folder / "vectors").write_text("a file where the folder should be")
    index = index_of(store)
    assert [int(i) for i in index.search(vectors, 1)[1][:, 0]] == ids
    assert "cannot be kept" in caplog.text


def test_threads_search_while_another_adds(store: Store) -> None:
    vectors = unit(60)
    ids = put(store, vectors)
    index = index_of(store)
    stop = threading.Event()

    def look(_: int) -> int:
        rounds = 0
        while not stop.is_set() or rounds == 0:
            found = index.search(vectors, 1)[1][:, 0]
            assert [int(i) for i in found] == ids
            rounds += 1
        return rounds

    with ThreadPoolExecutor(3) as pool:
        looking = [pool.submit(look, i) for i in range(3)]
        for number in range(10):
            # Half as long: they never come before the rows that are looked for.
            put(store, unit(5, seed=50 + number) / 2, name=f"v{number}")
        stop.set()
        assert all(job.result() >= 1 for job in looking)
    assert int(index._index.ntotal if index.search(vectors[:1], 1) else 0) == 110


def test_a_search_changes_no_byte_of_the_database(store: Store, tmp_path: Path) -> None:
    put(store, unit(30))
    store.close()
    before = store.file.read_bytes()
    reader = Store(store.folder, write=False)
    index_of(reader).search(unit(1), 3)
    reader.close()
    assert store.file.read_bytes() == before
