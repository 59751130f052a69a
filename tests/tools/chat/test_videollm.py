"""The local video-LLM as the chat model: one model in memory for both, and taken by itself only where it is large."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

from tests.models.videollm import FAMILIES, folder
from tests.tools.chat.test_local import ASK, TALK, TOOLS
from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.errors import EngineUnavailable
from vagent.tools import engines
from vagent.tools.chat.videollm import VideoLLMChat
from vagent.tools.videollm.transformers import TransformersVideoLLM

FRAMES = [(float(i), np.full((64, 64, 3), 40 * i, np.uint8)) for i in range(3)]


def settings(model: Path, engines: dict[str, str] | None = None, **values: Any) -> Settings:
    given = {"model": str(model), "precision": "fp32", "tokens": 8}
    chat = {"tokens": 12} | values
    chosen = {"chat": "videollm"} if engines is None else engines
    return load_settings({"threads": 1, "device": "cpu", "engines": chosen, "videollm": given, "chat": chat}, env={})


def large(path: Path, billions: float, **config: Any) -> Path:
    """A folder that claims to hold so many parameters: a header and a hole."""
    path.mkdir()
    count = int(billions * 1e9)
    header = json.dumps({"a": {"dtype": "F8_E4M3", "shape": [count], "data_offsets": [0, count]}}).encode()
    with (path / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        os.truncate(file.fileno(), 8 + len(header) + count)
    (path / "config.json").write_text(json.dumps({"model_type": "qwen3_vl"} | config))
    return path


class TestReplies:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_every_family_chooses_a_tool_that_there_is(self, family: str) -> None:
        engine = VideoLLMChat(settings(folder(family)))
        (call,) = engine.reply(TALK, tools=TOOLS).calls
        assert call.name in {tool.name for tool in TOOLS}
        found = engine.reply(ASK)
        assert found == engine.reply(ASK)
        assert (found.calls, found.text) == ((), found.text.strip())
        assert 0 < found.written <= 12 < found.read

    def test_the_model_is_in_memory_once_whoever_comes_first(self) -> None:
        for chat_first in (True, False):
            chat, look = VideoLLMChat(settings(folder("qwen3_vl"))), TransformersVideoLLM(settings(folder("qwen3_vl")))
            if chat_first:
                chat.reply(ASK)
            seen = look.answer(FRAMES, "Who?")
            with chat.turn() as speaker:
                assert speaker.model is look._model()[0].model
            look.close()
            assert chat.reply(ASK) == chat.reply(ASK)
            chat.close()
            assert look.answer(FRAMES, "Who?") == seen

    def test_they_take_turns(self) -> None:
        chat, look = VideoLLMChat(settings(folder("qwen3_5"))), TransformersVideoLLM(settings(folder("qwen3_5")))
        alone = chat.reply(TALK, tools=TOOLS), look.answer(FRAMES, "Who?")
        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                said = pool.submit(chat.reply, TALK, tools=TOOLS)
                seen = pool.submit(look.answer, FRAMES, "Who?")
                streamed = pool.submit(lambda: "".join(look.stream(FRAMES, "Who?")))
                assert (said.result(), seen.result(), streamed.result()) == (*alone, alone[1])


class TestChoosing:
    def test_by_name_it_may_be_small(self) -> None:
        wanted = settings(folder("qwen3_vl"))
        assert engines.choose("chat", wanted).name == "videollm"
        assert VideoLLMChat.check(wanted).reason == "tiny-qwen3_vl is on this machine"

    def test_auto_passes_a_small_one_over_and_says_why(self) -> None:
        choice = engines.choose("chat", settings(folder("qwen3_vl"), engines={}))
        assert choice.engine is None
        status = choice.passed_over["videollm"]
        assert status.reason == "the video-LLM is of 0.0 billion parameters; below 7 they choose steps badly"
        assert status.fix == "take it by name: --engine chat=videollm"

    def test_auto_takes_a_large_one(self, tmp_path: Path) -> None:
        chosen = settings(large(tmp_path / "model", 8.3), engines={})
        assert engines.choose("chat", chosen).name == "videollm"
        assert VideoLLMChat(chosen).billions == pytest.approx(8.3)
        off = settings(tmp_path / "model", engines={"videollm": "off"})
        assert VideoLLMChat.check(off).reason == "the video-LLM is switched off"

    def test_the_size_of_packed_weights_is_what_the_name_tells(self, tmp_path: Path) -> None:
        packed = {"quantization_config": {"quant_method": "awq"}}
        named = settings(large(tmp_path / "Some-VL-8B-AWQ", 0.5, **packed), engines={})
        assert engines.choose("chat", named).name == "videollm"
        unnamed = settings(large(tmp_path / "mine", 9, **packed), engines={})
        assert "is of unknown size" in VideoLLMChat.check(unnamed).reason

    def test_one_that_is_not_here(self, tmp_path: Path) -> None:
        with pytest.raises(EngineUnavailable, match="chat engine videollm cannot run here"):
            engines.choose("chat", settings(tmp_path / "none"))
