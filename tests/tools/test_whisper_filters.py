"""What Whisper made up is left out, what was said stays; on the libraries' own objects."""

from __future__ import annotations

import zlib

import pytest

from vagent.tools.speech.whisper_filters import Heard, HeardWord, clean, doubtful, failed, phantom, sift


def heard(text: str, start: float = 0.0, end: float = 4.0, *, timed: bool = True, **facts: float) -> Heard:
    """A piece of text with its words spread evenly, and with its real compression ratio unless told otherwise."""
    parts = text.split()
    step = (end - start) / max(1, len(parts))
    words = tuple(
        HeardWord(start + n * step, start + (n + 1) * step, f" {part}", 0.9) for n, part in enumerate(parts) if timed
    )
    data = text.encode()
    known = {"sureness": -0.2, "no_speech": 0.01, "repetition": len(data) / len(zlib.compress(data))}
    return Heard(start, end, f" {text}", words, **{**known, **facts})


def said(*pieces: Heard, seconds: float = 20.0) -> list[str]:
    return [one.text.strip() for one in sift(pieces, seconds)]


class TestSilence:
    def test_doubtful_words_where_nobody_speaks_are_left_out(self) -> None:
        assert said(heard("and so it goes on", no_speech=0.7, sureness=-1.2)) == []

    @pytest.mark.parametrize(("no_speech", "sureness"), [(0.7, -0.4), (0.5, -1.2), (0.01, -2.0)])
    def test_one_sign_alone_is_not_enough(self, no_speech: float, sureness: float) -> None:
        assert said(heard("and so it goes on", no_speech=no_speech, sureness=sureness)) == ["and so it goes on"]

    def test_what_comes_after_everything_was_heard_is_left_out(self) -> None:
        """The decoder goes on where its last word ended: in the silent tail it makes something up."""
        first = heard("The ferry leaves today.", 0.2, 11.3)
        assert said(first, heard("Thank you.", 11.4, 11.9, begun=11.3), seconds=12.0) == ["The ferry leaves today."]
        assert said(first, heard("And so do we.", 11.4, 13.5, begun=11.3), seconds=14.0) == [
            "The ferry leaves today.",
            "And so do we.",
        ]


class TestPhantoms:
    @pytest.mark.parametrize(
        "text",
        [
            "Thanks for watching!",
            "Thank you.",
            "you",
            "Don't forget to like and subscribe.",
            "Subtitles by the Amara.org community",
            "Sous-titrage ST' 501",
            "Untertitel im Auftrag des ZDF für funk, 2017",
            "Субтитры сделал DimaTorzok",
            "ご視聴ありがとうございました。",
            "시청해주셔서 감사합니다.",
        ],
    )
    def test_a_phrase_that_whisper_makes_up_counts_only_where_somebody_speaks(self, text: str) -> None:
        assert phantom(text)
        assert said(heard(text, no_speech=0.5, sureness=-0.1)) == []
        assert said(heard(text, no_speech=0.2, sureness=-0.1)) == [text]

    @pytest.mark.parametrize("text", ["Thank you for the soup.", "I was watching the sea.", "You there!", ""])
    def test_other_words_are_none(self, text: str) -> None:
        assert not phantom(text)


class TestLoops:
    def test_a_phrase_that_goes_round_is_said_once(self) -> None:
        (one,) = sift([heard("so I went home " + "and I said to him " * 6, 0, 12)], 12.0)
        assert one.text.strip() == "so I went home and I said to him"
        assert [word.text.strip() for word in one.words] == one.text.split()
        assert one.end == pytest.approx(12 * 9 / 34)

    def test_a_word_that_goes_round_is_said_once(self) -> None:
        assert said(heard("no " * 30)) == ["no"]

    @pytest.mark.parametrize(
        "text", ["No, no, no, no!", "Bye bye bye.", "go on, go on, go on and run", "ha ha ha ha ha"]
    )
    def test_people_do_repeat_themselves(self, text: str) -> None:
        assert said(heard(text)) == [text]

    def test_a_text_without_blanks_is_judged_by_letters(self) -> None:
        assert said(heard("今日は" + "はい" * 12, timed=False)) == ["今日ははい"]

    def test_the_same_sentence_again_and_again_is_said_once(self) -> None:
        again = [heard("I am going to the shop.", n, n + 1, repetition=5.0) for n in range(6)]
        assert said(*again) == ["I am going to the shop."]
        assert said(*again[:2]) == ["I am going to the shop."] * 2
        yes = [heard("Yes.", n, n + 1) for n in range(4)]
        assert said(*yes) == ["Yes."] * 4

    def test_what_repeats_itself_in_another_way_is_left_out(self) -> None:
        text = " ".join(f"{n} and the house and the house" for n in range(9))
        assert len(text.encode()) / len(zlib.compress(text.encode())) > 2.4
        assert said(heard(text, 0, 20)) == []


