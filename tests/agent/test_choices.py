from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.memory import MemoryIndex, documents, index_of, minilm, rows
from vagent.agent.ask import ask
from vagent.agent.routes.choices import letters, without_label

DOCUMENTS = {d["id"]: d for d in documents()}
CASES = [
    ("museum", "Where was the astrolabe made?", ["Toledo", "Granada", "Paris", "Cairo"], "Toledo"),
    ("bakery", "How much does the customer pay?", ["six euros forty", "four euros", "ten euros"], "six euros forty"),
    ("flight", "How long is the flight?", ["2 hours and 25 minutes", "1 hour", "3 hours"], "2 hours and 25 minutes"),
    ("chess", "Who gives up the knight?", ["Larsson", "Petrosyan", "Ivanova"], "Petrosyan"),
    ("pirates", "Who is Clementine?", ["the shark", "the parrot", "the cook"], "the shark"),
    ("museum", "Of what metal is the astrolabe made?", ["brass", "gold", "silver"], None),
    ("bakery", "What colour is the baker's apron?", ["red", "white", "blue"], None),
    ("signs", "Which platform is on the sign?", ["3", "4", "5"], "4"),
    ("pirates", "How many times is Clementine mentioned?", ["1", "2", "3", "4"], "2"),
    ("moon", "Into what town did he drive?", ["Rome", "Oslo"], None),
]


@pytest.mark.parametrize("document, question, options, right", CASES)
def test_the_same_answer_under_every_rotation(
    document: str, question: str, options: list[str], right: str | None
) -> None:
    index = index_of(DOCUMENTS[document], minilm())
    for turn in range(len(options)):
        turned = options[turn:] + options[:turn]
        answer = ask(index, question, videos=[1], choices=turned)
        picked = None if answer.choice is None else turned[ord(answer.choice) - ord("A")]
        assert picked == right
        assert answer.answered == (right is not None)


@settings(max_examples=25, deadline=None)
@given(st.permutations(CASES[0][2]), st.sampled_from(["", "A. ", "B) "]))
def test_no_order_of_the_options_matters(options: list[str], label: str) -> None:
    index = index_of(DOCUMENTS["museum"], minilm())
    shown = [f"{'ABCD'[i]}{label[1:]}{o}" for i, o in enumerate(options)] if label else options
    answer = ask(index, CASES[0][1], videos=[1], choices=shown)
    assert answer.choice is not None
    assert options["ABCD".index(answer.choice)] == "Toledo"


def test_letters_of_the_options_themselves_are_kept() -> None:
    assert letters(["B. red", "A. blue"]) == ["B", "A"]
    assert letters(["red", "A. blue"]) == ["A", "B"]
    assert letters(["A. red", "A. blue"]) == ["A", "B"]
    assert without_label("(c) green") == "green"
    assert without_label("A cat") == "A cat"


@pytest.mark.parametrize(
    "options, right",
    [
        (["about 0:10", "about 0:50", "about 1:20"], "about 0:50"),
        (["5-8 s", "48-55 s", "70-80 s"], "48-55 s"),
        (["10 s", "20 s"], None),
    ],
)
def test_options_that_are_times_are_matched_with_the_stretch_found(options: list[str], right: str | None) -> None:
    index = MemoryIndex(rows("screen_text", [(50.0, 54.0, "THE SECRET WORD IS MARIGOLD")]), embedder=minilm())
    for turned in (options, options[::-1]):
        answer = ask(index, "When is the secret word shown?", videos=[1], choices=turned)
        assert (None if answer.choice is None else turned["ABC".index(answer.choice)]) == right


def test_orders_as_options() -> None:
    held = [(10.0, 12.0, "ITEM 1: KAYAK"), (20.0, 22.0, "ITEM 2: LANTERN"), (30.0, 32.0, "ITEM 3: COMPASS")]
    index = MemoryIndex(rows("screen_text", held), embedder=minilm())
    options = ["LANTERN, KAYAK, COMPASS", "KAYAK, LANTERN, COMPASS", "COMPASS, LANTERN, KAYAK"]
    answer = ask(index, "Name the items in the order in which they appear.", videos=[1], choices=options)
    assert answer.choice == "B"


def test_what_is_not_mentioned() -> None:
    index = index_of(DOCUMENTS["garden"], minilm())
    options = ["Meat and fish", "Plastic bottles", "Cooked food"]
    answer = ask(index, "Which of these is not mentioned?", videos=[1], choices=options)
    assert answer.choice == "B"


def test_two_options_that_stand_together_are_not_told_apart() -> None:
    index = MemoryIndex(rows("subtitle", [(1.0, 3.0, "A cat and a dog sat on the mat.")]), embedder=minilm())
    answer = ask(index, "Which animal sat on the mat?", videos=[1], choices=["cat", "dog"])
    assert answer.choice is None
    assert not answer.answered
