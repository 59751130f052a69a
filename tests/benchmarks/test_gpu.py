"""The benchmark of models, with tiny ones and on the processor."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch

from benchmarks import gpu, ways
from benchmarks.roofline import Roofline, operations, roofline
from tests.models import visual
from vagent.configs import load
from vagent.errors import EngineFailed
from vagent.tools import device
from vagent.tools.visual.transformers import TransformersVisual


@pytest.mark.slow
def test_each_model_is_measured_or_says_why_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    pytest.importorskip("whisper", reason="openai-whisper is not installed: the tiny model takes its vocabulary")
    out = tmp_path / "figures.json"
    given = ["--tiny", "--device", "cpu", "--batches", "1", "2", "--tokens", "2", "--ways", "single", "flash", "static"]
    assert gpu.main([*given, "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert {"videollm tiny", "embedding", "detection", "speech"} < set(found)
    for title in ("videollm tiny", "embedding", "detection", "speech"):
        speeds = found[title]["items a second by batch"]
        assert found[title]["items a second"] == max(speeds.values()) > 0
        assert str(found[title]["batch"]) in speeds
    assert found["speech"]["times real time"] == pytest.approx(30 * found["speech"]["items a second"], rel=0.05)
    assert found["embedding"]["operations of one"] > 100_000
    assert set(found["embedding"]["other ways"]) == {"single"}
    assert set(found["videollm tiny"]["other ways"]) == {"flash", "static"}
    assert found["videollm tiny"]["other ways"]["static"]["items a second"] > 0
    told = capsys.readouterr().out
    assert "embedding     single" in told
    assert "videollm tiny flash" in told


class TestWays:
    def compared(self, change: ways.Change) -> tuple[dict[str, Any], list[tuple[torch.dtype, bool]]]:
        """Two ways to run a tiny SigLIP; and of each run the numbers that it was in and whether its engine was new."""
        settings = load({"threads": 1, "device": "cpu", "visual": {"model": str(visual.folder("siglip"))}}, env={})
        ran: list[tuple[torch.dtype, bool]] = []
        used: set[TransformersVisual] = set()
        shown = [np.zeros((32, 32, 3), np.uint8)] * 3

        def run(engine: TransformersVisual) -> None:
            engine.embed_images(shown)
            ran.append((engine._load().model.dtype, engine not in used))
            used.add(engine)

        def table(engine: TransformersVisual) -> dict[str, ways.Change]:
            return {**ways.pictures(engine), "static": change}

        make = partial(TransformersVisual, settings)
        return ways.compared(make, run, table, 3, ["flash", "single", "static"], torch.device("cpu")), ran

    @pytest.fixture(autouse=True)
    def half(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(device, "encoding", lambda where: torch.bfloat16)

    def test_each_is_measured_against_the_plain_one_by_an_engine_of_its_own(self) -> None:
        found, ran = self.compared(lambda _: None)
        half, single = torch.bfloat16, torch.float32
        assert ran == [(half, True), *2 * [(half, False)], *3 * [(single, False)], (half, True), *5 * [(half, False)]]
        assert list(found) == ["single", "static"]  # the other is none of a picture model's
        for one in found.values():
            assert one["ratio"] == pytest.approx(one["items a second"] / one["plain"], rel=0.05)
        assert ways.table({"embedding": {"other ways": found}, "torch": "2"}).count("\n") == 2

    def test_what_cannot_be_gone_says_why(self) -> None:
        def refuse(_: object) -> None:
            raise ImportError("no such compiler\nand much more")

        found, _ = self.compared(refuse)
        assert found["static"] == {"not measured": "ImportError: no such compiler"}
        assert "no such compiler" in ways.table({"embedding": {"other ways": found}})


class TestRising:
    def place(self, *batches: int) -> gpu.Place:
        where = torch.device("cpu")
        return gpu.Place(where, torch.float32, Roofline(1e9, 1e9), SimpleNamespace(batches=batches))  # type: ignore[arg-type]

    def test_it_ends_where_memory_runs_out(self) -> None:
        tried: list[int] = []

        def run(size: int) -> None:
            tried.append(size)
            if size > 2:
                raise EngineFailed("it broke") from torch.OutOfMemoryError()

        found = gpu.rising(self.place(2, 4, 8), run)
        assert tried == [1, 2, 2, 4]
        assert list(found["items a second by batch"]) == [2]
        assert found["batch"] == 2

    def test_what_breaks_otherwise_is_not_hidden(self) -> None:
        def run(size: int) -> None:
            if size > 1:
                raise EngineFailed("it broke")

        with pytest.raises(EngineFailed, match="it broke"):
            gpu.rising(self.place(2), run)


def test_the_batch_leaves_a_fifth_of_the_card_free() -> None:
    memory = {1: 6_500_000_000, 2: 7_000_000_000, 4: 8_000_000_000}  # six gigabytes, and half a gigabyte each
    found = gpu.by_memory(memory, best=20)
    assert (found[8], found[12], found[16], found[24]) == (0, 7, 13, 20)


def test_the_roofline_is_measured_and_operations_are_counted() -> None:
    limits = roofline(torch.device("cpu"), torch.float32, tiny=True)
    assert limits.flops > 1e8
    assert limits.bandwidth > 1e7
    assert limits.computing(limits.flops, 2.0) == pytest.approx(0.5)
    assert limits.reading(limits.bandwidth, 4.0) == pytest.approx(0.25)
    one, other = torch.zeros(3, 5), torch.zeros(5, 7)
    assert operations(lambda: one @ other) == 2 * 3 * 5 * 7
