"""The engines that name sounds: random checkpoints against the library's own path, and one that has learnt to hear."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models import sounds as world
from vagent import configs
from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools import device
from vagent.tools.sounds import RATE, Samples
from vagent.tools.sounds.ast import AST
from vagent.tools.sounds.clap import CLAP
from vagent.tools.sounds.labels import BACKGROUND, DESCRIBED, FOLDED
from vagent.tools.sounds.tagger import Tagger, resampled


def settings(model: Path, **sounds: Any) -> Settings:
    return configs.load({"threads": 1, "device": "cpu", "sounds": {"model": str(model), **sounds}}, env={})


@pytest.fixture(scope="session")
def ast_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.random_ast(tmp_path_factory.mktemp("sounds") / "ast", labels=(*list(FOLDED)[:8], *world.LABELS))


@pytest.fixture(scope="session", params=[False, True], ids=["clap", "fused clap"])
def clap_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.random_clap(tmp_path_factory.mktemp("sounds") / "clap", fused=request.param)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that can be compared to the last digits, on every processor."""
    import torch

    monkeypatch.setattr(device, "precision", lambda where: torch.float32)


@pytest.fixture(scope="module")
def hearing() -> Iterator[AST]:
    engine = AST(settings(world.HEARING))
    yield engine
    engine.close()


def windows() -> list[Samples]:
    """Whole windows, a short one, and next to none."""
    made = [world.sound(name, 10, seed) for seed, name in enumerate(["music", "siren", "applause", "hum"])]
    return [*made, made[0][: 3 * RATE], made[1][:10], made[2][:0]]


def values(heard: Sequence[Any]) -> np.ndarray[Any, Any]:
    return np.array([list(one.values()) for one in heard])


class TestMeaning:
    """The trained model, with sounds it has never met."""

    @pytest.mark.parametrize("name", ["music", "applause", "siren"])
    @pytest.mark.parametrize("loudness", [0.1, 0.6])
    def test_it_hears_each_sound(self, hearing: AST, name: str, loudness: float) -> None:
        (heard,) = hearing.tag([world.sound(name, 10, 501, loudness)])
        assert heard[name] > 0.8
        assert all(p < 0.2 for label, p in heard.items() if label != name)

    def test_it_hears_two_at_once(self, hearing: AST) -> None:
        both = world.sound("music", 10, 502) + world.sound("siren", 10, 503)
        (heard,) = hearing.tag([both])
        assert min(heard["music"], heard["siren"]) > 0.5 > heard["applause"]

    def test_it_hears_nothing_in_silence_and_hum(self, hearing: AST) -> None:
        for heard in hearing.tag([np.zeros(10 * RATE, np.int16), world.sound("hum", 10, 504)]):
            assert max(heard.values()) < 0.2

    def test_speech_and_rooms_are_not_told(self, hearing: AST) -> None:
        (heard,) = hearing.tag([world.sound("music", 10, 505)])
        assert set(heard) == {"music", "applause", "siren", "laughter"}

    def test_a_short_end_is_heard_too(self, hearing: AST) -> None:
        (heard,) = hearing.tag([world.sound("siren", 3, 506)])
        assert heard["siren"] > 0.8


