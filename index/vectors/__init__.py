"""Nearest vectors: where the vectors of a library are searched.

The database is the truth; what is here holds a copy of its vectors, made for searching, and brings it up to date by
itself. A further way of searching is one file with one class and its row in ``INDEXES``; run
``tests/index/vectors/test_contract.py`` over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vagent.configs import SearchSettings
from vagent.errors import EngineUnavailable, LibraryError, SettingsError
from vagent.index.recorded import of_pictures, sort
from vagent.index.store import Ids, Store, Vectors

__all__ = ["INDEXES", "Index", "Scores", "VectorIndex", "open_index", "refuse_others"]

Scores: TypeAlias = NDArray[np.float32]


class VectorIndex(Protocol):
    """Search among the vectors of one embedding model of one library.

    May be used from several threads, but not inside a transaction, whose vectors may never come to be. Nothing is
    written to the database. The constructor must be cheap and takes, in this order:

    - ``store``: the library's database.
    - ``folder``: the library's folder; files go into ``vectors`` in it.
    - ``model``, ``dimension``: the embedding engine's, as they are recorded.
    - ``settings``: the ``search`` section.
    """

    model: str
    dimension: int

    @property
    def origin(self) -> str:
        """Where what is searched came from, in words for a person."""
        ...

    def search(self, vectors: Vectors, k: int, allowed: Ids | None = None) -> tuple[Scores, Ids]:
        """The ``k`` evidence rows nearest to each vector, in the database as it is now.

        Args:
            vectors: unit vectors, float32, shape (n, dimension).
            allowed: only these evidence ids, ascending; None: all.

        Returns:
            Inner products, falling, and evidence ids, both of shape (n, k). Where there are fewer than ``k``, the rest
            is filled with -inf and -1. Of the true ten nearest at least 99 % are found, on average.

        Raises:
            LibraryError: the library's vectors are another model's, or the query is of another length.
        """
        ...

    def refresh(self) -> None:
        """Makes the index agree with the database; ``search`` does this by itself.

        Raises:
            LibraryError: the library's vectors are another model's.
        """
        ...

    def close(self) -> None:
        """Lets go of files, memory and connections; the index may not be used afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Index:
    """A way of searching among vectors: where its class is, and what has to be installed for it."""

    where: str
    needs: str
    fix: str


INDEXES: Mapping[str, Index] = {
    "faiss": Index("vagent.index.vectors.faiss:FaissVectors", "faiss", "pip install faiss-cpu"),
    "milvus": Index("vagent.index.vectors.milvus:MilvusVectors", "pymilvus", "pip install 'vagent[milvus]'"),
}
"""The values of the setting ``search.vectors``."""


def open_index(store: Store, folder: Path, model: str, dimension: int, settings: SearchSettings) -> VectorIndex:
    """The vectors of one model, searched by what ``settings.vectors`` names.

    Raises:
        SettingsError: nothing has that name.
        EngineUnavailable: what it needs is not installed.
    """
    named = settings.vectors
    if named not in INDEXES:
        raise SettingsError("no way of searching vectors has this name", named, allowed=INDEXES)
    index = INDEXES[named]
    if find_spec(index.needs) is None:
        raise EngineUnavailable(
            f"vectors cannot be searched with {named}: {index.needs} is not installed", hint=index.fix
        )
    module, _, name = index.where.partition(":")
    made: VectorIndex = getattr(import_module(module), name)(store, folder, model, dimension, settings)
    return made


def refuse_others(store: Store, model: str) -> None:
    """Where a model has no vectors in a library: whether another of the same sort has.

    Raises:
        LibraryError: it has; what the query was embedded with cannot be compared with them.
    """
    others = [name for name in store.embedding_models() if sort(name) == sort(model)]
    if others:
        sense = "visual" if of_pictures(model) else "embeddings"
        raise LibraryError(
            f"the library was embedded with {' and '.join(others)}, the query with",
            model,
            hint=f"take that engine with --engine {sense}=NAME, or embed anew with `vagent index` on its videos",
        )
