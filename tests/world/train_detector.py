"""Trains the little RT-DETRv2 (Lv et al., 2024) with the loss of the library."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from tests.world.pictures import Picture, pictures
from tests.world.scenes import COLOURS, HEIGHT, SHAPES, WIDTH

SEED = 22
SIZE = {"height": 96, "width": 128}
NAMES = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]


def train(
    out: Path,
    steps: int = 4500,
    batch: int = 16,
    count: int = 8000,
    lr: float = 1e-3,
    start: Path | None = None,
    first: int = 100_000,
) -> None:
    """Train and write a checkpoint to ``out``, with ``log.csv`` beside it.

    Args:
        start: a checkpoint to go on from.
        first: seed of the first scene.
    """
    torch.manual_seed(SEED)
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    processor, model = build()
    if start is not None:
        model = type(model).from_pretrained(start).train()
    shown = pictures(range(first, first + count))
    pixels = torch.cat([_pixels(processor, shown[i : i + 200]) for i in range(0, count, 200)])
    truth = [_labels(p) for p in shown]
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=1e-3)
    rng = np.random.default_rng(SEED)
    log = (out / "log.csv").open("w", encoding="utf-8")
    log.write("step,seconds,rate,loss\n")
    begun, recent = time.monotonic(), []
    for step in range(steps):
        rate = lr * min(1.0, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = rng.integers(count, size=batch)
        labels = [truth[int(i)] for i in chosen]
        loss = model(**_turned(pixels[chosen].float(), labels, bool(step % 2))).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recent.append(float(loss.detach()))
        if (step + 1) % 50 == 0:
            log.write(f"{step + 1},{time.monotonic() - begun:.0f},{rate:.2e},{np.mean(recent):.4f}\n")
            log.flush()
            recent = []
        if (step + 1) % 500 == 0:
            model.save_pretrained(out)
            processor.save_pretrained(out)
    model.save_pretrained(out)
    processor.save_pretrained(out)


def build() -> tuple[Any, Any]:
    """Processor and random weights."""
    from transformers import RTDetrImageProcessor, RTDetrResNetConfig, RTDetrV2Config, RTDetrV2ForObjectDetection

    backbone = RTDetrResNetConfig(
        embedding_size=24,
        hidden_sizes=[24, 48, 96, 128],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = RTDetrV2Config(
        backbone_config=backbone,
        freeze_backbone_batch_norms=False,  # there is nothing to freeze yet
        id2label=dict(enumerate(NAMES)),
        label2id={name: number for number, name in enumerate(NAMES)},
        encoder_in_channels=[48, 96, 128],
        encoder_hidden_dim=64,
        encoder_ffn_dim=128,
        encoder_attention_heads=4,
        hidden_expansion=0.5,
        d_model=64,
        num_queries=16,
        decoder_in_channels=[64, 64, 64],
        decoder_ffn_dim=128,
        decoder_layers=2,
        decoder_attention_heads=4,
        num_denoising=16,
    )
    return RTDetrImageProcessor(size=SIZE), RTDetrV2ForObjectDetection(config).train()


def _pixels(processor: Any, shown: list[Picture]) -> Any:
    images = [np.ascontiguousarray(p.image[:, :, ::-1]) for p in shown]
    return processor(images, return_tensors="pt")["pixel_values"].half()


def _turned(pixels: Any, labels: list[dict[str, Any]], mirrored: bool) -> dict[str, Any]:
    """The batch, or its mirror picture: all shapes are the same on both sides."""
    if not mirrored:
        return {"pixel_values": pixels, "labels": labels}
    flip, keep = torch.tensor([1.0, 0, 0, 0]), torch.tensor([-1.0, 1, 1, 1])
    other = [{"class_labels": one["class_labels"], "boxes": flip + keep * one["boxes"]} for one in labels]
    return {"pixel_values": pixels.flip(-1), "labels": other}


def _labels(shown: Picture) -> dict[str, Any]:
    """Classes, and boxes as middle and size in parts of the picture."""
    boxes = [
        ((a + c) / 2 / WIDTH, (b + d) / 2 / HEIGHT, (c - a) / WIDTH, (d - b) / HEIGHT)
        for _, (a, b, c, d) in shown.things
    ]
    return {
        "class_labels": torch.tensor([NAMES.index(thing.name) for thing, _ in shown.things], dtype=torch.long),
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
    }
