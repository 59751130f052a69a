"""The engines that run Whisper, through their real libraries, on a tiny model that has learnt a language of tones.

It proves what random weights cannot: the scale and rate of the samples, the times, the tokens of language and task, the
windows and the way back from them. Checkpoints of random weights prove formats and limits.
"""

from __future__ import annotations

import pickle
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("faster_whisper", reason="needs the extra whisper")
pytest.importorskip("whisper", reason="needs the extra whisper")

from tests.models import whisper as checkpoints
from tests.models import whisper_tones as tones
from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools import engines
from vagent.tools.speech import Stretch, Utterance, hears_lots
from vagent.tools.speech.faster_whisper import FasterWhisper, together
from vagent.tools.speech.openai_whisper import OpenAIWhisper
from vagent.tools.speech.whisper import Whisper, tokens_for
from vagent.tools.speech.whisper_filters import sift
from vagent.tools.speech.whisper_windows import LONGEST, pack

CLASSES: dict[str, type[Whisper[Any]]] = {"faster-whisper": FasterWhisper, "openai-whisper": OpenAIWhisper}
TRAINED: dict[str, Callable[[], Path]] = {
    "faster-whisper": checkpoints.ctranslate2,
    "openai-whisper": checkpoints.openai,
}


def settings_for(model: Path | str | None, **speech: object) -> Settings:
    given = {"model": None if model is None else str(model), **speech}
    return load_settings({"threads": 1, "device": "cpu", "speech": given}, env={})


@pytest.fixture(scope="module", params=CLASSES)
def engine(request: pytest.FixtureRequest) -> Iterator[Whisper[Any]]:
    """One engine that has to find out the language."""
    made = CLASSES[request.param](settings_for(TRAINED[request.param]()))
    yield made
    made.close()


def told(engine: Whisper[Any], **speech: object) -> Whisper[Any]:
    """The same engine with other settings and the weights that are loaded already."""
    made = type(engine)(settings_for(TRAINED[engine.name](), **speech))
    made._loaded = engine._model()
    return made


def texts(utterances: Sequence[Utterance]) -> list[str]:
    return [one.text for one in utterances]


def assert_times(utterance: Utterance, spoken: tones.Spoken, shift: float = 0.0) -> None:
    """Each word lies on its tone. Where a sentence begins after silence, Whisper has its first word begin earlier."""
    assert len(utterance.words) == len(spoken.words)
    for number, (word, (start, end)) in enumerate(zip(utterance.words, spoken.words, strict=True)):
        assert word.span.end == pytest.approx(end + shift, abs=0.15)
        assert word.span.start <= start + shift + 0.15
        if number:
            assert word.span.start >= start + shift - 0.15


class TestHearing:
    def test_words_and_times_are_right(self, engine: Whisper[Any]) -> None:
        spoken = [tones.utter(0, 0.3), tones.utter(3, 3.0)]
        found = engine.transcribe(tones.sound(spoken, 5.0), 0.0)
        assert texts(found) == [one.text for one in spoken] == ["The ferry leaves today.", "Cold water tastes good."]
        for utterance, one in zip(found, spoken, strict=True):
            assert_times(utterance, one)
            assert utterance.language == "en"
            assert 0.4 < (utterance.confidence or 0) <= 1
            assert utterance.translated_from is None

    @pytest.mark.parametrize(("silent", "start"), [(0.0, 3600.5), (0.3, 0.0), (4.0, 95.25)])
    def test_times_are_the_videos_whatever_lies_in_front(
        self, engine: Whisper[Any], silent: float, start: float
    ) -> None:
        spoken = tones.utter(4, silent + 0.2)
        (found,) = engine.transcribe(tones.sound([spoken], silent + 2.2), start)
        assert found.text == spoken.text
        assert_times(found, spoken, start)
        assert start <= found.span.start < found.span.end <= start + silent + 2.2

    @pytest.mark.parametrize("loudness", [0.05, 0.7])
    def test_loudness_does_not_matter(self, engine: Whisper[Any], loudness: float) -> None:
        spoken = tones.utter(1, 0.2)
        assert texts(engine.transcribe(tones.sound([spoken], 2.2, loudness), 0.0)) == [spoken.text]

    def test_everything_is_plain_python(self, engine: Whisper[Any]) -> None:
        (found,) = engine.transcribe(tones.sound([tones.utter(2, 0.2)], 2.2), 1.0)
        numbers = [found.confidence, found.span.start, found.span.end]
        numbers += [x for word in found.words for x in (word.span.start, word.span.end, word.confidence)]
        assert {type(number) for number in numbers} == {float}
        assert [word.text for word in found.words] == found.text.split()

    def test_the_same_sound_is_heard_the_same_way(self, engine: Whisper[Any]) -> None:
        sound = tones.noise(0.5) + tones.drone(0.5) // 2
        assert engine.transcribe(sound, 0.0) == engine.transcribe(sound, 0.0)


