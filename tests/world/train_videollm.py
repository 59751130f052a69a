"""Trains the little video-LLM: pictures and words together, from nothing.

What makes it quick enough for two processor cores:
- several questions about one scene stand in one sequence, each of which sees the pictures and itself alone, so that
  the pictures are looked at once for all of them;
- at first the vision tower alone learns to say where which thing is (through a head that is thrown away afterwards),
  which takes minutes; through the few tokens of the answers it would take most of an hour;
- each option has to know whether it is right before anybody asks for its letter (another head that is thrown away);
- most prompts are the bare question at first, the product's whole prompt comes later.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from tests.world import samples, tiny_qwen
from tests.world.samples import Sample
from tests.world.scenes import COLOURS, SHAPES, draw, scene

SEED = 20
Mix = tuple[float | None, float]
GROUP = 4  # batches that are made together and sorted by length


def train(
    out: Path,
    steps: int = 1500,
    batch: int = 16,
    lr: float = 1.5e-3,
    start: Path | None = None,
    first: int = 0,
    whole: float | None = None,
    letters: float = 0.35,
    seeing: int = 1200,
) -> None:
    """Train and write a checkpoint to ``out``, with ``log.csv`` beside it.

    Args:
        start: a checkpoint to go on from.
        first: seed of the first scene; a run that goes on should not see the same ones again.
        letters: how many of the questions come with options.
        seeing: steps that the vision tower trains alone before.
        whole: how many of the prompts are the product's, word by word; None: few at first, then more and more.
    """
    torch.manual_seed(SEED)
    out.mkdir(parents=True, exist_ok=True)
    processor, model = _begin(start)
    look = _Looking(model.config.text_config.hidden_size)
    groups = {True: [], False: []}
    for module in (model, look):
        for parameter in module.parameters():
            groups[parameter.ndim > 1].append(parameter)
    optimizer = torch.optim.AdamW(
        [{"params": groups[True], "weight_decay": 0.05}, {"params": groups[False], "weight_decay": 0.0}],
        lr=lr,
        betas=(0.9, 0.98),
    )
    _quick_vision(model)
    if seeing:
        see(model, look, processor, out, seeing)
    log = (out / "log.csv").open("w", encoding="utf-8")
    log.write("step,seconds,rate,loss,seeing\n")
    begun, recent = time.monotonic(), []
    for step, batch_ in enumerate(batches(processor, steps, batch, first, (whole, letters))):
        part = step / steps
        warm = min(1.0, (step + 1) / (150 if start is None else 40))
        rate = lr * warm * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * part)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        weight = max(0.2, 1.0 - part / 0.5) if seeing else 0.0
        loss, seen = losses(model, look, batch_, looking=weight > 0)
        optimizer.zero_grad(set_to_none=True)
        (loss + weight * seen).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recent.append((float(loss.detach()), float(seen.detach())))
        if (step + 1) % 25 == 0:
            a, b = np.mean(recent, axis=0)
            recent = []
            log.write(f"{step + 1},{time.monotonic() - begun:.0f},{rate:.2e},{a:.4f},{b:.4f}\n")
            log.flush()
        if (step + 1) % 250 == 0:
            save(model, processor, out)
    save(model, processor, out)


def see(model: Any, look: Any, processor: Any, out: Path, steps: int = 1200, batch: int = 96, lr: float = 2e-3) -> None:
    """Teach the vision tower where which thing is, on pairs of pictures. ``seeing.csv`` is the log."""
    begun, recent = time.monotonic(), []
    loader = torch.utils.data.DataLoader(_Pairs(processor), batch_size=None, num_workers=2)
    made = list(loader)
    pixels, cells = torch.cat([p for p, _ in made]), torch.cat([c for _, c in made])
    weights = [*model.model.visual.parameters(), *look.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=lr, betas=(0.9, 0.98), weight_decay=0.05)
    random = np.random.default_rng(SEED)
    log = (out / "seeing.csv").open("w", encoding="utf-8")
    log.write("step,seconds,found,colour,shape,motion,place\n")
    for step in range(steps):
        rate = lr * min(1.0, (step + 1) / 100) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = torch.from_numpy(random.integers(len(pixels), size=batch))
        grid = torch.tensor([[1, *(n // tiny_qwen.PATCH for n in tiny_qwen.SMALL[::-1])]] * batch)
        with torch.autocast("cpu", torch.bfloat16):
            seen = model.model.visual(pixels[chosen].float().flatten(0, 1), grid_thw=grid).pooler_output
        parts = look.parts(seen, cells[chosen])
        optimizer.zero_grad(set_to_none=True)
        sum(parts).backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        recent.append([float(p.detach()) for p in parts])
        if (step + 1) % 25 == 0:
            said = ",".join(f"{v:.4f}" for v in np.mean(recent, axis=0))
            log.write(f"{step + 1},{time.monotonic() - begun:.0f},{said}\n")
            log.flush()
            recent = []


class _Pairs(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Two pictures of a scene a second apart and what is in them, a hundred scenes at a time, as half-size numbers."""

    def __init__(self, processor: Any, count: int = 160) -> None:
        self.processor, self.count = processor, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        pixels, cells = [], []
        for seed in range(5_000_000 + index * 100, 5_000_100 + index * 100):
            random = np.random.default_rng((seed, 5))
            made = scene(seed)
            at = made.duration * float(np.sqrt(random.uniform(0, 0.85)))
            both = [at, at + float(random.uniform(0.8, 1.1))]
            frames = np.stack([samples.kept(draw(made, t))[:, :, ::-1] for t in both])
            shown = self.processor.video_processor(
                videos=[frames],
                video_metadata=[samples.metadata(both, 10.0)],
                do_sample_frames=False,
                return_tensors="pt",
            )
            pixels.append(shown["pixel_values_videos"].half())
            cells.append(torch.from_numpy(samples.cells(made, both)[0]))
        return torch.stack(pixels), torch.stack(cells)


