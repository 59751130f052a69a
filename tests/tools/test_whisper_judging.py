"""What becomes of what Whisper heard: sentences in the video's time, and a second hearing where there is doubt.

The engine here is a script: it says what each test has it say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.errors import EngineFailed
from vagent.tools.engines import Status
from vagent.tools.speech import RATE, Stretch, Utterance
from vagent.tools.speech.whisper import Whisper
from vagent.tools.speech.whisper_filters import Heard, HeardWord
from vagent.tools.speech.whisper_windows import Window
from vagent.tools.time import Span

Script = Callable[[Window], list[Heard]]


class Scripted(Whisper[str]):
    """Says what the script says to a window, and keeps how many stretches each window had."""

    name, package = "scripted", "numpy"

    def __init__(self, script: Script, **speech: object) -> None:
        super().__init__(load_settings({"speech": {"language": "en", **speech}}, env={}))
        self.script = script
        self.asked: list[tuple[int, ...]] = []

    @classmethod
    def _status(cls, settings: Settings) -> tuple[Status, str]:
        return Status(True, "scripted"), ""

    def _label(self) -> str:
        return "1"

    def _load(self) -> str:
        return "model"

    def _known(self, model: str) -> Sequence[str]:
        return ["en", "fr"]

    def _languages(self, model: str, sound: NDArray[np.float32]) -> Mapping[str, float]:
        return {"fr": 0.7, "en": 0.3}

    def _hear(self, model: str, windows: Sequence[Window], language: str, translate: bool) -> list[list[Heard]]:
        self.asked += [tuple(place.stretch for place in window.places) for window in windows]
        return [self.script(window) for window in windows]


def stretch(start: float, seconds: float) -> Stretch:
    return np.full(round(seconds * RATE), 1000, np.int16), start


def heard(text: str, start: float, end: float, **facts: float) -> Heard:
    """A text whose words share its time evenly."""
    parts = text.split()
    step = (end - start) / len(parts)
    words = [HeardWord(start + n * step, start + (n + 1) * step, f" {part}", 0.9) for n, part in enumerate(parts)]
    return Heard(start, end, f" {text}", tuple(words), **{"sureness": -0.1, **facts})


def timed(*words: tuple[str, float, float], **facts: float) -> Heard:
    """A text of words with their times."""
    found = tuple(HeardWord(start, end, f" {text}", 0.9) for text, start, end in words)
    return Heard(words[0][1], words[-1][2], "".join(word.text for word in found), found, **facts)


def texts(found: Sequence[Sequence[Utterance]]) -> list[list[str]]:
    return [[one.text for one in utterances] for utterances in found]


def transcribed(one: Heard, seconds: float = 10.0, start: float = 100.0) -> list[Utterance]:
    return Scripted(lambda _: [one]).transcribe(*stretch(start, seconds))


LOT = (stretch(100.0, 3.0), stretch(110.0, 3.0), stretch(120.0, 3.0))  # at 0.0, 3.5 and 7.0 in their window


class TestSecondHearing:
    def test_what_is_in_no_doubt_is_heard_once(self) -> None:
        engine = Scripted(lambda _: [heard("one two", 0, 2), heard("three four", 4, 6), heard("five six", 8, 9)])
        assert texts(engine.transcribe_many(LOT)) == [["one two"], ["three four"], ["five six"]]
        assert engine.asked == [(0, 1, 2)]

    def test_a_known_invention_is_heard_alone(self) -> None:
        """In company nobody can tell whether somebody spoke in that very stretch."""

        def script(window: Window) -> list[Heard]:
            if len(window.places) == 1:
                return [heard("Thank you.", 0.2, 1.0, no_speech=0.9 if window.places[0].stretch == 1 else 0.1)]
            return [heard("one two", 0, 2), heard("Thank you.", 4, 5), heard("Thank you.", 8, 9)]

        engine = Scripted(script)
        assert texts(engine.transcribe_many(LOT)) == [["one two"], [], ["Thank you."]]
        assert engine.asked == [(0, 1, 2), (1,), (2,)]

    def test_a_stretch_that_was_passed_over_is_heard_alone(self) -> None:
        engine = Scripted(
            lambda window: (
                [heard("here I am", 0.5, 2)]
                if len(window.places) == 1
                else [heard("one two", 0, 2), heard("five six", 8, 9)]
            )
        )
        (_, (found,), _) = engine.transcribe_many(LOT)
        assert (found.text, found.span) == ("here I am", Span(110.5, 112.0))

    @pytest.mark.parametrize("facts", [{"sureness": -1.5}, {"repetition": 3.0}])
    def test_a_bad_window_is_heard_stretch_by_stretch(self, facts: dict[str, float]) -> None:
        engine = Scripted(
            lambda window: (
                [heard(f"alone {window.places[0].stretch}", 0, 2)]
                if len(window.places) == 1
                else [heard("all in one and so on", 0, 10, **facts)]
            )
        )
        assert texts(engine.transcribe_many(LOT)) == [["alone 0"], ["alone 1"], ["alone 2"]]

    def test_a_translation_is_never_heard_in_company(self) -> None:
        engine = Scripted(lambda _: [Heard(0.5, 2.0, " well then")], language="fr", translate=True)
        found = engine.transcribe_many(LOT)
        assert engine.asked == [(0,), (1,), (2,)]
        assert [(one.span, one.text, one.language, one.translated_from) for (one,) in found] == [
            (Span(start + 0.5, start + 2.0), "well then", "en", "fr") for start in (100.0, 110.0, 120.0)
        ]


class TestPlaces:
    def test_a_sentence_over_two_stretches_is_parted_between_its_words(self) -> None:
        whole = timed(("I", 0.2, 0.5), ("went", 0.5, 2.9), ("home", 3.3, 4.5), ("again.", 4.5, 5.0), ("So", 7.1, 8.0))
        first, second, third = Scripted(lambda _: [whole]).transcribe_many(LOT)
        assert texts([first, second, third]) == [["I went"], ["home again."], ["So"]]
        assert second[0].words[0].span.start == 110.0  # it seemed to begin in the silence between
        assert second[0].words[0].span.end == pytest.approx(111.0)
        assert second[0].span.end == pytest.approx(111.5)

    def test_times_outside_the_stretch_are_moved_into_it(self) -> None:
        (found,) = transcribed(timed(("one", -0.5, 1.0), ("two", 9.0, 31.0)), 10.0)[:1]
        assert found.span.start == 100.0
        (one, two) = transcribed(timed(("one", -0.5, 1.0), ("two", 9.0, 31.0)), 10.0)
        assert two.span == Span(109.0, 110.0)
        assert one.words[0].span == Span(100.0, 101.0)

    def test_words_never_go_back(self) -> None:
        (found,) = transcribed(timed(("one", 1.0, 2.0), ("two", 1.5, 1.2), ("three", 1.8, 2.6)))
        assert [word.span for word in found.words] == [Span(101, 102), Span(102, 102), Span(102, 102.6)]


class TestSentences:
    def test_each_is_an_utterance(self) -> None:
        found = transcribed(heard("The ferry leaves today. Cold water tastes good! Or not", 0, 10))
        assert [one.text for one in found] == ["The ferry leaves today.", "Cold water tastes good!", "Or not"]
        assert [one.span for one in found] == [Span(100, 104), Span(104, 108), Span(108, 110)]

    @pytest.mark.parametrize("text", ["I saw Mr. Smith and Dr. Who there", "It cost 3.50 at the U.S. border"])
    def test_a_full_stop_within_one_ends_none(self, text: str) -> None:
        assert [one.text for one in transcribed(heard(text, 0, 6))] == [text]

    def test_a_short_word_stays_with_what_follows(self) -> None:
        (found,) = transcribed(timed(("No.", 0.1, 0.4), ("Not", 0.5, 0.8), ("today.", 0.8, 1.4)))
        assert found.text == "No. Not today."

    def test_a_pause_ends_one(self) -> None:
        found = transcribed(timed(("one", 0.0, 0.5), ("two", 0.6, 1.0), ("three", 2.1, 2.6)))
        assert [one.text for one in found] == ["one two", "three"]

    def test_a_very_long_one_is_cut_at_a_comma(self) -> None:
        words = [(f"w{n}," if n == 13 else f"w{n}", float(n), n + 0.9) for n in range(20)]
        found = transcribed(timed(*words), 25.0)
        assert [len(one.words) for one in found] == [14, 6]

    def test_words_that_are_left_over_at_the_end_are_made_up(self) -> None:
        made_up = HeardWord(2.0, 2.0, " thanks", 0.1)
        said = timed(("one", 0.0, 1.0), ("two", 1.0, 2.0))
        (found,) = transcribed(Heard(0, 2, " one two thanks", (*said.words, made_up)))
        assert found.text == "one two"
        sure = HeardWord(2.0, 2.0, " too", 0.9)
        (found,) = transcribed(Heard(0, 2, " one two too", (*said.words, sure)))
        assert [word.text for word in found.words] == ["one", "two", "too"]

    def test_texts_and_confidences_are_well_formed(self) -> None:
        one = Heard(
            0.0, 2.0, " cafe\u0301\n\ufffd", (HeardWord(0.0, 2.0, " cafe\u0301\n\ufffd", 1.0001),), sureness=0.01
        )
        (found,) = transcribed(one)
        assert (found.text, found.confidence, found.words[0].confidence) == ("café", 1.0, 1.0)
        (found,) = transcribed(heard("well", 0, 1, sureness=-0.6931))
        assert found.confidence == pytest.approx(0.5, abs=1e-3)


class TestErrors:
    def test_what_the_library_raises_is_told(self) -> None:
        def script(_: Window) -> list[Heard]:
            raise ValueError("no such thing")

        with pytest.raises(EngineFailed, match="scripted broke"):
            Scripted(script).transcribe(*stretch(0, 2))

    def test_an_interrupt_goes_through(self) -> None:
        def script(_: Window) -> list[Heard]:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Scripted(script).transcribe(*stretch(0, 2))

    def test_the_language_is_found_out_of_the_lot(self) -> None:
        engine = Scripted(lambda _: [heard("one two", 0, 2)], language=None)
        assert engine.transcribe(*stretch(0, 3))[0].language == "fr"
        assert engine.transcribe_many([stretch(0, 3)], "en")[0][0].language == "en"
