"""The little RT-DETRv2 finds the shapes and where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

transformers = pytest.importorskip("transformers", reason="RT-DETRv2 runs on it (extra: models)")

from tests.world.judge import CHECKPOINTS  # noqa: E402
from tests.world.pictures import Picture, pictures  # noqa: E402
from tests.world.samples import HELD_OUT  # noqa: E402

FOLDER = CHECKPOINTS / "detector"
AIM = 0.9
Box = tuple[float, ...]


@pytest.fixture(scope="module")
def finder() -> Iterator[tuple[Any, Any]]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    processor = transformers.AutoImageProcessor.from_pretrained(FOLDER, trust_remote_code=False)
    yield processor, transformers.AutoModelForObjectDetection.from_pretrained(FOLDER, trust_remote_code=False).eval()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def shown() -> list[Picture]:
    return pictures(range(HELD_OUT + 30_000, HELD_OUT + 30_080))


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, width) * max(0.0, height)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def f1(
    finder: tuple[Any, Any], shown: list[Picture], how: Callable[[np.ndarray], np.ndarray] = lambda rgb: rgb
) -> float:
    """Of boxes with their names, at an overlap of one half and a score of one half."""
    import torch

    processor, model = finder
    images = [np.ascontiguousarray(how(p.image[:, :, ::-1])) for p in shown]
    with torch.inference_mode():
        out = model(**processor(images, return_tensors="pt"))
    sizes = [image.shape[:2] for image in images]
    hits = told = 0
    for picture, found in zip(
        shown, processor.post_process_object_detection(out, threshold=0.5, target_sizes=sizes), strict=True
    ):
        left = [(thing.name, box) for thing, box in picture.things]
        told += len(found["labels"])
        for label, box in zip(found["labels"].tolist(), found["boxes"].tolist(), strict=True):
            right = [x for x in left if x[0] == model.config.id2label[label] and overlap(x[1], box) >= 0.5]
            if right:
                hits += 1
                left.remove(right[0])
    return 2 * hits / max(1, told + sum(len(p.things) for p in shown))


def test_boxes_and_names(finder: tuple[Any, Any], shown: list[Picture]):
    assert f1(finder, shown) >= AIM


def test_swapped_colours_are_seen(finder: tuple[Any, Any], shown: list[Picture]):
    some = [p for p in shown if p.things and all(n.split()[0] in ("red", "blue", "yellow") for n in p.names)]
    assert len(some) >= 10
    assert f1(finder, some, lambda rgb: rgb[..., ::-1]) < 0.3


@pytest.mark.parametrize("turns", [1, 2])
def test_turned_pictures_are_seen(finder: tuple[Any, Any], shown: list[Picture], turns: int):
    assert f1(finder, shown, lambda rgb: np.rot90(rgb, turns)) < 0.3
