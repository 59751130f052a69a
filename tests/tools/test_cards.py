"""Of several graphics cards each worker has one: its share of the machine names it, and every engine goes there.

No card is here: the drivers are asked by two libraries, and what they would say is put in their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch

from tests.models import objects, sounds, videollm, visual
from vagent.configs import Settings, load
from vagent.index.batch import shares
from vagent.tools import checkpoints, device
from vagent.tools.objects.transformers import TransformersObjects
from vagent.tools.sounds.ast import AST
from vagent.tools.videollm.loading import KIND
from vagent.tools.visual.transformers import TransformersVisual
from vagent.tools.weights import machine

GB = 10**9


@pytest.fixture(autouse=True)
def two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 24 GB each, the second half full."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine, "_cards", lambda: (24 * GB, 24 * GB))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda where: ((24 - 12 * where.index) * GB, 24 * GB))


@pytest.fixture
def workers(tmp_path: Path) -> Sequence[Settings]:
    """The settings of each process that indexes a folder."""
    models = {
        "objects": {"model": str(objects.folder("rt_detr_v2"))},
        "visual": {"model": str(visual.folder("siglip"))},
        "sounds": {"model": str(sounds.random_ast(tmp_path / "ast", labels=("Speech", "Music")))},
        "videollm": {"model": str(videollm.folder("qwen3_vl"))},
    }
    return shares.shares(load({"threads": 4, **models}, env={}), files=10)


def test_each_worker_has_a_card_of_its_own(workers: Sequence[Settings]) -> None:
    assert [str(device.device(worker)) for worker in workers] == ["cuda:0", "cuda:1"]


def test_a_language_model_is_not_spread_over_the_others_cards(workers: Sequence[Settings]) -> None:
    folder = videollm.folder("qwen3_vl")
    for number, worker in enumerate(workers):
        place = checkpoints.place(folder, KIND, worker)
        assert (place.where, place.number) == (torch.device("cuda", number), torch.bfloat16)
        assert place.options["device_map"] == {"": place.where}


def test_models_of_pictures_and_sounds_go_to_it(workers: Sequence[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[tuple[str, torch.dtype]] = []

    def to(model: Any, where: torch.device) -> Any:
        moved.append((str(where), model.dtype))
        return model

    monkeypatch.setattr("transformers.PreTrainedModel.to", to)
    half, single = torch.float16, torch.float32
    for worker in workers:
        moved.clear()
        finding, seeing, hearing = TransformersObjects(worker), TransformersVisual(worker), AST(worker)
        finding._known.load()
        assert finding._known._half == half
        seeing._load()
        hearing._load()
        assert moved == [(worker.device, single), (worker.device, half), (worker.device, half)]
        freed: list[str] = []
        monkeypatch.setattr(device, "release", lambda where, freed=freed: freed.append(str(where)))
        for engine in (finding, seeing, hearing):
            engine.close()
            engine.close()
        assert freed == [worker.device] * 3


def test_speech_goes_to_it(workers: Sequence[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2", reason="faster-whisper is not installed")
    from vagent.tools.speech.faster_whisper import FasterWhisper

    asked: dict[str, Any] = {}

    class Model:
        def __init__(self, folder: str, **options: Any) -> None:
            asked.update(options)
            raise RuntimeError("there is no card")

    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 2)
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda *_: {"float32", "float16", "int8"})
    monkeypatch.setattr("faster_whisper.WhisperModel", Model)
    monkeypatch.setattr("vagent.tools.weights.folder", lambda *_: Path("whisper"))
    for number, worker in enumerate(workers):
        with pytest.raises(RuntimeError, match="there is no card"):
            FasterWhisper(worker)._load()
        assert (asked["device"], asked["device_index"], asked["compute_type"]) == ("cuda", number, "float16")
