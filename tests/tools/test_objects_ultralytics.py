"""YOLO through Ultralytics: what it finds, and that the package keeps to itself."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models.objects import yolo_file
from vagent.configs import Settings, load
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools import engines
from vagent.tools.objects import Image
from vagent.tools.objects import ultralytics as module
from vagent.tools.objects.ultralytics import LICENCE, UltralyticsObjects

if find_spec("ultralytics") is None:
    pytest.skip("ultralytics (AGPL-3.0) is not installed: pip install 'vagent[yolo]'", allow_module_level=True)


def configured(weights: Path | str | None, **values: Any) -> Settings:
    objects = {"model": None if weights is None else str(weights), "threshold": 0.2, "batch": 4, **values}
    return load({"threads": 1, "device": "cpu", "engines": {"objects": "ultralytics"}, "objects": objects}, env={})


@pytest.fixture
def weights() -> Path:
    """A YOLO11n with random weights."""
    file = yolo_file()
    assert file is not None
    return file


@pytest.fixture
def engine(weights: Path) -> UltralyticsObjects:
    return UltralyticsObjects(configured(weights))


def pictures(count: int, size: tuple[int, int] = (96, 160)) -> list[Image]:
    luck = np.random.default_rng(0)
    return [luck.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]


def test_boxes_lie_in_the_picture_and_labels_are_cocos(engine: UltralyticsObjects) -> None:
    found = engine.detect(pictures(2))
    assert all(found)
    for each in found:
        assert all(0 <= d.box[0] < d.box[2] <= 1 and 0 <= d.box[1] < d.box[3] <= 1 for d in each)
        assert all(0.2 <= d.confidence <= 1 for d in each)
        assert [d.confidence for d in each] == sorted((d.confidence for d in each), reverse=True)
    assert {d.label for each in found for d in each} <= {str(n) for n in range(80)} | {"person", "car"}


def test_company_in_a_batch_does_not_matter(engine: UltralyticsObjects) -> None:
    images = pictures(5)
    together, alone = engine.detect(images), [engine.detect([image])[0] for image in images]
    assert [[d.label for d in found] for found in together] == [[d.label for d in found] for found in alone]
    for one, other in zip(together, alone, strict=True):
        for a, b in zip(one, other, strict=True):
            assert a.box == pytest.approx(b.box, abs=1e-3)


def test_the_model_is_shown_red_where_red_is(engine: UltralyticsObjects) -> None:
    seen: list[Any] = []
    engine.detect(pictures(1))
    (model,) = engine._models.values()
    network = model.predictor.model.model
    handle = network.register_forward_pre_hook(lambda m, a: seen.append(a[0]))
    red = np.zeros((96, 160, 3), np.uint8)
    red[:, :, 2] = 255  # BGR
    engine.detect([red])
    handle.remove()
    means = seen[-1][0].mean((1, 2))
    assert means[0] > means[1] + 0.3
    assert means[0] > means[2] + 0.3


def test_the_licence_is_told_to_the_user_and_logged_once(
    weights: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_told", module.threading.Event())
    with caplog.at_level(logging.WARNING, "vagent.tools.objects"):
        for _ in range(2):
            engine = UltralyticsObjects(configured(weights))
            assert engine.notices == []
            engine.detect(pictures(1))
            engine.detect(pictures(1))
            assert engine.notices == [LICENCE]
    assert [record.getMessage() for record in caplog.records] == [LICENCE]
    assert "AGPL-3.0" in LICENCE


def test_auto_never_takes_it(weights: Path) -> None:
    named = configured(weights)
    assert engines.choose("objects", named).name == "ultralytics"
    auto = load({"objects": {"model": str(weights)}}, env={})
    choice = engines.choose("objects", auto)
    assert choice.name != "ultralytics"
    assert "ultralytics" not in choice.passed_over


@pytest.mark.parametrize("named", [None, "yolo11n.pt", "/nowhere/yolo11n.pt"])
def test_weights_are_never_fetched(named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status = UltralyticsObjects.check(configured(named))
    assert not status.ready
    assert status.fix
    with pytest.raises(EngineUnavailable):
        UltralyticsObjects(configured(named)).detect(pictures(1))
    assert list(tmp_path.iterdir()) == []


def test_weights_are_found_in_the_folder_of_models(weights: Path) -> None:
    settings = configured(weights.name).model_copy(update={"models": weights.parent})
    assert UltralyticsObjects.check(settings).ready
    assert UltralyticsObjects(settings).detect(pictures(1))[0]


def test_a_damaged_file_is_an_error_in_a_line(weights: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.pt"
    file.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(EngineFailed, match="the weights cannot be loaded"):
        UltralyticsObjects(configured(file)).detect(pictures(1))


def test_descriptions_need_weights_that_know_words(weights: Path, tmp_path: Path) -> None:
    engine = UltralyticsObjects(configured(weights, find=["a red umbrella"]))
    assert not engine.finds.ready
    assert engine.find(pictures(2), []) == [[], []]
    with pytest.raises(EngineUnavailable):
        engine.find(pictures(1), ["a red umbrella"])
    world = tmp_path / "tiny-world.pt"
    world.write_bytes(weights.read_bytes())
    engine = UltralyticsObjects(configured(world, find=["a red umbrella"]))
    assert not engine.finds.ready
    with pytest.raises(EngineUnavailable) as caught:
        engine.find(pictures(1), ["a red umbrella"])
    assert str(tmp_path / "clip" / "ViT-B-32.pt") in str(caught.value)


PROGRAM = """
import os, sys, socket
def refuse(*args, **kwargs): raise AssertionError(f"network: {args}")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
import subprocess
popen = subprocess.Popen.__init__
def spy(self, command, *args, **kwargs):
    if "pip" in str(command): raise AssertionError(command)
    popen(self, command, *args, **kwargs)