class TestLots:
    SPOKEN = (tones.utter(0, 0.2), tones.utter(5, 0.15), tones.utter(2, 0.1), tones.utter(3, 0.2))
    STARTS = (7.0, 9.6, 31.0, 62.5)

    def stretches(self) -> list[Stretch]:
        return [
            (tones.sound([one], one.words[-1][1] + 0.2), start)
            for one, start in zip(self.SPOKEN, self.STARTS, strict=True)
        ]

    def test_each_stretch_gets_its_own_words_and_times(self, engine: Whisper[Any]) -> None:
        stretches = self.stretches()
        assert len(pack(stretches, range(4))) == 1
        found = engine.transcribe_many(stretches, "en")
        assert [texts(one) for one in found] == [[spoken.text] for spoken in self.SPOKEN]
        for (utterance,), spoken, (samples, start) in zip(found, self.SPOKEN, stretches, strict=True):
            assert_times(utterance, spoken, start)
            assert start <= utterance.span.start < utterance.span.end <= start + len(samples) / tones.RATE

    def test_silent_and_empty_stretches_keep_their_places(self, engine: Whisper[Any]) -> None:
        first, second, *_ = self.stretches()
        empty = np.zeros(0, np.int16), 8.0
        silent = np.zeros(16000, np.int16), 8.2
        found = engine.transcribe_many([empty, first, silent, second, (np.full(9, 900, np.int16), 12.0)], "en")
        assert [texts(one) for one in found] == [[], [self.SPOKEN[0].text], [], [self.SPOKEN[1].text], []]
        assert engine.transcribe_many([]) == []

    def test_a_stretch_in_which_nobody_speaks_is_told_among_others(self, engine: Whisper[Any]) -> None:
        first, second, *_ = self.stretches()
        found = engine.transcribe_many([first, (tones.noise(2.0), 9.1), (second[0], 12.0)], "en")
        assert [texts(one) for one in found] == [[self.SPOKEN[0].text], [], [self.SPOKEN[1].text]]

    def test_more_than_half_a_minute_is_heard_to_the_end(self, engine: Whisper[Any]) -> None:
        spoken = [tones.utter(1, 0.2), tones.utter(4, 2.6), tones.utter(0, 31.0)]
        found = engine.transcribe(tones.sound(spoken, 33.5), 10.0)
        assert texts(found) == [one.text for one in spoken]
        assert_times(found[-1], spoken[-1], 10.0)

    def test_it_says_so(self, engine: Whisper[Any]) -> None:
        assert hears_lots(engine)
        assert engine.capacity == 29.0


