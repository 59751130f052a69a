from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.agent.language.values import _PATTERNS, ValueType, digits, find


@pytest.mark.parametrize(
    "kind, text, expected",
    [
        ("number", "There are sixty-three of us and 4 dogs.", ["sixty-three", "4"]),
        ("money", "It comes to six euros forty, or $ 4.50 a week.", ["six euros forty", "$ 4.50"]),
        ("money", "for 12,50 € each", ["12,50 €"]),
        ("date", "On the third of May, or December 6, 2007.", ["the third of May", "December 6, 2007"]),
        ("year", "In 1669 and again in nineteen eighty-four.", ["1669", "nineteen eighty-four"]),
        ("weekday", "Closed on Mondays.", ["Mondays"]),
        ("clock", "From half past six until 10:30 pm", ["half past six", "10:30 pm"]),
        ("duration", "Cook it for nine minutes.", ["nine minutes"]),
        ("age", "She is 41 years old.", ["41 years old"]),
        ("measure", "It weighs 12 kg and is five metres long.", ["12 kg", "five metres"]),
        ("percent", "up 8 % and twenty-one percent", ["8 %", "twenty-one percent"]),
        ("colour", "The dark blue car and a red one", ["dark blue", "red"]),
        ("url", "see www.greenpatch.org/get or quill.dev", ["www.greenpatch.org/get", "quill.dev"]),
        ("email", "write to hello@greenpatch.example now", ["hello@greenpatch.example"]),
        ("phone", "Hotline 0800 555 0123", ["0800 555 0123"]),
        ("code", "the code is seven four one nine", ["seven four one nine"]),
        ("introduced", "My name is Joost Verhoeven and I fly.", ["Joost Verhoeven"]),
        ("introduced", "May I have your name? Fontaine.", ["Fontaine"]),
        ("introduced", "Grey. Answers to the name Pepper.", ["Pepper"]),
        ("full_name", "our reporter Celia Brandt at the hall", ["Celia Brandt"]),
        ("proper", "We met Tanaka at Loon Lake.", ["Tanaka", "Loon Lake"]),
    ],
)
def test_values_are_found_as_they_stand(kind: ValueType, text: str, expected: list[str]) -> None:
    assert [v.text for v in find(kind, text)] == expected


@pytest.mark.parametrize(
    "kind, text",
    [
        ("money", "There were forty of us."),
        ("full_name", "He left. My mother kept it. In Houston nobody slept."),
        ("year", "about 1500000 people and 12345"),
        ("email", "meet me at seven"),
        ("colour", "I reddened and was greeted"),
        ("percent", "20 people"),
    ],
)
def test_what_is_not_such_a_value(kind: ValueType, text: str) -> None:
    assert find(kind, text) == []


def test_spelt_digits_become_a_number() -> None:
    assert digits("seven four one nine") == "7419"
    assert digits("seven seven oh one") == "7701"
    assert digits("twenty four one") is None
    assert digits("seven") is None


@given(st.sampled_from(sorted(_PATTERNS)), st.text(max_size=80))
def test_a_value_is_a_stretch_of_the_text(kind: ValueType, text: str) -> None:
    for value in find(kind, text):
        assert value.text in text[value.start : value.end]
