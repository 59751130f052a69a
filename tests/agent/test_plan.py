from __future__ import annotations

import pytest

from vagent.agent.question.plan import understand
from vagent.tools.time import Span


@pytest.mark.parametrize(
    "question, kind",
    [
        ("What does the narrator say about bees?", "speech"),
        ("Which product does the caller want?", "speech"),
        ("What is Omar's job according to the caption?", "text"),
        ("Which web address is written there?", "text"),
        ("What is she wearing?", "visual"),
        ("How many cars are in view?", "visual"),
        ("Who made the music?", "any"),
        ('What is being shown while the caption "ITEM 3" is on screen?', "visual"),
        ("What is on screen while the voice speaks?", "visual"),
    ],
)
def test_the_sense_a_question_is_about(question: str, kind: str) -> None:
    assert understand(question).kind == kind


@pytest.mark.parametrize(
    "question, task",
    [
        ("When is the card with the secret word shown?", "when"),
        ("At what time does the shot of the burrow begin?", "when"),
        ("When was the bridge built?", "find"),
        ("How many times is Paris mentioned?", "count"),
        ("How often is the foghorn mentioned?", "count"),
        ("How often does somebody say foghorn?", "count"),
        ("How often does the bus run?", "find"),
        ("How many captioned overlays are there?", "count"),
        ('Which comes first: "with our passion" or "and our dreams"?', "order"),
        ("Who is captioned first, Carlo or Omar?", "order"),
        ("Order these: bird, brook, title.", "order"),
        ('What is the answer to "What\'s next?"', "neighbour"),
        ('Which bullet comes directly after "Mapping"?', "neighbour"),
        ("What is the first spoken line?", "edge"),
        ("What is the heading of the second slide?", "slide"),
        ("When does the slide change?", "slide"),
        ("How many audio tracks does the file have?", "file"),
        ("In which languages are the subtitles?", "file"),
        ("How long is the video?", "file"),
        ("What is this video about?", "whole"),
        ("What does the subtitle at about 2 s say?", "at_time"),
        ("Does anybody mention a dog?", "exists"),
        ("What does the customer buy first?", "find"),
    ],
)
def test_what_has_to_be_done(question: str, task: str) -> None:
    assert understand(question, duration=60.0).task == task


def test_which_video_is_a_question_only_where_there_are_several() -> None:
    assert understand("In which film does somebody fall?", videos=3).task == "which_video"
    assert understand("In which film does somebody fall?", videos=1).task == "find"


@pytest.mark.parametrize(
    "question, expects",
    [
        ("How old is Emo?", "age"),
        ("What price does the agent quote?", "money"),
        ("On what date was it launched?", "date"),
        ("Which year is named?", "year"),
        ("What colour is the lift?", "colour"),
        ("How many people are there?", "number"),
        ("What is the caller's name?", "person"),
        ("What is the name of the technician on the lift?", "person"),
        ("What is the name of the café?", "named"),
        ("What is the lecturer's e-mail address?", "email"),
        ("What is the telephone number of the office?", "phone"),
        ("What is the access code for the gate?", "code"),
        ("How long does it take?", "duration"),
        ("At which height in metres is the bar set?", "measure"),
        ("Why does he leave?", "reason"),
        ("Who left?", "who"),
        ("Where is the room?", "place"),
        ("Did they talk on the phone?", "yes_no"),
        ("Which model does she choose, Ultra or regular?", "choice"),
        ("What happens then?", "free"),
    ],
)
def test_the_type_of_answer(question: str, expects: str) -> None:
    assert understand(question).expects == expects


def test_items_to_put_in_order_come_from_the_question() -> None:
    plan = understand("Which comes first, the deer or the curled leaf?")
    assert plan.items == ("the deer", "the curled leaf")
    assert plan.edge == "first"


def test_a_quoted_string_is_searched_for_by_itself() -> None:
    plan = understand('When does "open a new browser" appear?')
    assert plan.quoted == ("open a new browser",)
    assert ("open a new browser", None) in plan.queries


def test_time_hints_are_kept() -> None:
    hint = understand("What is said between 7.1 and 11.8 s?", duration=60.0).hint
    assert hint is not None and hint.within(60.0) == Span(7.1, 11.8)
