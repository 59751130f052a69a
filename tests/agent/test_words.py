from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.agent.language.words import Bag, Rarity, content, fold, squeezed, stem, stems, tokens, within_one


@pytest.mark.parametrize(
    "one, other",
    [
        ("vaulting", "vaults"),
        ("colour", "colors"),
        ("centre", "center"),
        ("stolen", "steal"),
        ("cities", "city"),
        ("three", "3"),
        ("engineering", "engineers"),
        ("naïve", "naive"),
        ("organised", "organize"),
    ],
)
def test_forms_of_a_word_share_a_stem(one: str, other: str) -> None:
    (a,), (b,) = stems(one), stems(other)
    assert a == b


@pytest.mark.parametrize("one, other", [("north", "south"), ("off", "offer"), ("cent", "center"), ("mars", "march")])
def test_different_words_keep_different_stems(one: str, other: str) -> None:
    assert stem(one) != stem(other)


def test_content_words_leave_out_stop_words_frame_words_and_number_words() -> None:
    assert content("What does the narrator say about the two telescopes?") == ["telescop"]


def test_tokens_keep_numbers_whole() -> None:
    assert tokens("At 3.5 km, 10:30 and 1,000 m!") == ["at", "3.5", "km", "10:30", "and", "1,000", "m"]


def test_a_bag_finds_glued_and_misread_words() -> None:
    bag = Bag.of("RUEDELONDRES Softwore")
    assert bag.has(stem("londres")) == 0.9
    assert bag.has(stem("software")) == 0.8
    assert bag.has(stem("paris")) == 0.0


def test_rare_words_weigh_more() -> None:
    bags = [Bag.of("the common word"), Bag.of("another common line"), Bag.of("one rare thing, common too")]
    rarity = Rarity(bags)
    words = [stem("common"), stem("rare")]
    assert rarity(words[1]) > rarity(words[0])
    assert rarity.coverage(words, bags[0]) < 0.5 < rarity.coverage(words, bags[2])


@given(st.text(alphabet="abc", max_size=6), st.text(alphabet="abc", max_size=6))
def test_one_edit_is_what_a_single_change_makes(a: str, b: str) -> None:
    letters = "abc"
    inserted = {a[:i] + c + a[i:] for i in range(len(a) + 1) for c in letters}
    dropped = {a[:i] + a[i + 1 :] for i in range(len(a))}
    changed = {a[:i] + c + a[i + 1 :] for i in range(len(a)) for c in letters}
    assert within_one(a, b) == (b in {a} | inserted | dropped | changed)


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_plain_text_is_folded_as_any_other(text: str) -> None:
    # "é" behind it sends it the long way round.
    assert fold(text) == fold(f"{text}é").removesuffix("e")
    assert squeezed(text) == squeezed(f"{text}é").removesuffix("e")
    assert squeezed(text) == "".join(c for c in fold(text) if c.isalnum())
    assert unicodedata.is_normalized("NFKD", fold(text))


def test_what_is_remembered_of_a_text_cannot_be_changed() -> None:
    content("an old lighthouse").append("changed")
    assert content("an old lighthouse") == ["old", "lighthous"]
