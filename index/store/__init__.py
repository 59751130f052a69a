"""The library's database: videos, what the senses found in them, and how far indexing has come.

A ``Store`` may be used from several threads and processes. Every method is one transaction by itself and joins the
caller's inside ``with store.transaction()``. Times are seconds from the video's start; ids are never used twice.

Each group of tables has a room, a module of this package; ``Store`` is all of them together.
"""

from __future__ import annotations

from vagent.index.store.catalogue import Ids
from vagent.index.store.columns import StageState, Status
from vagent.index.store.evidence import EvidenceRows
from vagent.index.store.filters import Filters
from vagent.index.store.leases import Lease, Leases
from vagent.index.store.pieces import Pieces
from vagent.index.store.places import Place, Places
from vagent.index.store.problems import Problem, Problems
from vagent.index.store.progress import Actual, Progress
from vagent.index.store.vectors import VectorRows, Vectors, VectorState
from vagent.index.store.videos import Videos
from vagent.index.store.walks import Line, Walks

__all__ = [
    "Actual",
    "Filters",
    "Ids",
    "Lease",
    "Line",
    "Place",
    "Problem",
    "StageState",
    "Status",
    "Store",
    "VectorState",
    "Vectors",
]


class Store(Videos, Places, Progress, Pieces, Walks, EvidenceRows, VectorRows, Problems, Leases):
    """The library in a folder; see ``Database`` for how it is opened."""
