"""Which checkpoints the transformers engine loads, which it refuses, and that each is one clear error."""

from __future__ import annotations

import gc
import json
import shutil
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

from safetensors.numpy import load_file, save_file

from tests.models.videollm import folder
from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools import checkpoints, engines
from vagent.tools.videollm import loading
from vagent.tools.videollm.transformers import TransformersVideoLLM

FRAMES = [(float(i), np.full((64, 64, 3), 40 * i, np.uint8)) for i in range(4)]


def settings(model: Path, trust: list[str] | None = None, **values: Any) -> Settings:
    videollm = {"model": str(model), "precision": "fp32", "tokens": 8} | values
    return load_settings({"threads": 1, "device": "cpu", "trust": trust or [], "videollm": videollm}, env={})


def ask(model: Path, **values: Any) -> str:
    engine = TransformersVideoLLM(settings(model, **values))
    return engine.answer(FRAMES, "Who?")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkpoint that no other test uses, to be damaged or let go of."""
    return Path(shutil.copytree(folder("qwen3_vl"), tmp_path / "qwen"))


def config(model: Path, **changes: Any) -> None:
    """Change entries of a checkpoint's config.json; None takes one out."""
    path = model / "config.json"
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))


class TestDamage:
    @pytest.mark.parametrize("left", [-5000, 40, 4])
    def test_weights_that_were_cut_off(self, copy: Path, left: int) -> None:
        weights = copy / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:left])
        with pytest.raises(EngineUnavailable, match=r"qwen is not complete: model\.safetensors"):
            ask(copy)
        # A file that breaks behind the engine's back, between the check and the loading.
        with pytest.raises(EngineFailed, match=r"the weights of qwen are damaged .* vagent models pull"):
            loading.load(copy, settings(copy), trusted=False)

    def test_no_weights(self, copy: Path) -> None:
        (copy / "model.safetensors").unlink()
        with pytest.raises(EngineUnavailable, match="qwen is not complete"):
            ask(copy)
        with pytest.raises(EngineFailed, match=r"qwen cannot be loaded .*safetensors"):
            loading.load(copy, settings(copy), trusted=False)

    def test_pickled_weights_are_never_read(self, copy: Path) -> None:
        import torch

        weights = load_file(copy / "model.safetensors")
        (copy / "model.safetensors").unlink()
        torch.save({key: torch.tensor(value) for key, value in weights.items()}, copy / "pytorch_model.bin")
        assert not TransformersVideoLLM.check(settings(copy)).ready
        with pytest.raises(EngineFailed, match=r"qwen cannot be loaded .*safetensors"):
            loading.load(copy, settings(copy), trusted=False)

    @pytest.mark.parametrize("change", ["gone", "reshaped"])
    def test_a_tensor_that_is_gone_or_does_not_fit(self, copy: Path, change: str) -> None:
        """transformers would go on with random numbers in its place."""
        path = copy / "model.safetensors"
        weights = load_file(path)
        name = next(key for key in weights if key.endswith("layers.1.mlp.up_proj.weight"))
        whole = weights.pop(name)
        if change == "reshaped":
            weights[name] = np.ascontiguousarray(whole[:-1])
        save_file(weights, path, metadata={"format": "pt"})
        with pytest.raises(EngineFailed, match=r"qwen.*(up_proj|mismatch)"):
            ask(copy)

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "{}", '{"model_type": "qwen3_vl", "text_config": {"hidden_size": "x"}}']
    )
    def test_a_config_that_cannot_be_used(self, copy: Path, text: str) -> None:
        (copy / "config.json").write_text(text)
        with pytest.raises((EngineUnavailable, EngineFailed), match="qwen"):
            ask(copy)

    @pytest.mark.parametrize("name", ["tokenizer.json", "processor_config.json"])
    def test_a_processor_that_is_not_all_there(self, copy: Path, name: str) -> None:
        (copy / name).unlink()
        with pytest.raises(EngineUnavailable, match="qwen"):
            ask(copy)

    def test_a_model_that_says_nowhere_how_to_ask_it(self, copy: Path) -> None:
        (copy / "chat_template.jinja").unlink()
        with pytest.raises(EngineUnavailable, match=r"no chat template.*-Instruct"):
            ask(copy)

    def test_the_old_ones_are_asked_as_they_were_trained(self, tmp_path: Path) -> None:
        """Video-LLaVA and LLaVA came without a chat template."""
        for family in ("video_llava", "llava"):
            copy = Path(shutil.copytree(folder(family), tmp_path / family))
            (copy / "chat_template.jinja").unlink()
            assert ask(copy) == ask(folder(family))

    def test_a_repaired_model_loads_with_the_same_engine(self, copy: Path) -> None:
        (copy / "model.safetensors").rename(copy / "away")
        engine = TransformersVideoLLM(settings(copy))
        for _ in range(2):
            with pytest.raises(EngineUnavailable):
                engine.answer(FRAMES, "Who?")
        (copy / "away").rename(copy / "model.safetensors")
        assert engine.answer(FRAMES, "Who?") == ask(folder("qwen3_vl"))