subprocess.Popen.__init__ = spy
import cv2, numpy as np, torch
from vagent import configs
from vagent.tools.objects.ultralytics import UltralyticsObjects
cv2.setNumThreads(2)
save = torch.save
values = {"threads": 1, "engines": {"objects": "ultralytics"}, "objects": {"model": sys.argv[1], "threshold": 0.2}}
engine = UltralyticsObjects(configs.load(values, env={}))
assert "ultralytics" not in sys.modules
found = engine.detect([np.random.default_rng(0).integers(0, 256, (96, 160, 3), dtype=np.uint8)])
assert found[0]
import ultralytics
assert ultralytics.settings["sync"] is False
assert (cv2.getNumThreads(), torch.get_num_threads(), torch.save) == (2, 1, save)
assert "OMP_NUM_THREADS" not in os.environ
"""


def test_the_package_keeps_to_itself(weights: Path, tmp_path: Path) -> None:
    """Nothing is sent, installed, printed or written outside our own cache, and the process is left as it was."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS" and not k.startswith("YOLO_")}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "XDG_CONFIG_HOME": str(home / "config")}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    command = [sys.executable, "-c", PROGRAM, str(weights)]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    told = "\n".join(line for line in done.stderr.splitlines() if LICENCE not in line)
    assert (done.returncode, done.stdout, told) == (0, "", "")
    assert list(work.iterdir()) == []
    written = {path.relative_to(home).parts[:2] for path in home.rglob("*") if path.is_file()}
    assert {parts for parts in written if parts[1] in ("vagent", "Ultralytics")} == {("cache", "vagent")}


class Stranger:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (f"touch {self.proof}",)


def test_weights_that_carry_a_program_do_not_run_it(tmp_path: Path) -> None:
    import torch

    file, proof = tmp_path / "evil.pt", tmp_path / "proof"
    torch.save({"model": Stranger(proof)}, file)
    with pytest.raises(EngineFailed):
        UltralyticsObjects(configured(file)).detect(pictures(1))
    assert not proof.exists()
