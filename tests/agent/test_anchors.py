"""Events that a question starts from, whose words it is about, and who says a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.agent.evidence.turns import called, matches, turns
from vagent.agent.question.anchors import Beside, beside, between
from vagent.agent.question.mentions import mentions
from vagent.agent.question.people import speaker
from vagent.index.records import Evidence
from vagent.tools.time import Span


@pytest.mark.parametrize(
    "question, found",
    [
        ("What happens right after the dog runs?", Beside("after", "dog runs")),
        ("What is said before the glass breaks?", Beside("before", "glass breaks")),
        ("Right after she opens the door, what does he do?", Beside("after", "she opens the door")),
        ("What does Anna do after opening the door?", Beside("after", "opening the door")),
        ("What is on screen when she says 'hello'?", Beside("during", "hello")),
        ('What is being shown while the caption "ITEM 3" is on screen?', Beside("during", "ITEM 3")),
        ("How does he reply to the question about money?", Beside("after", "money")),
        ("What does she answer when asked about her brother?", Beside("after", "her brother")),
        ("Which rule is directly before the one about boots?", Beside("before", "boots", event=False)),
        ("What did he do after the war?", Beside("after", "war")),
        ("What happens after 0:30?", None),
        ("What happens after that?", None),
        ("Who won before the war?", None),
    ],
)
def test_what_a_question_starts_from(question: str, found: Beside | None) -> None:
    assert beside(question) == found


@pytest.mark.parametrize(
    "question, pairs",
    [
        ("What happens between the greeting and the song?", (("greeting", "song"),)),
        ("What is said between “Hello” and “Goodbye”?", (("Hello", "Goodbye"),)),
        ("What is shown from the opening until the first question?", (("opening", "first question"),)),
        ("What happens after the storm and before the rescue?", (("storm", "rescue"),)),
        ("How long after the whistle does the train leave?", (("whistle", "train leave"),)),
        ("How much time passes between the whistle and the departure?", (("whistle", "departure"),)),
        (
            "What happens between the bread and butter and the tea?",
            (("bread", "butter and the tea"), ("bread and butter", "tea")),
        ),
        ("What is the difference between A and B?", ()),
        ("What is shown between 0:10 and 0:20?", ()),
        ("Who sits between Anna and Ben?", ()),
    ],
)
def test_two_events(question: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert between(question) == pairs


@given(st.text(max_size=80))
def test_any_question_can_be_read(question: str) -> None:
    beside(question)
    between(question)
    speaker(question)
    for one in mentions(question):
        assert 0 <= one.start < one.end <= len(question)


@pytest.mark.parametrize(
    "question, name",
    [
        ("What does Anna say about the boat?", "Anna"),
        ("What does the doctor recommend?", "doctor"),
        ("According to Ben, who lost?", "Ben"),
        ("What is Anna's opinion of it?", "Anna"),
        ("What is the last thing Ben says?", "Ben"),
        ("What does she say?", None),
        ("What does the text say?", None),
        ("Who says it?", None),
    ],
)
def test_whose_words_are_asked_for(question: str, name: str | None) -> None:
    assert speaker(question) == name


def row(text: str, **extra: object) -> Evidence:
    return Evidence(1, Span(0.0, 1.0), "subtitle", text, extra=extra)


@pytest.mark.parametrize(
    "text, found",
    [
        ("ANNA: Come in.", [("ANNA", "Come in.")]),
        ("Captain Ross: Cast off!", [("Captain Ross", "Cast off!")]),
        ("ANNA: Where? BEN: There.", [("ANNA", "Where?"), ("BEN", "There.")]),
        ("[BEN]: There.", [("BEN", "There.")]),
        ("Hello. ANNA: Come in.", [(None, "Hello."), ("ANNA", "Come in.")]),
        ("Note: bring water.", [(None, "Note: bring water.")]),
        ("The time is 10:30 now.", [(None, "The time is 10:30 now.")]),
        ("One thing is clear: it works.", [(None, "One thing is clear: it works.")]),
    ],
)
def test_labels_before_words(text: str, found: list[tuple[str | None, str]]) -> None:
    assert turns(row(text)) == found


def test_a_recogniser_s_label() -> None:
    assert turns(row("Come in.", speaker="SPEAKER_02")) == [("SPEAKER_02", "Come in.")]


@given(st.text(max_size=120))
def test_turns_keep_the_words_in_order(text: str) -> None:
    place, whole = 0, turns(row(text))
    shown = " ".join(text.split())
    for _, words in whole:
        if words in shown:
            place = shown.index(words)
            assert place >= 0


@pytest.mark.parametrize(
    "label, name",
    [("ANNA", "Anna"), ("NARRATOR", "the narrator"), ("Nar", "the narrator"), ("SPEAKER_01", "speaker 1"),
     ("3", "speaker 3"),
     ("Dr. Okafor", "Dr. Okafor"), ("OLD MAN", "the old man")],
)  # fmt: skip
def test_how_a_speaker_is_called(label: str, name: str) -> None:
    assert called(label) == name


def test_a_name_stands_for_a_label() -> None:
    assert matches("Ross", "CAPTAIN ROSS")
    assert matches("the narrator", "NARRATOR")
    assert not matches("Anna", "BEN")
    assert not matches("", "BEN")
