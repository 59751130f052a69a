"""Multiple choice over every kind of question: the same option under every rotation, up to 26 of them."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent import worlds
from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.agent.ask import ask
from vagent.agent.routes.options import Group, groups

CASES = [
    ("film", "What happens right after the glass breaks?",
     ["A dog runs", "The man and the woman talk", "Waves crash", "A boat leaves"], "The man and the woman talk"),
    ("film", "What happens before the dog runs?",
     ["A boat leaves the harbour", "They talk at the window", "Waves crash over the wall"], "They talk at the window"),
    ("film", "How long after the glass breaks does the boat leave?",
     ["about 10 seconds", "about a minute", "about 58 seconds", "two minutes"], "about 58 seconds"),
    ("film", "Is there ever a dog?", ["Yes", "No"], "Yes"),
    ("film", "Is there ever a submarine?", ["No, never", "Yes, at the end", "It cannot be told"], "No, never"),
    ("film", "How many times does the dog bark?", ["once", "twice", "three times"], "twice"),
    ("film", "How many people speak?", ["2", "3", "4", "5"], "4"),
    ("film", "How many dogs are there?", ["four", "two", "seven"], "two"),
    ("film", "When is the dog seen?", ["at 0:10", "at 0:45", "at 1:30"], "at 0:45"),
    ("film", "When is barking heard?", ["0:46 and 0:57", "0:46", "0:10 and 0:57"], "0:46 and 0:57"),
    ("film", "Who asks whether the boat is ready?", ["Ben", "Captain Ross", "Anna", "the narrator"], "Anna"),
    ("film", "Why did Ben sell the watch?", ["it was broken", "they needed the money", "Anna hated it"],
     "they needed the money"),
    ("film", "What colour is the boat?", ["red", "green", "blue"], "green"),
    ("film", "What colour is the boat?", ["red", "white", "none of the above"], "none of the above"),
    ("film", "What does the mechanic want?", ["a boat", "three hundred euros", "all of these"], "three hundred euros"),
    ("lecture", "Which of these belong into the starter?", ["flour", "water", "all of the above"], "all of the above"),
    ("lecture", "What is mixed in the jar?", ["flour", "water", "butter", "both flour and water"],
     "both flour and water"),
    ("lecture", "What is said right after the question about rye?",
     ["Any questions so far?", "rye works even better", "The dough rises"], "rye works even better"),
    ("talks", "Which of the two videos is longer?", ["lisbon.mp4", "oslo.mp4"], "oslo.mp4"),
    ("talks", "Which of the two mentions trams more often?", ["Lisbon", "Oslo", "Madrid"], "Lisbon"),
    ("talks", "Which video mentions trees first?", ["lisbon", "oslo"], "oslo"),
    ("yard", "When is the second car seen?", ["2:00-3:00", "15:00-16:00", "6:40-7:00"], "15:00-16:00"),
    ("film", "Is the captain angry?", ["Yes", "No"], None),
    ("film", "What is the captain's first name?", ["Ann", "Peter", "Joe"], None),
]  # fmt: skip


@cache
def world(name: str) -> MemoryIndex:
    index: MemoryIndex = getattr(worlds, name)()
    return index


def picked(name: str, question: str, options: list[str]) -> str | None:
    index = world(name)
    answer = ask(index, question, videos=list(index.videos), choices=options)
    assert answer.answered == (answer.choice is not None)
    return None if answer.choice is None else options[ord(answer.choice) - ord("A")]


@pytest.mark.parametrize("name, question, options, right", CASES)
def test_the_same_option_under_every_rotation(name: str, question: str, options: list[str], right: str | None) -> None:
    for turn in range(len(options)):
        assert picked(name, question, options[turn:] + options[:turn]) == right


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_order_of_the_options_matters(data: st.DataObject) -> None:
    name, question, options, right = data.draw(st.sampled_from(CASES))
    assert picked(name, question, data.draw(st.permutations(options))) == right


def test_twenty_six_options() -> None:
    numbers = [f"{n} euros" for n in range(1, 26)] + ["three hundred euros"]
    for turn in (0, 7, 25):
        assert (
            picked("film", "How much does the mechanic want?", numbers[turn:] + numbers[:turn]) == "three hundred euros"
        )


def test_letters_in_an_option_are_those_of_the_options_themselves() -> None:
    options = ["A. flour", "B. water", "C. butter", "D. both A and B"]
    index = world("lecture")
    for turn in range(4):
        turned = options[turn:] + options[:turn]
        assert ask(index, "What is mixed in the jar?", videos=[1], choices=turned).choice == "D"


def test_letters_that_no_option_brings_mean_no_places() -> None:
    assert picked("lecture", "What is mixed in the jar?", ["flour", "water", "both A and B"]) is None


def test_none_is_not_chosen_for_lack_of_evidence() -> None:
    index = MemoryIndex(rows("subtitle", [(1.0, 3.0, "Good morning.")]), embedder=minilm())
    options = ["red", "white", "none of the above"]
    assert ask(index, "What colour is the car?", videos=[1], choices=options).choice is None


@pytest.mark.parametrize(
    "choices, labels, found",
    [
        (["cat", "dog", "both"], (), {2: Group("all")}),
        (["cat", "dog", "None of the above"], (), {2: Group("none")}),
        (["cat", "dog", "cow", "cat and dog"], (), {3: Group("some", frozenset({0, 1}))}),
        (["cat", "dog", "cow", "A and C"], ("A", "B", "C", "D"), {3: Group("some", frozenset({0, 2}))}),
        (["cat", "dog", "A and B"], (), {}),
        (["bread and butter", "jam"], (), {}),
    ],
)
def test_options_that_stand_for_others(choices: list[str], labels: tuple[str, ...], found: dict[int, Group]) -> None:
    assert groups(choices, labels) == found
