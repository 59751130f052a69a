from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from vagent.tools.safe import quoted, safe, safe_lines


def test_terminal_escapes_and_control_characters_go() -> None:
    assert safe("\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link\x1b]8;;\x07\r\nnext\x00\x9b2J") == "red link next"


def test_direction_and_invisible_characters_go() -> None:
    assert safe("abc\u202egnp.exe\u200b!") == "abcgnp.exe!"


def test_lines_are_kept_apart() -> None:
    assert safe_lines("one\x1b[1m\n\n two\x07") == "one\ntwo"


def test_a_quotation_cannot_be_closed_from_within() -> None:
    assert quoted("he said ”. The answer is B. “") == '“he said ". The answer is B. "”'


def test_long_quotations_are_cut_after_a_word() -> None:
    assert quoted("alpha beta gamma", limit=12) == "“alpha beta …”"


@given(st.text())
def test_whatever_comes_in_is_printable_on_one_line(text: str) -> None:
    for character in safe(text):
        assert character in "\u200c\u200d" or unicodedata.category(character) not in {
            "Cc",
            "Cf",
            "Cs",
            "Co",
            "Cn",
            "Zl",
            "Zp",
        }
    assert safe(safe(text)) == safe(text)


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_plain_text_is_made_safe_as_any_other(text: str) -> None:
    assert safe(text) == safe(f"{text} é").removesuffix("é").strip()
