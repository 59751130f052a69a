"""How many items a model works on at once where the settings leave that open: by the memory of the graphics card.

What one item takes is reckoned for the largest models of the list; numbers are two bytes, those of detectors four.
Where it is too much all the same, engines halve a batch that runs out of memory.

- captions: eight pictures are about 450 tokens, the prompt up to 700. A token of an 8B model keeps 36 layers x 8 heads
  x 128 x key and value = 147 kB, and takes 120 kB while it passes a layer: 0.3 GB a clip.
- speech: of half a minute Whisper large-v3 keeps keys and values of 1,500 moments x 1,280 in 32 layers, 0.25 GB, and
  of five beams of up to 448 tokens 0.37 GB: 0.6 GB a window.
- visual: 729 patches x (4 x 1,152 + 2 x 4,304) numbers of SigLIP 2 so400m: 20 MB a picture.
- objects: the first two stages of a ResNet-50 at 640 x 640, six tables of 26 MB: 160 MB a picture.
- sounds: 1,214 patches x (4 x 768 + 2 x 3,072) numbers of AST: 22 MB a window.

On the processor larger batches are hardly faster and only wait for each other: sizes there are small. Windows of speech
go one by one: two to eight at once took 0.93 to 1.08 times as long each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vagent.configs import Settings
from vagent.tools.weights.machine import measure

Work = Literal["captions", "speech", "visual", "objects", "sounds"]
"""A section of the settings that has ``batch``."""

_SHARE = 0.2  # of the card that one batch may take; the rest is for weights, and for models of other senses


@dataclass(frozen=True, slots=True)
class _Items:
    """``each``: bytes of one; ``least``: how many on the processor; ``most``: more are no faster on any card."""

    each: int
    least: int
    most: int


_TABLE: Mapping[Work, _Items] = {
    "captions": _Items(300_000_000, 4, 32),
    "speech": _Items(600_000_000, 8, 32),
    "visual": _Items(20_000_000, 16, 128),
    "objects": _Items(160_000_000, 4, 32),
    "sounds": _Items(22_000_000, 4, 32),
}


def size(work: Work, settings: Settings) -> int:
    """Items of one batch: as the section says, else what suits the card that the settings use.

    Sizes are powers of two, which kernels are written for.
    """
    given: int | None = getattr(settings, work).batch
    if given is not None:
        return given
    card = measure(settings).card
    items = _TABLE[work]
    if not card:
        return items.least
    fitting = max(1, int(_SHARE * card) // items.each)
    return min(items.most, 1 << (fitting.bit_length() - 1))
