"""Nearest vectors by Milvus: a collection of one library's vectors of one model, in a server, a cluster or Milvus Lite.

The database is the truth. Each row of the collection is one row of the table ``vectors`` under its number, which is
never given again, and does not change; so processes that bring the collection up to date at the same time do each other
no harm, and one that was stopped is gone on from. What a collection holds is noted beside it. One that does not agree
with the database, be it another library's, of another format, or short of rows, is made anew, and the log says so.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from vagent.configs import SearchSettings
from vagent.errors import EngineFailed, LibraryBusyError, LibraryError
from vagent.index.store import Ids, Store, Vectors, VectorState
from vagent.index.vectors import Scores, refuse_others
from vagent.index.vectors.conditions import conditions
from vagent.index.vectors.milvus_server import LOADING, Connection, Holding, connect

_log = logging.getLogger("vagent.index.vectors")

_FORMAT = 1
_DEEPEST = 16_384  # rows that Milvus finds or lists at once, at most
_SENT = 2048  # rows sent at once
_FLUSHED = 2048  # new rows from which they are sealed and indexed at once; until then Milvus looks through them
_NOTED = 65_536  # rows after which it is noted how far a long filling is
_LISTS = 1024  # inverted lists of a segment, at most
_PROBES = 64  # queries by which recall is measured
_RECALL = 0.99  # part of the true ten nearest that an approximate index must find
_SEARCHES = 8  # conditions searched one by one; where there would be more, everything is searched and sifted
_FRESH = 10.0  # seconds after a change in which Milvus has to wait until each of its nodes has seen it


class MilvusVectors:
    """See the interface. Exact up to ``settings.exact_vectors``; beyond that inverted lists, of which as many are
    looked into as ten nearest need to be found with a recall of 0.99.

    Raises:
        SettingsError: ``search.milvus_uri`` is no address.
        EngineUnavailable: Milvus cannot be reached or does not let us in.
        EngineFailed: Milvus did not do what it was asked.
    """

    def __init__(self, store: Store, folder: Path, model: str, dimension: int, settings: SearchSettings) -> None:
        self.model = model
        self.dimension = dimension
        self.origin = "not looked at yet"
        self._store = store
        self._folder = folder
        self._settings = settings
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._collection = ""
        self._state: VectorState | None = None
        self._holding: Holding | None = None
        self._changed = -math.inf  # when a change was last seen, by ``monotonic``

    def close(self) -> None:
        """See the interface."""
        with self._lock:
            connection, self._connection, self._state = self._connection, None, None
            if connection is not None:
                connection.close()

    # -- searching

    def search(self, vectors: Vectors, k: int, allowed: Ids | None = None) -> tuple[Scores, Ids]:
        """See the interface."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise LibraryError("the query's vector does not fit", vectors.shape, allowed=f"(n, {self.dimension})")
        if k > _DEEPEST:
            raise LibraryError("Milvus does not find so many rows at once", k, allowed=f"up to {_DEEPEST}")
        with self._lock:
            self.refresh()
            if self._state is None or not len(vectors) or (allowed is not None and not len(allowed)):
                return _filled([[] for _ in vectors], k)
            try:
                return _filled(self._nearest(vectors, k, allowed), k)
            except EngineFailed:  # the collection may have been dropped or let go of; what is noted of it tells
                self._state = None
                self.refresh()
                return _filled(self._nearest(vectors, k, allowed), k)

    def _nearest(self, vectors: Vectors, k: int, allowed: Ids | None) -> list[list[_Hit]]:
        if allowed is None:
            return self._hits(vectors, k)
        wanted = list(conditions("evidence", allowed))
        found = self._sifted(vectors, k, allowed) if len(wanted) > _SEARCHES else None
        return found or _merged([self._hits(vectors, k, condition) for condition in wanted])

    def _sifted(self, vectors: Vectors, k: int, allowed: Ids) -> list[list[_Hit]] | None:
        """The nearest of the allowed among the nearest of all; None where these would be too many to look through."""
        assert self._state is not None
        known = self._state.count
        needed = min(k, len(allowed))
        depth = 2 * k * known // len(allowed) + k
        while depth <= _DEEPEST or known <= _DEEPEST:
            hits = self._hits(vectors, min(depth, _DEEPEST), all_lists=True)
            kept = [[hit for hit in row if _holds(allowed, hit[1])] for row in hits]
            if depth >= known or all(len(row) >= needed for row in kept):
                return kept
            depth *= 2
        return None

    def _hits(self, vectors: Vectors, k: int, condition: str = "", *, all_lists: bool = False) -> list[list[_Hit]]:
        """The nearest rows to each vector. Few lists may hold none of the rows that fulfil a condition, so then all of
        them are looked into.
        """
        assert self._connection is not None and self._holding is not None
        lists = self._holding.lists
        probes = lists if condition or all_lists else self._holding.probes
        found = self._connection.call(
            "search",
            self._collection,
            data=list(np.ascontiguousarray(vectors, np.float32)),
            filter=condition,
            limit=k,
            output_fields=["evidence"],
            search_params={"metric_type": "IP", "params": {"nprobe": probes} if lists else {}},
            consistency_level="Strong" if monotonic() - self._changed < _FRESH else "Bounded",
        )
        return [[(float(hit["distance"]), int(hit["entity"]["evidence"])) for hit in row] for row in found]

    # -- from the database

    def refresh(self) -> None:
        """See the interface."""
        with self._lock:
            with self._store.snapshot():
                state = self._checked()
            if state is None or state == self._state:
                self._state = state
                return
            self._state = None
            if self._connection is None:
                self._connection = connect(self._settings, self._folder)
            self._collection = _name(state)
            with self._alone():
                # What is noted is read before the database, so that it cannot be ahead of it.
                holding = self._connection.holding(self._collection)
                with self._store.snapshot():
                    state = self._checked()
                    if state is not None:
                        self._agree(self._connection, state, holding)
            self._state = state

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process fills the collection meanwhile: what one does the next one finds done.

        Raises:
            LibraryBusyError: one has been filling it for longer than that may take.
        """
        lock = FileLock(self._folder / "vectors" / f"{self._collection}.lock", timeout=LOADING)
        try:
            Path(lock.lock_file).parent.mkdir(exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise LibraryBusyError("another process is filling Milvus", str(self._folder)) from error
        except OSError as error:  # who cannot write here may still search; at worst the same rows are sent twice
            _log.info("filling Milvus without a lock (%s)", error)
        try:
            yield
        finally:
            lock.release()

    def _checked(self) -> VectorState | None:
        """The state of the database; None where the model has no vectors in it.

        Raises:
            LibraryError: the library's vectors are another model's.
        """
        state = self._store.vector_state(self.model)
        if state is None or state.count == 0:
            refuse_others(self._store, self.model)
            return None
        if state.dimension != self.dimension:
            raise LibraryError(
                f"vectors of {self.model} in the library have {state.dimension} numbers, the engine's have",
                self.dimension,
                hint="index the videos again",
            )
        return state

    def _agree(self, milvus: Connection, state: VectorState, holding: Holding | None) -> None:
        """Brings the collection up to a state of the database, from what it is said to hold."""
        reason = self._disagreement(milvus, state, holding)
        if not reason and holding is not None:
            self._bring(milvus, state, holding)
            if self._count(milvus, state) == state.count:
                return
            reason = "it holds other rows than the database"
        level = logging.INFO if reason == "there is none" else logging.WARNING
        _log.log(level, "the collection %s is not used: %s; it is made anew", self._collection, reason)
        self._bring(milvus, state, self._made(milvus, state))
        if self._count(milvus, state) != state.count:
            hint = "is another library with the same database at work there? VAGENT_SEARCH_VECTORS=faiss does without"
            raise EngineFailed("Milvus does not hold what it was given", milvus.where, hint=hint)
        self.origin = "made from the database"

    def _disagreement(self, milvus: Connection, state: VectorState, holding: Holding | None) -> str:
        """Why a collection cannot serve for this state of the database; empty where it can, if need be with changes."""
        if not milvus.loaded(self._collection):
            return "there is none"
        if holding is None or holding.format != _FORMAT:
            return "it is not known what it holds"
        if (holding.library, holding.model, holding.dimension) != (state.library, state.model, state.dimension):
            return "it belongs to another library or model"
        newer = holding.last > state.last and holding.removed == state.removed
        if newer or holding.removed > state.removed:
            return "it is newer than the database"
        if holding.tip and self._tip(holding.last) not in ("", holding.tip):
            return "it belongs to another copy of the library"
        return ""

    def _made(self, milvus: Connection, state: VectorState) -> Holding:
        """A collection with nothing in it yet."""
        if milvus.call("has_collection", self._collection):
            milvus.call("drop_collection", self._collection)
        schema = milvus.schema({"row": int, "evidence": int}, self.dimension)
        flat = milvus.index_by("FLAT")
        milvus.call("create_collection", self._collection, schema=schema, index_params=flat, consistency_level="Strong")
        return Holding(_FORMAT, state.library, state.model, state.dimension, state.removed, 0, "")

    def _bring(self, milvus: Connection, state: VectorState, holding: Holding) -> None:
        before, added, holding = holding, 0, holding
        for rows, evidence, vectors in self._store.vector_rows(self.model, after=holding.last):
            for at in range(0, len(rows), _SENT):
                part = slice(at, at + _SENT)
                each = zip(rows[part].tolist(), evidence[part].tolist(), vectors[part], strict=True)
                sent = [{"row": row, "evidence": number, "vector": vector} for row, number, vector in each]
                milvus.call("upsert", self._collection, sent)
            added += len(rows)
            holding = replace(holding, last=int(rows[-1]), tip=_tip(int(evidence[-1]), vectors[-1]))
            if added // _NOTED > (added - len(rows)) // _NOTED:
                milvus.hold(self._collection, holding)
        if holding.removed != state.removed:
            self._discard(milvus, max(before.last, state.last))
            holding = replace(holding, removed=state.removed, last=state.last, tip=self._tip(state.last))
        if added >= _FLUSHED:
            milvus.call("flush", self._collection, timeout=LOADING)
        holding = self._sorted(milvus, state, holding)
        if holding != before:
            milvus.hold(self._collection, holding)
        self.origin = f"{added} added" if added else "as it was"
        self._holding, self._changed = holding, monotonic()

    def _discard(self, milvus: Connection, last: int) -> None:
        """Removes the rows up to ``last`` that are no longer in the database."""
        live = self._store.vector_numbers(self.model)
        for first in range(0, last, _DEEPEST):
            window = f"row > {first} and row <= {min(first + _DEEPEST, last)}"
            there = milvus.call(
                "query", self._collection, filter=window, output_fields=["row"], limit=_DEEPEST,
                consistency_level="Strong",
            )  # fmt: skip
            gone = np.setdiff1d(np.array([row["row"] for row in there], np.int64), live)
            if len(gone):
                milvus.call("delete", self._collection, ids=gone.tolist())

    def _count(self, milvus: Connection, state: VectorState) -> int:
        """Rows of the collection up to the database's last; others may have added newer ones."""
        found = milvus.call(
            "query", self._collection, filter=f"row <= {state.last}", output_fields=["count(*)"],
            consistency_level="Strong",
        )  # fmt: skip
        return int(found[0]["count(*)"])

    def _tip(self, row: int) -> str:
        """The hash of a row of vectors; empty where there is none of that number."""
        for rows, evidence, vectors in self._store.vector_rows(self.model, after=row - 1):
            return _tip(int(evidence[0]), vectors[0]) if rows[0] == row else ""
        return ""

    # -- exact or not

    def _sorted(self, milvus: Connection, state: VectorState, holding: Holding) -> Holding:
        """Makes the index exact or approximate, as the number of vectors wants it, and measures its recall."""
        exact = state.count <= self._settings.exact_vectors
        if exact and holding.lists:
            self._index(milvus, "FLAT")
            return replace(holding, lists=0, probes=0, measured=0)
        if exact or (holding.lists and state.count <= 2 * holding.measured):
            return holding
        if not holding.lists:
            lists = min(_LISTS, max(1, round(4 * math.sqrt(state.count))))
            self._index(milvus, "IVF_FLAT", nlist=lists)
            holding = replace(holding, lists=lists)
        self._holding, self._changed = holding, monotonic()
        return replace(holding, probes=self._probes(holding.lists), measured=state.count)

    def _index(self, milvus: Connection, kind: str, **parameters: int) -> None:
        index = milvus.index_by(kind, **parameters)
        milvus.call("flush", self._collection, timeout=LOADING)
        milvus.call("release_collection", self._collection)
        milvus.call("drop_index", self._collection, "vector")
        milvus.call("create_index", self._collection, index, timeout=LOADING)
        milvus.call("load_collection", self._collection, timeout=LOADING)

    def _probes(self, lists: int) -> int:
        """The smallest power of two of lists to look into for the recall that is asked for.

        The truth comes from the database, in one pass over its vectors.
        """
        queries = self._questions()
        best = _filled([[] for _ in queries], 10)
        for _, evidence, vectors in self._store.vector_rows(self.model):
            ids = np.concatenate([best[1], np.broadcast_to(evidence, (len(queries), len(evidence)))], axis=1)
            products = np.concatenate([best[0], queries @ vectors.T], axis=1)
            order = np.argsort(-products, axis=1, kind="stable")[:, :10]
            best = np.take_along_axis(products, order, 1), np.take_along_axis(ids, order, 1)
        assert self._holding is not None
        probes = 8
        while probes < lists:
            self._holding = replace(self._holding, probes=probes)
            found = _filled(self._hits(queries, 10), 10)[1]
            recall = np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(best[1], found, strict=True)])
            if recall >= _RECALL:
                return probes
            probes *= 2
        return lists

    def _questions(self) -> Vectors:
        """Vectors to measure by: questions lie near texts, not on them."""
        chance = np.random.default_rng(0)
        rows = np.sort(chance.choice(self._store.vector_numbers(self.model), _PROBES, replace=False))
        noise = chance.standard_normal((len(rows), self.dimension)).astype(np.float32)
        asked: Vectors = self._store.vectors_at(rows) + 0.5 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        return asked


