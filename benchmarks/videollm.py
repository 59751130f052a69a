"""How fast a local video-LLM of real size looks, and how much memory it takes, on whatever device is here.

    python -m benchmarks.videollm [--size 2b] [--clips 4] [--frames 8] [--pixels 61440] [--tokens 32] [--device auto]
                                  [--precision auto] [--json OUT]

The weights are random, of the shapes of Qwen3-VL: speed and memory do not depend on what they hold, and nothing has to
be fetched. The checkpoint is written to a temporary folder (two bytes a number) and loaded by the engine as any other.

    load      from the folder to a model that can be asked
    first     seconds to the first token of an answer about one clip: decoding aside, the wait of a look
    decode    further tokens a second
    score     seconds to score the letters of a multiple-choice question, in one order of its options
    orders    seconds for four more orders, whose pictures have been seen
    batch     clips described a second, so many together, and how many times faster that is than one by one
    memory    peak, in GB: of the card, or of the process
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tests.models.videollm import make
from vagent import configs
from vagent.tools import device
from vagent.tools.videollm import Frames
from vagent.tools.videollm.transformers import TransformersVideoLLM

SIZES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tiny": ({}, {}),
    "2b": (
        {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16},
        {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "deepstack_visual_indexes": [5, 11, 17]},
    ),
    "4b": (
        {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32},
        {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "deepstack_visual_indexes": [5, 11, 17]},
    ),
    "8b": (
        {"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32},
        {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "deepstack_visual_indexes": [8, 16, 24]},
    ),
}
PROMPT = "Describe in at most 60 words what the pictures show. " * 4
LETTERS = "ABCD"


def main(arguments: Sequence[str] | None = None) -> int:
    given = options(arguments)
    with tempfile.TemporaryDirectory(prefix="vagent-benchmark-") as folder:
        parameters = write(given.size, Path(folder))
        found = measure(Path(folder), given) | {"size": given.size, "parameters": parameters}
    for name, value in found.items():
        print(f"{name:12} {value}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    return 0


def write(size: str, folder: Path) -> int:
    """A checkpoint of one size in ``folder``; gives the number of its parameters."""
    import torch

    tiny, processor = make("qwen3_vl")
    text, vision = SIZES[size]
    if text:
        text = text | {
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 151_936,
            "max_position_embeddings": 262_144,
        }
        rope = tiny.config.text_config.rope_parameters | {"mrope_section": [24, 20, 20]}
        text = tiny.config.text_config.to_dict() | text | {"rope_parameters": rope}
        vision = vision | {"num_heads": 16, "out_hidden_size": text["hidden_size"], "num_position_embeddings": 2304}
        vision = tiny.config.vision_config.to_dict() | vision
        config = type(tiny.config)(**tiny.config.to_dict() | {"text_config": text, "vision_config": vision})
        torch.set_default_dtype(torch.bfloat16)
        tiny = type(tiny)(config)
        torch.set_default_dtype(torch.float32)
    tiny.generation_config.eos_token_id = None  # random weights would stop by chance
    tiny.save_pretrained(folder)
    processor.save_pretrained(folder)
    return sum(parameter.numel() for parameter in tiny.parameters())


def made(folder: Path, given: argparse.Namespace) -> TransformersVideoLLM:
    """The engine over a checkpoint, as the options set it; nothing is loaded yet."""
    wanted = {"model": str(folder), "precision": given.precision, "pixels": given.pixels, "tokens": given.tokens}
    return TransformersVideoLLM(configs.load({"device": given.device, "videollm": wanted}, env={}))


def noise(count: int, frames: int, pixels: int) -> list[Frames]:
    """Clips of pictures of noise, 16:9, a second apart."""
    luck = np.random.default_rng(0)
    height = round((pixels * 9 / 16) ** 0.5)
    shape = (height, height * 16 // 9, 3)
    return [[(float(t), luck.integers(0, 256, shape, np.uint8)) for t in range(frames)] for _ in range(count)]


def measure(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """All figures of one checkpoint."""
    import torch

    engine, clips = made(folder, given), noise(given.clips, given.frames, given.pixels)
    load, _ = timed(lambda: engine.answer(clips[0][:2], "?", tokens=1))
    where = device.device(engine.settings)
    if where.type == "cuda":
        torch.cuda.reset_peak_memory_stats(where)
    first, _ = timed(lambda: engine.answer(clips[0], PROMPT, tokens=1))
    whole, _ = timed(lambda: engine.answer(clips[0], PROMPT, tokens=1 + given.tokens))
    score, _ = timed(lambda: engine.score_choices(clips[0], PROMPT, LETTERS))
    orders = [f"{PROMPT}\nOrder {letter} of the options" for letter in LETTERS]
    scores, _ = timed(lambda: [engine.score_choices(clips[0], order, LETTERS) for order in orders])
    one, _ = timed(lambda: [engine.caption([c], [PROMPT], tokens=given.tokens) for c in clips])
    together, _ = timed(lambda: engine.caption(clips, [PROMPT] * len(clips), tokens=given.tokens))
    card = where.type == "cuda"
    peak = torch.cuda.max_memory_allocated(where) if card else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    height, width = clips[0][0][1].shape[:2]
    cores = f"{platform.machine()}, {engine.settings.cores} cores"
    return {
        "machine": torch.cuda.get_device_name(where) if card else cores,
        "torch": torch.__version__,
        "precision": str(next(engine._model()[0].model.parameters()).dtype),
        "clip": f"{given.frames} pictures of {width} x {height}",
        "load": round(load, 2),
        "first": round(first, 3),
        "decode": round(given.tokens / (whole - first), 1),
        "score": round(score, 3),
        "orders": round(scores, 3),
        "batch": round(given.clips / together, 3),
        "ratio": round(one / together, 2),
        "memory": round(peak / 1e9, 2),
        "notices": engine.notices,
    }


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that something takes, and what it gives."""
    begun = perf_counter()
    result = act()
    return perf_counter() - begun, result


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", choices=sorted(SIZES), default="2b")
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--pixels", type=int, default=61_440)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
