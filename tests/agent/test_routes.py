"""Every kind of question on small worlds: a film, a lecture, a camera over a yard, two talks."""

from __future__ import annotations

from functools import cache

import pytest

from tests.agent import worlds
from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.agent.ask import ask
from vagent.agent.evidence.coverage import coverage
from vagent.agent.evidence.phrases import coverage_in_words
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.question.plan import understand
from vagent.agent.records import Answer
from vagent.agent.routes import extract
from vagent.index.records import Video
from vagent.tools.time import Span

FILM, LECTURE, YARD, TALKS = "film", "lecture", "yard", "talks"


@cache
def world(name: str) -> MemoryIndex:
    index: MemoryIndex = getattr(worlds, name)()
    return index


def answer(name: str, question: str, **more: object) -> Answer:
    index = world(name)
    return ask(index, question, videos=list(index.videos), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name, question, quoted, start",
    [
        (FILM, "What happens right after the glass breaks?", "talk at the window", 30.0),
        (FILM, "What happens before the dog runs?", "talk at the window", 30.0),
        (FILM, "What is said before the storm came in?", "three hundred euros", 37.0),
        (FILM, "What does Anna say after Ben talks about the mechanic?", "Goodbye", 95.0),
        (FILM, "How does Ben answer the question about the boat?", "Not before the engine", 9.0),
        (FILM, "What is heard while the dog runs?", "barking", 46.0),
        (FILM, "What is on screen when Anna says 'Goodbye'?", "green boat", 80.0),
        (LECTURE, "What is said right after the question about rye?", "Of course, rye works", 102.0),
        (LECTURE, "What is shown while he says 'First you mix'?", "The starter", 16.0),
        (YARD, "What happens after the truck?", "person", 600.0),
        (YARD, "What appears before the truck?", "person", 150.0),
    ],
)
def test_what_lies_beside_an_event(name: str, question: str, quoted: str, start: float) -> None:
    given = answer(name, question)
    assert given.answered
    assert quoted in given.citations[0].quote
    assert given.citations[0].span.start == start


def test_a_line_that_tells_itself_what_came_after() -> None:
    held = [
        (1.0, 3.0, "He was a pilot."),
        (4.0, 8.0, "After the war he moved to Paris."),
        (9.0, 12.0, "Do you like tea?"),
    ]
    index = MemoryIndex(rows("subtitle", held), embedder=minilm())
    given = ask(index, "What did he do after the war?", videos=[1])
    assert "moved to Paris" in given.citations[0].quote


def test_what_lies_between_two_events() -> None:
    given = answer(FILM, "What happens between the glass breaking and the dog running?")
    assert "talk at the window" in given.text
    assert {c.span.start for c in given.citations} >= {30.0, 44.0}
    things = answer(YARD, "What happens between the truck and the bicycle?")
    assert (things.citations[0].quote, things.citations[0].span.start) == ("person", 600.0)


def test_how_long_it_takes_from_one_event_to_another() -> None:
    given = answer(FILM, "How much time passes between “The mechanic wants” and “Cast off the lines”?")
    assert given.text.startswith("53 seconds, from 00:00:37")


@pytest.mark.parametrize(
    "question", ["What happens after the wedding?", "What happens between the wedding and the dog?"]
)
def test_an_event_that_is_not_there_has_no_neighbours(question: str) -> None:
    given = answer(FILM, question)
    assert not given.answered
    assert "wedding" in given.text


@pytest.mark.parametrize(
    "name, question, said, start",
    [
        (FILM, "Is there ever a dog?", "Yes.", 44.0),
        (FILM, "Is there an animal in the film?", "Yes.", 44.0),
        (FILM, "Do we ever hear thunder?", "Yes.", 62.0),
        (FILM, "Does anyone mention money?", "Yes.", 30.0),
        (FILM, "Can you see a boat?", "Yes.", 80.0),
        (FILM, "Is a dog never shown?", "No, it is there.", 44.0),
        (YARD, "Is there ever a truck?", "Yes.", 400.0),
        (YARD, "Is there a person at 2:40?", "Yes.", 150.0),
        (LECTURE, "Is sourdough ever mentioned?", "Yes.", 8.0),
    ],
)
def test_what_is_there_is_shown(name: str, question: str, said: str, start: float) -> None:
    given = answer(name, question)
    assert given.answered and given.text.startswith(said)
    assert given.citations[0].span.start == start