@pytest.mark.usefixtures("exact")
class TestAST:
    def test_it_gives_the_librarys_own_numbers(self, ast_folder: Path) -> None:
        import torch
        from transformers import ASTForAudioClassification

        engine = AST(settings(ast_folder))
        heard = engine.tag(windows()[:2])
        model = ASTForAudioClassification.from_pretrained(ast_folder).eval()
        waves = [window.astype(np.float32) / 2**15 for window in windows()[:2]]
        with torch.no_grad():
            inputs = world._extractor()(waves, sampling_rate=RATE, return_tensors="pt")
            scores = model(**inputs).logits.sigmoid().numpy()
        names = list(model.config.id2label.values())
        for row, found in zip(scores, heard, strict=True):
            expected: dict[str, float] = {}
            for name, score in zip(names, row, strict=True):
                if name in FOLDED:
                    expected[FOLDED[name]] = max(expected.get(FOLDED[name], 0), float(score))
            assert found == pytest.approx(expected, abs=1e-6)

    def test_a_model_that_sees_less_hears_the_whole_window_in_parts(self, tmp_path: Path) -> None:
        engine = AST(settings(world.random_ast(tmp_path / "short", seconds=2.56)))
        window = np.concatenate([np.zeros(9 * RATE, np.int16), world.sound("siren", 1, 4)])
        parts = np.array_split(window, 4)
        assert values(engine.tag([window]))[0] == pytest.approx(values(engine.tag(parts)).max(axis=0), abs=1e-6)
        assert not np.allclose(values(engine.tag([window])), values(engine.tag([window[: 9 * RATE]])))

    def test_labels_that_exclude_each_other_share_one(self, tmp_path: Path) -> None:
        folder = world.random_ast(
            tmp_path / "own", ("dog_bark", "rain", "none"), problem_type="single_label_classification"
        )
        (heard,) = AST(settings(folder)).tag(windows()[:1])
        assert set(heard) == {"dog bark", "rain", "none"}
        assert sum(heard.values()) == pytest.approx(1, abs=1e-5)

    def test_numbers_of_other_precision_are_close(self, ast_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import torch

        exact = values(AST(settings(ast_folder)).tag(windows()))
        monkeypatch.setattr(device, "precision", lambda where: torch.bfloat16)
        assert values(AST(settings(ast_folder)).tag(windows())) == pytest.approx(exact, abs=0.02)


@pytest.mark.usefixtures("exact")
class TestCLAP:
    def test_it_weighs_each_sound_against_the_background(self, clap_folder: Path) -> None:
        import torch
        from scipy.signal import resample_poly
        from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

        heard = CLAP(settings(clap_folder)).tag(windows()[:2])
        model = ClapModel.from_pretrained(clap_folder).eval()
        asked = [f"This is a sound of {text}." for text in (*DESCRIBED.values(), *BACKGROUND)]
        texts = AutoTokenizer.from_pretrained(clap_folder)(asked, padding=True, return_tensors="pt")
        waves = [resample_poly(window / 2**15, 3, 1) for window in windows()[:2]]
        sounds = ClapFeatureExtractor.from_pretrained(clap_folder)(waves, sampling_rate=48_000, return_tensors="pt")
        with torch.no_grad():
            logits = model(
                input_ids=texts.input_ids,
                attention_mask=texts.attention_mask,
                input_features=sounds["input_features"].float(),
                is_longer=torch.zeros(2, 1, dtype=torch.bool),
            ).logits_per_audio.numpy()
        for row, found in zip(np.exp(logits.astype(float)), heard, strict=True):
            none = row[len(DESCRIBED) :].sum()
            assert found == pytest.approx({w: s / (s + none) for w, s in zip(DESCRIBED, row, strict=False)}, abs=1e-4)

    def test_different_sounds_are_different(self, clap_folder: Path) -> None:
        found = values(CLAP(settings(clap_folder)).tag(windows()[:4]))
        assert all(np.abs(a - b).max() > 1e-3 for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("kind", "clap_folder"),
    [(AST, False), (CLAP, False), (CLAP, True)],
    indirect=["clap_folder"],
    ids=["ast", "clap", "fused clap"],
)
@pytest.mark.usefixtures("exact")
class TestBoth:
    @pytest.fixture
    def folder(self, kind: type[Tagger], ast_folder: Path, clap_folder: Path) -> Path:
        return ast_folder if kind is AST else clap_folder

    def test_company_and_order_do_not_matter(self, kind: type[Tagger], folder: Path) -> None:
        alone = kind(settings(folder, batch=1))
        together = kind(settings(folder, batch=3))
        expected = values([alone.tag([window])[0] for window in windows()])
        np.testing.assert_allclose(values(together.tag(windows())), expected, atol=1e-5)
        np.testing.assert_allclose(values(together.tag(windows()[::-1])), expected[::-1], atol=1e-5)

    def test_probabilities_are_numbers_from_0_to_1(self, kind: type[Tagger], folder: Path) -> None:
        heard = kind(settings(folder)).tag(windows())
        assert len(heard) == len(windows())
        assert all(type(p) is float and 0 <= p <= 1 for one in heard for p in one.values())
        assert kind(settings(folder)).tag([]) == []

    def test_the_sound_is_left_as_it_is(self, kind: type[Tagger], folder: Path) -> None:
        window = windows()[0]
        before = window.copy()
        window.setflags(write=False)
        kind(settings(folder)).tag([window])
        assert np.array_equal(window, before)

    def test_two_threads_load_it_once(self, kind: type[Tagger], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = []
        open_it = kind._open
        monkeypatch.setattr(kind, "_open", lambda *args: opened.append(1) or open_it(*args))
        engine = kind(settings(folder))
        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(engine.tag, [windows()[:2]] * 2)
        assert one == other
        assert opened == [1]
        engine.close()
        assert engine.tag(windows()[:2]) == one
        assert opened == [1, 1]

    def test_short_memory_means_smaller_batches_and_a_notice(
        self, kind: type[Tagger], folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = kind(settings(folder)).tag(windows())
        judge = kind._judge
        sizes = []

        def tight(self: Tagger, loaded: Any, waves: Sequence[Any]) -> Any:
            sizes.append(len(waves))
            if len(waves) > 1:
                raise RuntimeError("CUDA out of memory")
            return judge(self, loaded, waves)

        monkeypatch.setattr(kind, "_judge", tight)
        engine = kind(settings(folder, batch=4))
        np.testing.assert_allclose(values(engine.tag(windows())), values(expected), atol=1e-5)
        assert sizes == [4, 2, *[1] * len(windows())]
        assert engine.notices == [f"memory is short: sounds are judged {n} at a time" for n in (2, 1)]

    def test_what_breaks_is_said(self, kind: type[Tagger], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: Any) -> Any:
            raise RuntimeError("no such kernel")

        monkeypatch.setattr(kind, "_judge", broken)
        with pytest.raises(EngineFailed, match="no such kernel"):
            kind(settings(folder)).tag(windows()[:1])

    def test_a_damaged_file_is_said(self, kind: type[Tagger], folder: Path, tmp_path: Path) -> None:
        copy = tmp_path / "damaged"
        shutil.copytree(folder, copy)
        weights = copy / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1000])
        with pytest.raises((EngineFailed, EngineUnavailable), match="damaged"):
            kind(settings(copy)).tag(windows()[:1])

    def test_lost_weights_are_not_made_up(self, kind: type[Tagger], folder: Path, tmp_path: Path) -> None:
        from safetensors.numpy import load_file, save_file

        copy = tmp_path / "incomplete"
        shutil.copytree(folder, copy)
        weights = load_file(copy / "model.safetensors")
        del weights[next(name for name in sorted(weights) if name.endswith(".weight"))]
        save_file(weights, copy / "model.safetensors", {"format": "pt"})
        with pytest.raises(EngineFailed, match="the weights of incomplete lack 1 of the model's parts"):
            kind(settings(copy)).tag(windows()[:1])

    def test_a_model_of_another_kind_is_refused(self, kind: type[Tagger], ast_folder: Path, clap_folder: Path) -> None:
        other = clap_folder if kind is AST else ast_folder
        status = kind.check(settings(other))
        assert not status.ready
        assert "holds a model of type" in status.reason
        with pytest.raises(EngineUnavailable, match="cannot run a model of type"):
            kind(settings(other)).tag(windows()[:1])

    def test_it_says_what_it_is(self, kind: type[Tagger], folder: Path) -> None:
        assert kind.check(settings(folder)).ready
        assert kind(settings(folder)).revision.startswith(f"{kind.name} 5.")
        assert folder.name in kind(settings(folder)).revision
        assert not kind.check(settings(folder / "nowhere")).ready


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_resampling_keeps_pitch_and_loudness(rate: int) -> None:
    times = np.arange(2 * RATE) / RATE
    wave = resampled((16384 * np.sin(2 * np.pi * 440 * times)).astype(np.int16), rate)
    assert len(wave) == 2 * rate
    middle = wave[rate // 2 : -rate // 2]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.01)
    assert np.abs(np.fft.rfft(middle)).argmax() == pytest.approx(440 * len(middle) / rate, abs=1)