class TestTrust:
    CODE = {"AutoConfig": "configuration.Config", "AutoModelForImageTextToText": "modeling.Model"}  # noqa: RUF012

    @pytest.fixture
    def foreign(self, copy: Path) -> Path:
        """A model with code of its own, which leaves a trace where it runs."""
        (copy / "configuration.py").write_text(
            "from pathlib import Path\nPath(__file__).with_name('ran').touch()\n"
            f"Path({str(copy / 'ran')!r}).touch()\nraise RuntimeError('the code ran')\n"
        )
        config(copy, model_type="foreign_chat", auto_map=self.CODE)
        return copy

    def test_code_of_a_model_does_not_run(self, foreign: Path) -> None:
        with pytest.raises(EngineUnavailable, match=r"foreign_chat model, which runs code of its own.*-hf.*trust"):
            ask(foreign)
        assert not (foreign / "ran").exists()

    def test_nor_when_another_model_is_trusted(self, foreign: Path) -> None:
        with pytest.raises(EngineUnavailable, match="code of its own"):
            ask(foreign, trust=["somebody/else"])
        assert not (foreign / "ran").exists()

    def test_it_runs_for_the_one_who_names_it(self, foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises((EngineFailed, EngineUnavailable), match="the code ran"):
            ask(foreign, trust=[str(foreign)])
        assert (foreign / "ran").exists()

    def test_a_known_family_needs_no_code_of_its_own(self, copy: Path) -> None:
        config(copy, auto_map=self.CODE)
        assert ask(copy) == ask(folder("qwen3_vl"))

    def test_an_unknown_family_is_named(self, copy: Path) -> None:
        config(copy, model_type="qwen9_vl")
        with pytest.raises(EngineUnavailable, match=r"qwen9_vl.*pip install -U transformers"):
            ask(copy)

    def test_a_model_that_only_reads_is_refused(self, tmp_path: Path) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        from tests.models.videollm import tokenizer

        text = LlamaConfig(
            vocab_size=420, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
        )
        LlamaForCausalLM(text).save_pretrained(tmp_path / "llama")
        tokenizer(()).save_pretrained(tmp_path / "llama")
        with pytest.raises(EngineUnavailable, match="llama is not a model that looks at pictures"):
            ask(tmp_path / "llama")


class TestChoosing:
    def test_a_folder_is_ready(self) -> None:
        chosen = load_settings({"videollm": {"model": str(folder("qwen3_vl"))}}, env={})
        assert engines.choose("videollm", chosen).engine is TransformersVideoLLM

    @pytest.mark.parametrize(
        ("key", "value", "fix"),
        [
            ("precision", "4bit", "pip install bitsandbytes"),
            ("precision", "8bit", "pip install bitsandbytes"),
            ("attention", "flash_attention_2", "pip install flash-attn --no-build-isolation"),
        ],
    )
    def test_packages_that_the_settings_need(
        self, key: str, value: str, fix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checkpoints, "find_spec", lambda name: None)
        wanted = settings(folder("qwen3_vl"), **{key: value})
        status = TransformersVideoLLM.check(wanted)
        assert (status.ready, status.fix) == (False, fix)
        with pytest.raises(EngineUnavailable, match=fix):
            TransformersVideoLLM(wanted).answer([], "Who?")

    @pytest.mark.parametrize("attention", ["auto", "sdpa", "eager"])
    def test_every_attention_gives_the_same(self, attention: str) -> None:
        engine = TransformersVideoLLM(settings(folder("qwen3_vl"), attention=attention))
        assert engine.answer(FRAMES, "Who?") == ask(folder("qwen3_vl"))
        used = engine._model()[0].model.config._attn_implementation
        assert used == {"auto": "sdpa"}.get(attention, attention)

    def test_the_revision_tells_weights_apart(self, copy: Path) -> None:
        one = TransformersVideoLLM(settings(copy)).revision
        config(copy, extra_entry="longer than before")
        assert TransformersVideoLLM(settings(copy)).revision != one
        assert one.startswith("transformers 5.")
        assert "qwen" in one


class TestThreads:
    def test_two_threads_load_it_once_and_take_turns(self, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        loads: list[Path] = []
        real = loading.load

        def slow(model: Path, *args: Any, **given: Any) -> Any:
            loads.append(model)
            time.sleep(0.2)
            return real(model, *args, **given)

        monkeypatch.setattr("vagent.tools.videollm.held.load", slow)
        engine = TransformersVideoLLM(settings(copy))
        prompts = [f"Who is number {i}?" for i in range(4)]
        with ThreadPoolExecutor(4) as pool:
            said = list(pool.map(lambda prompt: engine.answer(FRAMES, prompt), prompts))
        assert len(loads) == 1
        assert said == [engine.answer(FRAMES, prompt) for prompt in prompts]

    def test_answers_and_streams_at_once_do_not_mix(self) -> None:
        engine = TransformersVideoLLM(settings(folder("qwen3_vl")))
        alone = engine.answer(FRAMES, "Who?"), engine.score_choices(FRAMES[:2], "A or B?", "AB")
        with ThreadPoolExecutor(3) as pool:
            for _ in range(3):
                streamed = pool.submit(lambda: "".join(engine.stream(FRAMES, "Who?")))
                scored = pool.submit(engine.score_choices, FRAMES[:2], "A or B?", "AB")
                answered = pool.submit(engine.answer, FRAMES, "Who?")
                assert (streamed.result(), scored.result(), answered.result()) == (alone[0], alone[1], alone[0])

    def test_closing_frees_the_model_and_the_next_use_loads_it_again(self, copy: Path) -> None:
        engine = TransformersVideoLLM(settings(copy))
        before = engine.answer(FRAMES, "Who?")
        model = weakref.ref(engine._model()[0].model)
        engine.close()
        gc.collect()
        assert model() is None
        engine.close()
        assert engine.answer(FRAMES, "Who?") == before


class TestSharing:
    def test_engines_of_the_same_model_have_one_in_memory(self) -> None:
        one, other = (TransformersVideoLLM(settings(folder("qwen3_vl"), tokens=tokens)) for tokens in (4, 8))
        apart = TransformersVideoLLM(settings(folder("qwen3_vl"), attention="eager"))
        assert one._model()[0] is other._model()[0]
        assert apart._model()[0] is not one._model()[0]

    def test_it_stays_as_long_as_one_of_them_uses_it(self, copy: Path) -> None:
        one, other = (TransformersVideoLLM(settings(copy)) for _ in range(2))
        model = weakref.ref(one._model()[0].model)
        before = other.answer(FRAMES, "Who?")
        one.close()
        assert model() is not None
        assert other.answer(FRAMES, "Who?") == before
        other.close()
        gc.collect()
        assert model() is None

    def test_closing_waits_for_the_call_that_runs(self) -> None:
        engine = TransformersVideoLLM(settings(folder("qwen3_vl")))
        alone = engine.answer(FRAMES, "Who?")
        with ThreadPoolExecutor(4) as pool:
            said = [pool.submit(engine.answer, FRAMES, "Who?") for _ in range(6)]
            closed = [pool.submit(engine.close) for _ in range(3)]
            assert [one.result() for one in said] == [alone] * 6
            assert [one.result() for one in closed] == [None] * 3


class TestStream:
    def test_closing_it_stops_the_model(self) -> None:
        engine = TransformersVideoLLM(settings(folder("qwen3_5"), tokens=4000))
        stream = engine.stream(FRAMES, "Who?")
        next(stream)
        begin = time.monotonic()
        stream.close()  # type: ignore[attr-defined]
        assert time.monotonic() - begin < 20
        assert not [thread for thread in threading.enumerate() if thread.name == "vagent-videollm"]
        assert engine.answer(FRAMES, "Who?", tokens=2) == engine.answer(FRAMES, "Who?", tokens=2)

    def test_pieces_come_before_the_end(self) -> None:
        engine = TransformersVideoLLM(settings(folder("qwen3_5"), tokens=40))
        assert len(list(engine.stream(FRAMES, "Who?"))) > 5

    def test_an_error_surfaces_at_once(self) -> None:
        engine = TransformersVideoLLM(settings(folder("qwen3_vl")))
        hook = engine._model()[0].model.lm_head.register_forward_pre_hook(lambda *_: 1 / 0)
        with pytest.raises(EngineFailed, match=r"the video-LLM broke \(ZeroDivisionError"):
            list(engine.stream(FRAMES, "Who?"))
        with pytest.raises(EngineFailed, match="ZeroDivisionError"):
            engine.answer(FRAMES, "Who?")
        hook.remove()
        assert engine.answer(FRAMES, "Who?") == ask(folder("qwen3_vl"))

    def test_an_answer_that_has_begun_is_not_begun_again(self) -> None:
        import torch

        engine = TransformersVideoLLM(settings(folder("qwen3_5"), tokens=60))
        calls: list[int] = []

        def counted(*_: Any) -> None:
            calls.append(1)
            if len(calls) == 30:
                raise torch.OutOfMemoryError("CUDA out of memory")

        hook = engine._model()[0].model.lm_head.register_forward_pre_hook(counted)
        said: list[str] = []
        with pytest.raises(EngineFailed, match="memory ran out"):
            said.extend(engine.stream(FRAMES, "Who?"))
        hook.remove()
        assert len(calls) == 30
