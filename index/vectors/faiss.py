"""Nearest vectors by FAISS: files over the database's vectors that may be deleted at any time.

The database is the truth. New vectors are held in memory and written, when there are enough of them, to a file of their
own; files of like size are joined, so that each vector is written a few times however large the library grows (a
log-structured merge-tree: O'Neil, Cheng, Gawlick and O'Neil, 1996). What was removed stays in the files and is passed
over, until it is a quarter of them. Files that disagree with the database, are cut short or have flipped bits are
thrown away and made again.
"""

from __future__ import annotations

import logging
import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.configs import SearchSettings
from vagent.errors import LibraryError
from vagent.index.store import Ids, Store, Vectors, VectorState
from vagent.index.store.shelf import alone
from vagent.index.vectors import Scores, refuse_others
from vagent.index.vectors.cards import HITS, Card, cards, on_card
from vagent.index.vectors.lists import Lists, Probing, sample_size, single, train
from vagent.index.vectors.manifest import FORMAT, Manifest, OtherFormat
from vagent.index.vectors.masks import Filter, exactly
from vagent.index.vectors.segments import Batch, Damaged, Segment, one_thread, sums_of, together

_log = logging.getLogger("vagent.index.vectors")

_ANEW = "the file of vectors is not used: %s; it is made anew from the database"

_TAIL = 4096  # vectors that are held in memory alone, at most
_SHARE = 0.1  # new vectors, as a part of all, that are held in memory alone, at most
_SMALL = 16384  # files that hold fewer vectors together are always joined
_LIKE = 2  # a file is joined with the next one that has at least half of its vectors
_DEAD = 0.25  # removed vectors, as a part of all, beyond which everything is made anew
_GROWN = 4  # lists are made anew when there are so many times more vectors than they were made for
_FILTERS = 4  # of which it is kept what they let through
_LOOKED = 10_000  # allowed vectors that are all looked at, however far off their lists are