_Hit = tuple[float, int]
"""An inner product and the evidence it is of."""


def _filled(found: list[list[_Hit]], k: int) -> tuple[Scores, Ids]:
    """Hits as arrays; where there are fewer than ``k``, the rest is -inf and -1."""
    scores: NDArray[np.float32] = np.full((len(found), k), -np.inf, np.float32)
    ids = np.full((len(found), k), -1, np.int64)
    for at, row in enumerate(found):
        kept = row[:k]
        if kept:
            scores[at, : len(kept)], ids[at, : len(kept)] = zip(*kept, strict=True)
    return scores, ids


def _merged(parts: list[list[list[_Hit]]]) -> list[list[_Hit]]:
    """The hits of several searches for the same queries, the nearest first."""
    return [sorted((hit for row in rows for hit in row), key=lambda hit: -hit[0]) for rows in zip(*parts, strict=True)]


def _holds(allowed: Ids, number: int) -> bool:
    at = int(np.searchsorted(allowed, number))
    return at < len(allowed) and int(allowed[at]) == number


def _name(state: VectorState) -> str:
    """The name of a collection: letters, digits and underscores, of this library and model alone."""
    slug = re.sub(r"[^a-z0-9]+", "_", state.model.lower()).strip("_")[:60]
    library = re.sub(r"[^0-9a-zA-Z]", "", state.library)
    return f"vagent_{library}_{slug}_{hashlib.sha256(state.model.encode()).hexdigest()[:8]}"


def _tip(evidence: int, vector: Any) -> str:
    stored = np.asarray(vector, np.float16).tobytes()
    return hashlib.sha256(evidence.to_bytes(8, "big") + stored).hexdigest()[:16]
