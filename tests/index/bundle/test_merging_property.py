"""Merging loses nothing, repeats nothing, has no direction, and is done once: over random small libraries."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.index.bundle.samples import FULL, KINDS, Film, Stage, content, merge, raw, write
from vagent.index.store import Store

PATHS = {name: [f"/{name}/{number}.mp4" for number in range(2)] for name in "abc"}
SHM = Path("/dev/shm")
DATES = ["2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"]


@st.composite
def films(draw: st.DrawFn, name: str) -> Film:
    """A film as any library may know it. What a finished stage found is the same wherever it was finished."""
    stages = {}
    for stage in FULL:
        far = draw(st.sampled_from([None, 0, 1, 2, "done", "done"]))
        if far is not None:
            cursor = None if far == "done" else float(far)
            stages[stage] = Stage(cursor, "s", draw(st.sampled_from(DATES)))
    told = draw(st.lists(st.sampled_from(PATHS[name]), min_size=1, max_size=2, unique=True))
    whole = "subtitles" in stages and stages["subtitles"].cursor is None
    return Film(
        name,
        stages,
        models=draw(st.frozensets(st.sampled_from(["m", "n"]))),
        paths=tuple((path, draw(st.sampled_from(DATES))) for path in told),
        pictures=draw(st.booleans()),
        summary=whole and draw(st.booleans()),
        title=draw(st.sampled_from([None, f"The {name}"])),
        added=draw(st.sampled_from(DATES)),
    )


def libraries() -> st.SearchStrategy[list[Film]]:
    """A few films of three."""
    chosen = st.sets(st.sampled_from("abc"), max_size=2)
    return chosen.flatmap(lambda names: st.tuples(*(films(name) for name in sorted(names))).map(list))


def finished(folder: Path) -> set[tuple[str, ...]]:
    """Every row of evidence that a finished stage found, and every model that it has a vector of."""
    found: set[tuple[str, ...]] = set()
    for fingerprint, known in content(folder).items():
        done = {KINDS[stage] for stage, _, status, *_ in known["stages"] if status == "done" and stage in KINDS}
        of_done = [row for row in known["evidence"] if row.startswith(tuple(f"({kind!r}" for kind in done))]
        found |= {(fingerprint, row) for row in of_done}
        found |= {(fingerprint, row, model) for row, model, _ in known["vectors"] if row in of_done}
    return found


@settings(max_examples=60, deadline=None)
@given(one=libraries(), other=libraries())
def test_merging_loses_nothing_repeats_nothing_and_has_no_direction(one: list[Film], other: list[Film]) -> None:
    # In memory where that is possible: each example waits for the disk a hundred times.
    with tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as base:
        _merge_both_ways(Path(base), one, other)


def _merge_both_ways(base: Path, one: list[Film], other: list[Film]) -> None:
    a, b = write(base / "a", one), write(base / "b", other)
    a_again, b_again = write(base / "c", one), write(base / "d", other)
    before = finished(a) | finished(b)
    merge(a_again, b)
    merge(b_again, a)
    assert content(a) == content(b)
    assert finished(a) == before
    for merged in content(a).values():
        assert len(set(merged["evidence"])) == len(merged["evidence"])
    settled = raw(a)
    for source in (b_again, a_again, b):
        assert merge(source, a).rows == {}
        assert raw(a) == settled
    with Store(a) as store:
        store.verify()
