"""Rows of a long video are read a page at a time, whatever is written meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vagent.errors import LibraryCorruptError
from vagent.index.records import Evidence, Kind
from vagent.index.store import Line, Store, walks
from vagent.tools.time import Span


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "_PAGE", 3)


def video(store: Store, name: str = "a") -> int:
    return store.add_video(name, f"/{name}.mp4", 1, 1, 60.0, {}).id


def row(of: int, start: float, kind: Kind = "screen_text", text: str = "text") -> Evidence:
    return Evidence(of, Span(start, start + 2), kind, text, 0.5, True, "e 1", {"box": [start]})


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["screen_text", "objects"])), max_size=20))
def test_a_walk_meets_what_all_at_once_would_give(store: Store, rows: list[tuple[int, Kind]]) -> None:
    with store.transaction():
        of = video(store, str(len(store.videos())))
        other = video(store, f"other {of}")
        store.add_evidence([row(who, start, kind) for start, kind in rows for who in (of, other)])
    for kind in ("screen_text", "objects"):
        kinds: list[Kind] = [kind]  # type: ignore[list-item]
        assert list(store.walk(of, kinds[0])) == store.evidence(of, kinds=kinds)
        assert store.spans(of, kinds[0]) == [one.span for one in store.evidence(of, kinds=kinds)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 2),
            st.sampled_from(["subtitle", "speech"]),
            st.sampled_from("aä\uffff\U00010000"),
        ),
        max_size=20,
    )
)
def test_what_is_told_comes_in_an_order_that_no_number_tells(
    store: Store, rows: list[tuple[int, int, Kind, str]]
) -> None:
    held = [(kind, float(at), float(at + lasts), text, bool(lasts % 2)) for at, lasts, kind, text in rows]
    with store.transaction():
        of = video(store, str(len(store.videos())))
        store.add_evidence([Evidence(of, Span(a, b), kind, text, weak=weak) for kind, a, b, text, weak in held])
        store.add_evidence([row(of, 1.0)])
    assert list(store.told(of, ["speech", "subtitle"])) == sorted(held, key=lambda one: (*one[1:3], one[0], *one[3:]))


def test_what_is_written_during_a_walk_is_not_met_and_what_goes_is_not_missed(store: Store) -> None:
    of = video(store)
    ids = store.add_evidence([row(of, float(start)) for start in range(10)])
    met = []
    for one in store.walk(of, "screen_text"):
        met.append(one.id)
        store.drop_evidence([one.id])
        store.add_evidence([row(of, one.span.start + 0.5)])
    assert met == ids
    assert [one.span.start for one in store.evidence(of)] == [start + 0.5 for start in range(10)]


def test_lines_say_what_a_model_has_embedded(store: Store) -> None:
    of = video(store)
    texts = ["first", "  ", "second", "third"]
    ids = store.add_evidence([row(of, float(at), "speech", text) for at, text in enumerate(texts)])
    store.add_evidence([row(of, 5.0, "summary", "about it")])
    store.put_vectors("m", [ids[2]], np.ones((1, 4), np.float32))
    store.put_vectors("n", [ids[0]], np.ones((1, 4), np.float32))
    assert list(store.lines(of, "m")) == [
        Line(ids[0], "speech", Span(0, 2), "first", embedded=False),
        Line(ids[2], "speech", Span(2, 4), "second", embedded=True),
        Line(ids[3], "speech", Span(3, 5), "third", embedded=False),
    ]
    assert (store.lacking(of, "m"), store.lacking(of, "n"), store.lacking(of, "o")) == (2, 2, 3)


def test_a_row_that_cannot_be_read_is_told(store: Store) -> None:
    of = video(store)
    store.add_evidence([row(of, 1.0)])
    store._run("UPDATE evidence SET extra = '[]'")
    with pytest.raises(LibraryCorruptError, match="a row cannot be read"):
        list(store.walk(of, "screen_text"))
