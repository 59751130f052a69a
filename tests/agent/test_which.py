from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.agent.question import which
from vagent.agent.question.which import Narrowed, narrow
from vagent.index.records import Video


def film(number: int, title: str | None, year: int | None = None, language: str | None = None) -> Video:
    return Video(number, str(number), f"/films/{number}.mkv", 60.0, title=title, year=year, language=language)


FILMS = [
    film(1, "Metropolis", 1927, "de"),
    film(2, "The Third Man", 1949, "en"),
    film(3, "It", 2017, "en"),
    film(4, "Paris", 2008, "fr"),
    film(5, "01 Entropy", 2021, "de"),
    film(6, "holiday", None, None),
    film(7, "1984", 1956, "en"),
]


@pytest.mark.parametrize(
    ("question", "left", "videos"),
    [
        ("In Metropolis, who is the inventor?", "Who is the inventor?", (1,)),
        ("Who is the inventor in Metropolis?", "Who is the inventor?", (1,)),
        ("Who is the inventor in the film Metropolis?", "Who is the inventor?", (1,)),
        ("Who waits in the third man?", "Who waits?", (2,)),
        ("What is sold in “The Third Man”, and when?", "What is sold, and when?", (2,)),
        ('Who floats in "It"?', "Who floats?", (3,)),
        ("Who floats in the movie it?", "Who floats?", (3,)),
        ("Where do they meet in Paris?", "Where do they meet?", (4,)),
        ("Who is arrested in the film 1984?", "Who is arrested?", (7,)),
        ("What is defined in the lecture 01 Entropy?", "What is defined?", (5,)),
        ("Who swims in the video holiday?", "Who swims?", (6,)),
        ("Who sings in the 1949 film?", "Who sings?", (2,)),
        ("Who sings in the film from 1949?", "Who sings?", (2,)),
        ("What is said of heat in the German lectures?", "What is said of heat?", (1, 5)),
        ("Who sings in the films in French?", "Who sings?", (4,)),
        ("Who sings in the German film and in the 1927 film?", "Who sings and?", (1,)),
    ],
)
def test_films_that_a_question_names_are_those_it_is_about(
    question: str, left: str, videos: tuple[int, ...] | None
) -> None:
    assert narrow(question, FILMS) == Narrowed(left, videos)


@pytest.mark.parametrize(
    "question",
    [
        "What did he see in it?",
        "Was it built in 1949?",
        "In 1949, who was the third man?",
        "What happens in Paris when they meet?",
        "Who is the third man at the table?",
        "When does the German teacher speak?",
        "What is said in German?",
        "Who is the man in the German car?",
        "Who sings in the 1950 film?",
        "What is said in the Japanese lectures?",
        "Which film is set in metropolis?",
        "What do they do on holiday?",
        "Where do they go in holiday?",
        "In Metropolis?",
        "Metropolis",
    ],
)
def test_other_questions_are_not_narrowed(question: str) -> None:
    assert narrow(question, FILMS) == Narrowed(question)


def test_what_fits_every_film_narrows_nothing() -> None:
    alike = [film(1, "Heimat", 1984, "de"), film(2, "Heimat", 1984, "de")]
    for question in ("Who sings in the 1984 films?", "Who sings in Heimat?", "Who sings in the German films?"):
        assert narrow(question, alike) == Narrowed(question)
    assert narrow("Who is the inventor in Metropolis?", FILMS[:1]).videos is None


unrelated = st.lists(
    st.sampled_from(
        "who what when where does did the a man woman say see in of from train station 1999 red is it up German".split()
    ),
    min_size=3,
    max_size=10,
)


@given(unrelated)
def test_a_question_that_names_no_film_is_never_narrowed(words: list[str]) -> None:
    question = " ".join(words) + "?"
    assert narrow(question, FILMS) == Narrowed(question)


@given(st.text(max_size=80), st.lists(st.text(max_size=10), max_size=4))
def test_no_question_and_no_title_breaks_it(question: str, titles: list[str]) -> None:
    films = [film(i, title, 1999, "de") for i, title in enumerate(titles)]
    found = narrow(question, films)
    assert found.videos is None or 0 < len(found.videos) < len(films)


@given(
    st.lists(st.text("aäıiIİsſSßkKK1_é", min_size=1, max_size=4), min_size=1, max_size=3), st.sampled_from(["", '"'])
)
def test_no_title_that_a_question_names_is_passed_over(words: list[str], quote: str) -> None:
    title = " ".join(words)
    for written in (title, title.upper(), title.lower(), title.swapcase()):
        question = f"Who sings in the film {quote}{written}{quote}?"
        if which._naming(question, title) is not None:
            assert which._words(title) <= which._words(question)