class TestWords:
    def test_words_that_find_no_room_in_the_sound_are_left_out(self) -> None:
        assert said(heard("this was never said by anybody at all", 3.0, 3.3)) == []
        assert said(heard("this was never said by anybody at all", 3.0, 4.3)) != []
        assert said(heard("Yes, sir.", 3.0, 3.1)) == ["Yes, sir."]

    @pytest.mark.parametrize("text", ["[Music]", "(applause)", "♪♪♪", "...", "♪ la la ♪", "[MUSIC] (laughter)", "!"])
    def test_sounds_and_signs_are_no_speech(self, text: str) -> None:
        assert said(heard(text)) == []

    def test_a_sentence_with_a_bracket_in_it_stays(self) -> None:
        assert said(heard("the second (and last) train")) == ["the second (and last) train"]

    def test_texts_are_composed_and_printable(self) -> None:
        assert clean(" Cafe\u0301\n\tdéjà\x07 vu \ufffd ") == "Café déjà vu"


class TestDoubt:
    def test_what_the_libraries_try_again_is_tried_again(self) -> None:
        assert failed(heard("fine words", sureness=-1.1))
        assert failed(heard("la " * 40))
        assert not failed(heard("fine words"))
        assert not failed(heard("fine words", sureness=-1.1, no_speech=0.9))

    @pytest.mark.parametrize("text", ["Thank you.", "no " * 20])
    def test_what_may_be_made_up_is_heard_again(self, text: str) -> None:
        assert doubtful(heard(text, repetition=1.0))
        assert not doubtful(heard("The ferry leaves today."))


class TestLibrariesOwnObjects:
    def test_faster_whispers_segments(self) -> None:
        transcribe = pytest.importorskip("faster_whisper.transcribe", reason="faster-whisper is not installed")
        import numpy as np

        from vagent.tools.speech.faster_whisper import _heard

        word = transcribe.Word(np.float64(30.5), np.float64(31.0), " ferry", np.float64(0.75))
        segment = transcribe.Segment(
            id=1,
            seek=3000,
            start=30.5,
            end=31.0,
            text=" ferry",
            tokens=[1],
            avg_logprob=-0.5,
            compression_ratio=0.7,
            no_speech_prob=0.25,
            words=[word],
            temperature=0.0,
        )
        assert _heard(segment, 0.0) == Heard(
            30.5, 31.0, " ferry", (HeardWord(30.5, 31.0, " ferry", 0.75),), -0.5, 0.25, 0.7, begun=30.0
        )
        found = _heard(segment, 30.0, begun=0.0)
        assert (found.start, found.words[0].end, found.begun) == (0.5, 1.0, 0.0)
        assert type(found.words[0].start) is float
        segment.words = None
        assert _heard(segment, 0.0).words == ()

    def test_openais_segments(self) -> None:
        import numpy as np

        from vagent.tools.speech.openai_whisper import _heard

        word = {"word": " ferry", "start": np.float64(0.5), "end": np.float64(1.0), "probability": np.float64(0.75)}
        segment = {
            "id": 0,
            "seek": 200,
            "start": 0.5,
            "end": 1.0,
            "text": " ferry",
            "tokens": [1],
            "temperature": 0.0,
            "avg_logprob": -0.5,
            "compression_ratio": 0.7,
            "no_speech_prob": 0.25,
            "words": [word],
        }
        found = _heard(segment)
        assert found == Heard(0.5, 1.0, " ferry", (HeardWord(0.5, 1.0, " ferry", 0.75),), -0.5, 0.25, 0.7, begun=2.0)
        assert type(found.words[0].start) is float
        del segment["words"]
        assert _heard(segment).words == ()
