"""The smallest recipe: a "model" that names the mean colour of every picture. It shows, and tests, the whole way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

_NAMES = {"red": (220, 30, 30), "green": (30, 170, 50), "blue": (30, 50, 210), "yellow": (230, 220, 40)}


def load(*names: str) -> Callable[[Sequence[str], Sequence[float], str, int], str]:
    """The colours to know; none: all."""
    known = {name: _NAMES[name] for name in names or _NAMES}

    def answer(pictures: Sequence[str], times: Sequence[float], prompt: str, tokens: int) -> str:
        seen = []
        for number, file in enumerate(pictures):
            red_green_blue = np.asarray(Image.open(file).convert("RGB")).reshape(-1, 3).mean(axis=0)
            name = min(known, key=lambda n: float(np.square(red_green_blue - known[n]).sum()))
            seen.append(f"{name} at <frame {number}/{len(pictures)}>")
        return " ".join(", ".join(seen).split()[:tokens])

    return answer
