"""Vectors in Milvus: Milvus Lite in this process, and the same behind an address. What it must do as every other way of
searching does is in ``test_contract.py``."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.index.vectors.rows import LENGTH, MODEL, clustered, expected, put, unit
from vagent import configs
from vagent.errors import EngineFailed, EngineUnavailable, LibraryError, SettingsError
from vagent.index.store import Store
from vagent.index.vectors import conditions, open_index
from vagent.index.vectors.milvus import MilvusVectors

grpc = pytest.importorskip("grpc")
pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")


class Opened:
    """Opens the vectors of a library in Milvus, and closes all that it opened."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._all: list[MilvusVectors] = []

    def __call__(self, store: Store | None = None, **search: Any) -> MilvusVectors:
        settings = configs.load({"search": {"vectors": "milvus", **search}}, env={}).search
        index = open_index(store or self.store, (store or self.store).folder, MODEL, LENGTH, settings)
        assert isinstance(index, MilvusVectors)
        self._all.append(index)
        return index

    def close(self) -> None:
        for index in self._all:
            index.close()
        self._all.clear()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    with Store(tmp_path / "library") as store:
        opener = Opened(store)
        yield opener
        opener.close()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Milvus behind an address, as a server of its own would be."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    server, database, port = start_server_in_thread(str(tmp_path / "server"))
    yield f"http://127.0.0.1:{port}"
    server.stop(grace=0).wait()
    database.close()


def milvus_of(index: MilvusVectors) -> tuple[Any, str]:
    """The client and the collection that an index works with."""
    assert index._connection is not None
    return index._connection, index._collection


def test_finds_what_faiss_finds(opened: Opened) -> None:
    vectors = unit(400)
    put(opened.store, vectors)
    faiss = open_index(opened.store, opened.store.folder, MODEL, LENGTH, configs.load(env={}).search)
    index, queries = opened(), unit(5, seed=2)
    for allowed in (None, np.arange(50, 120), np.arange(1, 400, 3), np.array([7, 9, 900])):
        ours, theirs = index.search(queries, 12, allowed), faiss.search(queries, 12, allowed)
        np.testing.assert_array_equal(ours[1], theirs[1])
        np.testing.assert_allclose(ours[0], theirs[0], atol=1e-5)
    faiss.close()


def test_a_next_process_goes_on_with_what_is_there(opened: Opened) -> None:
    ids = put(opened.store, unit(30))
    index = opened()
    index.search(unit(1), 1)
    assert index.origin == "made from the database"
    opened.close()
    (new,) = put(opened.store, unit(1, seed=9), name="b")
    index = opened()
    assert int(index.search(unit(1, seed=9), 1)[1][0, 0]) == new
    assert index.origin == "1 added"
    opened.close()
    opened.store.remove_video(1)
    index = opened()
    assert sorted(index.search(unit(1), 40)[1][0]) == [-1] * 39 + [new]
    assert index.origin == "as it was"
    milvus, collection = milvus_of(index)
    assert [
        row["evidence"] for row in milvus.call("query", collection, filter="row > 0", output_fields=["evidence"])
    ] == [new]
    assert new not in ids


