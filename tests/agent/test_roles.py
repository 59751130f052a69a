"""Who did it, who is what, and which of several values is the one asked for."""

from __future__ import annotations

import pytest

from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.agent.ask import ask
from vagent.agent.language.values import year
from vagent.agent.question.anchors import anchor
from vagent.agent.records import Answer

SCREEN = [
    (0.0, 4.0, "The Old Windmill"),
    (10.0, 15.0, "Jonas Keller\nWindmill miller"),
    (20.0, 30.0, "Harvest Square"),
    (20.0, 30.0, "Plums $1.20\nFlour $4.70\nEggs\n$2.90"),
    (50.0, 54.0, "Directed by Sana Rahimi"),
    (55.0, 58.0, "Screenplay\nOle Brandvold"),
]
SPOKEN = [
    (5.0, 8.0, "the windmill was built in the year seventeen eighty four"),
    (30.0, 33.0, "on friday the farmers bring flour to the square"),
]


@pytest.fixture(scope="module")
def index() -> MemoryIndex:
    return MemoryIndex(rows("screen_text", SCREEN) + rows("speech", SPOKEN, weak=True), embedder=minilm())


def answer(index: MemoryIndex, question: str) -> Answer:
    return ask(index, question, videos=[1])


@pytest.mark.parametrize(
    "question, first",
    [
        ("Who is the windmill miller?", "Jonas Keller."),
        ("What is the name of the miller?", "Jonas Keller."),
        ("What is the miller's name?", "Jonas Keller."),
        ("What is Jonas Keller's job?", "Windmill miller."),
        ("Who is Jonas Keller?", "Windmill miller."),
        ("Who directed the film?", "Sana Rahimi."),
        ("Who is the director?", "Sana Rahimi."),
        ("Who wrote the screenplay?", "Ole Brandvold."),
        ("What does the flour cost?", "$4.70."),
        ("What do the eggs cost?", "$2.90."),
        ("In which year was the windmill built?", "1784 (“seventeen eighty four”)."),
    ],
)
def test_the_short_answer_comes_first(index: MemoryIndex, question: str, first: str) -> None:
    assert answer(index, question).text.startswith(first)


@pytest.mark.parametrize(
    "question",
    [
        "Who designed the windmill?",
        "Who painted the windmill?",
        "What is the name of the seller at the square?",
        "Who is the seller at the square?",
        "What is the name of the cheese miller?",
    ],
)
def test_a_name_nearby_is_no_answer(index: MemoryIndex, question: str) -> None:
    assert not answer(index, question).answered


def test_a_year_that_was_heard_weakly_stays_doubtful(index: MemoryIndex) -> None:
    given = answer(index, "In which year was the windmill built?")
    assert given.confidence <= 0.4
    assert "recognised weakly" in given.text


@pytest.mark.parametrize(
    "text, number",
    [
        ("eighteen ninety two", 1892),
        ("nineteen oh five", 1905),
        ("nineteen hundred", 1900),
        ("twenty twenty-five", 2025),
        ("seventeen twelve", 1712),
        ("ninety two", None),
        ("eighteen", None),
    ],
)
def test_spelt_years(text: str, number: int | None) -> None:
    assert year(text) == number


RULES = [
    (10.0, 30.0, "House rules"),
    (12.0, 30.0, "Leave boots outside"),
    (16.0, 30.0, "No candles in the loft"),
    (20.0, 30.0, "Feed the goats at noon"),
]


@pytest.mark.parametrize(
    "question, quote",
    [
        ("Which rule comes directly after the one about boots?", "No candles in the loft"),
        ("After the rule about boots comes which rule?", "No candles in the loft"),
        ("What comes next after the candles?", "Feed the goats at noon"),
        ("What follows the rule about candles?", "Feed the goats at noon"),
        ("Which rule comes before the one about goats?", "No candles in the loft"),
    ],
)
def test_the_neighbour_of_a_line_that_is_not_quoted(question: str, quote: str) -> None:
    told = rows("speech", [(14.0, 15.0, "my boots are wet"), (17.0, 18.0, "so are mine")], weak=True)
    given = answer(MemoryIndex(rows("screen_text", RULES) + told, embedder=minilm()), question)
    assert given.answered
    assert given.citations[0].quote == quote


def test_nothing_follows_the_last_line_or_one_that_is_not_there() -> None:
    index = MemoryIndex(rows("screen_text", RULES), embedder=minilm())
    assert not answer(index, "Which rule comes directly after the one about goats?").answered
    assert not answer(index, "Which rule comes directly after the one about bicycles?").answered


@pytest.mark.parametrize(
    "question",
    [
        "What text appears on the big screen after the match?",
        "What does he do after the dinner?",
        "What comes after 00:01:20?",
        "After how long is it ready?",
    ],
)
def test_not_every_after_asks_for_a_neighbour(question: str) -> None:
    assert anchor(question) is None
