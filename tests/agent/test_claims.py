"""What a chat model answers is held against the evidence: labels, quotations, times, numbers and names."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.memory import MemoryIndex, documents, index_of, minilm, rows
from tests.agent.scripted import Script, asking, call, finish
from vagent.agent.drivers.llm import LLM
from vagent.agent.evidence.quotations import quotations, stands
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.language.words import squeezed
from vagent.agent.proof import claimed, named, share, unproven
from vagent.agent.records import Answer
from vagent.agent.routes.lettered import lettered, meant
from vagent.agent.state import Context
from vagent.agent.wording import LEFT_OUT, worded
from vagent.index.records import Evidence
from vagent.tools.time import Span

SEEN = call("transcript", start=0, end="9:00:00")


@pytest.fixture(scope="module")
def index() -> MemoryIndex:
    held = rows("subtitle", [
        (61.0, 64.0, "The baker pays the bill with a silver coin."),
        (70.0, 73.0, "My sister Anna was born in 1987 in Lisbon."),
        (80.0, 83.0, "The train to Porto leaves at 7:45 from platform nine."),
        (90.0, 94.0, "I can't stand how he runs this place, so I quit today."),
        (100.0, 103.0, "Whales sing to each other over a thousand kilometres."),
    ])  # fmt: skip
    held += rows("screen_text", [(110.0, 114.0, "0PENING HOURS\nM0nday to Friday 9-17")], weak=True)
    held += rows("visual", [(61.0, 62.0, "")])
    return MemoryIndex(held, embedder=minilm())


def told(index: MemoryIndex, question: str, *replies: Any, **named_: Any) -> Answer:
    """The answer of a model that has read everything."""
    return asking(index, question, Script(SEEN, *replies), **named_)


def objection(answer: Answer) -> str:
    """What was said against the first answer."""
    found = [step.result for step in answer.steps if step.action == "finish"]
    return found[0] if found and found[0].startswith("not proven") else ""


class TestLabels:
    @pytest.mark.parametrize("label", ["e999", "e0", "l1", "1", "e1e2", "[e999]", "e-1", "E1000", "evidence", ""])
    def test_only_what_was_shown_counts(self, index: MemoryIndex, label: str) -> None:
        answer = told(index, "Who pays the bill?", finish("The butcher does it.", label))
        assert "not proven" in answer.steps[1].result
        assert "butcher" not in answer.text
        assert all(c.quote.startswith("The baker pays") for c in answer.citations)

    def test_a_row_that_exists_and_was_not_shown_does_not_count(self, index: MemoryIndex) -> None:
        model = Script(call("transcript", start=0, end=65), finish("In Lisbon.", "e2"))
        answer = asking(index, "Where was Anna born?", model)
        assert "no evidence with the label e2 was shown to you" in answer.steps[1].result

    def test_forged_labels_beside_a_true_one_are_not_cited(self, index: MemoryIndex) -> None:
        answer = told(index, "Where was Anna born?", finish("In Lisbon.", "e2", "e77", "l9"))
        assert [c.quote for c in answer.citations] == ["My sister Anna was born in 1987 in Lisbon."]
        assert answer.answered

    def test_a_label_too_many_is_not_cited(self, index: MemoryIndex) -> None:
        answer = told(index, "Where was Anna born?", finish("In Lisbon.", "e5", "e2", "e1"))
        assert [c.span.start for c in answer.citations] == [70.0]

    def test_labels_among_the_words_count_and_are_not_said(self, index: MemoryIndex) -> None:
        answer = told(index, "Where was Anna born?", finish("In Lisbon [e2]."))
        assert answer.text == "In Lisbon."
        assert [c.span.start for c in answer.citations] == [70.0]

    def test_a_picture_without_words_proves_nothing(self, index: MemoryIndex) -> None:
        answer = told(index, "Which animal is in the picture?", finish("A cat.", "e7"))
        assert "e7 has no words that could prove anything; look at it" in objection(answer)
        assert not answer.answered

    def test_without_labels_the_rows_that_say_it_are_cited(self, index: MemoryIndex) -> None:
        answer = told(index, "Where was Anna born?", finish("In Lisbon."))
        assert answer.answered and [c.span.start for c in answer.citations] == [70.0]

    def test_many_are_cut(self, index: MemoryIndex) -> None:
        answer = told(index, "What is said?", finish("Baker, Anna, train, quit, whales and hours.",
                                                     *[f"e{n}" for n in range(1, 7)]))  # fmt: skip
        assert len(answer.citations) <= 5


class TestWords:
    def test_what_the_evidence_does_not_say_is_turned_down_once_and_then_not_given(self, index: MemoryIndex) -> None:
        answer = told(index, "Who pays the bill?", finish("A wealthy diplomat from Vienna.", "e1"))
        assert "it says what the evidence that it names does not say: wealthy, diplomat" in objection(answer)
        assert [s.action for s in answer.steps] == ["transcript", "finish", "finish"]
        assert answer.steps[2].result == "an answer"
        assert "diplomat" not in answer.text and "The baker pays" in answer.text
        assert "was not proven by what it named" in answer.text

    def test_the_model_may_do_better(self, index: MemoryIndex) -> None:
        answer = told(index, "Who pays the bill?", finish("A wealthy diplomat.", "e1"), finish("The baker.", "e1"))
        assert answer.text == "The baker."

    def test_other_words_of_the_same_meaning_will_do(self, index: MemoryIndex) -> None:
        question = "How do whales keep in touch?"
        answer = told(index, question, finish("Whales communicate by singing across huge distances.", "e5"))
        assert answer.text.startswith("Whales communicate by singing")
        assert 0.4 <= answer.confidence < 0.9

    def test_yes_needs_that_what_is_asked_stands_there(self, index: MemoryIndex) -> None:
        answer = told(index, "Does the baker pay with a coin?", finish("Yes.", "e1"))
        assert answer.answered and answer.citations[0].span.start == 61.0

    def test_what_speaks_of_something_else_proves_nothing(self, index: MemoryIndex) -> None:
        answer = told(index, "What is the name of the captain's ship?", finish("It is Lisbon.", "e2"))
        assert "does not speak of what is asked" in objection(answer)
        assert not answer.answered

    def test_evidence_in_another_language_is_shown_with_less_confidence(self, index: MemoryIndex) -> None:
        question = "Warum hat der Mann an diesem Tag mit der Arbeit aufgehört?"
        answer = told(index, question, finish("Weil er nicht mag, wie der Chef den Laden führt.", "e4"))
        assert answer.answered and answer.text.startswith("Weil er nicht mag")
        assert answer.confidence <= 0.45
        assert answer.citations[0].span.start == 90.0

    def test_weak_evidence_alone_makes_nobody_sure(self, index: MemoryIndex) -> None:
        answer = told(index, "Which days are written on the screen?", finish("Monday to Friday.", "e6"))
        assert answer.confidence <= 0.4

    def test_agreement_with_the_extractive_answer_makes_surer(self, index: MemoryIndex) -> None:
        question = "In which year was Anna born?"
        sure = told(index, question, finish("She was born in 1987.", "e2"))
        beside = told(index, "Who leaves the job?", finish("Somebody who says: I quit today.", "e4"))
        assert sure.confidence > beside.confidence

    def test_nothing_is_said_to_be_surer_than_its_evidence(self, index: MemoryIndex) -> None:
        plain = told(index, "Where was Anna born?", finish("In Lisbon.", "e2"))
        boasting = told(index, "Where was Anna born?", finish("In Lisbon, certainly.", "e2"))
        assert boasting.answered and boasting.confidence <= plain.confidence <= 0.9

    @pytest.mark.parametrize("said", ["In 1978.", "It was in 1978 in Lisbon."])
    def test_a_number_that_is_not_there(self, index: MemoryIndex, said: str) -> None:
        answer = told(index, "In which year was Anna born?", finish(said, "e2"))
        if "1978" in answer.text:
            assert "Not proven by what is cited: 1978." in answer.text
            assert answer.confidence < 0.7
        else:
            assert "1987" in answer.text and objection(answer)


class TestQuotations:
    def test_one_that_stands_there_stays(self, index: MemoryIndex) -> None:
        answer = told(index, "Why does he leave?", finish('He says "I quit today".', "e4"))
        assert answer.text == "He says “I quit today”." and not objection(answer)

    def test_one_that_does_not_is_told_and_then_left_out(self, index: MemoryIndex) -> None:
        said = 'The baker pays with a silver coin and says "keep the change, my friend".'
        answer = told(index, "Who pays the bill?", finish(said, "e1"))
        assert "“keep the change, my friend” stands in no evidence that was shown" in objection(answer)
        assert answer.text == (
            f"The baker pays with a silver coin and says {LEFT_OUT}. "
            "A quotation was left out: it stands in no evidence."
        )

    def test_one_from_another_row_that_was_shown_cites_that_row_too(self, index: MemoryIndex) -> None:
        answer = told(index, "Why does he leave?", finish('Because of "how he runs this place".', "e1"))
        assert [c.span.start for c in answer.citations] == [90.0]

    def test_an_answer_that_is_nothing_but_a_false_quotation_is_none(self, index: MemoryIndex) -> None:
        answer = told(index, "What does the captain shout?", finish("“Full steam ahead, men!”", "e1"))
        assert not answer.answered and "steam" not in answer.text

    def test_words_of_the_question_may_be_quoted(self, index: MemoryIndex) -> None:
        answer = told(index, 'Who says "bill"?', finish('The word "bill" is in: the baker pays the bill.', "e1"))
        assert not objection(answer)


class TestTimes:
    @pytest.mark.parametrize(
        ("said", "text"),
        [
            ("At 00:01:02 the baker pays the bill.", "At 00:01:01 the baker pays the bill."),
            ("The baker pays (1:01-1:04).", "The baker pays (00:01:01-00:01:04)."),
            ("From 0:05 to 0:09, the baker pays.", "The baker pays."),
            ("At 0:05, the baker pays.", "The baker pays."),
            ("The baker pays at 99:99:99.", "The baker pays."),
            ("The baker pays (at 0:09).", "The baker pays."),
            ("Between 1:01 and 0:09 the baker pays.", "At 00:01:01 the baker pays."),
        ],
    )
    def test_a_time_is_that_of_the_evidence_or_not_said(self, index: MemoryIndex, said: str, text: str) -> None:
        assert told(index, "Who pays the bill?", finish(said, "e1")).text == text

    def test_a_time_that_is_spoken_of_stays(self, index: MemoryIndex) -> None:
        answer = told(index, "When does the train to Porto leave?", finish("The train leaves at 7:45.", "e3"))
        assert "7:45" in answer.text

    @pytest.mark.parametrize("said", ["At 0:12.", "The baker pays the bill.", "00:01:02"])
    def test_when_is_answered_by_the_evidence_whatever_the_model_wrote(self, index: MemoryIndex, said: str) -> None:
        answer = told(index, "At what time in the video does the baker pay the bill?", finish(said, "e1"))
        assert "00:01:01" in answer.text and "0:12" not in answer.text
        assert answer.citations[0].span == Span(61.0, 64.0)


class TestNotAnswered:
    def test_it_says_what_was_searched_and_what_is_nearest(self, index: MemoryIndex) -> None:
        answer = told(index, "What is the name of the captain's ship?", finish(answered=False))
        assert not answer.answered and answer.citations == ()
        assert answer.text.startswith("Nothing that was found answers this.")
        assert "Searched: " in answer.text and answer.leads and answer.searched

    def test_what_the_evidence_is_sure_of_is_answered_all_the_same(self, index: MemoryIndex) -> None:
        question = "In which year was Anna born?"
        alone = asking(index, question, Script(finish(answered=False)))
        assert alone.answered and "1987" in alone.text
        assert "The chat model found no answer, but the evidence holds one." in alone.text
        from vagent.agent.ask import ask
        from vagent.agent.drivers.policy import Policy

        rules = ask(index, question, videos=[1], driver=Policy())
        assert alone.confidence < rules.confidence

    def test_no_is_an_answer_that_says_how_far_it_reaches(self, index: MemoryIndex) -> None:
        question = "Is a helicopter ever mentioned?"
        scan = call("count", what="helicopter")
        for last in (finish("No, it is never mentioned."), finish(answered=False)):
            answer = asking(index, question, Script(scan, last))
            assert "helicopter" in answer.text or answer.text.startswith("No")
            assert "throughout" in answer.text or "Searched" in answer.text

    def test_yes_against_the_evidence_is_not_given(self, index: MemoryIndex) -> None:
        answer = told(index, "Is a helicopter ever mentioned?", finish("Yes, it is.", "e1"))
        assert not answer.text.startswith("Yes")


class TestFacts:
    def test_facts_of_the_file_need_no_label(self, index: MemoryIndex) -> None:
        answer = told(index, "How long is the video?", finish("It is two minutes long."))
        assert answer.answered and [c.kind for c in answer.citations] == ["file"]

    def test_what_was_counted_is_proven_by_the_count(self, index: MemoryIndex) -> None:
        scan = call("count", what="Anna")
        answer = asking(index, "How many times is Anna mentioned?", Script(scan, finish("Anna is named 1 time.", "e2")))
        assert "Not proven" not in answer.text


# Text as recognisers write it.


def _read(text: str, rate: float, draw: random.Random) -> str:
    """As on-screen text recognition may read it: letters taken for others, spaces lost."""
    likes = [("l", "1"), ("o", "0"), ("i", "l"), ("rn", "m"), ("m", "rn"), ("e", "c"), ("h", "b"), ("cl", "d")]
    out, place = [], 0
    while place < len(text):
        fits = [pair for pair in likes if text.startswith(pair[0], place)] if draw.random() < rate else []
        old, new = draw.choice(fits) if fits else (text[place], text[place])
        out.append("" if old == " " and draw.random() < rate else new)
        place += len(old)
    return "".join(out)


def _heard(text: str, rate: float, draw: random.Random) -> str:
    """As speech recognition may hear it: no marks, endings and vowels wrong, small words lost."""
    out = []
    for word in re.findall(r"[\w'’]+", text.lower()):
        if word.isdigit() or draw.random() >= rate:
            out.append(word)
        elif len(word) >= 4:
            vowels = "".join(draw.choice("aeiou") if c in "aeiou" and draw.random() < 0.4 else c for c in word)
            out.append(draw.choice([word + "s", vowels]))
    return " ".join(out)


@pytest.fixture(scope="module")
def quoted() -> list[tuple[str, str, str]]:
    """(a quotation, the noisy row that it is from, another row of the same document)."""
    draw = random.Random(7)
    made = []
    for name in ("dialogues.jsonl", "screens.jsonl"):
        noise: Callable[[str, float, random.Random], str] = _heard if name.startswith("d") else _read
        for document in documents(name):
            texts = [text for _, _, text in document["evidence"]]
            for text in texts:
                parts = text.split()
                if len(parts) < 4:
                    continue
                count = draw.randint(3, len(parts))
                start = draw.randint(0, len(parts) - count)
                other = draw.choice([t for t in texts if t != text] or [""])
                quote = " ".join(parts[start : start + count])
                if squeezed(quote) not in squeezed(other):
                    made.append((quote, noise(text, draw.choice([0.0, 0.03, 0.08]), draw), other))
    return made


class TestStands:
    def test_what_is_there_is_found_in_spite_of_noise(self, quoted: list[tuple[str, str, str]]) -> None:
        assert len(quoted) > 250
        found = sum(stands(quote, noisy) for quote, noisy, _ in quoted)
        assert found / len(quoted) >= 0.93

    def test_what_stands_elsewhere_is_not(self, quoted: list[tuple[str, str, str]]) -> None:
        assert sum(stands(quote, other) for quote, _, other in quoted) <= 1

    def test_one_other_word_or_number_is_noticed(self, quoted: list[tuple[str, str, str]]) -> None:
        draw = random.Random(8)
        pool = sorted({w for quote, _, _ in quoted for w in re.findall(r"[^\W\d_]{5,}", quote)})
        taken = total = 0
        for quote, noisy, _ in quoted:
            words = list(re.finditer(r"[^\W\d_]{5,}|\d+", quote))
            if not words:
                continue
            word = draw.choice(words)
            new = str(int(word[0]) + 3) if word[0].isdigit() else draw.choice([w for w in pool if w != word[0]])
            total += 1
            taken += stands(quote[: word.start()] + new + quote[word.end() :], noisy)
        assert total > 200 and taken / total <= 0.04

    @pytest.mark.parametrize(
        ("words", "text", "there"),
        [
            ("I did pay the bill", "I did not pay the bill", False),
            ("I did not pay the bill", "I did not pay the bil1", True),
            ("seven to eight", "seventy-eight", False),
            ("no", "another one", False),
            ("no", "no, another one", True),
            ("B", "the answer is a bee", False),
            ("the baker … a coin", "The baker pays the bill with a coin", True),
            ("a coin ... the baker", "The baker pays the bill with a crown", False),
            ("15 March", "It was on 16 March", False),
            ("fifteen people", "fifty people", False),
            ("面包师付账", "昨天面包师付账了", True),
            ("面包", "昨天面包师付账了", True),
            ("?!", "?!", False),
        ],
    )
    def test_cases(self, words: str, text: str, there: bool) -> None:
        assert stands(words, text) is there

    @given(st.text(max_size=60), st.text(max_size=120))
    @settings(deadline=None)
    def test_any_text(self, words: str, text: str) -> None:
        assert stands(words, text) in (True, False)
        if len(squeezed(words)) >= 5:
            assert stands(words, f"{text} {words}") or "…" in words or ".." in words or "[" in words

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ('He says "I pay" and “no”.', ["I pay", "no"]),
            ("„Ja“ und »Nein« «oui» 「はい」", ["Ja", "Nein", "oui", "はい"]),
            ("the captain's dog and the dogs' food", []),
            ("it said 'the captain's dog'.", ["the captain's dog"]),
            ('"" “ ”', []),
        ],
    )
    def test_quotations(self, text: str, found: list[str]) -> None:
        assert [words for _, _, words in quotations(text)] == found
        assert all(text[start:end].strip(text[start] + text[end - 1]) == words
                   for start, end, words in quotations(text))  # fmt: skip


class TestWording:
    @pytest.mark.parametrize(
        ("said", "text"),
        [
            ("See [the page](http://evil.example/x).", "See the page."),
            ("![logo](http://evil.example/x.png) The baker pays.", "logo The baker pays."),
            ("Go to http://evil.example/y now.", f"Go to {LEFT_OUT} now."),
            ("Go to www.evil.example now.", f"Go to {LEFT_OUT} now."),
            ("Go to http://bakery.example now.", "Go to http://bakery.example now."),
            ("<b>The baker</b> <|im_end|> pays.", "The baker pays."),
            ("\x1b[31mThe baker\x1b[0m\npays\u202e.", "The baker pays."),
            ("The baker pays (e1, e2 and l1).", "The baker pays."),
            ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ],
    )
    def test_links_tags_and_labels(self, said: str, text: str) -> None:
        evidence = ["The baker pays.", "visit http://bakery.example now"]
        assert worded(said, evidence, "", [Span(1, 2)]).text == text

    @given(st.text(max_size=300))
    @settings(deadline=None)
    def test_any_text_comes_out_safe_and_not_longer_than_allowed(self, said: str) -> None:
        made = worded(said, ["some evidence"], "a question", [Span(60.0, 65.0)])
        assert all(c.isprintable() or c in "\u200c\u200d" for c in made.text)
        assert len(worded(said * 50, [], "", []).text) <= 1210

    @given(st.integers(0, 35), st.integers(0, 59), st.integers(0, 59))
    def test_any_time_is_the_evidences_or_gone(self, hours: int, minutes: int, seconds: int) -> None:
        clock = f"{hours:02}:{minutes:02}:{seconds:02}"
        text = worded(f"It happens at {clock}.", [], "", [Span(61.0, 64.0)]).text
        assert re.findall(r"\d+:\d+:\d+", text) in ([], ["00:01:01"], ["00:01:04"])
        inside = 59.5 <= hours * 3600 + minutes * 60 + seconds <= 65.5
        assert bool(re.search(r"\d", text)) is inside


class TestProof:
    def test_values(self) -> None:
        texts = ["Anna was born in nineteen cities, call 555 0142", "platform 9"]
        assert unproven("Anna has 3 brothers on platform nine", texts) == ["3"]
        assert unproven("Ask for Bruno: 5550142 or 555-0142", texts) == ["Bruno"]
        assert unproven("At 00:01:02 one of them sees Anna first", texts) == []
        assert unproven("In nineteen thirty eight, not 1", ["nineteen thirty-eight"]) == ["1"]
        assert unproven("Der Bäcker zahlt die Rechnung mit einer Münze", texts) == []  # nouns, not names

    def test_new_words(self) -> None:
        assert claimed("The baker pays the bill at 00:01:02", "Who pays the bill?") == ["baker"]
        assert share(["baker", "coin"], ["The bakers of Rome"]) == 0.5
        assert share([], ["x"]) == 0.0

    def test_a_long_row_is_cited_by_the_lines_that_say_it(self) -> None:
        menu = "\n".join(f"Dish number {n} with rice and a long description of it" for n in range(20))
        index = MemoryIndex([*rows("screen_text", [(1.0, 5.0, f"{menu}\nSoup of the day\n{menu}")])], embedder=minilm())
        answer = asking(index, "Which soup is on the menu?", Script(SEEN, finish("The soup of the day.", "e1")))
        assert "Soup of the day" in answer.citations[0].quote
        assert len(answer.citations[0].quote) < 300

    def test_labels_are_resolved_across_videos(self) -> None:
        held = [*rows("subtitle", [(1.0, 2.0, "One.")]), *rows("subtitle", [(1.0, 2.0, "Two.")], video=2)]
        index = MemoryIndex(held)
        found = named(["e2", " [E1] ", "e2", "e3"], [1, 2], [], Shelf(index, [1]), [1, 2])
        assert found.texts == ["Two.", "One."] and found.forged == ("e3",)

    def test_speakers_belong_to_what_is_said(self) -> None:
        held = [Evidence(1, Span(1, 2), "subtitle", "ANNA: I did it.", 1.0, False, "test")]
        answer = asking(MemoryIndex(held, embedder=minilm()), "Who did it?", Script(SEEN, finish("Anna did it.", "e1")))
        assert answer.answered and "Not proven" not in answer.text


class TestOptions:
    @given(st.lists(st.sampled_from(["red", "dark red", "blue", "5", "15", "A", "b", "no one", "C. green"]),
                    min_size=2, unique=True))  # fmt: skip
    def test_each_is_meant_by_its_own_words_and_letter(self, choices: list[str]) -> None:
        from vagent.agent.routes.choices import without_label

        letters = lettered(choices)
        assert sorted(position for _, position in letters) == list(range(len(choices)))
        for letter, position in letters:
            words = without_label(choices[position])
            assert meant(f"{letter}. {words}", choices) == position
            assert meant(letter, choices) in (position, None)  # none where an option is itself that letter
            if len(words) > 1:
                assert meant(words.upper(), choices) == position

    def test_the_order_they_were_given_in_is_not_seen(self) -> None:
        choices = ["red", "Green", "blue"]
        shown = {
            tuple(order[i] for _, i in lettered(order)) for order in (choices, choices[::-1], choices[1:] + choices[:1])
        }
        assert shown == {("blue", "Green", "red")}


def test_an_oracle_is_believed_and_a_liar_seldom() -> None:
    """A model that names the right answer with its row is taken at its word; one that names another row of the same
    video for a question that nothing answers is mostly not."""
    draw = random.Random(3)
    right: list[bool] = []
    lied: list[Answer] = []
    for document in _some_documents():
        held = index_of(document, minilm())
        texts = [text for _, _, text in document["evidence"]]
        for one in document["questions"]:
            if one["rows"]:
                said = finish(f"{one['accept'][0].capitalize()}.", *[f"e{row + 1}" for row in one["rows"]])
                answer = told(held, one["question"], said)
                right.append(answer.answered and any(squeezed(a) in squeezed(answer.text) for a in one["accept"]))
            else:
                row = draw.randrange(len(texts))
                lied.append(told(held, one["question"], finish(texts[row].split("\n")[0], f"e{row + 1}")))
    assert len(right) > 40 and sum(right) / len(right) >= 0.93
    assert len(lied) > 30 and sum(answer.answered for answer in lied) / len(lied) <= 0.4
    assert all(answer.confidence <= 0.9 for answer in lied)


def _some_documents() -> Iterator[dict[str, Any]]:
    yield from documents("dialogues.jsonl")[:6]
    yield from documents("screens.jsonl")[:3]


def test_a_claim_costs_no_model_call(index: MemoryIndex) -> None:
    model = Script(SEEN, finish("In Lisbon.", "e2"))
    asking(index, "Where was Anna born?", model)
    assert len(model.asked) == 2
    assert json.dumps(Context(index, LLM()).chat) == "null"
