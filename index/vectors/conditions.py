"""Which rows a search may find, as conditions of a language that takes only so much at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vagent.index.store import Ids

_RUNS = 200  # runs of neighbouring ids in one condition, at most: each makes its expression tree one deeper
_SINGLES = 8192  # ids by themselves in one condition, at most


def conditions(field: str, allowed: Ids) -> Iterator[str]:
    """Boolean expressions that let through some ids, each of them exactly one, and nothing else.

    Evidence of one video is stored in runs of neighbouring ids, so most filters become a few ranges.

    Args:
        field: what holds the id.
        allowed: ascending, without repeats.
    """
    if not len(allowed):
        return
    edges = np.flatnonzero(np.diff(allowed) != 1) + 1
    firsts = allowed[np.concatenate([[0], edges])]
    lasts = allowed[np.concatenate([edges - 1, [len(allowed) - 1]])]
    runs = np.flatnonzero(lasts - firsts > 1)
    singles = np.concatenate([firsts[lasts - firsts <= 1], lasts[lasts - firsts == 1]])
    for at in range(0, len(runs), _RUNS):
        spans = zip(firsts[runs[at : at + _RUNS]].tolist(), lasts[runs[at : at + _RUNS]].tolist(), strict=True)
        yield " or ".join(f"({field} >= {first} and {field} <= {last})" for first, last in spans)
    for at in range(0, len(singles), _SINGLES):
        yield f"{field} in {sorted(singles[at : at + _SINGLES].tolist())}"