@pytest.mark.parametrize(
    "name, question, said",
    [
        (FILM, "Is there ever a submarine?", "No: “submarine” was not found."),
        (FILM, "Does anyone mention a wedding?", "No: “wedding” was not found."),
        (FILM, "Is an elephant never shown?", "Yes, as far as was gone through, never"),
        (YARD, "Is there ever a dog?", "No: “dog” was not found."),
        (LECTURE, "Does he ever talk about salt?", "No: “salt” was not found."),
    ],
)
def test_no_is_said_as_far_as_the_senses_went(name: str, question: str, said: str) -> None:
    given = answer(name, question)
    assert given.answered and given.text.startswith(said)
    assert given.citations == () and given.confidence < 0.6


@pytest.mark.parametrize(
    "name, question",
    [
        (LECTURE, "Is there ever a dog?"),  # nothing looked at the pictures
        (YARD, "Is there ever a unicorn?"),  # no detector knows it
        (YARD, "Does anyone say hello?"),  # nothing listened
        (FILM, "Is dinner included?"),  # not about the video itself
    ],
)
def test_no_is_not_said_where_no_sense_could_tell(name: str, question: str) -> None:
    assert not answer(name, question).answered


SIGN = [*rows("screen_text", [(12.0, 15.0, "BEWARE OF THE DOG")]), *rows("subtitle", [(40.0, 42.0, "A dog, a dog!")])]


@pytest.mark.parametrize("question", ["Is there ever a dog?", "Is there a dog?", "Are there animals?"])
def test_a_word_is_not_the_thing_itself(question: str) -> None:
    given = ask(MemoryIndex(SIGN, embedder=minilm(), kinds=("subtitle", "screen_text")), question, videos=[1])
    assert not given.answered and given.confidence < 0.5
    assert "Whether one is seen was not looked at." in given.text
    assert "in what is said or written, at 00:00:12-00:00:15" in given.text
    assert given.leads[0].span.start == 12.0


def test_a_thing_that_is_only_named_was_not_recognised() -> None:
    held = [*SIGN, *rows("objects", [(1.0, 3.0, "car")])]
    given = ask(
        MemoryIndex(held, embedder=minilm(), kinds=("subtitle", "screen_text", "objects")),
        "Is there ever a dog?",
        videos=[1],
    )
    assert not given.answered
    assert "None was recognised in the picture. Gone through: objects once a second" in given.text


@pytest.mark.parametrize(
    "question", ["Is a dog ever mentioned?", 'Does the word "dog" ever appear?', "Is there a sign?"]
)
def test_a_word_that_is_asked_for_is_enough(question: str) -> None:
    held = [*SIGN, *rows("screen_text", [(70.0, 73.0, "No sign of life")])]
    index = MemoryIndex(held, embedder=minilm(), kinds=("subtitle", "screen_text"))
    assert ask(index, question, videos=[1]).answered


def test_what_somebody_does_is_told_in_words_too() -> None:
    assert "None was" not in answer(FILM, "Is there a man who sold a watch?").text


def test_weak_recognition_denies_nothing() -> None:
    index = MemoryIndex(rows("speech", [(1.0, 3.0, "good morning")], weak=True), embedder=minilm(), kinds=("speech",))
    assert not ask(index, "Does anyone mention a dog?", videos=[1]).answered


def test_a_stretch_that_could_not_be_decoded_denies_nothing() -> None:
    video = Video(1, "f", "/films/1.mkv", 100.0, gaps=(Span(10.0, 40.0),), complete=True)
    index = MemoryIndex(rows("objects", [(1.0, 3.0, "car")]), {1: video}, embedder=minilm())
    assert not ask(index, "Is there ever a dog?", videos=[1]).answered
    said = coverage_in_words(coverage(Shelf(index, [1])))
    assert said == "Gone through: objects once a second over 00:00:00-00:01:40. Not decodable: 00:00:10-00:00:40."


def test_an_unfinished_index_denies_nothing() -> None:
    index = MemoryIndex(rows("objects", [(1.0, 3.0, "car")]), {1: Video(1, "f", "/1.mkv", 100.0)}, embedder=minilm())
    assert not ask(index, "Is there ever a dog?", videos=[1]).answered
    assert "Indexing has not finished" in coverage_in_words(coverage(Shelf(index, [1])))


@pytest.mark.parametrize(
    "name, question, said",
    [
        (FILM, "How many people speak?", "4: Anna, Ben, the narrator and Captain Ross."),
        (FILM, "How many times does the dog bark?", "2: at 00:00:46"),
        (FILM, "How many times is barking heard?", "2: at 00:00:46"),
        (FILM, "How many different things are seen?", "3: “person”, “dog” and “boat”."),
        (FILM, "How many animals are there?", "1 to 2 (1 at once, 2 comings and goings)"),
        (LECTURE, "How many slides are there?", "4: at 00:00:00"),
        (YARD, "How many times does a person appear?", "3: at 00:00:30"),
        (YARD, "How many vehicles are there?", "1 to 4 (1 at once"),
        (YARD, "How many people are seen in the first five minutes?", "1 to 2 (1 at once"),
    ],
)
def test_counting(name: str, question: str, said: str) -> None:
    given = answer(name, question)
    assert given.answered and given.text.startswith(said)


