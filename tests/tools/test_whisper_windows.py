"""Stretches in windows and back, and which language a video is in."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from vagent.tools.speech import RATE, Stretch
from vagent.tools.speech.whisper_languages import CODES, Votes, code
from vagent.tools.speech.whisper_windows import LONGEST, pack
from vagent.tools.time import Span


def stretch(start: float, seconds: float, value: int = 1000) -> Stretch:
    return np.full(round(seconds * RATE), value, np.int16), start


class TestWindows:
    LOT = (stretch(10.0, 4.0, 1), stretch(14.2, 5.0, 2), stretch(40.0, 12.0, 3), stretch(52.0, 9.0, 4))

    def test_each_stretch_lies_where_its_place_says(self) -> None:
        windows = pack(self.LOT, range(4))
        assert [[place.stretch for place in window.places] for window in windows] == [[0, 1, 2], [3]]
        for window in windows:
            assert window.sound.dtype == np.float32
            assert window.seconds <= LONGEST
            for place in window.places:
                samples, start = self.LOT[place.stretch]
                first = round(place.offset * RATE)
                assert np.array_equal(window.sound[first : first + len(samples)], samples / np.float32(32768))
                assert place.span == Span(start, start + len(samples) / RATE)

    def test_between_them_lies_their_silence_up_to_half_a_second(self) -> None:
        first, second, third = pack(self.LOT, range(3))[0].places
        assert second.offset - first.offset - first.length == pytest.approx(0.2)
        assert third.offset - second.offset - second.length == pytest.approx(0.5)
        joined = pack([stretch(0, 20.0), stretch(20.0, 3.0)], [0, 1])[0]
        assert joined.places[1].offset == 20.0
        assert np.all(joined.sound != 0)

    def test_the_loudest_sample_is_one(self) -> None:
        (window,) = pack([(np.array([-32768, 16384] * 800, np.int16), 0.0)], [0])
        assert (window.sound.min(), window.sound.max()) == (-1.0, 0.5)

    def test_a_long_stretch_has_a_window_of_its_own(self) -> None:
        windows = pack([stretch(0, 2), stretch(3, 40), stretch(44, 2)], range(3))
        assert [window.seconds for window in windows] == [2, 40, 2]

    def test_each_can_have_its_own(self) -> None:
        assert [len(window.places) for window in pack(self.LOT, range(4), 0.0)] == [1] * 4
        assert [window.places[0].stretch for window in pack(self.LOT, [1, 3], 0.0)] == [1, 3]

    def test_times_come_back_as_the_videos(self) -> None:
        (window, _) = pack(self.LOT, range(4))
        # A word that begins in the silence before a stretch belongs to it.
        place = window.place(4.1, 4.6)
        assert place.stretch == 1
        assert (place.time(4.1), place.time(5.2), place.time(30)) == pytest.approx((14.2, 15.2, 19.2))
        assert window.place(0.0, 0.5).stretch == 0
        assert window.place(25, 26).stretch == 2

    def test_a_stretch_can_be_taken_out(self) -> None:
        window = pack(self.LOT, range(4))[0]
        alone = window.alone(window.places[1])
        assert set(alone.sound.tolist()) == {2 / 32768}
        assert alone.places[0].span == window.places[1].span
        assert alone.places[0].offset == 0

    def test_nothing_makes_no_window(self) -> None:
        assert pack([], []) == []


class TestCodes:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("en", "en"),
            ("eng", "en"),
            ("ger", "de"),
            ("de-AT", "de"),
            ("pt_BR", "pt"),
            ("nob", "no"),
            ("nn", "nn"),
            ("jv", "jw"),
            ("fil", "tl"),
            ("zh-Hans", "zh"),
            ("yue", "yue"),
            ("und", None),
            ("tlh", None),
            ("", None),
            (None, None),
        ],
    )
    def test_every_edition_of_a_code_is_known(self, given: str | None, expected: str | None) -> None:
        assert code(given) == expected

    def test_the_list_is_the_libraries(self) -> None:
        tokenizer = pytest.importorskip("whisper.tokenizer", reason="openai-whisper is not installed")
        assert list(CODES) == list(tokenizer.LANGUAGES)

    def test_it_is_faster_whispers_too(self) -> None:
        tokenizer = pytest.importorskip("faster_whisper.tokenizer", reason="faster-whisper is not installed")
        assert set(CODES) == set(tokenizer._LANGUAGE_CODES)


class TestVotes:
    def test_the_majority_of_the_speech_wins(self) -> None:
        votes = Votes()
        assert (votes.winner, votes.due) == (None, True)
        votes.add({"fr": 0.9, "en": 0.1}, 6.0)
        assert votes.winner == "fr"
        votes.add({"en": 0.95, "fr": 0.05}, 14.0)
        assert (votes.winner, votes.due) == ("en", True)
        votes.add({"en": 1.0}, 10.0)
        assert not votes.due

    def test_it_asks_again_now_and_then(self) -> None:
        votes = Votes()
        votes.add({"fr": 1.0}, 30.0)  # a song
        due = []
        for _ in range(60):
            due.append(votes.due)
            if votes.due:
                votes.add({"en": 1.0}, 28.0)
            else:
                votes.passed(28.0)
        asked = [n for n, one in enumerate(due) if one]
        assert [b - a for a, b in pairwise(asked)] == [12] * (len(asked) - 1)
        assert votes.winner == "en"

    def test_a_later_run_goes_on_from_what_was_kept(self) -> None:
        one, other = Votes(), Votes()
        for n in range(30):
            chances = {"en": 0.6, "de": 0.4} if n % 3 else {"de": 0.999, "en": 0.001}
            one.add(chances, 5.0)
            other.add(chances, 5.0)
            other = Votes(json.loads(json.dumps(other.state)))
            assert (one.winner, one.due) == (other.winner, other.due)
        assert one.state == other.state