def test_what_another_process_did_is_not_done_again(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    put(opened.store, unit(20))
    first, second = opened(), opened()
    assert first.search(unit(1), 3)[1].tolist() == second.search(unit(1), 3)[1].tolist()
    assert (first.origin, second.origin) == ("made from the database", "as it was")
    opened.store.remove_video(1)
    new = put(opened.store, unit(2, seed=4), name="b")
    for index in (second, first):
        assert sorted(index.search(unit(2, seed=4), 2)[1][0]) == new
    assert (second.origin, first.origin) == ("2 added", "as it was")
    assert "made anew" not in " ".join(r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING)


def test_a_filling_that_was_stopped_is_gone_on_with(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    from vagent.index.vectors import milvus as module

    monkeypatch.setattr(module, "_NOTED", 1)
    for name in "abc":
        put(opened.store, unit(10, seed=ord(name)), name=name)
    rows = Store.vector_rows
    monkeypatch.setattr(Store, "vector_rows", lambda self, model, after=0: rows(self, model, after=after, batch=10))
    sent: list[int] = []
    whole = module.Connection.call

    def call(self: Any, method: str, *arguments: Any, **named: Any) -> Any:
        if method == "upsert" and arguments[0] != "vagent_states":
            if len(sent) == 20:
                raise EngineUnavailable("the server has gone")
            sent.extend(row["row"] for row in arguments[1])
        return whole(self, method, *arguments, **named)

    monkeypatch.setattr(module.Connection, "call", call)
    with pytest.raises(EngineUnavailable, match="gone"):
        opened().search(unit(1), 1)
    assert sent == list(range(1, 21))
    monkeypatch.setattr(module.Connection, "call", whole)
    index = opened()
    assert sorted(index.search(unit(1), 30)[1][0]) == list(range(1, 31))
    assert index.origin == "10 added"


def spoil_rows(index: MilvusVectors) -> None:
    milvus, collection = milvus_of(index)
    milvus.call("delete", collection, ids=[3])


def spoil_note(index: MilvusVectors) -> None:
    milvus, collection = milvus_of(index)
    milvus.call("delete", "vagent_states", ids=[collection])


def garble_note(index: MilvusVectors) -> None:
    milvus, collection = milvus_of(index)
    milvus.call("upsert", "vagent_states", [{"name": collection, "state": '{"last": "x"}', "vector": [1.0, 0.0]}])


def spoil_owner(index: MilvusVectors) -> None:
    from dataclasses import replace

    milvus, collection = milvus_of(index)
    milvus.hold(collection, replace(milvus.holding(collection), library="another"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_rows, "other rows"),
        (spoil_note, "not known what it holds"),
        (garble_note, "not known what it holds"),
        (spoil_owner, "another library"),
    ],
)
def test_a_collection_that_does_not_agree_is_made_anew_and_said_so(
    opened: Opened, caplog: pytest.LogCaptureFixture, spoil: Any, said: str
) -> None:
    vectors = unit(30)
    ids = put(opened.store, vectors)
    index = opened()
    index.search(unit(1), 1)
    spoil(index)
    put(opened.store, unit(1, seed=8), name="b")
    index = opened()
    found = index.search(unit(4, seed=1), 5, np.array(ids))[1]
    np.testing.assert_array_equal(found, expected(vectors, ids, unit(4, seed=1), 5))
    assert f"{said}" in caplog.text
    assert "made anew" in caplog.text
    assert index.origin == "made from the database"


@pytest.mark.parametrize(
    ("act", "origin"), [("drop_collection", "made from the database"), ("release_collection", "as it was")]
)
def test_a_collection_that_goes_while_it_is_used_comes_back(opened: Opened, act: str, origin: str) -> None:
    ids = put(opened.store, unit(10))
    index = opened()
    index.search(unit(1), 1)
    milvus, collection = milvus_of(index)
    milvus.call(act, collection)
    assert sorted(index.search(unit(1), 10)[1][0]) == ids
    assert index.origin == origin


def test_a_copy_of_the_library_that_went_its_own_way_is_told_apart(
    opened: Opened, address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(opened.store, unit(10))
    opened(milvus_uri=address).search(unit(1), 1)
    opened.store.close()
    shutil.copytree(opened.store.folder, tmp_path / "copy")
    with Store(opened.store.folder) as ours, Store(tmp_path / "copy") as theirs:
        put(ours, unit(1, seed=20), name="b")
        put(theirs, unit(1, seed=21), name="c")
        opened(ours, milvus_uri=address).search(unit(1), 1)
        scores, found = opened(theirs, milvus_uri=address).search(unit(1, seed=21), 1)
        assert int(found[0, 0]) == 11
        assert scores[0, 0] == pytest.approx(1, abs=1e-3)
        opened.close()
    assert "belongs to another copy of the library" in caplog.text


_WRITER = """
import sys
from pathlib import Path
from tests.index.vectors.rows import LENGTH, MODEL, put, unit
from vagent import configs
from vagent.index.store import Store
from vagent.index.vectors import open_index

folder, uri, who = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
settings = configs.load({"search": {"vectors": "milvus", "milvus_uri": uri}}, env={}).search
with Store(folder) as store:
    index = open_index(store, folder, MODEL, LENGTH, settings)
    for i in range(6):
        vectors = unit(20, seed=1000 * who + i)
        ids = put(store, vectors, name=f"{who}-{i}")
        if i % 3 == 2:
            store.remove_video(store.by_fingerprint(f"{who}-{i - 1}").id)
        assert index.search(vectors, 1)[1][:, 0].tolist() == ids
    index.close()
"""


def test_processes_that_write_and_search_at_once_do_each_other_no_harm(opened: Opened, address: str) -> None:
    folder = opened.store.folder
    command = [sys.executable, "-c", _WRITER, str(folder), address]
    writers = [subprocess.Popen([*command, who], cwd=Path(__file__).parents[3]) for who in "12"]
    assert [writer.wait() for writer in writers] == [0, 0]
    faiss = open_index(opened.store, folder, MODEL, LENGTH, configs.load(env={}).search)
    index, queries = opened(milvus_uri=address), unit(10, seed=5)
    np.testing.assert_array_equal(index.search(queries, 50)[1], faiss.search(queries, 50)[1])
    assert index.origin == "as it was"
    faiss.close()


def test_who_cannot_lock_the_folder_searches_all_the_same(opened: Opened, address: str) -> None:
    ids = put(opened.store, unit(4))
    (opened.store.folder / "vectors").write_text("not a folder")
    assert sorted(opened(milvus_uri=address).search(unit(1), 4)[1][0]) == ids


def test_beyond_the_limit_search_is_approximate_with_its_recall_and_exact_again_below(opened: Opened) -> None:
    vectors = clustered(3000)
    ids = put(opened.store, vectors)
    index = opened(exact_vectors=1000)
    queries = clustered(40, seed=11)
    truth = expected(vectors, ids, queries, 10)
    found = index.search(queries, 10)[1]
    assert np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(truth, found, strict=True)]) >= 0.98
    assert index._holding is not None
    assert 0 < index._holding.probes < index._holding.lists
    allowed = np.arange(5, 3000, 700)
    np.testing.assert_array_equal(index.search(queries, len(allowed), allowed)[1], _within(vectors, queries, allowed))
    opened.close()
    index = opened()
    np.testing.assert_array_equal(index.search(queries, 10)[1], truth)
    assert index.origin == "as it was"
    assert index._holding is not None
    assert index._holding.lists == 0


