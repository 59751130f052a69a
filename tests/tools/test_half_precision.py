"""Models with half of the digits, as cards run them: on the processor here, over models that have learnt something."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch
from safetensors.torch import load_file, save_file

from tests.models import objects
from tests.models import sounds as heard
from tests.models import visual as tiny
from tests.world.judge import CHECKPOINTS
from tests.world.pictures import Picture, pictures
from tests.world.samples import HELD_OUT
from vagent.configs import Settings, load
from vagent.tools import device
from vagent.tools.objects import Detection
from vagent.tools.objects.transformers import TransformersObjects
from vagent.tools.sounds.ast import AST
from vagent.tools.visual.encoders import FAMILIES
from vagent.tools.visual.transformers import TransformersVisual

DETECTOR, SIGLIP = CHECKPOINTS / "detector", CHECKPOINTS / "siglip"
KINDS = ["red circle", "blue square", "yellow triangle", "green circle"]


def settings(section: str, folder: Path) -> Settings:
    return load({"threads": 1, "device": "cpu", section: {"model": str(folder)}}, env={})


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> Callable[[torch.dtype], None]:
    """Sets the number type that models get which turn pictures and sounds into vectors or scores."""
    return lambda number: monkeypatch.setattr(device, "encoding", lambda where: number)


@pytest.fixture(scope="module")
def shown() -> list[Picture]:
    return pictures(range(HELD_OUT + 30_000, HELD_OUT + 30_060))


@pytest.fixture
def images(shown: list[Picture]) -> list[np.ndarray]:
    return [picture.image for picture in shown]


def scaled(source: Path, target: Path, scale: dict[str, float]) -> Path:
    """A checkpoint of which some weights are multiplied."""
    shutil.copytree(source, target)
    weights = load_file(target / "model.safetensors")
    for ending, by in scale.items():
        names = [name for name in weights if name.endswith(ending)]
        assert names, ending
        for name in names:
            weights[name] = weights[name] * by
    save_file(weights, target / "model.safetensors", {"format": "pt"})
    return target


class TestOnDevices:
    @pytest.mark.parametrize(
        ("where", "encoding", "mixed"),
        [("cuda:1", torch.float16, torch.float16), ("mps", torch.float16, None), ("cpu", None, None)],
    )
    def test_each_has_its_number_type(self, where: str, encoding: Any, mixed: Any) -> None:
        place = torch.device(where)
        assert device.encoding(place) == encoding or device.precision(place)
        assert device.mixed(place) == mixed

    def test_a_language_model_that_embeds_is_not_one_of_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(device, "precision", lambda where: torch.bfloat16)
        card = torch.device("cuda")
        found = {name: family.number(card) for name, family in FAMILIES.items()}
        half = torch.float16
        assert found == {"clip": half, "siglip": half, "siglip2": half, "qwen3_vl": torch.bfloat16}


class TestDetectors:
    def found(self, folder: Path, images: list[np.ndarray]) -> list[list[Detection]]:
        return TransformersObjects(settings("objects", folder)).detect(images)

    @pytest.fixture
    def exact(self, images: list[np.ndarray]) -> list[list[Detection]]:
        return self.found(DETECTOR, images)

    @pytest.fixture
    def card(self, exact: list[list[Detection]], monkeypatch: pytest.MonkeyPatch) -> None:
        """From here on it is run as on a card."""
        monkeypatch.setattr(device, "mixed", lambda where: torch.float16)

    @pytest.mark.usefixtures("card")
    def test_they_find_the_same(self, exact: list[list[Detection]], images: list[np.ndarray]) -> None:
        found = self.found(DETECTOR, images)
        assert found != exact  # it did run in other numbers
        assert sum(map(len, exact)) > 60
        assert [sorted(d.label for d in each) for each in found] == [sorted(d.label for d in each) for each in exact]
        for one, other in zip(chain(*map(ordered, found)), chain(*map(ordered, exact)), strict=True):
            assert one.confidence == pytest.approx(other.confidence, abs=0.02)
            assert one.box == pytest.approx(other.box, abs=0.004)

    def test_numbers_that_are_too_large_are_seen_to(
        self,
        images: list[np.ndarray],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """They are normalised behind that layer: float32 has no trouble with them."""
        by = {"model.enc_output.0.weight": 1e6, "model.enc_output.0.bias": 1e6}
        large = scaled(DETECTOR, tmp_path / "large", by)
        exact = self.found(large, images)
        monkeypatch.setattr(device, "mixed", lambda where: torch.float16)
        engine = TransformersObjects(settings("objects", large))
        assert_near(engine.detect(images), exact)
        engine.detect(images[:1])
        assert [one.levelno for one in caplog.records] == [logging.WARNING]
        assert "rt_detr_v2 cannot multiply in float16" in caplog.text

    @pytest.mark.usefixtures("card")
    def test_a_model_that_refuses_runs_in_single_precision(
        self, exact: list[list[Detection]], images: list[np.ndarray], caplog: pytest.LogCaptureFixture
    ) -> None:
        engine = TransformersObjects(settings("objects", DETECTOR))
        model = engine._known.load()[1]

        def refuse(*_: Any) -> None:
            if torch.is_autocast_enabled("cpu"):
                raise RuntimeError("expected scalar type Half but found Float")

        model.model.decoder.register_forward_pre_hook(refuse)
        assert_near(engine.detect(images), exact)
        assert caplog.text.count("cannot multiply in float16") == 1

    def test_a_model_that_comes_out_otherwise_goes_on_as_before(
        self, images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One of random weights is too large inside; it cuts that off and shows nothing of it outside."""
        folder = objects.folder("rt_detr_v2")
        exact = self.found(folder, images[:4])
        monkeypatch.setattr(device, "mixed", lambda where: torch.float16)
        assert self.found(folder, images[:4]) == exact
        assert "rt_detr_v2 cannot multiply in float16" in caplog.text

    @pytest.mark.usefixtures("card")
    def test_memory_that_runs_out_is_no_reason_for_it(
        self, exact: list[list[Detection]], images: list[np.ndarray]
    ) -> None:
        engine = TransformersObjects(settings("objects", DETECTOR))
        model, sizes = engine._known.load()[1], []

        def scarce(module: Any, args: Any, given: Any) -> None:
            sizes.append(len(given["pixel_values"]))
            if sizes[-1] > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")

        model.register_forward_pre_hook(scarce, with_kwargs=True)
        found = engine.detect(images[:4])
        assert sizes == [4, 2, 2, 2]  # the first that fitted was seen twice, to compare
        assert [len(each) for each in found] == [len(each) for each in exact[:4]]
        assert engine._known._half == torch.float16