class FaissVectors:
    """Search among the vectors of one embedding model.

    Exact up to ``settings.exact_vectors``, beyond that inverted lists of which as many are looked into as ten nearest
    need to be found with a recall of 0.99. On a graphics card where FAISS can use one, with the same results. The files
    are written where the folder allows it. See ``VectorIndex``.
    """

    def __init__(self, store: Store, folder: Path, model: str, dimension: int, settings: SearchSettings) -> None:
        slug = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")[:60]
        self.folder = folder / "vectors"
        self.manifest = self.folder / f"{slug}.json"
        self.model = model
        self.dimension = dimension
        self.origin = "not loaded yet"
        self._store = store
        self._settings = settings
        self._lock = threading.RLock()
        self._refused: Manifest | None = None
        self._forget()

    def _forget(self) -> None:
        self._state: VectorState | None = None
        self._lists: Lists = single(self.dimension)
        self._segments: list[Segment] = []
        self._tail: list[Batch] = []
        self._cards: list[Card] = []
        self._filters: list[Filter] = []

    def close(self) -> None:
        """See the interface."""
        with self._lock:
            self._forget()

    @property
    def files(self) -> list[Path]:
        """The files that are used now, the oldest vectors first."""
        return [segment.file for segment in self._segments if segment.file is not None]

    @property
    def exact(self) -> bool:
        """True where every search looks at every vector."""
        return self._lists.exact

    # ------------------------------------------------------------------ search

    def search(self, vectors: Vectors, k: int, allowed: Ids | None = None) -> tuple[Scores, Ids]:
        """See the interface."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise LibraryError("the query's vector does not fit", vectors.shape, allowed=f"(n, {self.dimension})")
        query = np.ascontiguousarray(vectors, np.float32)
        with self._lock:
            self.refresh()
            try:
                return self._living(query, k, allowed)
            except Damaged as error:
                self._start_over(str(error))
                return self._living(query, k, allowed)

    def _living(self, query: Vectors, k: int, allowed: Ids | None) -> tuple[Scores, Ids]:
        """The nearest that are still in the database; more are looked for until there are enough."""
        known = sum(map(len, self._segments)) + sum(len(rows) for rows, _, _ in self._tail)
        alive = self._state.count if self._state else 0
        scores = np.full((len(query), k), -np.inf, np.float32)
        ids = np.full((len(query), k), -1, np.int64)
        if not alive or not len(query) or (allowed is not None and not len(allowed)):
            return scores, ids
        asked = min(k, known)
        while True:
            some, evidence, rows = self._nearest(query, asked, allowed)
            there = rows >= 0
            if known > alive:
                there &= np.isin(rows, self._store.live_vectors(np.unique(rows[there])))
            if asked == known or np.all((there.sum(axis=1) >= k) | (rows[:, -1] < 0)):
                break
            asked = min(4 * asked, known)
        for number, kept in enumerate(there):
            count = min(k, int(kept.sum()))
            scores[number, :count] = some[number, kept][:k]
            ids[number, :count] = evidence[number, kept][:k]
        return scores, ids

    def _nearest(self, query: Vectors, k: int, allowed: Ids | None) -> tuple[Scores, Ids, Ids]:
        """Scores, evidence ids and row numbers, each (n, k), of the nearest in all segments and the tail."""
        chosen = None if allowed is None else self._filter(allowed)
        if chosen is None and self._cards and k <= HITS:
            parts = self._on_cards(query, k)
        else:
            parts = self._in_lists(query, k, chosen)
        found = [
            (scores, np.where(at < 0, -1, segment.evidence[at]), np.where(at < 0, -1, segment.rows[at]))
            for segment, (scores, at) in zip(self._segments, parts, strict=True)
        ]
        found += [exactly(query, batch, chosen) for batch in self._tail]
        scores, evidence, rows = (np.hstack([part[which] for part in found]) for which in range(3))
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        scores, evidence, rows = (np.take_along_axis(values, best, axis=1) for values in (scores, evidence, rows))
        return scores, evidence, np.where(np.isneginf(scores), -1, rows)

    def _filter(self, allowed: Ids) -> Filter:
        """Where what is allowed lies; the searches of one question ask for the same several times."""
        for known in self._filters:
            if known.ids is allowed:
                return known
        made = Filter(allowed, self._segments, len(self._lists.centres))
        self._filters = [*self._filters, made][-_FILTERS:]
        return made

    def _in_lists(self, query: Vectors, k: int, chosen: Filter | None) -> list[tuple[Scores, NDArray[np.int64]]]:
        lists = self._chosen_lists(query, chosen)
        masks = [None] * len(self._segments) if chosen is None else chosen.masks
        faiss = _faiss()
        with one_thread(faiss):
            return [
                segment.search(faiss, query, min(k, len(segment)), lists, mask)
                for segment, mask in zip(self._segments, masks, strict=True)
            ]

    def _chosen_lists(self, query: Vectors, chosen: Filter | None) -> NDArray[np.int64]:
        """The lists to look into for each query, -1 for those that are known to hold nothing that is allowed: with a
        filter as many as hold as many allowed vectors as a search without one looks at; all, where few are allowed.
        """
        order = self._lists.order(query)
        number, probes = order.shape[1], self._lists.probes
        if chosen is None:
            return order[:, :probes]
        wanted = max(_LOOKED, probes * sum(map(len, self._segments)) // number)
        seen = np.cumsum(chosen.held[order], axis=1)
        enough = int(np.max(np.argmax(seen >= min(wanted, int(chosen.held.sum())), axis=1))) + 1
        some = order[:, : max(enough, min(number, probes))]
        return np.where(chosen.held[some] > 0, some, -1) if chosen.known else some

    def _on_cards(self, query: Vectors, k: int) -> list[tuple[Scores, NDArray[np.int64]]]:
        try:
            return [card.search(query, min(k, len(s))) for card, s in zip(self._cards, self._segments, strict=True)]
        except RuntimeError as error:  # memory that something else has taken, a driver that has gone
            _log.warning("vectors are searched on the processor from now on (%s)", error)
            self._cards = []
            return self._in_lists(query, k, None)

    # ------------------------------------------------------------------ keeping up with the database

    def refresh(self) -> None:
        """See the interface."""
        with self._lock, self._store.snapshot():
            state = self._store.vector_state(self.model)
            if state is None or state.count == 0:
                refuse_others(self._store, self.model)
                self._forget()
            elif state.dimension != self.dimension:
                raise LibraryError(
                    f"vectors of {self.model} in the library have {state.dimension} numbers, the engine's have",
                    self.dimension,
                    hint="index the videos again",
                )
            elif state != self._state:
                try:
                    self._catch_up(state)
                except BaseException:
                    self._forget()  # half of what is new may be in it
                    raise
            self._state = state

    def _catch_up(self, state: VectorState) -> None:
        self._filters = []
        if self._state is None:
            self._load(state)
        new = 0
        if self._segments:
            for batch in self._store.vector_rows(self.model, after=self._last):
                self._tail.append(batch)
                new += len(batch[0])
        if len(self._tail) > 1:  # every commit that was seen would be searched by itself
            self._tail = [together(self._tail)]
        if self._outgrown(state):
            self._make(state)
        elif new:
            self.origin = f"{new} added"
        self._flush(state)
        if len(self._cards) != len(self._segments):
            self._cards = self._copies()

    @property
    def _last(self) -> int:
        """The highest row number that is known."""
        rows = [segment.rows for segment in self._segments] + [rows for rows, _, _ in self._tail]
        return max((int(some[-1]) for some in rows if len(some)), default=0)

    def _outgrown(self, state: VectorState) -> bool:
        """Whether what there is serves no longer: nothing, much that has gone, too few lists, or the other sort."""
        known = sum(map(len, self._segments)) + sum(len(rows) for rows, _, _ in self._tail)
        if not self._segments or known - state.count > _DEAD * known:
            return True
        most = self._settings.exact_vectors
        if self._lists.exact:
            return state.count > most
        # Half, so that a library at the border does not change its sort with every video.
        return state.count <= most // 2 or state.count > _GROWN * self._lists.trained

    def _start_over(self, reason: str) -> None:
        """What a search found to be damaged is made anew."""
        _log.warning(_ANEW + " (%s)", "it is damaged", reason)
        with self._store.snapshot():
            state = self._store.vector_state(self.model)
            if state is not None:
                self._make(state)
                self._flush(state)
                self._cards = self._copies()
            self._state = state

    def _make(self, state: VectorState) -> None:
        """Everything from the database; lists are trained where there are too many vectors to look at each."""
        faiss = _faiss()
        _log.info("making the index of %d vectors of %s", state.count, self.model)
        self._forget()
        lists, probing = single(self.dimension), None
        if state.count > self._settings.exact_vectors:
            numbers = self._store.vector_numbers(self.model)
            chance = np.random.default_rng(0)
            sample = np.sort(chance.choice(numbers, sample_size(len(numbers)), replace=False))
            vectors = self._store.vectors_at(sample)
            lists = train(faiss, vectors, state.count)
            probing = Probing(lists, chance.permutation(vectors))

        def placed() -> Iterator[tuple[Batch, NDArray[np.int64]]]:
            for batch in self._store.vector_rows(self.model):
                places = lists.assign(batch[2])
                if probing is not None:
                    probing.see(batch[2], places)
                yield batch, places

        self._segments = [Segment.of(faiss, lists, placed())]
        self._lists = lists if probing is None else Lists(lists.centres, probing.probes(), lists.trained)
        self.origin = "made from the database"

    # ------------------------------------------------------------------ the files

    def _load(self, state: VectorState) -> None:
        detail, level = "", logging.INFO  # that it is missing or old is a matter of course, that it is damaged is not
        try:
            manifest = Manifest.read(self.manifest)
            reason = manifest.disagreement(state)
            if not reason:
                self._segments = [Segment.open(_faiss(), self.folder / name) for name in manifest.segments]
                if (manifest.count, manifest.last) == (sum(map(len, self._segments)), self._last):
                    self._lists = Lists(self._segments[0].centres(_faiss()), manifest.probes, manifest.trained)
                    self.origin = "read from its file"
                    return
                reason = "it holds other vectors than it says"
            self._refused = manifest
        except FileNotFoundError:
            reason = "there is none"
        except OtherFormat:
            reason = "it has another format"
        except Damaged as error:
            reason, detail, level = "it is damaged", f" ({error})", logging.WARNING
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            reason, level = f"it cannot be read: {error}", logging.WARNING
        self._forget()
        _log.log(level, _ANEW + "%s", reason, detail)

    def _flush(self, state: VectorState) -> None:
        """Puts what is held in memory into segments when it has become much, joins those of like size, writes them."""
        faiss = _faiss()
        new = sum(len(rows) for rows, _, _ in self._tail)
        try:
            if new > min(_TAIL, _SHARE * state.count):
                tail = ((batch, self._lists.assign(batch[2])) for batch in self._tail)
                self._segments.append(Segment.of(faiss, self._lists, tail))
                self._tail, self._cards = [], []
            while len(self._segments) > 1 and _alike(*self._segments[-2:]):
                self._segments[-2:] = [self._segments[-2].joined(faiss, self._segments[-1])]
        except (Damaged, RuntimeError) as error:  # FAISS raises the latter where a file has gone
            _log.warning(_ANEW, error)
            self._make(state)
        if any(segment.file is None for segment in self._segments):
            self._save(state)

    def _save(self, state: VectorState) -> None:
        """Writes the files where that is possible; the library works without them."""
        faiss = _faiss()
        try:
            self.folder.mkdir(exist_ok=True)
            with alone(self.manifest) as free:
                if not free or self._outdone(state):
                    return  # another process writes them, or has written more
                for place, segment in enumerate(self._segments):
                    if segment.file is None:
                        file = self.folder / f"{self.manifest.stem}.{uuid.uuid4().hex[:12]}.faiss"
                        segment.save(faiss, file)
                        self._segments[place] = Segment.open(faiss, file)
                self._described(state).write(self.manifest)
                self._sweep()
        except (OSError, Damaged) as error:
            _log.warning("the vectors cannot be kept in %s, they are made anew each time (%s)", self.manifest, error)

    def _outdone(self, state: VectorState) -> bool:
        """Whether the files that are there hold more than these would."""
        try:
            manifest = Manifest.read(self.manifest)
        except (OSError, ValueError, TypeError):
            return False
        return manifest != self._refused and manifest.library == state.library and manifest.added > state.added

    def _described(self, state: VectorState) -> Manifest:
        segments = self._segments
        return Manifest(
            format=FORMAT,
            library=state.library,
            model=self.model,
            dimension=self.dimension,
            added=state.added,
            removed=state.removed,
            last=int(segments[-1].rows[-1]),
            count=sum(map(len, segments)),
            probes=self._lists.probes,
            trained=self._lists.trained,
            segments=[file.name for file in self.files],
        )

    def _sweep(self) -> None:
        """Removes the files that are used no longer; a process that has one open goes on with what it has."""
        used = {file.name for segment in self.files for file in (segment, sums_of(segment))}
        ours = (f"{self.manifest.stem}.", f".{self.manifest.stem}.")
        for file in self.folder.iterdir():
            if file.name.startswith(ours) and file.name not in used and file.suffix in {".faiss", ".npz", ".new"}:
                file.unlink(missing_ok=True)

    def _copies(self) -> list[Card]:
        """The segments on a graphics card; empty where FAISS cannot use one."""
        faiss = _faiss()
        if not cards(faiss):
            return []
        copies = []
        for segment in self._segments:
            segment.check()
            card = on_card(faiss, segment.index, self._lists.probes)
            if card is None:
                return []
            copies.append(card)
        return copies


def _faiss() -> Any:
    """The package, loaded when it is needed; its type stubs disagree with what it does, so it counts as untyped."""
    import faiss

    return faiss


def _alike(earlier: Segment, later: Segment) -> bool:
    return len(earlier) + len(later) <= _SMALL or len(earlier) <= _LIKE * len(later)
