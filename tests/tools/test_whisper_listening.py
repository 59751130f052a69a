"""One video is heard: by lots where the engine can, in one language, and past stretches that break the engine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from threading import Event, Timer
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools.speech import RATE, Stretch, Utterance, hears_lots
from vagent.tools.speech.listening import Heard, Listener
from vagent.tools.speech.vad import Speech
from vagent.tools.time import Span

BROKEN = -7  # a first sample that breaks the engines below
SLOW = -9  # one that takes some of them as long as they are told


def stretch(start: float, seconds: float, mark: int = 0) -> Speech:
    samples = np.full(round(seconds * RATE), 100, np.int16)
    samples[0] = mark
    return Speech(Span(start, start + seconds), samples)


def said(stretch: Speech, language: str | None = None) -> Heard:
    """What the engines below say to a stretch."""
    return Heard(stretch.span, (Utterance(stretch.span, f"from {stretch.span.start}", language=language),))


class Plain:
    """An engine of the simple kind, as another package may bring it."""

    name, weak, revision = "plain", False, "plain 1"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def transcribe(self, samples: NDArray[np.int16], start: float) -> Sequence[Utterance]:
        if len(samples) and samples[0] == BROKEN:
            raise EngineFailed(f"broken at {start}")
        return [Utterance(Span(start, start + len(samples) / RATE), f"from {start}")]


class Lots(Plain):
    """An engine of the other kind; a stretch's first sample says which language it is in."""

    capacity = 29.0
    language: str | None = None
    LANGUAGES = ("en", "fr")

    def languages(self, samples: NDArray[np.int16]) -> Mapping[str, float]:
        self.asked.append(len(samples) / RATE)
        mark = int(samples[0]) % 2
        return {self.LANGUAGES[mark]: 0.9, self.LANGUAGES[1 - mark]: 0.1}

    def transcribe_many(self, stretches: Sequence[Stretch], language: str | None = None) -> list[list[Utterance]]:
        self.asked.append([start for _, start in stretches])
        if any(samples[0] == BROKEN for samples, _ in stretches):
            raise EngineFailed("broken")
        return [
            [Utterance(Span(start, start + len(samples) / RATE), f"from {start}", language=language)]
            for samples, start in stretches
        ]


def listen(listener: Listener, stretches: Sequence[Speech]) -> list[Heard]:
    return [heard for one in stretches for heard in listener.offer(one)] + listener.flush()


class SideBySide(Plain):
    """A plain engine that two threads may call at once; some stretches take it until they are let go."""

    callers = 2

    def __init__(self) -> None:
        super().__init__()
        self.go = Event()

    def transcribe(self, samples: NDArray[np.int16], start: float) -> Sequence[Utterance]:
        if samples[0] == SLOW:
            assert self.go.wait(30)
        return super().transcribe(samples, start)


class TestEnginesForSeveralThreads:
    def test_stretches_come_out_in_order_however_long_each_takes(self) -> None:
        engine = SideBySide()
        listener = Listener(engine)
        stretches = [stretch(3, 2, SLOW), stretch(6, 1), stretch(8, 1)]
        assert [heard for one in stretches for heard in listener.offer(one)] == []
        engine.go.set()
        assert listener.flush() == [said(stretch(one.span.start, one.span.duration)) for one in stretches]
        assert listener.flush() == []

    def test_no_more_wait_than_twice_the_callers(self) -> None:
        engine = SideBySide()
        listener = Listener(engine)
        for start in (0, 2, 4, 6):
            assert listener.offer(stretch(start, 1, SLOW)) == []
        Timer(0.05, engine.go.set).start()
        found = listener.offer(stretch(8, 1, SLOW))  # waits for the first
        assert found[0] == said(stretch(0, 1))
        assert [*found, *listener.flush()] == [said(stretch(start, 1)) for start in (0, 2, 4, 6, 8)]

    def test_one_that_breaks_it_is_told_in_its_place(self) -> None:
        first, *rest = listen(Listener(SideBySide()), [stretch(1, 1), stretch(3, 2, BROKEN), stretch(6, 1)])
        assert first == said(stretch(1, 1))
        assert rest[0].span == Span(3, 5)
        assert str(rest[0].error) == "broken at 3"
        assert rest[1] == said(stretch(6, 1))

    def test_an_engine_that_cannot_run_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unavailable(*_: object) -> Sequence[Utterance]:
            raise EngineUnavailable("gone")

        engine = SideBySide()
        monkeypatch.setattr(engine, "transcribe", unavailable)
        with pytest.raises(EngineUnavailable, match="gone"):
            listen(Listener(engine), [stretch(1, 1), stretch(3, 2)])


class TestPlainEngines:
    def test_each_stretch_is_heard_at_once(self) -> None:
        listener = Listener(Plain())
        assert listener.offer(stretch(3, 2)) == [said(stretch(3, 2))]
        assert listener.flush() == []
        assert listener.language is None

    def test_one_that_breaks_it_is_told(self) -> None:
        (heard,) = Listener(Plain()).offer(stretch(3, 2, BROKEN))
        assert heard.span == Span(3, 5)
        assert heard.utterances == ()
        assert "broken at 3" in str(heard.error)