def ordered(found: list[Detection]) -> list[Detection]:
    return sorted(found, key=lambda d: (d.label, d.box))


def assert_near(found: list[list[Detection]], exact: list[list[Detection]]) -> None:
    for one, other in zip(chain(*map(ordered, found)), chain(*map(ordered, exact)), strict=True):
        assert one.label == other.label
        assert one.box == pytest.approx(other.box, abs=1e-4)
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)


class TestPictures:
    def vectors(self, folder: Path, images: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        engine = TransformersVisual(settings("visual", folder))
        return engine.embed_images(images), engine.embed_texts([f"a {kind}" for kind in KINDS])

    @pytest.mark.parametrize(("number", "cosine"), [(torch.float16, 0.99999), (torch.bfloat16, 0.9995)])
    def test_vectors_are_near_and_the_best_picture_is_the_same(
        self, number: torch.dtype, cosine: float, images: list[np.ndarray], numbers: Callable[[torch.dtype], None]
    ) -> None:
        numbers(torch.float32)
        exact = self.vectors(SIGLIP, images)
        numbers(number)
        found = self.vectors(SIGLIP, images)
        for one, other in zip(found, exact, strict=True):
            assert not np.array_equal(one, other)
            assert (one * other).sum(axis=1).min() > cosine
        best = [(texts @ seen.T).argmax(axis=1).tolist() for seen, texts in (found, exact)]
        assert best[0] == best[1]

    def test_numbers_that_are_too_large_are_seen_to(
        self,
        images: list[np.ndarray],
        numbers: Callable[[torch.dtype], None],
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """What a normalisation multiplies by, the next layer divides by."""
        numbers(torch.float32)
        exact = self.vectors(tiny.folder("siglip"), images[:3])
        by = {f"vision_model.encoder.layers.0.layer_norm1.{part}": 2.0**15 for part in ("weight", "bias")}
        by |= {f"vision_model.encoder.layers.0.self_attn.{part}_proj.weight": 2.0**-15 for part in "qkv"}
        large = scaled(tiny.folder("siglip"), tmp_path / "large", by)
        numbers(torch.float16)
        for one, other in zip(self.vectors(large, images[:3]), exact, strict=True):
            assert (one * other).sum(axis=1).min() > 0.999
        assert "siglip has numbers that float16 cannot hold" in caplog.text


class TestSounds:
    @pytest.mark.parametrize(("number", "within"), [(torch.float16, 0.005), (torch.bfloat16, 0.05)])
    def test_they_are_as_probable(
        self, number: torch.dtype, within: float, numbers: Callable[[torch.dtype], None]
    ) -> None:
        windows = [heard.sound(name, 10, seed) for seed, name in enumerate([*heard.SOUNDS, "hum"])]
        numbers(torch.float32)
        exact = AST(settings("sounds", heard.HEARING)).tag(windows)
        numbers(number)
        found = AST(settings("sounds", heard.HEARING)).tag(windows)
        assert found != exact
        for one, other in zip(found, exact, strict=True):
            assert dict(one) == pytest.approx(dict(other), abs=within)
