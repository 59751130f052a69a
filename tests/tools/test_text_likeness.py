"""When two readings are one text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.tools.text.likeness import alike, clean, grew, grew_inside_word, key, letters


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GOOGLE PARIS", "G00GLE PARlS"),
        ("Open Movie Project", "OpenMovieProject"),
        ("S", "-5"),
        ("Software Engineer", "Sottware Engineer"),
        ("Universität Bern", "Universitat Bern,"),
        ("ITEM 1 OF 3", "ITEM l OF 3"),
        ("北京大学 导论", "北京大学导论"),
    ],
)
def test_readings_of_one_text(one: str, other: str) -> None:
    assert alike(one, other)
    assert alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ITEM 1 OF 3: KAYAK", "ITEM 2 OF 3: KAYAK"),
        ("at 12 o'clock", "at 2 o'clock"),
        ("HOME 10 GUEST 7", "HOME 10 GUEST 8"),
        ("WE", "HE"),
        ("the alpha", "the lamb"),
        ("with our lives", "with our passion"),
        ("...", "..."),
        ("Chapter", "Chapter and verse, continued"),
    ],
)
def test_different_texts(one: str, other: str) -> None:
    assert not alike(one, other)
    assert not alike(other, one)


def test_growth_by_words_and_inside_a_word() -> None:
    assert grew("Open a new browser.", "Open a new browser. Chrome fast.")
    assert not grew_inside_word("Open a new browser.", "Open a new browser. Chrome fast.")
    assert grew_inside_word("of our han", "of our hands")
    assert not grew("of our hands", "of our han")
    assert not grew("", "word")
    assert not grew("same", "SAME")


def test_letters_count_what_says_something() -> None:
    assert [letters(t) for t in ("ab 1", "北京", "—!", "一", "")] == [3, 4, 0, 0, 0]


@given(st.text(max_size=30))
def test_clean_text_is_one_line_in_nfc(text: str) -> None:
    cleaned = clean(text)
    assert cleaned == clean(cleaned) == cleaned.strip()
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(unicodedata.category(c).startswith("C") for c in cleaned)


@given(st.text(max_size=30))
def test_every_text_with_letters_is_like_itself(text: str) -> None:
    assert alike(text, text) == bool(key(text))
    assert alike(text, f" {text} !") == bool(key(text))
