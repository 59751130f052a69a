"""Questions whose answer is nearly there: a span of time for an age, the deed of another, a text of a moment later."""

from __future__ import annotations

import pytest

from tests.agent.memory import MemoryIndex, documents, index_of, minilm, rows
from vagent.agent.ask import ask
from vagent.agent.language.roles import labelled
from vagent.agent.language.values import find
from vagent.agent.question.expected import typed_values, unmarked
from vagent.agent.question.plan import understand
from vagent.agent.records import Answer
from vagent.index.records import Video

HELD = {document["id"]: document for name in ("dialogues.jsonl", "screens.jsonl") for document in documents(name)}


def answer(document: str, question: str) -> Answer:
    return ask(index_of(HELD[document], minilm()), question, videos=[1])


@pytest.mark.parametrize(
    ("document", "question"),
    [
        ("architect", "How old is she?"),  # "three years and two months" is how long something took
        ("architect", "Where does Tomasz Wieczorek live?"),
        ("tart", "How much milk is needed?"),  # the flour's grams are there
        ("tart", "Where does her grandmother live?"),
        ("council", "How old is Councillor Reyes?"),
        ("photosynthese", "Wie viele Studenten sitzen im Hörsaal?"),  # "14. Februar" counts nobody
        ("photosynthese", "Wann wurde Heike Brandt geboren?"),
        ("lettre", "Quel âge a Antoine ?"),  # "depuis deux ans"
        ("profile", "Where does Yusuf live?"),
    ],
)
def test_what_is_only_nearly_there_is_declined(document: str, question: str) -> None:
    assert not answer(document, question).answered


@pytest.mark.parametrize(
    ("document", "question", "begins"),
    [
        ("architect", "Who designed the reading room?", "Tomasz Wieczorek."),
        ("architect", "Who designed the entrance hall?", "Nadia."),  # she says: I designed it
        ("dock", "What is the licence plate?", "KX51 BPL."),
        ("lettre", "Pour combien la maison a-t-elle été vendue ?", "quatre-vingt mille euros."),
    ],
)
def test_the_answer_alone_is_that_of_the_sentence_that_tells_it(document: str, question: str, begins: str) -> None:
    assert answer(document, question).text.startswith(begins)


def test_texts_are_cited_while_all_of_them_are_shown() -> None:
    given = answer("dock", "What is the licence plate?")
    assert given.citations[0].quote == "CAM 07 REAR GATE PLATE: KX51 BPL"
    assert (given.citations[0].span.start, given.citations[0].span.end) == (60.0, 80.0)  # the heading stands from 40 on


def test_what_comes_up_in_the_same_moment_does_not_follow() -> None:
    given = answer("dock", "What happens after the motion is detected?")
    assert given.citations[0].quote == "CAM 07 REAR GATE"
    assert given.citations[0].span.start == 40.0


def test_a_word_about_languages_is_said_once() -> None:
    given = answer("photosynthese", "Who discovered photosynthesis?")
    assert not given.answered
    assert given.text.count("The question seems to be in English") == 1


def test_a_question_in_the_language_of_one_of_the_films_needs_no_word_about_languages() -> None:
    french = [(1.0, 4.0, "Où est passé le chien ?"), (5.0, 9.0, "Le chien dort sous la table.")]
    english = [(1.0, 4.0, "The roof has never leaked."), (5.0, 9.0, "That was the neighbouring theatre.")]
    films = {n: Video(n, str(n), f"/films/{n}.mkv", 60.0, complete=True) for n in (1, 2)}
    held = [*rows("subtitle", french, video=1), *rows("subtitle", english, video=2)]
    given = ask(MemoryIndex(held, films, embedder=minilm()), "Où dort le chien ?", videos=[1, 2])
    assert given.citations[0].quote == "Le chien dort sous la table."
    assert "The question seems to be in" not in given.text
    assert given.confidence > 0.5


def test_what_is_quoted_is_not_what_is_seen() -> None:
    assert understand('With what "of our hands" is named?').visual == 0
    assert understand("What is in her hands?").visual > 0


@pytest.mark.parametrize(
    ("question", "lines", "told"),
    [
        ("What is the licence plate?", ["REAR GATE", "PLATE: KX51 BPL"], "KX51 BPL"),
        ("What is the wifi password?", ["Password: tulip"], "tulip"),
        ("Where is the plate?", ["PLATE: KX51 BPL"], None),
        ("What is the licence plate?", ["PLATE: A", "PLATE: B"], None),
        ("What is the plate?", ["PLATE:"], None),
    ],
)
def test_a_label_tells_what_stands_behind_it(question: str, lines: list[str], told: str | None) -> None:
    assert labelled(question, lines) == told


@pytest.mark.parametrize(
    ("question", "text", "values"),
    [
        ("How old is she?", "Three years and two months.", []),
        ("How old is she?", "She is three years old.", ["three years old"]),
        ("How old is he?", "Antoine lives here for two years.", []),
        ("Where does Omar live?", "Omar Haddad", []),
        ("Where does Omar live?", "He lives in Port Ellen.", ["Port Ellen"]),
        ("Where does Omar work?", "Software Engineer", []),
        ("Who opened the gate?", "GATE OPEN", []),
        ("How many people are there?", "CAM 04", []),
    ],
)
def test_values_that_fit_what_is_asked(question: str, text: str, values: list[str]) -> None:
    assert [value.text for value in typed_values(understand(question), text)] == values


@pytest.mark.parametrize(
    ("question", "text", "tells_none"),
    [
        ("Where was it stolen?", "The jewels were stolen.", True),
        ("Where was it stolen?", "The jewels were stolen at the museum.", False),
        ("When was it stolen?", "The jewels were stolen.", True),
        ("When was it stolen?", "The jewels were stolen after the ball.", False),
        ("When does the gate open?", "GATE OPEN", False),  # films are told in the present: this asks for a moment
        ("Which telescope is it, and when is it named?", "The Webb telescope.", False),
    ],
)
def test_a_text_that_tells_of_no_place_or_time(question: str, text: str, tells_none: bool) -> None:
    assert unmarked(understand(question), text) == tells_none


def test_numbers_of_another_language_are_read_whole() -> None:
    assert [v.text for v in find("money", "pour quatre-vingt mille euros.", "fr")] == ["quatre-vingt mille euros"]
    assert find("age", "Die Klausur ist am 14. Februar.", "de") == []