def test_a_count_says_what_was_gone_through() -> None:
    index = world(YARD)
    drafted = extract.draft(understand("How many cars are there?"), Shelf(index, [1]), [])
    assert [(c.kind, c.every, c.span, c.seconds) for c in drafted.coverage] == [
        ("objects", 1.0, Span(0.0, 1200.0), 1200.0)
    ]


def test_speakers_that_are_not_labelled_are_not_counted() -> None:
    assert not answer(LECTURE, "How many people speak?").answered


@pytest.mark.parametrize(
    "name, question, quoted",
    [
        (FILM, "Why did Ben sell the watch?", "because we needed the money"),
        (FILM, "Why do they miss the tide?", "Not before the engine is repaired"),
        ("interview", "Why do the corals lose their colour?", "too warm, therefore"),
    ],
)
def test_why(name: str, question: str, quoted: str) -> None:
    assert quoted in answer(name, question).citations[0].quote


@pytest.mark.parametrize(
    "question, said",
    [
        (
            "What does Okafor answer when asked what worries her most?",
            "At 00:00:21 Okafor says: “The water is too warm",
        ),
        ("What is the first question?", "“What worries you most?” At 00:00:16 the interviewer says:"),
        ("Who asks where she will go next?", "The interviewer. At 00:01:00"),
        ("What is written on the screen when Okafor says 'Thirty-one'?", "At 00:00:11 the screen shows: “Dr. Amara"),
    ],
)
def test_an_interview(question: str, said: str) -> None:
    assert answer("interview", question).text.startswith(said)


def test_a_name_in_the_next_line_did_nothing() -> None:
    assert not answer("interview", "Who threw her off the pier?").text.startswith("Zanzibar")


@pytest.mark.parametrize("question", ["What is the interviewer's name?", "Why did Okafor become a vegetarian?"])
def test_a_name_beside_it_is_no_answer(question: str) -> None:
    assert not answer("interview", question).answered


def test_how_gives_the_steps_in_order_of_time() -> None:
    given = answer(LECTURE, "How do you make the starter?")
    places = [given.text.index(words) for words in ("First you mix", "Then you let", "You feed it")]
    assert given.answered and places == sorted(places)


@pytest.mark.parametrize(
    "question, said",
    [
        ("Who asks whether the boat is ready?", "Anna. At 00:00:05 Anna says: “Is the boat ready to leave?”"),
        ('Who says "Cast off the lines"?', "Captain Ross. At 00:01:30 Captain Ross says:"),
        ("Who says that the storm came in from the west?", "The narrator. At 00:01:10 the narrator says:"),
        ("What does Ben say about the money?", "At 00:00:30 Ben says: “I sold my grandfather's watch"),
        ("What does the narrator say?", "At 00:01:10 the narrator says: “That night"),
        ("What is the first thing Anna says?", "“Is the boat ready to leave?” At 00:00:05 Anna says:"),
        ("Who speaks first?", "Anna. At 00:00:05 Anna says:"),
        ("What is the last thing Ben says?", "“The mechanic wants three hundred euros.” At 00:00:37 Ben says:"),
    ],
)
def test_who_says_what(question: str, said: str) -> None:
    assert answer(FILM, question).text.startswith(said)


def test_somebody_s_words_are_not_another_s() -> None:
    assert not answer(FILM, "What does Anna say about the mechanic?").answered


def test_who_says_it_is_not_told_where_nothing_labels_speakers() -> None:
    given = answer(LECTURE, "Who asks about rye?")
    assert not given.answered
    assert "does not tell who says it" in given.text
    assert given.leads[0].quote == "Can I use rye flour instead?"


def test_labels_of_a_recogniser_are_speakers_too() -> None:
    held = rows("speech", [(1.0, 3.0, "Good evening."), (4.0, 6.0, "The bridge is closed tonight.")])
    held = [
        type(r)(r.video, r.span, r.kind, r.text, 1.0, False, "x", {"speaker": f"SPEAKER_0{i}"})
        for i, r in enumerate(held)
    ]
    given = ask(MemoryIndex(held, embedder=minilm()), "Who says that the bridge is closed?", videos=[1])
    assert given.text.startswith("Speaker 1. At 00:00:04 speaker 1 says: “The bridge is closed tonight.”")


