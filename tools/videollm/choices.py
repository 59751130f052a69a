"""How probable it is that an answer begins with this letter or that: one look at the logits, nothing is generated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vagent.tools.videollm.inputs import Clip, inputs
from vagent.tools.videollm.loading import Loaded
from vagent.tools.videollm.prefix import Prefix


def log_probabilities(loaded: Loaded, one: Clip, made: Any, letters: Sequence[str], kept: Prefix) -> list[float]:
    """Log-probabilities of the letters, normalised over them.

    A letter counts with and without a space before it: "A" and " A" are two tokens, and which of them a model says
    depends on how its prompt ends.

    Args:
        made: the batch of ``one`` alone.
        kept: what earlier prompts about the same pictures left behind.
    """
    import torch

    row = _logits(loaded, one, made, 1, kept)[-1]
    tokenizer = loaded.processor.tokenizer
    found = []
    for letter in letters:
        ids = single_tokens(tokenizer, letter)
        found.append(torch.logsumexp(row[ids], 0) if ids else _spelled(loaded, one, made, letter, kept))
    scores = torch.stack(found)
    return [float(score) for score in scores - torch.logsumexp(scores, 0)]


def single_tokens(tokenizer: Any, letter: str) -> list[int]:
    """The tokens that stand for a letter alone; none where it takes several."""
    ways = [tokenizer.encode(form, add_special_tokens=False) for form in (letter, f" {letter}")]
    return sorted({way[0] for way in ways if len(way) == 1 and tokenizer.decode(way).strip() == letter})


def _logits(loaded: Loaded, one: Clip, made: Any, last: int, kept: Prefix) -> Any:
    """Log-probabilities of the vocabulary behind each of the ``last`` tokens."""
    import torch

    return torch.log_softmax(kept.logits(loaded, one, made, last).float(), -1)


def _spelled(loaded: Loaded, one: Clip, made: Any, letter: str, kept: Prefix) -> Any:
    """The log-probability of a letter that takes several tokens: that of all of them, one after the other."""
    import torch

    longer = inputs(loaded, [one], ending=letter)
    before, after = made["input_ids"][0].tolist(), longer["input_ids"][0].tolist()
    # The prompt's last token may have joined with the letter's first.
    same = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    tail = torch.tensor(after[same:], device=loaded.where)
    rows = _logits(loaded, one, longer, len(tail) + 1, kept)[:-1]
    return rows.gather(1, tail[:, None].to(rows.device)).sum()