class TestLots:
    def test_stretches_wait_until_they_fill_a_window(self) -> None:
        engine = Lots()
        engine.language = "en"
        listener = Listener(engine)
        lot = [stretch(10.0 * n, 9.0) for n in range(5)]
        assert listener.offer(lot[0]) == listener.offer(lot[1]) == listener.offer(lot[2]) == []
        # The fourth would make a window of its own: it waits for the next lot.
        assert listener.offer(lot[3]) == [said(one, "en") for one in lot[:3]]
        assert listener.offer(lot[4]) == []
        assert listener.flush() == [said(one, "en") for one in lot[3:]]
        assert engine.asked == [[0.0, 10.0, 20.0], [30.0, 40.0]]
        assert listener.flush() == []

    def test_one_that_is_too_long_goes_alone(self) -> None:
        engine = Lots()
        engine.language = "en"
        assert Listener(engine).offer(stretch(0, 40)) == [said(stretch(0, 40), "en")]

    def test_everything_comes_out_once_and_in_order(self) -> None:
        random = np.random.default_rng(2)
        lot = [stretch(30.0 * n, round(seconds * 8) / 8) for n, seconds in enumerate(random.uniform(0.3, 25, 60))]
        assert listen(Listener(Lots()), lot) == [said(one, "en") for one in lot]

    def test_one_that_breaks_it_does_not_cost_the_others(self) -> None:
        lot = [stretch(0, 5), stretch(6, 5, BROKEN), stretch(12, 5)]
        engine = Lots()
        engine.language = "en"
        first, second, third = listen(Listener(engine), lot)
        assert (first, third) == (said(lot[0], "en"), said(lot[2], "en"))
        assert (second.span, second.utterances) == (lot[1].span, ())
        assert isinstance(second.error, EngineFailed)

    def test_an_engine_that_cannot_run_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unavailable(*_: object) -> None:
            raise EngineUnavailable("no weights")

        monkeypatch.setattr(Lots, "transcribe_many", unavailable)
        with pytest.raises(EngineUnavailable):
            listen(Listener(Lots()), [stretch(0, 5), stretch(6, 5)])

    def test_a_simple_engine_is_none(self) -> None:
        assert hears_lots(Lots())
        assert not hears_lots(Plain())


class TestLanguage:
    def test_a_video_is_heard_in_the_language_of_most_of_it(self) -> None:
        engine = Lots()
        listener = Listener(engine)
        heard = listen(
            listener, [stretch(0, 28, mark=1), stretch(40, 29), *(stretch(n * 40, 29) for n in range(2, 30))]
        )
        languages = [one.utterances[0].language for one in heard]
        assert languages == ["fr"] + ["en"] * 29  # a French song before an English film
        assert listener.language == "en"
        assert [seconds for seconds in engine.asked if isinstance(seconds, float)] == [28.0, 29.0, 29.0, 29.0]

    def test_what_the_engine_was_told_is_not_asked(self) -> None:
        engine = Lots()
        engine.language = "fr"
        (heard,) = listen(Listener(engine), [stretch(0, 10)])
        assert heard.utterances[0].language == "fr"
        assert engine.asked == [[0.0]]

    def test_two_videos_of_one_engine_do_not_meet(self) -> None:
        engine = Lots()
        one, other = Listener(engine), Listener(engine)
        assert listen(one, [stretch(0, 30, mark=1)])[0].utterances[0].language == "fr"
        assert listen(other, [stretch(0, 30)])[0].utterances[0].language == "en"
        assert (one.language, other.language) == ("fr", "en")

    def test_an_interrupted_run_ends_as_one_that_was_not(self) -> None:
        lot = [stretch(30.0 * n, 7.0, mark=n // 3) for n in range(100)]
        whole, parts = [], []
        listener = Listener(Lots())
        state: dict[str, Any] = {}
        for first in range(0, len(lot), 9):
            whole += listen(listener, lot[first : first + 9])
            fresh = Listener(Lots(), state)
            parts += listen(fresh, lot[first : first + 9])
            state = json.loads(json.dumps(fresh.state))
        assert whole == parts
        assert {one.utterances[0].language for one in whole} == {"en", "fr"}

    def test_nothing_is_known_before_anything_is_heard(self) -> None:
        assert Listener(Lots()).language is None


def test_whisper_hears_a_video_of_two_languages() -> None:
    """The real engine: the language of most of the speech is the video's, and words of the other are written in it."""
    pytest.importorskip("faster_whisper", reason="needs the extra whisper")
    pytest.importorskip("whisper", reason="needs the extra whisper")
    from tests.models import whisper as checkpoints
    from tests.models import whisper_tones as tones
    from vagent.configs import load
    from vagent.tools.speech.faster_whisper import FasterWhisper

    given = {"threads": 1, "device": "cpu", "speech": {"model": str(checkpoints.ctranslate2())}}
    engine = FasterWhisper(load(given, env={}))
    lot = []
    for number, language in enumerate(("de", "de", "en", "de")):
        sound = tones.sound([tones.utter(number, 0.2, language)], 2.2)
        lot.append(Speech(Span(10.0 * number, 10.0 * number + 2.2), sound))
    listener = Listener(engine)
    heard = listen(listener, lot)
    engine.close()
    assert listener.language == "de"
    assert [one.utterances[0].text for one in heard] == [tones.utter(n, 0, "de").text for n in range(4)]
    for one in heard:
        (utterance,) = one.utterances
        assert one.span.start <= utterance.span.start < utterance.span.end <= one.span.end
