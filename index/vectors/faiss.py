"""Nearest vectors by FAISS: an index over the database's vectors, kept in a file that may be deleted at any time.

The database is the truth. The file beside it says which state of it it holds; whatever disagrees, is cut short or has
flipped bits is thrown away and made again from the database.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vagent.configs import SearchSettings
from vagent.errors import LibraryError
from vagent.index.store import Ids, Store, Vectors, VectorState
from vagent.index.vectors import Scores, refuse_others
from vagent.index.vectors.cards import HITS, Card, on_card
from vagent.index.vectors.files import replace

_log = logging.getLogger("vagent.index.vectors")

_FORMAT = 1
_RECALL = 0.99  # part of the true ten nearest that an approximate index must find
_PROBES = 256  # queries by which that is measured
_SAVED_SHARE = 0.1  # new vectors, as a part of all, after which the file is written anew


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What the file holds; it stands beside it as JSON."""

    format: int
    library: str
    model: str
    dimension: int
    added: int
    removed: int
    last: int
    count: int
    nprobe: int  # 0: exact
    size: int
    sha256: str


class FaissVectors:
    """Search among the vectors of one embedding model.

    Exact up to ``settings.exact_vectors``, beyond that inverted lists of which as many are looked into as ten nearest
    need to be found with a recall of 0.99. Brought up to date with the database at every search. On a graphics card
    where FAISS can use one, with the same results. May be used from several threads, but not inside a transaction,
    whose vectors may never come to be. Nothing is written to the database; the file is written where the folder allows
    it.

    Args:
        folder: the library's folder.
        model, dimension: the embedding engine's.
    """

    def __init__(self, store: Store, folder: Path, model: str, dimension: int, settings: SearchSettings) -> None:
        slug = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")[:60]
        self.file = folder / "vectors" / f"{slug}.faiss"
        self.manifest = self.file.with_suffix(".json")
        self.model = model
        self.dimension = dimension
        self.origin = "not loaded yet"
        self._store = store
        self._settings = settings
        self._lock = threading.RLock()
        self._index: Any = None
        self._card: Card | None = None  # the same on a graphics card
        self._state: VectorState | None = None
        self._nprobe = 0
        self._saved = 0  # vectors that the file holds

    def close(self) -> None:
        """See the interface."""
        with self._lock:
            self._index = self._card = self._state = None

    def search(self, vectors: Vectors, k: int, allowed: Ids | None = None) -> tuple[Scores, Ids]:
        """See the interface."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise LibraryError("the query's vector does not fit", vectors.shape, allowed=f"(n, {self.dimension})")
        scores = np.full((len(vectors), k), -np.inf, np.float32)
        ids = np.full((len(vectors), k), -1, np.int64)
        with self._lock:
            self.refresh()
            known = 0 if self._index is None else int(self._index.ntotal)
            if not known or not len(vectors) or (allowed is not None and not len(allowed)):
                return scores, ids
            found = min(k, known)
            query = np.ascontiguousarray(vectors, np.float32)
            some_scores, some_ids = self._nearest(query, found, allowed)
        missing = some_ids < 0
        some_scores[missing] = -np.inf
        scores[:, :found], ids[:, :found] = some_scores, some_ids
        return scores, ids

    def _nearest(self, query: Vectors, k: int, allowed: Ids | None) -> tuple[Scores, Ids]:
        if self._card is not None and allowed is None and k <= HITS:
            try:
                scores, ids = self._card.search(query, k)
                return scores, ids
            except RuntimeError as error:  # memory that something else has taken, a driver that has gone
                _log.warning("vectors are searched on the processor from now on (%s)", error)
                self._card = None
        with _one_thread():
            scores, ids = self._index.search(query, k, params=self._parameters(allowed))
        return scores, ids

    def refresh(self) -> None:
        """Makes the index agree with the database: from the file where it is good, else from the vectors themselves.

        Raises:
            LibraryError: the library's vectors are another model's.
        """
        with self._lock, self._store.snapshot():
            state = self._store.vector_state(self.model)
            if state is None or state.count == 0:
                refuse_others(self._store, self.model)
                self._index = self._card = None
            elif state.dimension != self.dimension:
                raise LibraryError(
                    f"vectors of {self.model} in the library have {state.dimension} numbers, the engine's have",
                    self.dimension,
                    hint="index the videos again",
                )
            elif state != self._state:
                if self._index is None:
                    self._load(state)
                try:
                    self._catch_up(state)
                except BaseException:
                    self._index = self._card = None  # half of what is new may be in it
                    raise
                self._card = on_card(_faiss(), self._index, self._nprobe)
            self._state = state

    # ------------------------------------------------------------------ from the database

    def _catch_up(self, state: VectorState) -> None:
        """Adds what is new; starts over when vectors have gone or the index would become of the other sort."""
        now = self._state
        exact = state.count <= self._settings.exact_vectors
        if self._index is None or now is None or now.removed != state.removed or exact != (self._nprobe == 0):
            self._rebuild(state)
        elif state.last > now.last:
            self.origin = f"{self._add(self._index, after=now.last)} added"
        if state.count - self._saved > _SAVED_SHARE * state.count:
            self._save(state)

    def _rebuild(self, state: VectorState) -> None:
        faiss = _faiss()
        _log.info("making the index of %d vectors of %s", state.count, self.model)
        exact = faiss.index_factory(self.dimension, "IDMap2,SQfp16", faiss.METRIC_INNER_PRODUCT)
        self._add(exact, after=0)
        self._index, self._nprobe, self._saved = exact, 0, 0
        if state.count > self._settings.exact_vectors:
            self._index, self._nprobe = self._approximate(exact)
        self.origin = "made from the database"

    def _add(self, index: Any, after: int) -> int:
        before = index.ntotal
        for ids, vectors in self._store.vectors(self.model, after=after):
            index.add_with_ids(vectors, ids)
        return int(index.ntotal - before)

    def _approximate(self, exact: Any) -> tuple[Any, int]:
        """Inverted lists, and how many of them have to be looked into."""
        faiss = _faiss()
        count = int(exact.ntotal)
        lists = max(1, round(4 * math.sqrt(count)))
        index = faiss.index_factory(self.dimension, f"IVF{lists},SQfp16", faiss.METRIC_INNER_PRODUCT)
        chance = np.random.default_rng(0)
        sample = np.sort(chance.choice(count, min(count, 40 * lists), replace=False))
        vectors = exact.index.reconstruct_batch(sample)
        index.train(vectors)
        ids = faiss.vector_to_array(exact.id_map)
        for first in range(0, count, 65536):
            rows = np.arange(first, min(first + 65536, count))
            index.add_with_ids(exact.index.reconstruct_batch(rows), ids[rows])
        # Questions lie near texts, not on them.
        queries = vectors[:: max(1, len(vectors) // _PROBES)][:_PROBES]
        noise = chance.standard_normal(queries.shape).astype(np.float32)
        queries = queries + 0.5 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        return index, _probes(index, exact, queries, lists)

    # ------------------------------------------------------------------ the file

    def _load(self, state: VectorState) -> None:
        faiss = _faiss()
        level = logging.INFO  # that it is missing or old is a matter of course, that it is damaged is not
        try:
            manifest = _Manifest(**json.loads(self.manifest.read_bytes()))
            reason = _disagreement(manifest, state, self._settings)
            content = b"" if reason else self.file.read_bytes()
            if not reason and (len(content), hashlib.sha256(content).hexdigest()) != (manifest.size, manifest.sha256):
                reason, level = "it is damaged", logging.WARNING
            if not reason:
                index = faiss.deserialize_index(np.frombuffer(content, np.uint8))
                if index.ntotal == manifest.count:
                    self._index, self._nprobe, self._saved = index, manifest.nprobe, manifest.count
                    state_of_file = (manifest.added, manifest.removed, manifest.last)
                    self._state = VectorState(state.library, self.model, self.dimension, *state_of_file)
                    self.origin = "read from its file"
                    return
                reason = "it holds another number of vectors than it says"
        except FileNotFoundError:
            reason = "there is none"
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            reason, level = f"it cannot be read: {error}", logging.WARNING
        _log.log(level, "the file of vectors is not used: %s; it is made anew from the database", reason)

    def _save(self, state: VectorState) -> None:
        """Writes the file where that is possible; the library works without it."""
        faiss = _faiss()
        content = faiss.serialize_index(self._index).tobytes()
        manifest = _Manifest(
            format=_FORMAT,
            library=state.library,
            model=self.model,
            dimension=self.dimension,
            added=state.added,
            removed=state.removed,
            last=state.last,
            count=int(self._index.ntotal),
            nprobe=self._nprobe,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        try:
            self.file.parent.mkdir(exist_ok=True)
            replace(self.file, content)
            replace(self.manifest, json.dumps(asdict(manifest), indent=1).encode())
        except OSError as error:
            _log.warning("the vectors cannot be kept in %s, they are made anew each time (%s)", self.file, error)
        else:
            self._saved = state.count

    def _parameters(self, allowed: Ids | None) -> Any:
        faiss = _faiss()
        selector = None
        if allowed is not None:
            chosen = np.zeros(int(allowed.max()) + 1, bool)
            chosen[allowed] = True
            selector = faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))
        if not self._nprobe:
            return faiss.SearchParameters(sel=selector)
        # Few lists may hold none of the allowed rows: with a filter all of them are looked into.
        nprobe = self._nprobe if selector is None else self._index.nlist
        return faiss.SearchParametersIVF(sel=selector, nprobe=nprobe)


def _faiss() -> Any:
    """The package, loaded when it is needed; its type stubs disagree with what it does, so it counts as untyped."""
    import faiss

    return faiss


@contextmanager
def _one_thread() -> Iterator[None]:
    """A search takes milliseconds; on a busy machine threads that wait for each other make it ten times slower."""
    faiss = _faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _probes(index: Any, exact: Any, queries: Vectors, lists: int) -> int:
    """The smallest power of two of lists to look into for the recall that is asked for."""
    faiss = _faiss()
    _, truth = exact.search(queries, 10)
    nprobe = 8
    while nprobe < lists:
        _, found = index.search(queries, 10, params=faiss.SearchParametersIVF(nprobe=nprobe))
        recall = np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(truth, found, strict=True)])
        if recall >= _RECALL:
            return nprobe
        nprobe *= 2
    return lists


def _disagreement(manifest: _Manifest, state: VectorState, settings: SearchSettings) -> str:
    """Why a file cannot serve for this state of the database; empty where it can, if need be with additions."""
    checks: list[tuple[str, Callable[[], bool]]] = [
        ("it has another format", lambda: manifest.format == _FORMAT),
        ("it belongs to another library", lambda: manifest.library == state.library),
        ("it holds another model's vectors", lambda: manifest.model == state.model),
        ("its vectors have another length", lambda: manifest.dimension == state.dimension),
        ("vectors have been removed since", lambda: manifest.removed == state.removed),
        ("it is newer than the database", lambda: manifest.added <= state.added and manifest.last <= state.last),
        ("it is of another sort", lambda: (manifest.nprobe == 0) == (state.count <= settings.exact_vectors)),
    ]
    return next((reason for reason, holds in checks if not holds()), "")