class TestLanguage:
    GERMAN = tones.utter(4, 0.2, "de")

    def sound(self) -> np.ndarray:
        return tones.sound([self.GERMAN], 2.2)

    def test_it_is_found_out(self, engine: Whisper[Any]) -> None:
        (found,) = engine.transcribe(self.sound(), 0.0)
        assert (found.text, found.language) == ("Sieben Vögel fliegen nordwärts.", "de")
        chances = engine.languages(self.sound())
        assert chances["de"] > 0.8
        assert sum(chances.values()) == pytest.approx(1, abs=0.01)
        assert engine.languages(tones.sound([tones.utter(4, 0.2)], 2.2))["en"] > 0.8

    def test_who_knows_it_tells_it(self, engine: Whisper[Any]) -> None:
        (found,) = engine.transcribe_many([(self.sound(), 0.0)], "en")[0]
        assert (found.text, found.language) == ("Seven birds fly north.", "en")

    @pytest.mark.parametrize("language", ["deu", "de-AT"])
    def test_the_setting_decides(self, engine: Whisper[Any], language: str) -> None:
        english = tones.sound([tones.utter(1, 0.2)], 2.2)
        setting = told(engine, language=language)
        assert setting.language == "de"
        (found,) = setting.transcribe_many([(english, 0.0)], "en")[0]
        assert (found.text, found.language) == ("Unser Zug kommt morgen.", "de")

    def test_a_translation_is_english_and_says_of_what(self, engine: Whisper[Any]) -> None:
        (found,) = told(engine, translate=True).transcribe(self.sound(), 20.0)
        assert found.text == "Seven birds fly north."
        assert (found.language, found.translated_from) == ("en", "de")
        assert found.words == ()
        assert found.span.start == pytest.approx(20.2, abs=0.3)
        assert found.span.end == pytest.approx(20.0 + self.GERMAN.words[-1][1], abs=0.1)

    def test_english_is_not_translated(self, engine: Whisper[Any]) -> None:
        (found,) = told(engine, translate=True).transcribe(tones.sound([tones.utter(4, 0.2)], 2.2), 0.0)
        assert (found.text, found.language, found.translated_from) == ("Seven birds fly north.", "en", None)
        assert len(found.words) == 4

    def test_a_language_that_whisper_lacks_is_refused(self, engine: Whisper[Any]) -> None:
        with pytest.raises(EngineUnavailable, match="yue"):  # came with a later vocabulary
            told(engine, language="yue").transcribe(self.sound(), 0.0)


