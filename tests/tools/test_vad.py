"""Voice detection: where the speech of known recordings lies, and that music and noise are none."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from tests.sounds import NO_SPEECH, RATE, SENTENCES, Sound, load, speech
from vagent import configs
from vagent.configs import SpeechSettings
from vagent.errors import EngineUnavailable
from vagent.tools.speech import vad
from vagent.tools.speech.vad import Speech, SpeechDetector

SETTINGS = configs.load(env={}).speech


def detect(sound: Sound, block: int = 48_000, start: float = 0.0, settings: SpeechSettings = SETTINGS) -> list[Speech]:
    detector = SpeechDetector(settings, start)
    found = [s for first in range(0, len(sound), block) for s in detector.feed(sound[first : first + block])]
    found += detector.finish()
    assert not detector.speaking
    assert all(a.span.end <= b.span.start for a, b in pairwise(found))
    for s in found:
        first = round((s.span.start - start) * RATE)
        assert np.array_equal(s.samples, sound[first : first + len(s.samples)])
        assert s.span.duration == pytest.approx(len(s.samples) / RATE)
    return found


def test_the_two_sentences_are_found() -> None:
    found = detect(speech())
    assert [s.span.start for s in found] == pytest.approx([SENTENCES[0][0], SENTENCES[1][0]], abs=0.2)
    assert [s.span.end for s in found] == pytest.approx([SENTENCES[0][1], SENTENCES[1][1]], abs=0.2)


@given(cuts=st.lists(st.integers(0, len(speech())), max_size=12))
@budget(max_examples=12, deadline=None)
def test_the_size_of_the_blocks_does_not_matter(cuts: list[int]) -> None:
    detector = SpeechDetector(SETTINGS)
    found = [s for part in np.split(speech(), sorted(cuts)) for s in detector.feed(part)]
    found += detector.finish()
    assert [s.span for s in found] == [s.span for s in detect(speech())]


def test_the_network_remembers_between_calls() -> None:
    frames = speech()[: 128 * 512].reshape(128, 512)
    whole, parts = vad._Network(), vad._Network()
    expected = whole.chances(frames)
    assert max(expected) > 0.9
    assert [c for i in range(0, 128, 5) for c in parts.chances(frames[i : i + 5])] == pytest.approx(expected, abs=1e-4)


def test_times_count_from_the_start_given() -> None:
    early, late = detect(speech()), detect(speech(), start=3600.5)
    assert [s.span.start for s in late] == pytest.approx([s.span.start + 3600.5 for s in early])


@pytest.mark.parametrize("name", NO_SPEECH)
def test_what_is_no_speech_gives_none(name: str) -> None:
    assert detect(NO_SPEECH[name](12)) == []


@pytest.mark.parametrize("count", [0, 1, 511, 512, 513])
def test_hardly_any_audio(count: int) -> None:
    assert detect(np.zeros(count, np.int16)) == []


def test_a_sound_that_is_too_short_is_dropped() -> None:
    assert detect(speech(), settings=SETTINGS.model_copy(update={"shortest": 4.0}))[0].span.end < 6
    assert detect(speech(), settings=SETTINGS.model_copy(update={"shortest": 10.0})) == []


def test_a_longer_pause_joins_the_sentences() -> None:
    assert len(detect(speech(), settings=SETTINGS.model_copy(update={"pause": 2.5}))) == 1


def test_long_speech_is_cut_in_its_pauses() -> None:
    first = speech()[int(0.6 * RATE) : int(5.1 * RATE)]
    gap = np.zeros(int(0.25 * RATE), np.int16)
    sound = np.concatenate([first, gap] * 8)
    found = detect(sound, settings=SETTINGS.model_copy(update={"longest": 12}))
    assert all(s.span.duration <= 12 for s in found)
    assert sum(s.span.duration for s in found) > 0.9 * len(sound) / RATE
    for one, other in pairwise(found):
        place = (one.span.end + other.span.start) / 2 % 4.75
        assert min(abs(place - 4.6), abs(place + 4.75 - 4.6), abs(place - 4.75 - 4.6)) < 0.35


def test_unbroken_sound_is_cut_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad._Network, "chances", lambda self, frames: [1.0] * len(frames))
    found = detect(NO_SPEECH["noise"](100))
    assert all(s.span.duration <= SETTINGS.longest for s in found)
    assert sum(len(s.samples) for s in found) == 100 * RATE


def test_only_the_utterance_that_goes_on_is_kept() -> None:
    detector = SpeechDetector(SETTINGS)
    detector.feed(NO_SPEECH["silence"](30))
    assert not detector.speaking
    assert len(detector._audio) < RATE
    detector.feed(speech()[: 3 * RATE])
    assert detector.speaking
    assert 2 * RATE < len(detector._audio) < 3 * RATE


def test_weights_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    vad._session.cache_clear()
    monkeypatch.setattr(vad, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="pip install 'silero-vad"):
        SpeechDetector(SETTINGS)
    vad._session.cache_clear()


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("jfk.flac", (0.7, 1.0)),
        ("commercial_mono.wav", (0.5, 0.8)),
        ("nasa_13013.mp4", (0.8, 1.0)),
        ("big_buck_bunny_0_30.webm", (0, 0)),  # music and birds
        ("wildlife_test_video.mp4", (0, 0)),  # music
        ("echo-hereweare.webm", (0, 0)),  # loud music
        ("chaplin.mp4", (0, 0)),  # music
        ("car-detection.mp4", (0, 0)),  # silence
    ],
)
def test_real_recordings(media: Path, name: str, share: tuple[float, float]) -> None:
    sound = load(media / name)
    spoken = sum(s.span.duration for s in detect(sound))
    assert share[0] <= spoken / (len(sound) / RATE) <= share[1]
