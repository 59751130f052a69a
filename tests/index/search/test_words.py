from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.index.search import queries
from vagent.index.words import searchable, stems, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Where is the Clean-Room?", ["where", "is", "the", "clean", "room"]),
        ("NASA’s lord's don't o'clock", ["nasa", "lord", "don", "o", "clock"]),
        ("'quoted' 'tis", ["quoted", "tis"]),
        ("ﬁne ＷＩＤＥ Straße 7,419.5", ["fine", "wide", "straße", "7", "419", "5"]),
        ("snake_case", ["snake", "case"]),
        ("हिन्दी शब्द", ["हिन्दी", "शब्द"]),
        ("東京", ["東京"]),
        ("東京タワー3階", ["東京", "京タ", "タワ", "ワー", "3", "階"]),
        ("🎬 … \0 \ud800", []),
        ("\u0301", []),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    assert searchable("at 東京タワー  now\n") == "at 東 京 タ ワ ー now"


@given(st.text())
def test_cutting_twice_is_cutting_once(text: str) -> None:
    assert searchable(searchable(text)) == searchable(text)


def test_stems_are_those_of_full_text_search() -> None:
    assert stems(["telescopes", "running", "CAFÉ", "stories", "x"]) == ["telescop", "run", "cafe", "stori", "x"]
    assert stems([]) == []


def forgive(query: str, vocabulary: set[str]) -> list[str]:
    """What a query becomes in a library of single words and phrases."""
    known_stems = set(stems(sorted(vocabulary)))
    return queries.forgiven(
        queries.words(query), lambda word: word in vocabulary, lambda found: sorted(known_stems & set(found))
    )


@pytest.mark.parametrize(
    ("query", "vocabulary", "more"),
    [
        ("telescpoe", {"telescope"}, ["telescop"]),
        ("Marhcenko", {"marchenko"}, ["marchenko"]),
        ("clean room", {"cleanroom", "clean", "room"}, ["cleanroom"]),
        ("thinice", {"thin ice"}, ["thin ice"]),
        ("зделка", {"сделка"}, ["сделка"]),
        ("telescope", {"telescope", "telescopy"}, []),  # what is known needs no forgiving
        ("7418", {"7419"}, []),  # another number is not a slip
        ("cat", {"car"}, []),  # too short to tell
        ("zebra", {"quartz"}, []),
    ],
)
def test_only_what_is_unknown_is_forgiven(query: str, vocabulary: set[str], more: list[str]) -> None:
    assert forgive(query, vocabulary) == [*queries.words(query), *more]


def test_a_long_query_of_unknown_words_stays_cheap() -> None:
    asked: list[int] = []
    query = [f"unknownword{'x' * (number % 9)}{chr(97 + number % 26)}" for number in range(400)]
    queries.forgiven(query, lambda word: False, lambda found: asked.append(len(found)) or [])
    assert len(asked) <= 6
    assert sum(asked) < 50_000
    queries.forgiven(["a" * 3999], lambda word: False, lambda found: pytest.fail("thousands of letters are no word"))


@given(st.text("abcdxyz", min_size=1, max_size=8), st.text("abcdxyz", min_size=1, max_size=8))
def test_slips_go_both_ways(a: str, b: str) -> None:
    assert (b in queries.slips(a)) is (a in queries.slips(b))
