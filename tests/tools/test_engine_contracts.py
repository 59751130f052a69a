"""What every engine must keep to, whoever wrote it: one class for all engines, one class for each sense.

An engine that is added to ``vagent.tools.engines.ENGINES`` is tested here by itself.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.sounds import RATE, SENTENCES, silence, speech
from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.tools import engines
from vagent.tools.engines import SENSES, Sense, Status
from vagent.tools.speech import SpeechEngine

HEAVY = ("av", "cv2", "faiss", "onnx", "onnxruntime", "rapidocr", "sentence_transformers", "torch", "transformers")


def engine_class(sense: Sense, name: str, settings: Settings) -> type[Any]:
    """The class of one engine; the test is skipped where it cannot run."""
    status = engines.check(sense, name, settings)
    if not status.ready:
        pytest.skip(f"{name} cannot run here: {status.reason}")
    chosen = engines.choose(sense, load_settings({"engines": {sense: name}}, env={})).engine
    assert chosen is not None
    return chosen


@pytest.mark.parametrize(("sense", "name"), [(s, n) for s in SENSES for n in engines.names(s)])
class TestEveryEngine:
    def test_it_says_what_it_is(self, sense: Sense, name: str, settings: Settings) -> None:
        found = engine_class(sense, name, settings)
        assert found.name == name
        assert isinstance(found.weak, bool)
        assert inspect.getdoc(found)
        revision = found(settings).revision
        assert isinstance(revision, str)
        assert any(c.isdigit() for c in revision)

    def test_checking_and_making_it_cost_nothing(self, sense: Sense, name: str, settings: Settings) -> None:
        """No model is loaded and nothing heavy imported before the first use."""
        program = (
            "import sys\n"
            "from vagent.configs import load\n"
            "from vagent.tools import engines\n"
            f"settings = load({{'engines': {{{sense!r}: {name!r}}}}}, env={{}})\n"
            f"status = engines.check({sense!r}, {name!r}, settings)\n"
            f"if status.ready: engines.choose({sense!r}, settings).engine(settings)\n"
            f"print(*[m for m in {HEAVY!r} if m in sys.modules])\n"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")

    def test_the_check_is_quick_and_gives_a_reason(self, sense: Sense, name: str, settings: Settings) -> None:
        engines.check(sense, name, settings)
        begin = time.process_time()
        status = engines.check(sense, name, settings)
        assert time.process_time() - begin < 0.2
        assert isinstance(status, Status)
        assert status.reason


@pytest.fixture(scope="module", params=engines.names("speech"))
def speech_engine(request: pytest.FixtureRequest) -> Iterator[SpeechEngine]:
    settings = load_settings(env={})
    engine: SpeechEngine = engine_class("speech", request.param, settings)(settings)
    yield engine
    if close := getattr(engine, "close", None):
        close()


class TestSpeech:
    def test_it_hears_a_clear_sentence(self, speech_engine: SpeechEngine) -> None:
        start, end, text = SENTENCES[1]
        first = int((start - 0.2) * RATE)
        found = speech_engine.transcribe(speech()[first : int((end + 0.2) * RATE)], start - 0.2)
        heard = " ".join(u.text.lower() for u in found)
        truth = set(text.split())
        assert len(truth & set(heard.replace(".", "").replace(",", "").split())) >= 0.6 * len(truth)

    def test_times_are_those_of_the_video_and_in_order(self, speech_engine: SpeechEngine) -> None:
        found = speech_engine.transcribe(speech()[int(6.5 * RATE) :], 3606.5)
        assert found
        assert all(3606.5 <= u.span.start < u.span.end <= 3610.6 for u in found)
        assert all(a.span.start <= b.span.start for a, b in pairwise(found))
        for utterance in found:
            spans = [w.span for w in utterance.words]
            assert spans == sorted(spans)
            assert all(utterance.span.start - 0.01 <= s.start <= s.end <= utterance.span.end + 0.01 for s in spans)

    def test_what_it_says_is_well_formed(self, speech_engine: SpeechEngine) -> None:
        for utterance in speech_engine.transcribe(speech()[int(6.5 * RATE) :], 0.0):
            assert utterance.text == utterance.text.strip()
            assert utterance.text.isprintable()
            assert utterance.confidence is None or 0 <= utterance.confidence <= 1
            assert all(w.text == w.text.strip() != "" for w in utterance.words)
            assert utterance.language is None or 2 <= len(utterance.language) <= 3

    @pytest.mark.parametrize("seconds", [0, 0.01, 1.5])
    def test_silence_says_nothing(self, speech_engine: SpeechEngine, seconds: float) -> None:
        assert list(speech_engine.transcribe(silence(seconds), 0.0)) == []

    def test_the_sound_is_left_as_it_is(self, speech_engine: SpeechEngine) -> None:
        sound = speech()[int(6.5 * RATE) :].copy()
        before = sound.copy()
        sound.setflags(write=False)
        speech_engine.transcribe(sound, 0.0)
        assert np.array_equal(sound, before)
