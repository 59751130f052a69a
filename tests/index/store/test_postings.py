"""Full-text search word by word must give what SQLite gives for all words together, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vagent.index.records import Evidence, Kind
from vagent.index.store import Filters, Store
from vagent.index.store.postings import Posting, Postings, best
from vagent.tools.time import Span

WORDS = "ship ships harbour clean-room rain 東京都 red the".split()
KINDS: tuple[Kind, ...] = ("subtitle", "screen_text", "sound")


def fill(store: Store, count: int = 400, seed: int = 0, name: str = "film") -> int:
    chance = np.random.default_rng(seed)
    video = store.add_video(name, f"/{name}.mp4", 1, 1, 1e6, {}).id
    rows = [
        Evidence(
            video,
            Span(float(n), n + float(chance.integers(0, 3))),
            KINDS[n % 3],
            " ".join(chance.choice([*WORDS, "other", "words", "here"], size=chance.integers(1, 9))),
            weak=bool(n % 5 == 0),
        )
        for n in range(count)
    ]
    store.add_evidence(rows)
    return video


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store(tmp_path_factory.mktemp("library"))
    for number in range(3):
        fill(opened, seed=number, name=f"film {number}")
    yield opened
    opened.close()


@pytest.fixture
def large(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The same library, taken for one whose rows are many."""
    monkeypatch.setattr("vagent.index.store.known._SMALL", 0)
    return store


def by_sqlite(store: Store, words: list[str], limit: int) -> list[tuple[int, float]]:
    quoted = " OR ".join('"' + (" ".join(word) if word == "東京都" else word) + '"' for word in words)
    sql = (
        "SELECT rowid, -bm25(evidence_fts) AS score FROM evidence_fts WHERE evidence_fts MATCH ?"
        " ORDER BY score DESC, rowid LIMIT ?"
    )
    return store._rows(sql, (quoted, limit))


@given(st.lists(st.sampled_from([*WORDS, "nowhere"]), min_size=1, max_size=6), st.integers(1, 1300))
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_sum_over_words_is_what_sqlite_says_of_all_together(store: Store, words: list[str], limit: int) -> None:
    assert store.match(words, Filters(), limit) == by_sqlite(store, words, limit)


@given(st.lists(st.sampled_from([*WORDS, "nowhere"]), min_size=1, max_size=6), st.integers(1, 1300))
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_from_the_catalogue_of_a_large_library(large: Store, words: list[str], limit: int) -> None:
    assert large._known() is not None
    assert large.match(words, Filters(), limit) == by_sqlite(large, words, limit)


@pytest.mark.parametrize("small", [0, 20_000])
def test_rows_that_come_and_go_count_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    monkeypatch.setattr("vagent.index.store.known._SMALL", small)
    store = Store(tmp_path)
    first = fill(store)
    assert store.match(["ship", "rain"], Filters(), 50) == by_sqlite(store, ["ship", "rain"], 50)
    second = fill(store, seed=5, name="b")
    assert store.match(["ship", "rain"], Filters(), 50) == by_sqlite(store, ["ship", "rain"], 50)
    store.remove_video(first)
    after = store.match(["ship", "rain"], Filters(), 900)
    assert after == by_sqlite(store, ["ship", "rain"], 900)
    assert {row.video for row in store.evidence(ids=[number for number, _ in after])} == {second}
    other = Store(tmp_path)
    other.add_evidence([Evidence(second, Span(0, 1), "subtitle", "an iceberg")])
    other.close()
    assert len(store.match(["iceberg"], Filters(), 5)) == 1
    store.close()


def test_of_a_word_that_is_known_only_what_is_new_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vagent.index.store.fulltext._NEW", 20)
    monkeypatch.setattr("vagent.index.store.known._SMALL", 0)
    store = Store(tmp_path)
    first, second = fill(store), fill(store, seed=1, name="b")
    asked: list[str] = []
    real = store._places
    monkeypatch.setattr(store, "_places", lambda token: asked.append(token) or real(token))  # type: ignore[func-returns-value]

    def agrees() -> None:
        assert store.match(["ship", "rain"], Filters(), 900) == by_sqlite(store, ["ship", "rain"], 900)

    agrees()
    store.add_evidence([Evidence(second, Span(0, 1), "subtitle", "umbrellas in the rain, all that raining")])
    agrees()
    store.remove_video(first)
    store.clear(second, ["sound"])
    agrees()
    assert asked == ["ship", "rain"]
    fill(store, seed=2, name="c")  # so many rows are looked up at once
    agrees()
    assert asked == ["ship", "rain"] * 2
    store.close()


def test_what_a_transaction_saw_is_forgotten_with_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    video = fill(store, count=30)
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.add_evidence([Evidence(video, Span(0, 1), "subtitle", "an iceberg")])
        assert len(store.match(["iceberg"], Filters(), 5)) == 1
        raise ZeroDivisionError
    assert store.match(["iceberg"], Filters(), 5) == []
    store.add_evidence([Evidence(video, Span(0, 1), "subtitle", "a lighthouse")])
    assert store.match(["iceberg"], Filters(), 5) == []
    assert len(store.match(["lighthouse"], Filters(), 5)) == 1
    store.close()


def posting(*ids: int) -> Posting:
    return Posting(np.array(ids, np.int64), np.ones(len(ids)))


def test_least_used_words_go_first_and_of_another_state_they_are_asked_for_again() -> None:
    asked: list[tuple[str, bool]] = []

    def find(word: str, before: Posting | None) -> Posting:
        asked.append((word, before is not None))
        return posting(*range(1, 5))

    kept = Postings(most=8)
    for word in ("a", "b", "a", "c", "a", "b"):
        kept.get(word, 1, find)
    assert asked == [("a", False), ("b", False), ("c", False), ("b", False)]
    kept.get("b", 2, find)
    assert asked[4:] == [("b", True)]
    kept.get("b", 2, find)
    kept.get("a", 1, find)
    assert len(asked) == 5
    huge = Postings(most=3)
    huge.get("a", 1, find)
    huge.get("a", 1, find)
    assert asked[5:] == [("a", False), ("a", False)]


def test_threads_that_see_other_states_get_their_own() -> None:
    kept = Postings(most=10**6)

    def look(number: int) -> bool:
        found = [kept.get("a", state, lambda word, _, s=state: posting(s + 1)) for state in range(number, 50)]
        return [int(one.ids[0]) for one in found] == list(range(number + 1, 51))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(look, range(4)))


def test_equal_sums_go_by_row_and_only_what_is_allowed_counts() -> None:
    parts = [posting(2, 5, 9), posting(5, 7)]
    assert best(parts, 3) == [(5, 2.0), (2, 1.0), (7, 1.0)]
    assert best(parts, 9, np.array([1, 7, 9, 400])) == [(7, 1.0), (9, 1.0)]
    assert best([posting()], 3) == []
    assert best(parts, 9, np.array([], np.int64)) == []


def test_filters_may_be_far_apart_too() -> None:
    part = posting(*range(2, 10**6, 10**5))
    assert best([part], 9, np.array([2, 3, 800_002, 10**9])) == [(2, 1.0), (800_002, 1.0)]


def test_far_apart_rows_add_up_to_the_same() -> None:
    near = [posting(2, 5, 9), posting(5, 7)]
    far = [Posting(part.ids * 10**6, part.scores) for part in near]
    for limit in (1, 3, 9):
        assert best(far, limit) == [(row * 10**6, score) for row, score in best(near, limit)]