def _begin(start: Path | None) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    if start is not None:
        return AutoProcessor.from_pretrained(start), AutoModelForImageTextToText.from_pretrained(start).float().train()
    words = tiny_qwen.tokenizer(list(corpus()))
    return tiny_qwen.processor(words), tiny_qwen.model(words).train()


def corpus(count: int = 600) -> Iterator[str]:
    """Prompts and answers that the tokenizer learns its tokens from."""
    for seed in range(count):
        rng = np.random.default_rng((seed, 1))
        made = scene(seed)
        at = samples.times(rng, made)
        for pair in samples.asked(rng, made, at, float(rng.uniform(0, 7200)), whole=0.3):
            yield from pair[:2]


def save(model: Any, processor: Any, out: Path) -> None:
    """Write the checkpoint in half the size; the model in memory stays as it is."""
    import copy

    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(out)
    processor.save_pretrained(out)


class _Making(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Batches by number; scene ``i`` is always the same."""

    def __init__(self, processor: Any, steps: int, batch: int, first: int, mix: Mix) -> None:
        self.processor, self.steps, self.batch, self.first, self.mix = processor, steps, batch, first, mix

    def __len__(self) -> int:
        return -(-self.steps // GROUP)

    def __getitem__(self, index: int) -> list[dict[str, Any]]:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        part = index * GROUP / self.steps
        whole = 0.06 + 0.5 * max(0.0, part - 0.5) if self.mix[0] is None else self.mix[0]
        size = self.batch * GROUP
        seeds = range(self.first + index * size, self.first + (index + 1) * size)
        made = [samples.sample(seed, self.processor, whole, self.mix[1]) for seed in seeds]
        made.sort(key=lambda s: sum(len(a) + len(b) for a, b in s.branches))
        found = [collate(made[i : i + self.batch]) for i in range(0, size, self.batch)]
        return [found[int(i)] for i in np.random.default_rng(index).permutation(GROUP)]


def batches(processor: Any, steps: int, batch: int, first: int, mix: Mix) -> Iterator[dict[str, Any]]:
    """Batches as another process makes them, in a fixed order."""
    loader = torch.utils.data.DataLoader(
        _Making(processor, steps, batch, first, mix), batch_size=None, num_workers=1, prefetch_factor=3
    )
    left = steps
    for group in loader:
        for made in group:
            if left:
                left -= 1
                yield made


def collate(made: list[Sample]) -> dict[str, Any]:
    """One batch: tokens, which branch each belongs to, positions, and which of them are answers."""
    rows = [_row(sample) for sample in made]
    longest = max(len(row[0]) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    branch = torch.full((len(rows), longest), -1)
    places = torch.zeros(3, len(rows), longest, dtype=torch.long)
    wanted = torch.full((len(rows), longest), -100)
    rightness = torch.full((len(rows), longest), -1)
    for i, (tokens, branches, position, answer, right) in enumerate(rows):
        n = len(tokens)
        ids[i, :n], branch[i, :n] = torch.tensor(tokens), torch.tensor(branches)
        rightness[i, :n] = torch.tensor(right)
        places[:, i, :n], wanted[i, :n] = torch.from_numpy(position), torch.tensor(answer)
    return {
        "ids": ids,
        "branch": branch,
        "places": places,
        "wanted": wanted,
        "rightness": rightness,
        "pixels": torch.cat([s.pixels for s in made]),
        "grid": torch.cat([s.grid for s in made]),
        "cells": torch.from_numpy(np.concatenate([s.cells for s in made])),
    }


def _row(made: Sample) -> tuple[list[int], list[int], Any, list[int], list[int]]:
    pad = 6  # <|video_pad|>
    tokens, branch, wanted = list(made.prefix), [0] * len(made.prefix), [-100] * len(made.prefix)
    rightness = [-1] * len(made.prefix)
    place, after = _prefix_places(made.prefix, pad, made.grid[0].tolist())
    positions = [place]
    for n, ((prompt, answer), marks) in enumerate(zip(made.branches, made.marks, strict=True), 1):
        both = prompt + answer
        tokens += both
        branch += [n] * len(both)
        # The token before is the one that has to foretell it.
        rightness += [marks.get(i, -1) for i in range(len(prompt))] + [-1] * len(answer)
        wanted += [-100] * (len(prompt) - 1) + answer + [-100]
        positions.append(np.broadcast_to(after + np.arange(len(both)), (3, len(both))))
    return tokens, branch, np.concatenate(positions, axis=1), wanted, rightness


def _prefix_places(tokens: list[int], pad: int, grid: list[int]) -> tuple[Any, int]:
    """Positions in time, height and width as ``get_rope_index`` of Qwen3-VL counts them, and the next free one."""
    rows, columns = grid[1] // tiny_qwen.MERGE, grid[2] // tiny_qwen.MERGE
    found = np.zeros((3, len(tokens)), np.int64)
    at, i = 0, 0
    while i < len(tokens):
        if tokens[i] != pad:
            found[:, i] = at
            at, i = at + 1, i + 1
            continue
        y, x = np.divmod(np.arange(rows * columns), columns)
        found[:, i : i + rows * columns] = at + np.stack([np.zeros_like(y), y, x])
        at, i = at + max(rows, columns), i + rows * columns
    return found, at


_MIDDLE = 3  # the layer behind which each option should know whether it is right, so that the next can look it up
_SIZES = [len(COLOURS), len(SHAPES), len(samples.MOTIONS), 2]


class _Looking(nn.Module):
    """The head of the first part: from each visual token, what has its middle there in each of the two pictures."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.right = nn.Linear(wide, 1)  # from an option's last token in the middle of the model: whether it is right
        self.out = nn.Linear(wide, 2 * (1 + sum(_SIZES)))

    def forward(self, visual: Any, cells: Any) -> Any:
        return sum(self.parts(visual, cells))

    def parts(self, visual: Any, cells: Any) -> tuple[Any, ...]:
        """Losses: whether there is a thing, its colour, its shape, how it moves, where in the cell."""
        said = self.out(visual.float()).view(-1, 2, 1 + sum(_SIZES))
        true = cells.reshape(-1, 2, 5)
        there = true[..., 0] >= 0
        found = nn.functional.binary_cross_entropy_with_logits(said[..., 0], there.float())
        said, true = said[there], true[there]
        colours, shapes, motions, place = said[:, 1:].split(_SIZES, dim=1)
        return (
            4 * found,
            nn.functional.cross_entropy(colours, true[:, 0].long()),
            nn.functional.cross_entropy(shapes, true[:, 1].long()),
            nn.functional.cross_entropy(motions, true[:, 2].long(), ignore_index=-1),
            2 * (place - true[:, 3:]).abs().mean(),
        )


def losses(model: Any, look: Any, made: dict[str, Any], *, looking: bool) -> tuple[Any, Any]:
    """Of the answers, and of seeing."""
    branch = made["branch"]
    n = branch.shape[1]
    own = (branch[:, None, :] == branch[:, :, None]) | ((branch[:, None, :] == 0) & (branch[:, :, None] > 0))
    mask = (own & torch.ones(n, n, dtype=torch.bool).tril())[:, None]
    middle: list[Any] = []
    layer = model.model.language_model.layers[_MIDDLE]
    hook = layer.register_forward_hook(lambda _, __, out: middle.append(out))
    with torch.autocast("cpu", torch.bfloat16):
        seen = model.model.visual(made["pixels"], grid_thw=made["grid"])
        inputs = model.model.language_model.embed_tokens(made["ids"])
        visual = made["ids"] == model.config.video_token_id
        inputs = inputs.masked_scatter(visual[..., None], seen.pooler_output.to(inputs.dtype))
        hidden = model.model.language_model(
            inputs_embeds=inputs,
            attention_mask=mask,
            position_ids=made["places"],
            visual_pos_masks=visual,
            deepstack_visual_embeds=seen.deepstack_features,
            use_cache=False,
        ).last_hidden_state
        told = made["wanted"] >= 0
        logits = model.lm_head(hidden[told])
    hook.remove()
    loss = nn.functional.cross_entropy(logits.float(), made["wanted"][told])
    options = made["rightness"] >= 0
    if options.any():
        said = look.right(middle[0][options].float())[:, 0]
        loss = loss + 0.15 * nn.functional.binary_cross_entropy_with_logits(said, made["rightness"][options].float())
    return loss, look(seen.pooler_output, made["cells"]) if looking else loss.new_zeros(())


def _quick_vision(model: Any) -> None:
    """All pairs of pictures have one size here: their attention is one call instead of one a pair."""
    from transformers.models.qwen3_vl import modeling_qwen3_vl as qwen

    def forward(self: Any, hidden_states: Any, cu_seqlens: Any, position_embeddings: Any, **_: Any) -> Any:
        n = hidden_states.shape[0]
        q, k, v = self.qkv(hidden_states).reshape(n, 3, self.num_heads, -1).permute(1, 0, 2, 3).unbind(0)
        q, k = qwen.apply_rotary_pos_emb_vision(q, k, *position_embeddings)
        pairs = len(cu_seqlens) - 1
        q, k, v = (x.reshape(pairs, n // pairs, self.num_heads, -1).transpose(1, 2).to(v.dtype) for x in (q, k, v))
        out = nn.functional.scaled_dot_product_attention(q, k, v, scale=self.scaling)
        return self.proj(out.transpose(1, 2).reshape(n, -1))

    for block in model.model.visual.blocks:
        block.attn.forward = forward.__get__(block.attn)
