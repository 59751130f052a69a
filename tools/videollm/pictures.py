"""Frames as a model wants them: thinned, fitted into a budget of pixels, RGB, or many in one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vagent.tools.time import format_time
from vagent.tools.videollm import Frames, Image

_LABEL = 48  # pixels; a picture in a grid that is lower than this gets no time drawn into it: nobody could read it


def thin(frames: Frames, most: int) -> Frames:
    """At most ``most`` of the frames, evenly spread, the first and the last among them."""
    if len(frames) <= most:
        return frames
    if most == 1:
        return [frames[len(frames) // 2]]
    return [frames[round(i * (len(frames) - 1) / (most - 1))] for i in range(most)]


def fitted(height: int, width: int, pixels: int, multiple: int = 1) -> tuple[int, int]:
    """The size that a picture is shown in: its own where it has at most ``pixels``, else smaller in its proportions.

    Args:
        multiple: sides of a smaller one are multiples of this, so that the processor need not scale a second time.

    Returns:
        Height and width.
    """
    if height * width <= pixels:
        return height, width
    scale = math.sqrt(pixels / (height * width))
    return tuple(max(multiple, int(side * scale / multiple) * multiple) for side in (height, width))  # type: ignore[return-value]


def rgb(images: Sequence[Image], size: tuple[int, int]) -> NDArray[np.uint8]:
    """BGR pictures as one RGB video of frames x height x width x 3."""
    import cv2

    height, width = size
    shown = [
        image if image.shape[:2] == size else cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        for image in images
    ]
    return np.ascontiguousarray(np.stack(shown)[..., ::-1])


def grid(images: Sequence[Image], times: Sequence[float], side: int) -> tuple[Image, int]:
    """All pictures in one square picture, row by row from the top left, each with its time in its corner.

    It is square because many processors cut the sides off a wide picture.

    Args:
        side: of the square, pixels.

    Returns:
        The picture, BGR, and the number of its columns.
    """
    import cv2

    height, width = images[0].shape[:2]
    count = len(images)

    def cell(columns: int) -> float:
        return float(min(side / columns / width, side / math.ceil(count / columns) / height))

    columns = max(range(1, count + 1), key=cell)
    scale = cell(columns)
    inner = max(1, int(width * scale)), max(1, int(height * scale))
    canvas = np.zeros((side, side, 3), np.uint8)
    pitch_x, pitch_y = side // columns, side // math.ceil(count / columns)
    for i, (image, time) in enumerate(zip(images, times, strict=True)):
        small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
        if inner[1] >= _LABEL:
            _label(small, format_time(time, 1))
        y, x = (i // columns) * pitch_y, (i % columns) * pitch_x
        canvas[y : y + inner[1], x : x + inner[0]] = small[: side - y, : side - x]
    return canvas, columns


def _label(image: Image, text: str) -> None:
    import cv2

    scale = max(0.35, image.shape[0] / 400)
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    cv2.rectangle(image, (0, 0), (width + 4, height + base + 2), (0, 0, 0), -1)
    cv2.putText(image, text, (2, height + 1), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA)