@pytest.mark.parametrize(
    "name, question, starts",
    [
        (FILM, "When is barking heard?", [46.0, 57.0]),
        (FILM, "When is the dog seen?", [44.0]),
        (FILM, "When does Anna say goodbye?", [95.0]),
        (YARD, "When is a person seen?", [30.0, 150.0, 600.0]),
        (YARD, "When is the second car seen?", [900.0]),
        (YARD, "When is a person seen for the last time?", [600.0]),
        (YARD, "When is a person seen for the second time?", [150.0]),
    ],
)
def test_when(name: str, question: str, starts: list[float]) -> None:
    assert [c.span.start for c in answer(name, question).citations] == starts


def test_a_time_that_never_came_is_told() -> None:
    given = answer(YARD, "When is a truck seen for the third time?")
    assert not given.answered
    assert "It was found once, at 00:06:40-00:07:00." in given.text


def test_pictures_that_search_found_are_leads_only() -> None:
    held = [*rows("visual", [(10.0, 12.0, ""), (50.0, 52.0, "")]), *rows("subtitle", [(1.0, 2.0, "Hello there.")])]
    index = MemoryIndex(held, embedder=minilm())
    drafted = extract.draft(understand("When is the red car visible?"), Shelf(index, [1]), [2, 1])
    assert not drafted.text
    assert [(q.kind, q.span.start) for q in drafted.leads[:2]] == [("visual", 50.0), ("visual", 10.0)]


@pytest.mark.parametrize(
    "question, said",
    [
        ("What colour is the boat?", "green. At 00:01:20 a caption describes:"),
        ("What sound is heard at 0:22?", "At 00:00:22 a sound was recognised: “glass breaking”."),
        ("What is seen at 0:47?", "At 00:00:44 a caption describes: “A black dog runs along the quay.”"),
        ("What is happening at 0:25?", "At 00:00:20 a caption describes: “A glass falls"),
        ("How does the dog move?", "At 00:00:44 a caption describes: “A black dog runs"),
        ("What is the man drinking?", "At 00:00:10 a caption describes: “A man with oily hands drinks coffee.”"),
    ],
)
def test_what_is_seen_and_heard(question: str, said: str) -> None:
    assert answer(FILM, question).text.startswith(said)


@pytest.mark.parametrize(
    "question, said",
    [
        ("Which of the two videos is longer?", "oslo.mp4. It lasts 00:01:30, lisbon.mp4 00:01:00."),
        ("Which of the two videos is shorter?", "lisbon.mp4."),
        ("Which video mentions trees first?", "“oslo.mp4”. In oslo.mp4 at 00:00:01"),
        ("Which of the two mentions trams more often?", "“lisbon.mp4”: lisbon.mp4 twice and oslo.mp4 once."),
        ("In which video are cars mentioned?", "“oslo.mp4”: At 00:00:40"),
        ("What do both videos say about trams?", "In lisbon.mp4 at 00:00:05"),
        ("How do the two videos differ in what a tree costs?", "In lisbon.mp4 at"),
        (
            "What does lisbon.mp4 say about trams?",
            "In lisbon.mp4 at 00:00:05 the subtitles say: “Trams make a city quiet.”",
        ),
    ],
)
def test_videos_are_compared(question: str, said: str) -> None:
    assert answer(TALKS, question).text.startswith(said)


def test_a_comparison_quotes_each_video() -> None:
    given = answer(TALKS, "What do both videos say about trams?")
    assert {c.video for c in given.citations} == {"/talks/lisbon.mp4", "/talks/oslo.mp4"}
    assert not answer(TALKS, "What do both videos say about bicycles?").answered


def test_several_videos_may_be_meant() -> None:
    given = answer(TALKS, "Which videos mention trees?")
    assert "Others that may be meant: lisbon.mp4" in given.text
    assert {c.video for c in given.citations} == {"/talks/lisbon.mp4", "/talks/oslo.mp4"}


def test_an_item_is_found_by_its_meaning() -> None:
    held = [(2.0, 8.0, "NOTICE"), (2.0, 8.0, "No smoking"), (20.0, 30.0, "DEPARTURES"), (20.0, 30.0, "Oslo 10:15")]
    index = MemoryIndex(rows("screen_text", held), embedder=minilm())
    given = ask(index, "Which comes first, the notice or the timetable?", videos=[1])
    assert given.answered and given.text.startswith("the notice.")
    assert [c.span.start for c in given.citations] == [2.0, 20.0]


def test_a_sign_that_says_what_is_lost_is_no_name() -> None:
    index = MemoryIndex(rows("screen_text", [(2.0, 8.0, "LOST CAT\nplease call 555 0192")]), embedder=minilm())
    assert not ask(index, "What is the name of the cat?", videos=[1]).answered
    named = MemoryIndex(rows("screen_text", [(2.0, 8.0, "LOST CAT\nAnswers to the name of Minka")]), embedder=minilm())
    assert "Minka" in ask(named, "What is the name of the cat?", videos=[1]).text