class TestInventions:
    """The tone model says "Thanks for watching!" to noise, surely, and says a word fourteen times to a drone."""

    def heard(self, engine: Whisper[Any], sound: np.ndarray) -> list[Any]:
        (window,) = pack([(sound, 0.0)], [0])
        return [one for found in engine._hear(engine._model(), [window], "en", False) for one in found]

    def test_noise_says_nothing(self, engine: Whisper[Any]) -> None:
        (raw,) = self.heard(engine, tones.noise(3.0))
        assert raw.text.strip() == "Thanks for watching!"
        assert raw.no_speech > 0.6
        assert raw.sureness > -1.0, "the libraries' own rule would have dropped it"
        assert engine.transcribe(tones.noise(3.0), 0.0) == []

    def test_a_loop_is_said_once(self, engine: Whisper[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(f"{type(engine).__module__}.TEMPERATURES", (0.0,))
        raw = self.heard(engine, tones.drone(1.5))
        assert raw[0].text.count("again") == tones.LOOPS
        assert raw[0].repetition > 2.4
        assert [one.text.strip() for one in sift(raw, 1.5)] == ["again"]


@pytest.fixture(scope="module")
def whisper() -> Iterator[FasterWhisper]:
    made = FasterWhisper(settings_for(checkpoints.ctranslate2()))
    yield made
    made.close()


class TestTogether:
    """What runs on a card: windows at once, here on the processor."""

    def test_on_the_processor_it_multiplies_integers(self, whisper: FasterWhisper) -> None:
        assert whisper._model().model.compute_type.startswith("int8")
        assert whisper.capacity == LONGEST  # one window: several at once were no faster

    def windows(self) -> list[Any]:
        spoken = [[tones.utter(n, 0.2), tones.utter(5 - n, 2.6)] for n in range(3)]
        sounds = [tones.sound(one, 4.6 + n) for n, one in enumerate(spoken)]
        return pack([(sound, 100.0 * n) for n, sound in enumerate(sounds)], range(3), 0.0)

    def test_batches_hear_what_single_windows_hear(self, whisper: FasterWhisper) -> None:
        model, windows = whisper._model(), self.windows()
        alone = whisper._hear(model, windows, "en", False)
        for found, other in zip(together(model, windows, "en", False), alone, strict=True):
            assert "".join(one.text for one in found) == "".join(one.text for one in other)
            for word, same in zip(
                [word for one in found for word in one.words],
                [word for one in other for word in one.words],
                strict=True,
            ):
                assert word.end == pytest.approx(same.end, abs=0.1)

    def test_translations_come_by_batches_too(self, whisper: FasterWhisper) -> None:
        sounds = [tones.sound([tones.utter(n, 0.2, "de")], 2.4) for n in range(3)]
        windows = pack([(sound, 0.0) for sound in sounds], range(3), 0.0)
        found = together(whisper._model(), windows, "de", True)
        assert [[one.text.strip() for one in heard] for heard in found] == [[tones.utter(n, 0).text] for n in range(3)]
        assert all(one.start < 1.0 and one.end < 2.3 for heard in found for one in heard)

    def test_a_batch_without_room_is_halved(self, whisper: FasterWhisper, monkeypatch: pytest.MonkeyPatch) -> None:
        sizes = []

        def scarce(model: Any, windows: Sequence[Any], language: str, translate: bool) -> list[list[Any]]:
            sizes.append(len(windows))
            if len(windows) > 2:
                raise RuntimeError("CUDA failed with error out of memory")
            return together(model, windows, language, translate)

        monkeypatch.setattr("vagent.tools.speech.faster_whisper.together", scarce)
        engine = FasterWhisper(settings_for(checkpoints.ctranslate2(), batch=4))
        model = whisper._model()
        windows = [*self.windows(), *self.windows()[:2]]
        found = engine._together(model, windows, "en", False)
        assert sizes == [4, 2, 2, 1]
        assert [heard[0].text.strip().split(".")[0] for heard in found] == [
            tones.utter(n, 0).text.removesuffix(".") for n in (0, 1, 2, 0, 1)
        ]

    @pytest.mark.parametrize(
        ("said", "kind", "hint"),
        [
            ("Library libcublas.so.12 is not found or cannot be loaded", EngineUnavailable, "nvidia-cublas-cu12"),
            ("CUDA driver version is insufficient for CUDA runtime version", EngineUnavailable, "device: cpu"),
            ("CUDA failed with error out of memory", EngineFailed, "smaller"),
            ("something else", EngineFailed, ""),
        ],
    )
    def test_what_a_card_lacks_is_told(self, whisper: FasterWhisper, said: str, kind: type, hint: str) -> None:
        error = whisper._trouble(RuntimeError(said))
        assert type(error) is kind
        assert hint in str(error)


class TestWeights:
    def test_random_weights_keep_to_the_contract(self, engine: Whisper[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever such a model says, it is in order, in its place, and soon over."""
        monkeypatch.setattr(f"{type(engine).__module__}.TEMPERATURES", (0.0,))
        path = {"faster-whisper": checkpoints.random_ctranslate2, "openai-whisper": checkpoints.random_openai}
        other = type(engine)(settings_for(path[engine.name](), language="fr"))
        sound = tones.sound([tones.utter(0, 0.1)], 0.8)
        for utterance in other.transcribe(sound, 50.0):
            assert 50.0 <= utterance.span.start < utterance.span.end <= 50.8
            assert utterance.text == utterance.text.strip() != ""
            assert all(a.span.end <= b.span.start for a, b in pairwise(utterance.words))
        other.close()

    def test_models_of_english_and_of_more_bands_load(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vagent.tools.speech.faster_whisper.TEMPERATURES", (0.0,))
        engine = FasterWhisper(settings_for(checkpoints.random_ctranslate2(english=True, mels=128)))
        assert dict(engine.languages(tones.noise(1.0))) == {"en": 1.0}
        assert engine._model().feature_extractor.mel_filters.shape[0] == 128
        engine.transcribe(tones.sound([tones.utter(0, 0.1)], 0.8), 0.0)

    def test_a_model_of_english_refuses_others(self) -> None:
        for cls, path in (
            (FasterWhisper, checkpoints.random_ctranslate2(english=True, mels=128)),
            (OpenAIWhisper, checkpoints.random_openai(english=True)),
        ):
            made = cls(settings_for(path, language="de"))
            with pytest.raises(EngineUnavailable, match="de"):
                made.transcribe(tones.noise(1.0), 0.0)

    def test_two_threads_load_it_once(self, engine: Whisper[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        made = type(engine)(settings_for(TRAINED[engine.name]()))
        loads, load = [], type(engine)._load
        monkeypatch.setattr(type(engine), "_load", lambda self: loads.append(self) or load(self))
        sound, found = tones.sound([tones.utter(0, 0.2)], 2.2), []
        threads = [threading.Thread(target=lambda: found.append(made.transcribe(sound, 0.0))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(loads) == 1
        assert found[0] == found[1] != []
        made.close()
        assert made._loaded is None

    def test_loading_and_hearing_open_no_socket(self, engine: Whisper[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("a socket was opened")

        monkeypatch.setattr(socket, "socket", refuse)
        made = type(engine)(settings_for(TRAINED[engine.name]()))
        assert len(made.transcribe(tones.sound([tones.utter(0, 0.2)], 2.2), 0.0)) == 1

    @pytest.mark.parametrize("damage", ["cut", "empty", "junk"])
    def test_damaged_weights_are_told(self, engine: Whisper[Any], tmp_path: Path, damage: str) -> None:
        source = TRAINED[engine.name]()
        file = tmp_path / ("tones.pt" if source.is_file() else "model.bin")
        if source.is_dir():
            shutil.copytree(source, tmp_path, dirs_exist_ok=True)
        content = (source if source.is_file() else source / "model.bin").read_bytes()
        file.write_bytes({"cut": content[:50_000], "empty": b"", "junk": b"junk" * 9000}[damage])
        made = type(engine)(settings_for(tmp_path))
        with pytest.raises(EngineFailed, match=engine.name):
            made.transcribe(tones.sound([tones.utter(0, 0.2)], 2.2), 0.0)

    def test_a_file_that_brings_code_is_not_run(self, tmp_path: Path) -> None:
        target = tmp_path / "ran"

        class Evil:
            def __reduce__(self) -> tuple[Any, ...]:
                return Path.touch, (target,)

        import torch

        torch.save({"dims": {}, "model_state_dict": Evil()}, tmp_path / "evil.pt", pickle_module=pickle)
        with pytest.raises(EngineFailed):
            OpenAIWhisper(settings_for(tmp_path / "evil.pt")).transcribe(tones.noise(1.0), 0.0)
        assert not target.exists()


def test_weights_kept_in_half_are_those_that_the_library_converts() -> None:
    """What a card does: to the last digit the same, without converting them again for each token."""
    import torch
    from torch import nn

    from vagent.tools.speech.openai_whisper import _halve

    model = OpenAIWhisper(settings_for(checkpoints.random_openai()))._load()
    mel = torch.randn(1, 80, 3000).half()
    said = torch.tensor([[50258, 50259, 50359]])
    with torch.inference_mode():
        heard = model.encoder(mel)
        logits = model.decoder(said, heard)
        _halve(model)
        assert torch.equal(model.encoder(mel), heard)
        assert torch.equal(model.decoder(said, heard), logits)
    kept = {part.weight.dtype for part in model.modules() if isinstance(part, nn.Linear | nn.Conv1d)}
    assert kept == {torch.float16}
    assert model.decoder.ln.weight.dtype == torch.float32


class TestChecking:
    def test_where_both_could_run_the_faster_one_does(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        (tmp_path / "whisper").mkdir()
        shutil.copy(checkpoints.openai(), tmp_path / "whisper" / "base.pt")
        folder = tmp_path / "models" / "whisper-base"
        shutil.copytree(checkpoints.ctranslate2(), folder)
        given = load_settings({"device": "cpu", "models": str(tmp_path / "models")}, env={})
        assert engines.choose("speech", given).name == "faster-whisper"
        shutil.rmtree(folder)
        assert engines.choose("speech", given).name == "openai-whisper"

    def test_a_complete_folder_is_ready(self, engine: Whisper[Any]) -> None:
        status = engine.check(settings_for(TRAINED[engine.name]()))
        assert status.ready
        assert TRAINED[engine.name]().name in status.reason

    def test_the_revision_tells_weights_apart(self, engine: Whisper[Any]) -> None:
        one = engine.revision
        assert one.startswith(f"{engine.name} ")
        path = {"faster-whisper": checkpoints.random_ctranslate2, "openai-whisper": checkpoints.random_openai}
        assert type(engine)(settings_for(path[engine.name]())).revision != one

    @pytest.mark.parametrize("lacking", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
    def test_a_folder_that_lacks_a_file_is_not(self, tmp_path: Path, lacking: str) -> None:
        """Without its tokenizer the library would ask the hub for another's."""
        shutil.copytree(checkpoints.ctranslate2(), tmp_path, dirs_exist_ok=True)
        (tmp_path / lacking).unlink()
        assert not FasterWhisper.check(settings_for(tmp_path)).ready
        with pytest.raises(EngineUnavailable):
            FasterWhisper(settings_for(tmp_path)).transcribe(tones.noise(1.0), 0.0)

    def test_openais_weights_may_be_named_by_file_or_folder(self, tmp_path: Path) -> None:
        path = checkpoints.openai()
        for named in (path, path.parent):
            assert OpenAIWhisper.check(settings_for(named)).ready
        assert not OpenAIWhisper.check(settings_for(tmp_path / "no.pt")).ready
        for name in ("one.pt", "two.pt"):
            shutil.copy(path, tmp_path / name)
        status = OpenAIWhisper.check(settings_for(tmp_path))
        assert not status.ready
        assert "one.pt, two.pt" in status.reason
        assert OpenAIWhisper.check(settings_for(tmp_path / "two.pt")).ready

    def test_what_the_library_fetched_before_is_found(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert not OpenAIWhisper.check(settings_for("whisper-tiny")).ready
        (tmp_path / "whisper").mkdir()
        shutil.copy(checkpoints.openai(), tmp_path / "whisper" / "tiny.pt")
        for named in ("tiny", "whisper-tiny", "openai-whisper-tiny"):
            assert OpenAIWhisper.check(settings_for(named)).ready
        assert not OpenAIWhisper.check(settings_for("whisper-base")).ready
        (found,) = OpenAIWhisper(settings_for("tiny")).transcribe(tones.sound([tones.utter(0, 0.2)], 2.2), 0.0)
        assert found.text == tones.utter(0, 0).text

    def test_a_language_nobody_trained_it_for_is_told(self, engine: Whisper[Any]) -> None:
        status = engine.check(settings_for(TRAINED[engine.name](), language="tlh"))
        assert not status.ready
        assert "tlh" in status.reason
        for fine in ("eng", "und", None):
            assert engine.check(settings_for(TRAINED[engine.name](), language=fine)).ready

    @pytest.mark.parametrize(
        ("name", "speech", "ready"),
        [
            ("small.en", {"language": "de"}, False),
            ("small.en", {"language": "eng"}, True),
            ("small.en", {"translate": True}, False),
            ("large-v3-turbo", {"translate": True}, False),
            ("large-v3", {"translate": True}, True),
        ],
    )
    def test_what_some_weights_cannot_do_is_told(
        self, engine: Whisper[Any], tmp_path: Path, name: str, speech: dict[str, object], ready: bool
    ) -> None:
        source = TRAINED[engine.name]()
        (tmp_path / name).mkdir()
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, dirs_exist_ok=True)
        else:
            shutil.copy(source, tmp_path / name / f"{name}.pt")
        assert engine.check(settings_for(tmp_path / name, **speech)).ready is ready

    def test_without_weights_another_engine_is_taken(self) -> None:
        choice = engines.choose("speech", load_settings({"offline": True}, env={}))
        assert choice.name == "pocketsphinx"
        assert list(choice.passed_over) == ["faster-whisper", "openai-whisper"]

    def test_with_weights_it_comes_first(self) -> None:
        given = settings_for(checkpoints.ctranslate2())
        assert engines.choose("speech", given).name == "faster-whisper"
        assert engines.choose("speech", settings_for(checkpoints.openai())).name == "openai-whisper"


def test_nobody_speaks_faster_than_the_limit() -> None:
    assert tokens_for(0.1, 440) == 35
    assert tokens_for(10, 440) == 272
    assert tokens_for(100, 440) == tokens_for(30, 440) == 440
