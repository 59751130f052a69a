"""Asks a checkpoint as the product would, about scenes that it was not trained on, and counts right answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.world import prompts, samples
from tests.world.scenes import Scene, draw, scene
from tests.world.words import caption, questions

CHECKPOINTS = Path(__file__).parent / "checkpoints"
Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Item:
    """One question about a clip, as the model gets it."""

    kind: str
    prompt: str
    answer: str
    frames: Frames  # RGB
    times: tuple[float, ...]
    end: float
    made: Scene


def items(
    seeds: Sequence[int],
    kinds: Sequence[str],
    *,
    choices: bool = False,
    most: int = 1,
    plot: str | None = None,
    again: bool = False,
) -> list[Item]:
    """Questions of the named kinds about held-out scenes, at most so many of a scene.

    Args:
        kinds: those of ``tests.world.words``, or "caption".
        choices: with options, the answer is a letter.
        again: in the words of a second look.
    """
    found = []
    for seed in seeds:
        rng = np.random.default_rng((seed, 7))
        made = scene(samples.HELD_OUT + seed, plot=plot)
        at = [float(t) for t in np.arange(rng.uniform(0.05, 0.95), made.duration - 0.02, 1.0)]
        frames = np.stack([samples.kept(draw(made, t))[:, :, ::-1] for t in at])
        offset = float(rng.choice([0.0, rng.uniform(0, 600), rng.uniform(0, 7200)]))
        shown, end = [t + offset for t in at], offset + made.duration
        said = prompts.evidence(rng, offset, end)
        pool = [q for q in questions(made, rng) if q.kind in kinds and (q.wrong or not choices)]
        for n in rng.permutation(len(pool))[:most]:
            question = pool[int(n)]
            if choices:
                listed, answer = prompts.options(rng, question)
                prompt = prompts.choose(shown, offset, end, question.text, listed, said)
            elif again:
                prompt, answer = prompts.again(shown, offset, end, question.text), question.answer
            else:
                prompt, answer = prompts.look(shown, offset, end, question.text, said), question.answer
            found.append(Item(question.kind, prompt, answer, frames, tuple(shown), end, made))
        if "caption" in kinds:
            prompt = prompts.describe(shown, offset, end, said)
            found.append(Item("caption", prompt, caption(made), frames, tuple(shown), end, made))
    return found


def changed(asked: Sequence[Item], how: Callable[[Frames], Frames]) -> list[Item]:
    """The same questions about other pictures."""
    return [replace(item, frames=np.ascontiguousarray(how(item.frames))) for item in asked]


def load(folder: Path) -> tuple[Any, Any]:
    """Processor and model, ready to answer."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False)
    return processor, model.eval()


def answers(processor: Any, model: Any, asked: Sequence[Item], batch: int = 24) -> list[str]:
    """What the model says to each question."""
    import torch

    order = sorted(range(len(asked)), key=lambda i: (len(asked[i].times), len(asked[i].prompt)))
    said = [""] * len(asked)
    for start in range(0, len(order), batch):
        some = [asked[i] for i in order[start : start + batch]]
        inputs = processor(
            text=[_chat(processor, item.prompt) for item in some],
            videos=[item.frames if len(item.frames) > 1 else item.frames.repeat(2, 0) for item in some],
            video_metadata=[samples.metadata(_even(item.times), item.end) for item in some],
            do_sample_frames=False,
            padding=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            out = model.generate(**inputs, max_new_tokens=28, do_sample=False)
        texts = processor.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for i, text in zip(order[start : start + batch], texts, strict=True):
            said[i] = text.strip()
    return said


def _chat(processor: Any, prompt: str) -> str:
    message = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": prompt}]}]
    return str(processor.apply_chat_template(message, add_generation_prompt=True, tokenize=False))


def _even(times: Sequence[float]) -> list[float]:
    return [*times] if len(times) > 1 else [*times, *times]


def right(asked: Sequence[Item], said: Sequence[str]) -> float:
    """The part of the answers that are right, word by word."""
    return sum(item.answer == text for item, text in zip(asked, said, strict=True)) / max(1, len(asked))
