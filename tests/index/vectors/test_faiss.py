from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.index.vectors.rows import LENGTH, MODEL, clustered, expected, put, unit
from vagent import configs
from vagent.index.store import Store
from vagent.index.vectors.faiss import FaissVectors


@pytest.fixture
def store(tmp_path: Path):
    with_store = Store(tmp_path / "library")
    yield with_store
    with_store.close()


def index_of(store: Store, exact: int = 300_000, model: str = MODEL) -> FaissVectors:
    search = configs.load({"search": {"exact_vectors": exact}}, env={}).search
    return FaissVectors(store, store.folder, model, LENGTH, search)


def test_a_file_serves_the_next_process(store: Store) -> None:
    put(store, unit(50))
    first = index_of(store)
    answer = first.search(unit(3, seed=1), 5)
    second = index_of(store)
    again = second.search(unit(3, seed=1), 5)
    assert (first.origin, second.origin) == ("made from the database", "read from its file")
    np.testing.assert_array_equal(answer[1], again[1])
    np.testing.assert_array_equal(answer[0], again[0])


def damage_truncate(index: FaissVectors) -> None:
    index.file.write_bytes(index.file.read_bytes()[:-100])


def damage_flip(index: FaissVectors) -> None:
    content = bytearray(index.file.read_bytes())
    content[len(content) // 2] ^= 4
    index.file.write_bytes(bytes(content))


def damage_empty(index: FaissVectors) -> None:
    index.file.write_bytes(b"")


def damage_missing(index: FaissVectors) -> None:
    index.file.unlink()


def damage_manifest(index: FaissVectors) -> None:
    index.manifest.write_text('{"format": 1, "library')


def damage_manifest_shape(index: FaissVectors) -> None:
    index.manifest.write_text("[1, 2]")


def damage_half_replaced(index: FaissVectors) -> None:
    """A crash between the two files: the index is new, what stands beside it is old."""
    manifest = index.manifest.read_bytes()
    ids = put(index._store, unit(20, seed=9), name="later")
    index_of(index._store).search(unit(1), 1)
    index._store.remove_video(index._store.evidence(ids=ids)[0].video)
    index.manifest.write_bytes(manifest)


def changed(**values: object):
    def damage(index: FaissVectors) -> None:
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


def test_beyond_the_exact_size_the_ten_nearest_are_still_found(store: Store) -> None:
    vectors = clustered(3000)
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
