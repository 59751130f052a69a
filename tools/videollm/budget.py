"""How much a video-LLM can be shown: from the memory that is free, and from what did not fit before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_SHARE = 0.8  # of the free memory that one call may take
_SMALLEST = 64 * 64  # pixels of a picture below which nothing can be recognised


@dataclass(frozen=True, slots=True)
class Size:
    """What one clip may take: frames, and pixels of each."""

    frames: int
    pixels: int

    def __str__(self) -> str:
        return f"{self.frames} pictures of {self.pixels} pixels"


class Budget:
    """The size in force; it only ever shrinks until the model is closed.

    Args:
        size: what the settings allow.
        scalable: whether a smaller picture takes fewer tokens; many families scale all pictures to one size.
    """

    def __init__(self, size: Size, scalable: bool) -> None:
        self.size = size
        self.scalable = scalable

    def smaller(self, size: Size) -> Size | None:
        """The next size to try when a clip of ``size`` does not fit; None where it cannot get smaller.

        Half the pixels while something can still be seen, then half the frames: what happens when is lost with
        frames, detail with pixels, and most questions are about the first.
        """
        if self.scalable and size.pixels // 2 >= _SMALLEST:
            return Size(size.frames, size.pixels // 2)
        return Size(size.frames // 2, size.pixels) if size.frames > 1 else None

    def shrink(self, size: Size) -> bool:
        """Remember that a clip of ``size`` does not fit; False where it cannot get smaller."""
        smaller = self.smaller(size)
        if smaller is None:
            return False
        before = self.size
        self.size = Size(min(before.frames, smaller.frames), min(before.pixels, smaller.pixels))
        return self.size != before


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a model decides how much memory a prompt takes; counts, not bytes.

    Attributes:
        number: bytes of one number.
        cache: numbers kept of each token.
        text: numbers that one token takes while it passes a layer of the text model.
        patch: the same of one patch in the vision model.
        squares: how many tokens x tokens tables there are at once: the mask, and with ``eager`` attention the scores.
        patch_numbers: numbers of a picture in one patch.
        vocabulary: numbers of the logits of one token, where the model computes those of all tokens; else 0.
        context: tokens that the model can read at once.
    """

    number: int
    cache: int
    text: int
    patch: int
    squares: int
    patch_numbers: int
    vocabulary: int
    context: int

    def bytes(self, tokens: int, pixels: int) -> int:
        """Bytes that a prompt takes on top of the weights.

        Args:
            tokens: of the whole prompt and the answer.
            pixels: numbers of all pictures together, as the processor made them.
        """
        patches = pixels // self.patch_numbers
        text = tokens * (self.cache + self.text + 2 * self.vocabulary) + tokens**2 * self.squares
        return self.number * (text + patches * self.patch) + 4 * pixels

    def fits(self, tokens: int, pixels: int, free: int) -> bool:
        """Whether a prompt can be answered with ``free`` bytes of memory and within the model's context."""
        return tokens <= self.context and self.bytes(tokens, pixels) <= _SHARE * free


def shape(config: Any, number: int, eager: bool, all_logits: bool) -> Shape:
    """The shape of a model by its config.

    Args:
        number: bytes of one number.
        eager: whether its attention writes out all scores.
        all_logits: whether it computes the logits of the whole prompt.
    """
    text = config.get_text_config()
    vision = getattr(config, "vision_config", None)

    def count(of: Any, name: str, usual: int) -> int:
        value = getattr(of, name, None)
        return value if isinstance(value, int) else value[0] if isinstance(value, list | tuple) else usual

    hidden, layers = count(text, "hidden_size", 4096), count(text, "num_hidden_layers", 32)
    heads = count(text, "num_attention_heads", 32)
    head, kept = count(text, "head_dim", hidden // heads), count(text, "num_key_value_heads", heads)
    wide, side = count(vision, "hidden_size", hidden), count(vision, "patch_size", 14)
    return Shape(
        number=number,
        cache=2 * layers * kept * head,
        # the residual twice, the normalised copy, query, key, value, the attention's output; two gates and a product
        text=4 * hidden + (2 * heads + 2 * kept) * head + 3 * count(text, "intermediate_size", 4 * hidden),
        patch=8 * wide + 3 * count(vision, "intermediate_size", 4 * wide),
        squares=1 + (2 * heads if eager else 0),
        patch_numbers=3 * side * side,
        vocabulary=count(text, "vocab_size", 150_000) if all_logits else 0,
        context=count(text, "max_position_embeddings", 1 << 30),
    )
