from __future__ import annotations

import pytest

from vagent.agent.question.hints import quotes, time_hint, times_in
from vagent.tools.time import Span


@pytest.mark.parametrize(
    "question, expected",
    [
        ('What is the answer to "What\'s next?"', ("What's next?",)),
        ("Who says “come here” first?", ("come here",)),
        ("What does 'Rue de Londres' mean?", ("Rue de Londres",)),
        ("What's the dog's name?", ()),
        ('Which is first: "a b" or "c d"?', ("a b", "c d")),
    ],
)
def test_quoted_strings(question: str, expected: tuple[str, ...]) -> None:
    assert quotes(question) == expected


@pytest.mark.parametrize(
    "question, expected",
    [
        ("What is said at about 2 s?", Span(2, 2)),
        ("What does the text at 1:30 say?", Span(90, 90)),
        ("Which animal is shown between 7.1 and 11.8 s?", Span(7.1, 11.8)),
        ("Who speaks in the first minute?", Span(0, 60)),
        ("What is written in the first two minutes?", Span(0, 100)),
        ("Which word is on screen in the last three seconds?", Span(97, 100)),
        ("What happens in the second half?", Span(50, 100)),
        ("What happens in the first half?", Span(0, 50)),
        ("What is said after 0:40?", Span(40, 100)),
        ("What is said before 20 s?", Span(0, 20)),
        ("What is said at the end?", Span(85, 100)),
        ("Who sings about 1995?", None),
    ],
)
def test_times_in_questions(question: str, expected: Span | None) -> None:
    hint = time_hint(question, 100.0)
    assert (None if hint is None else hint.within(100.0)) == expected


def test_times_inside_quotations_are_not_hints() -> None:
    assert time_hint('When does "meet at 10 s" appear?', 100.0) is None


@pytest.mark.parametrize(
    "option, expected",
    [
        ("5-8 s", Span(5, 8)),
        ("about 15:56", Span(956, 956)),
        ("7.6-8.2 s", Span(7.6, 8.2)),
        ("23 seconds", Span(23, 23)),
        ("a red car", None),
        ("four people", None),
        ("1:02:03", Span(3723, 3723)),
    ],
)
def test_options_that_are_times(option: str, expected: Span | None) -> None:
    assert times_in(option) == expected
