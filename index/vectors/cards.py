"""A FAISS index on a graphics card, where this build of FAISS can use one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from vagent.index.store import Ids, Vectors
from vagent.index.vectors import Scores

_log = logging.getLogger("vagent.index.vectors")

_SCRATCH = 64 << 20  # bytes to calculate in; FAISS would take far more from the models that share the card

HITS = 2048
"""Rows that FAISS finds on a graphics card at once, at most."""


@dataclass(frozen=True, slots=True)
class Card:
    """An index on a graphics card, with the memory it lies in, which must live as long."""

    index: Any
    resources: Any

    def search(self, query: Vectors, k: int) -> tuple[Scores, Ids]:
        """As the index itself has it."""
        scores, ids = self.index.search(query, k)
        return scores, ids


def cards(faiss: Any) -> bool:
    """Whether this build of FAISS can use a graphics card that is here."""
    # Only builds for cards have the first name; with one and no card there are none to count.
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def on_card(faiss: Any, index: Any, nprobe: int) -> Card | None:
    """A copy of inverted lists on the first graphics card; None where it does not take them.

    A search with a filter stays on the processor: FAISS knows none on cards for every sort of index.
    """
    try:
        resources = faiss.StandardGpuResources()
        resources.setTempMemory(_SCRATCH)
        copy = faiss.index_cpu_to_gpu(resources, 0, index)
        copy.nprobe = nprobe
    except RuntimeError as error:
        _log.warning("vectors are searched on the processor: the graphics card does not take them (%s)", error)
        return None
    return Card(copy, resources)
