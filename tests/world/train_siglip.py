"""Trains the little SigLIP: which texts are true of which pictures. The loss is the paper's (Zhai et al., ICCV 2023,
"Sigmoid Loss for Language Image Pre-Training"), with every true pair counted as one, not only the diagonal. For the
first half each patch also has to say what has its middle there, through a head that is thrown away: a few thousand
pictures say little about shapes otherwise."""

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

SEED = 21
SIDE, PATCH, LENGTH = 64, 8, 24
KINDS = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]
WORDINGS = (
    "a {}", "the {}", "{}", "a picture of a {}", "a photo of a {}", "there is a {}", "where is the {}?",
    "when does the {} appear?", "when is a {} seen?", "show me the {}", "a {} on a plain ground",
    "a {} and nothing else",
)  # fmt: skip
GENERIC = ("a photo", "a picture", "an image", "a frame of a video")


def train(out: Path, steps: int = 1200, batch: int = 64, count: int = 8000, lr: float = 1.5e-3) -> None:
    """Train and write a checkpoint to ``out``, with ``log.csv`` beside it."""
    torch.manual_seed(SEED)
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    processor, model = build()
    shown = pictures(range(count))
    pixels = torch.cat([_pixels(processor, shown[i : i + 200]) for i in range(0, count, 200)])
    truth = torch.tensor(np.stack([_cells(p) for p in shown]))
    head = nn.Linear(model.config.vision_config.hidden_size, 1 + len(COLOURS) + len(SHAPES))
    optimizer = torch.optim.AdamW(
        [*model.parameters(), *head.parameters()], lr=lr, betas=(0.9, 0.98), weight_decay=0.05
    )
    rng = np.random.default_rng(SEED)
    log = (out / "log.csv").open("w", encoding="utf-8")
    log.write("step,seconds,rate,loss,patches\n")
    begun, recent = time.monotonic(), []
    for step in range(steps):
        rate = lr * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = rng.integers(count, size=batch)
        texts, true = _texts(rng, [shown[int(i)] for i in chosen])
        with torch.autocast("cpu", torch.bfloat16):
            vision = model.get_image_features(pixels[chosen].float())
            read = model.get_text_features(tokens(processor, texts)).pooler_output
        patches = _patches(head(vision.last_hidden_state.float()), truth[chosen])
        seen, read = nn.functional.normalize(vision.pooler_output.float()), nn.functional.normalize(read.float())
        logits = model.logit_scale.exp() * seen @ read.T + model.logit_bias
        loss = nn.functional.binary_cross_entropy_with_logits(logits, true)
        optimizer.zero_grad(set_to_none=True)
        (10 * loss + max(0.0, 1 - 2 * step / steps) * patches).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recent.append((float(loss.detach()), float(patches.detach())))
        if (step + 1) % 50 == 0:
            a, b = np.mean(recent, axis=0)
            log.write(f"{step + 1},{time.monotonic() - begun:.0f},{rate:.2e},{a:.5f},{b:.4f}\n")
            log.flush()
            recent = []
    model.save_pretrained(out)
    processor.save_pretrained(out)


def _cells(shown: Picture) -> Any:
    """For each patch: number of the colour and of the shape whose middle it holds, -1 where it holds none."""
    side = SIDE // PATCH
    found = np.full((side, side, 2), -1)
    for thing, (left, top, right, bottom) in shown.things:
        column, row = int((left + right) / 2 / WIDTH * side), int((top + bottom) / 2 / HEIGHT * side)
        found[row, column] = list(COLOURS).index(thing.colour), SHAPES.index(thing.shape)
    return found.reshape(-1, 2)


def _patches(said: Any, true: Any) -> Any:
    there = true[..., 0] >= 0
    found = nn.functional.binary_cross_entropy_with_logits(said[..., 0], there.float())
    said, true = said[there], true[there]
    colours, shapes = said[:, 1:].split([len(COLOURS), len(SHAPES)], dim=1)
    cross = nn.functional.cross_entropy
    return 4 * found + cross(colours, true[:, 0]) + cross(shapes, true[:, 1])


def build() -> tuple[Any, Any]:
    """Processor and random weights."""
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel, SiglipProcessor

    words = _tokenizer()
    layers = {"hidden_size": 96, "intermediate_size": 256, "num_attention_heads": 3}
    config = SiglipConfig(
        text_config=layers
        | {"vocab_size": len(words), "max_position_embeddings": LENGTH, "num_hidden_layers": 2}
        | {"pad_token_id": words.pad_token_id, "eos_token_id": words.eos_token_id, "bos_token_id": None},
        vision_config=layers | {"image_size": SIDE, "patch_size": PATCH, "num_hidden_layers": 4},
    )
    model = SiglipModel(config)
    model.logit_scale.data.fill_(math.log(10))
    model.logit_bias.data.fill_(-4.0)
    processor = SiglipProcessor(SiglipImageProcessor(size={"height": SIDE, "width": SIDE}), words)
    return processor, model.train()


def tokens(processor: Any, texts: list[str]) -> Any:
    """As the family reads texts: lower case, filled to the full length, no mask."""
    return processor.tokenizer(
        [text.lower() for text in texts], padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt"
    )["input_ids"]


def _pixels(processor: Any, shown: list[Picture]) -> Any:
    images = [np.ascontiguousarray(p.image[:, :, ::-1]) for p in shown]
    return processor.image_processor(images, return_tensors="pt")["pixel_values"].half()


def _texts(rng: np.random.Generator, shown: list[Picture]) -> tuple[list[str], Any]:
    """Texts about one thing, about two, about none in particular, and of which pictures each is true."""
    names = [frozenset([kind]) for kind in KINDS] + [p.names for p in shown[:24] if len(p.names) == 2]
    texts = []
    for wanted in names:
        things = [str(thing) for thing in rng.permutation(sorted(wanted))]
        texts.append(str(rng.choice(WORDINGS)).format(" and a ".join(things)))
    truth = torch.tensor([[float(wanted <= p.names) for wanted in names] for p in shown])
    return texts, truth


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    sentences = [w.format(kind) for w in (*WORDINGS, *GENERIC) for kind in KINDS]
    made.train_from_iterator(sentences, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", made.token_to_id("</s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="</s>", pad_token="<pad>", model_max_length=LENGTH, padding_side="right"
    )
