from __future__ import annotations

import json
import logging
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.index.vectors.rows import LENGTH, MODEL, clustered, expected, put, unit
from vagent import configs
from vagent.index.store import Store
from vagent.index.store.shelf import alone
from vagent.index.vectors import faiss as module
from vagent.index.vectors.faiss import FaissVectors
from vagent.index.vectors.segments import Segment, sums_of


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
    index.files[0].write_bytes(index.files[0].read_bytes()[:-100])


def damage_flip(index: FaissVectors) -> None:
    content = bytearray(index.files[0].read_bytes())
    content[len(content) // 2] ^= 4
    index.files[0].write_bytes(bytes(content))


def damage_empty(index: FaissVectors) -> None:
    index.files[0].write_bytes(b"")


def damage_missing(index: FaissVectors) -> None:
    index.files[0].unlink()


def damage_manifest(index: FaissVectors) -> None:
    index.manifest.write_text('{"format": 1, "library')


def damage_manifest_shape(index: FaissVectors) -> None:
    index.manifest.write_text("[1, 2]")


def damage_beside(index: FaissVectors) -> None:
    """The row numbers and check sums."""
    beside = sums_of(index.files[0])
    content = bytearray(beside.read_bytes())
    content[len(content) // 3] ^= 4
    beside.write_bytes(bytes(content))


def damage_beside_missing(index: FaissVectors) -> None:
    sums_of(index.files[0]).unlink()


def damage_head(index: FaissVectors) -> None:
    content = bytearray(index.files[0].read_bytes())
    content[60] ^= 1
    index.files[0].write_bytes(bytes(content))


def damage_half_replaced(index: FaissVectors) -> None:
    """A crash between the files: those of the vectors are new, what stands beside them is old."""
    manifest = index.manifest.read_bytes()
    put(index._store, unit(20, seed=9), name="later")
    index_of(index._store).search(unit(1), 1)
    index._store.remove_video(2)
    index.manifest.write_bytes(manifest)


def changed(**values: object):
    def damage(index: FaissVectors) -> None:
        index.manifest.write_text(json.dumps(json.loads(index.manifest.read_text()) | values))

    return damage


DAMAGES = {
    "truncated": damage_truncate,
    "bit flipped": damage_flip,
    "bit of the head flipped": damage_head,
    "bit of the row numbers flipped": damage_beside,
    "row numbers missing": damage_beside_missing,
    "empty": damage_empty,
    "missing": damage_missing,
    "manifest cut": damage_manifest,
    "manifest of another shape": damage_manifest_shape,
    "half replaced": damage_half_replaced,
    "another library": changed(library="0" * 32),
    "another model": changed(model="other"),
    "another format": changed(format=99),
    "from the future": changed(added=51),
    "from after a removal": changed(removed=1),
    "other vectors": changed(last=49),
    "another count": changed(count=49),
    "files of another folder": changed(segments=["../x.faiss"]),
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


def test_files_of_an_older_version_are_no_damage(store: Store, caplog) -> None:
    put(store, unit(5))
    first = index_of(store)
    first.search(unit(1), 1)
    first.manifest.write_text(json.dumps({"format": 1, "nprobe": 0}))
    with caplog.at_level(logging.INFO, "vagent.index.vectors"):
        index_of(store).search(unit(1), 1)
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert "it has another format" in caplog.text


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
    assert not index.exact
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
    assert index.search(vectors[:1], 200)[1].max() == 110


def test_a_library_that_grows_is_never_written_as_a_whole_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are joined with files of like size alone, so that what has been written once is seldom written again."""
    monkeypatch.setattr(module, "_SMALL", 0)
    monkeypatch.setattr(module, "_TAIL", 20)
    written: list[int] = []
    save = Segment.save

    def counted(segment: Segment, *args: Any) -> None:
        written.append(len(segment))
        save(segment, *args)

    monkeypatch.setattr(Segment, "save", counted)
    index = index_of(store)
    vectors = clustered(1600)
    ids: list[int] = []
    for number in range(40):
        ids += put(store, vectors[40 * number : 40 * number + 40], name=f"v{number}")
        index.search(vectors[:1], 1)
    assert sum(written) <= 1600 * (1 + math.log2(40))  # as a whole each time it would be 20 times 1600
    assert len(index.files) <= 6
    queries = unit(5, seed=1)
    truth = expected(vectors, ids, queries, 30)
    again = index_of(store)
    for one in (index, again):
        np.testing.assert_array_equal(one.search(queries, 30)[1], truth)
    assert again.origin == "read from its file"
    assert sorted(again.files) == sorted((store.folder / "vectors").glob("*.faiss"))


def test_what_is_removed_costs_no_file_until_it_is_much(store: Store) -> None:
    vectors = unit(120)
    videos = [put(store, vectors[20 * n : 20 * n + 20], name=f"v{n}") for n in range(6)]
    index = index_of(store)
    index.search(unit(1), 1)
    before = index.files
    store.remove_video(1)
    alive = np.array([number for ids in videos[1:] for number in ids])
    truth = alive[np.argsort(-(unit(3, seed=2) @ vectors[20:].T.astype(np.float16).astype(np.float32)), axis=1)]
    np.testing.assert_array_equal(index.search(unit(3, seed=2), 50)[1], truth[:, :50])
    assert index_of(store).files == []
    assert index.files == before
    store.remove_video(2)
    assert set(index.search(unit(1), 120)[1].ravel()) == {*alive[20:], -1}
    assert index.files != before
    assert index.origin == "made from the database"


@pytest.mark.parametrize("exact", [300_000, 300])
def test_a_flipped_bit_is_found_before_what_it_changed_is_used(store: Store, exact: int, caplog) -> None:
    """Every byte of the files belongs to something that is checked before its first use."""
    vectors = clustered(600)
    put(store, vectors)
    truth = index_of(store, exact).search(vectors, 5)
    chance = np.random.default_rng(2)
    for _ in range(12):
        index = index_of(store, exact)
        index.refresh()
        (file,) = index.files
        content = bytearray(file.read_bytes())
        content[chance.integers(len(content))] ^= 1 << chance.integers(8)
        file.write_bytes(bytes(content))
        caplog.clear()
        fresh = index_of(store, exact)
        scores, ids = fresh.search(vectors, 5)
        np.testing.assert_array_equal(ids, truth[1])
        np.testing.assert_array_equal(scores, truth[0])
        assert "the file of vectors is not used" in caplog.text
        assert fresh.origin == "made from the database"


def test_additions_to_lists_are_found_with_the_same_recall(store: Store) -> None:
    vectors = clustered(4000)
    ids = put(store, vectors[:2000])
    index = index_of(store, exact=1000)
    index.search(vectors[:1], 1)
    for number in range(10):
        ids += put(store, vectors[2000 + 200 * number : 2200 + 200 * number], name=f"v{number}")
        index.search(vectors[:1], 1)
    assert not index.exact
    queries = vectors[::80] + 0.1 * unit(50, seed=4)
    truth = expected(vectors, ids, queries, 10)
    found = index.search(queries, 10)[1]
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, truth, strict=True)]) >= 0.99
    some = np.array(ids)[np.random.default_rng(5).random(4000) < 0.3]
    inside = np.isin(ids, some)
    truth = expected(vectors[inside], list(some), queries, 10)
    np.testing.assert_array_equal(index.search(queries, 10, some)[1], truth)


def test_two_processes_that_write_leave_files_that_serve(store: Store) -> None:
    first, second = index_of(store), index_of(store)
    for number in range(6):
        put(store, unit(30, seed=number), name=f"v{number}")
        (first, second)[number % 2].search(unit(1), 1)
    query = unit(4, seed=90)
    answers = [one.search(query, 20)[1] for one in (first, second, index_of(store))]
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])
    third = index_of(store)
    third.search(query, 1)
    assert sorted(third.files) == sorted((store.folder / "vectors").glob("*.faiss"))


def test_files_are_left_to_whoever_writes_them_now(store: Store) -> None:
    put(store, unit(30))
    index = index_of(store)
    (store.folder / "vectors").mkdir()
    with alone(index.manifest) as free:
        assert free
        assert index.search(unit(30)[3:4], 1)[1].tolist() == [[4]]
        assert not index.manifest.exists()
        assert index.files == []


def test_files_of_other_models_and_what_a_crash_left_are_told_apart(store: Store) -> None:
    ids = put(store, unit(30))
    other = f"summaries {MODEL}"
    store.put_vectors(other, ids, unit(30, seed=1))
    first, second = index_of(store), index_of(store, model=other)
    query = unit(1, seed=2)
    for index in (first, second):
        index.search(query, 1)
    left = [first.folder / f".{first.files[0].name}.new", first.folder / f"{first.manifest.stem}.faiss"]
    for file in left:
        file.write_bytes(b"half of it")
    put(store, unit(30, seed=3), name="b")
    first.search(query, 1)
    assert not any(file.exists() for file in left)
    again = index_of(store, model=other)
    np.testing.assert_array_equal(again.search(query, 5)[1], second.search(query, 5)[1])
    assert again.origin == "read from its file"