@pytest.mark.parametrize("step", [2, 40])
def test_filters_of_many_parts_find_the_same(opened: Opened, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(conditions, "_SINGLES", 4)
    vectors = unit(600)
    put(opened.store, vectors)
    allowed, queries = np.arange(1, 600, step), unit(3, seed=4)
    found = opened().search(queries, 7, allowed)[1]
    np.testing.assert_array_equal(found, _within(vectors, queries, allowed)[:, :7])


def _within(vectors: Any, queries: Any, allowed: Any) -> Any:
    stored = vectors[allowed - 1].astype(np.float16).astype(np.float32)
    return allowed[np.argsort(-(queries @ stored.T), axis=1, kind="stable")]


def test_more_rows_than_milvus_finds_are_refused(opened: Opened) -> None:
    put(opened.store, unit(3))
    with pytest.raises(LibraryError, match="up to 16384"):
        opened().search(unit(1), 20_000)


def test_a_server_that_goes_away_is_one_error(opened: Opened, tmp_path: Path) -> None:
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    server, database, port = start_server_in_thread(str(tmp_path / "server"))
    uri = f"http://127.0.0.1:{port}"
    put(opened.store, unit(10))
    index = opened(milvus_uri=uri, milvus_timeout=4)
    index.search(unit(1), 1)
    server.stop(grace=0).wait()
    database.close()
    with pytest.raises(EngineUnavailable, match=rf"cannot be reached.*{uri}.*VAGENT_SEARCH_VECTORS=faiss"):
        index.search(unit(1), 1)


def test_a_server_that_is_not_there_or_says_nothing_is_one_error(opened: Opened) -> None:
    put(opened.store, unit(1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(EngineUnavailable, match="cannot be reached"):
            opened(milvus_uri=f"http://127.0.0.1:{port}", milvus_timeout=0.5).search(unit(1), 1)
    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        opened(milvus_uri=f"http://127.0.0.1:{port}", milvus_timeout=0.5).search(unit(1), 1)


def test_a_server_that_does_not_know_the_token_says_which_variable_holds_it(opened: Opened) -> None:
    class Closed(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            def refuse(request: Any, context: Any) -> None:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure")

            return grpc.unary_unary_rpc_method_handler(refuse)

    put(opened.store, unit(1))
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Closed()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.raises(EngineUnavailable, match=r"does not let us in.*search\.milvus_token"):
        opened(milvus_uri=f"http://127.0.0.1:{port}", milvus_timeout=20).search(unit(1), 1)
    server.stop(grace=0).wait()


def test_what_milvus_cannot_do_is_one_error(opened: Opened) -> None:
    put(opened.store, unit(3))
    index = opened()
    index.search(unit(1), 1)
    milvus, _ = milvus_of(index)
    with pytest.raises(EngineFailed, match=r"Milvus failed.*does not exist.*the library itself is whole"):
        milvus.call("search", "nowhere", data=[[1.0]], limit=1)


@pytest.mark.parametrize("uri", ["nonsense", "ftp://host:1", "http://"])
def test_what_is_no_address_is_refused(opened: Opened, uri: str) -> None:
    put(opened.store, unit(1))
    with pytest.raises(SettingsError, match="http://HOST:19530"):
        opened(milvus_uri=uri).search(unit(1), 1)


def test_a_password_in_the_address_is_refused_and_not_repeated(opened: Opened) -> None:
    put(opened.store, unit(1))
    with pytest.raises(SettingsError, match="MILVUS_TOKEN") as caught:
        opened(milvus_uri="http://me:secret@host:19530").search(unit(1), 1)
    assert "secret" not in str(caught.value)


def test_milvus_lite_is_for_one_process_at_a_time(opened: Opened) -> None:
    put(opened.store, unit(1))
    folder = opened.store.folder / "vectors" / "milvus.db"
    folder.parent.mkdir()
    holder = f"from milvus_lite.db import MilvusLite; d = MilvusLite({str(folder)!r}); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(EngineUnavailable, match="one at a time"):
            opened().search(unit(1), 1)
        process.communicate(b"\n")
    assert opened().search(unit(1), 1)[1].tolist() == [[1]]


def test_nothing_of_it_is_loaded_unless_asked_for(tmp_path: Path) -> None:
    program = (
        "import sys, vagent\n"
        f"with vagent.Library({str(tmp_path)!r}) as library: library.search('a ship')\n"
        "print([name for name in ('pymilvus', 'milvus_lite', 'pandas', 'grpc') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"
