"""The room of the vectors: one for each evidence row and model, as float16."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vagent.errors import LibraryError
from vagent.index.store.catalogue import Ids
from vagent.index.store.columns import to_json
from vagent.index.store.database import Database

Vectors = NDArray[np.float32]

_BATCH = 4096  # vectors read at once
_TO_EMBED = "trim(e.text) <> '' AND e.kind <> 'summary'"  # of evidence ``e``


@dataclass(frozen=True, slots=True)
class VectorState:
    """What a cache of a model's vectors compares itself with.

    Attributes:
        library: identity of the database; a new library in the same folder has another.
        added, removed: vectors that ever came and went.
        last: highest row number of a vector, which is never given again.
    """

    library: str
    model: str
    dimension: int
    added: int
    removed: int
    last: int

    @property
    def count(self) -> int:
        """Vectors there now."""
        return self.added - self.removed


class VectorRows(Database):
    """Vectors of all models."""

    def put_vectors(self, model: str, ids: Sequence[int] | Ids, vectors: Vectors) -> None:
        """Stores one vector for each evidence id, as float16, in the place of the one there was.

        Args:
            vectors: shape (len(ids), dimension).

        Raises:
            LibraryError: another dimension than the model's vectors that are there, or evidence that is not there.
        """
        if len(vectors) == 0:
            return
        with self.transaction():
            self._run(
                "INSERT INTO embedding_models (name, dimension) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
                (model, vectors.shape[1]),
            )
            ((number, dimension),) = self._rows("SELECT id, dimension FROM embedding_models WHERE name = ?", (model,))
            if dimension != vectors.shape[1] or len(ids) != len(vectors):
                raise LibraryError(
                    "vectors do not fit", f"{len(ids)} ids, {vectors.shape}", allowed=f"(n, {dimension})"
                )
            blobs = vectors.astype(np.float16)
            keys = [(int(i), number) for i in ids]
            self._run_many("DELETE FROM vectors WHERE evidence = ? AND model = ?", keys)
            rows = [(*key, blob.tobytes()) for key, blob in zip(keys, blobs, strict=True)]
            self._run_many("INSERT INTO vectors (evidence, model, vector) VALUES (?, ?, ?)", rows)

    def vectors(self, model: str, *, after: int = 0) -> Iterator[tuple[Ids, Vectors]]:
        """Batches of evidence ids and their vectors, in the order they were stored.

        Args:
            after: only vectors with a higher row number (see ``VectorState.last``).
        """
        for _, evidence, vectors in self.vector_rows(model, after=after):
            yield evidence, vectors

    def vector_rows(self, model: str, *, after: int = 0, batch: int = _BATCH) -> Iterator[tuple[Ids, Ids, Vectors]]:
        """As ``vectors``, with the row numbers before them; neither they nor evidence ids are ever given again.

        Args:
            batch: vectors read at once.
        """
        sql = (
            "SELECT v.id, v.evidence, v.vector FROM vectors v JOIN embedding_models m ON m.id = v.model"
            " WHERE m.name = ? AND v.id > ? ORDER BY v.id LIMIT ?"
        )
        while rows := self._rows(sql, (model, after, batch)):
            after = rows[-1][0]
            numbers = np.array([row[:2] for row in rows], np.int64)
            yield numbers[:, 0], numbers[:, 1], self._matrix([row[2] for row in rows])

    def vector_numbers(self, model: str) -> Ids:
        """The row numbers of all vectors of a model, ascending."""
        sql = "SELECT v.id FROM vectors v JOIN embedding_models m ON m.id = v.model WHERE m.name = ? ORDER BY v.id"
        rows = self._rows(sql, (model,))
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))

    def vectors_at(self, numbers: Ids) -> Vectors:
        """The vectors with some row numbers, in their order, shape (n, dimension)."""
        sql = "SELECT vector FROM vectors WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
        return self._matrix([row[0] for row in self._rows(sql, (to_json(numbers.tolist()),))])

    def live_vectors(self, numbers: Ids) -> Ids:
        """Those of some row numbers of vectors that are still there, ascending."""
        sql = "SELECT id FROM vectors WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
        rows = self._rows(sql, (to_json(numbers.tolist()),))
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))

    def _matrix(self, blobs: Sequence[bytes]) -> Vectors:
        try:
            flat = np.frombuffer(b"".join(blobs), np.float16).astype(np.float32)
            return flat.reshape(len(blobs), -1)
        except (ValueError, TypeError) as error:
            raise self._corrupt(f"a vector has the wrong length: {error}") from error

    def vectors_of(self, model: str, ids: Sequence[int]) -> dict[int, Vectors]:
        """The vectors that the model has of some evidence, by its id."""
        sql = (
            "SELECT v.evidence, v.vector FROM vectors v JOIN embedding_models m ON m.id = v.model"
            " WHERE m.name = ? AND v.evidence IN (SELECT value FROM json_each(?))"
        )
        wanted = to_json([int(number) for number in ids])
        return dict(self._read(lambda row: (int(row[0]), _vector(row[1])), sql, (model, wanted)))

    def vector_state(self, model: str) -> VectorState | None:
        """Where the model's vectors stand; None where it has none and never had."""
        sql = (
            "SELECT (SELECT value FROM meta WHERE key = 'library'), name, dimension, added, removed,"
            " (SELECT coalesce(max(v.id), 0) FROM vectors v WHERE v.model = m.id)"
            " FROM embedding_models m WHERE name = ?"
        )
        return next(iter(self._read(lambda row: VectorState(*row), sql, (model,))), None)

    def generation(self, model: str) -> int:
        """A number that grows whenever vectors of the model are added or removed; 0 where it never had any."""
        state = self.vector_state(model)
        return state.added + state.removed if state else 0

    def embedding_models(self) -> list[str]:
        """Models that have vectors here."""
        sql = "SELECT name FROM embedding_models WHERE added > removed ORDER BY id"
        return self._read(lambda row: str(row[0]), sql)

    def unembedded(self, model: str, limit: int, video: int | None = None) -> list[tuple[int, str]]:
        """Evidence that has no vector of this model yet: ids and the texts to embed. Summaries are embedded apart."""
        sql = (
            f"SELECT e.id, e.text FROM evidence e WHERE (? IS NULL OR e.video = ?) AND {_TO_EMBED} AND NOT EXISTS"
            " (SELECT 1 FROM vectors v JOIN embedding_models m ON m.id = v.model"
            "  WHERE v.evidence = e.id AND m.name = ?) ORDER BY e.id LIMIT ?"
        )
        return self._rows(sql, (video, video, model, limit))

    def videos_without_vectors(self, model: str) -> list[int]:
        """Videos that were indexed, but not with this model: their first row that has a text has no vector of it."""
        first = f"SELECT e.id FROM evidence e WHERE e.video = v.id AND {_TO_EMBED} ORDER BY e.start, e.id LIMIT 1"
        sql = (
            f"SELECT id FROM (SELECT v.id, ({first}) AS row FROM videos v WHERE v.complete)"
            " WHERE row IS NOT NULL AND NOT EXISTS (SELECT 1 FROM vectors x JOIN embedding_models m ON m.id = x.model"
            "  WHERE x.evidence = row AND m.name = ?) ORDER BY id"
        )
        return self._read(lambda row: int(row[0]), sql, (model,))

    def complete_videos(self) -> int:
        """How many videos have been indexed to their end."""
        return int(self._rows("SELECT count(*) FROM videos WHERE complete")[0][0])


def _vector(blob: bytes) -> Vectors:
    return np.frombuffer(blob, np.float16).astype(np.float32)
