"""Tiny sound models in the genuine format, and a little world of sounds that one of them is trained on.

``random_ast`` and ``random_clap`` write checkpoints of random weights. ``HEARING`` is an AST that has learnt to tell
the sounds of ``SOUNDS`` apart; ``python -m tests.models.sounds`` trained it (three minutes on one busy core).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
HEARING = Path(__file__).parent / "data" / "hearing-ast"
LABELS = ("Speech", "Music", "Applause", "Siren", "Laughter", "Inside, small room")
"""What the tiny AST knows: some of AudioSet's labels, under which the sounds of ``SOUNDS`` go."""

Wave = NDArray[np.float64]


def _chords(seconds: float, rng: np.random.Generator) -> Wave:
    """Three notes at once with overtones, struck two to three times a second and dying away."""
    times = np.arange(round(seconds * RATE)) / RATE
    beat = rng.uniform(0.35, 0.5)
    roots = rng.choice([196.0, 220.0, 246.9, 261.6, 293.7], size=len(times) // 16 + 64)[(times / beat).astype(int)]
    notes = sum(np.sin(2 * np.pi * roots * f * times) / f for f in (1, 1.25, 1.5, 2, 3, 4))
    return np.asarray(notes * np.exp(-4 * (times % beat)) / 3)


def _claps(seconds: float, rng: np.random.Generator) -> Wave:
    """Many short bursts of noise, a crowd's."""
    wave = np.zeros(round(seconds * RATE))
    burst = np.exp(-np.arange(480) / 60)
    for at in rng.integers(0, max(1, len(wave) - 480), round(60 * seconds)):
        piece = wave[at : at + 480]
        piece += (rng.normal(0, rng.uniform(0.2, 1), 480) * burst)[: len(piece)]
    return wave


def _siren(seconds: float, rng: np.random.Generator) -> Wave:
    """One tone that wails between 600 and 1500 Hz."""
    times = np.arange(round(seconds * RATE)) / RATE
    pitch = 1050 + 450 * np.sin(2 * np.pi * times / rng.uniform(1.5, 3) + rng.uniform(0, 6))
    return np.asarray(np.sin(2 * np.pi * np.cumsum(pitch) / RATE))


def _hum(seconds: float, rng: np.random.Generator) -> Wave:
    """A low steady tone with some noise: none of the labels."""
    times = np.arange(round(seconds * RATE)) / RATE
    return np.asarray(np.sin(2 * np.pi * rng.uniform(50, 120) * times) * 0.5 + rng.normal(0, 0.01, len(times)))


SOUNDS: dict[str, Callable[[float, np.random.Generator], Wave]] = {
    "music": _chords,
    "applause": _claps,
    "siren": _siren,
    "hum": _hum,
}
"""Word of the evidence -> its sound; ``hum`` is one that nobody should hear anything in."""


def sound(name: str, seconds: float, seed: int, loudness: float = 0.3) -> NDArray[np.int16]:
    """A sound as int16, mono, 16 kHz; ``loudness`` is its peak, 0..1."""
    wave = SOUNDS[name](seconds, np.random.default_rng(seed))
    return (wave / np.abs(wave).max() * loudness * 32767).astype(np.int16)


@cache
def folder(kind: str) -> Path:
    """A random ``ast`` or ``clap``, made once a process."""
    made = Path(tempfile.mkdtemp(prefix=f"vagent-{kind}-"))
    return random_ast(made) if kind == "ast" else random_clap(made)


def random_ast(folder: Path, labels: tuple[str, ...] = LABELS, seconds: float = 10.24, **config: Any) -> Path:
    """An AST of random weights that sees so many seconds at once."""
    import torch
    from transformers import ASTForAudioClassification

    torch.manual_seed(0)
    model = ASTForAudioClassification(_ast_config(labels, seconds, **config))
    _extractor(seconds).save_pretrained(str(folder))
    model.save_pretrained(str(folder))
    return folder


def random_clap(folder: Path, *, fused: bool = False) -> Path:
    """A CLAP of random weights with a tokenizer that knows letters."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        ClapAudioConfig,
        ClapConfig,
        ClapFeatureExtractor,
        ClapModel,
        ClapTextConfig,
        PreTrainedTokenizerFast,
    )

    torch.manual_seed(0)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    letters = sorted(set(pre_tokenizers.ByteLevel.alphabet()))
    vocabulary = {token: number for number, token in enumerate([*special, *letters])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(str(folder))
    text = ClapTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=130,
        pad_token_id=1,
    )
    audio = ClapAudioConfig(
        hidden_size=64,
        patch_embeds_hidden_size=16,
        depths=[1, 1, 1],
        num_hidden_layers=3,
        num_attention_heads=[2, 2, 2],
        window_size=4,
        spec_size=256,
        enable_fusion=fused,
        fusion_type="aff_2d" if fused else None,
        projection_dim=32,
    )
    config = ClapConfig(text_config=text.to_dict(), audio_config=audio.to_dict(), projection_dim=32)
    # Unlike random weights usually are: large, so that different sounds end up in different places.
    model = ClapModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)
    model.save_pretrained(str(folder))
    truncation = "fusion" if fused else "rand_trunc"
    ClapFeatureExtractor(truncation=truncation).save_pretrained(str(folder))
    return folder


def _ast_config(labels: tuple[str, ...], seconds: float, **config: Any) -> Any:
    from transformers import ASTConfig

    return ASTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        frequency_stride=16,
        time_stride=64,
        max_length=round(seconds * 100),
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        **config,
    )


def _extractor(seconds: float = 10.24) -> Any:
    import warnings

    from transformers import ASTFeatureExtractor

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="At least one mel filter has all zero values")
        return ASTFeatureExtractor(max_length=round(seconds * 100))


def _examples(count: int, rng: np.random.Generator) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Windows of ten seconds, in which up to two sounds begin and end somewhere, and what is to be heard in them."""
    names = list(SOUNDS)
    waves, truths = [], np.zeros((count, len(LABELS)), np.float32)
    for number in range(count):
        length = 10.0 if rng.random() < 0.8 else rng.uniform(1.5, 10)  # the last window of a video is short
        wave = rng.normal(0, 10 ** rng.uniform(-5, -3), round(length * RATE))
        for name in rng.choice(names, rng.integers(0, 3), replace=False):
            lasts = min(length, rng.choice([rng.uniform(1.5, 5), rng.uniform(5, 10), 10.0]))
            at = round(rng.choice([0.0, length - lasts, rng.uniform(0, length - lasts)]) * RATE)
            made = sound(name, lasts, int(rng.integers(1 << 30)), rng.uniform(0.1, 0.6)) / 32768
            wave[at : at + len(made)] += made[: len(wave) - at]
            if name != "hum":
                truths[number, LABELS.index(name.title())] = 1
        waves.append(wave.astype(np.float32))
    return waves, truths


def train(folder: Path, seed: int = 7, count: int = 540, epochs: int = 40) -> list[float]:
    """Train the tiny AST on sounds it will not meet again; returns the loss on others after each epoch."""
    import torch
    from transformers import ASTForAudioClassification

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    extractor = _extractor()
    waves, truths = _examples(count, rng)
    features = extractor(waves, sampling_rate=RATE, return_tensors="pt").input_values
    wanted = torch.from_numpy(truths)
    model = ASTForAudioClassification(_ast_config(LABELS, 10.24))
    held = count * 8 // 9
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=epochs * (held // 32 + 1))
    losses = []
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(held).split(32):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(features[rows]).logits, wanted[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if schedule.last_epoch < schedule.total_steps - 1:
                schedule.step()
        model.eval()
        with torch.inference_mode():
            logits = model(features[held:]).logits
        losses.append(float(torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted[held:])))
        right = ((logits > 0) == (wanted[held:] > 0.5)).float().mean()
    extractor.save_pretrained(str(folder))
    model.save_pretrained(str(folder))
    card = {"seed": seed, "examples": count, "epochs": epochs, "held-out loss": losses[-1], "right": float(right)}
    (folder / "training.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return losses


if __name__ == "__main__":
    train(HEARING)
