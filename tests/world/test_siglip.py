"""The little SigLIP finds pictures by what they show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

transformers = pytest.importorskip("transformers", reason="SigLIP runs on it (extra: models)")

from tests.world.judge import CHECKPOINTS  # noqa: E402
from tests.world.pictures import Picture, pictures  # noqa: E402
from tests.world.samples import HELD_OUT  # noqa: E402
from tests.world.train_siglip import KINDS, tokens  # noqa: E402

FOLDER = CHECKPOINTS / "siglip"
AIM = 0.9


@pytest.fixture(scope="module")
def finder() -> Iterator[tuple[Any, Any]]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    processor = transformers.AutoProcessor.from_pretrained(FOLDER, trust_remote_code=False)
    yield processor, transformers.AutoModel.from_pretrained(FOLDER, trust_remote_code=False).eval()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def shown() -> list[Picture]:
    return [picture for picture in pictures(range(HELD_OUT + 20_000, HELD_OUT + 20_150)) if picture.things][:120]


def ranks(
    finder: tuple[Any, Any],
    shown: list[Picture],
    query: str = "a {}",
    how: Callable[[np.ndarray], np.ndarray] = lambda rgb: rgb,
    kinds: list[str] = KINDS,
) -> list[bool]:
    """For each thing that some picture shows: whether the picture at rank 1 shows it."""
    import torch

    processor, model = finder
    images = [np.ascontiguousarray(how(p.image[:, :, ::-1])) for p in shown]
    there = [kind for kind in kinds if any(kind in p.names for p in shown)]
    with torch.inference_mode():
        pixels = processor.image_processor(images, return_tensors="pt")
        seen = torch.nn.functional.normalize(model.get_image_features(**pixels).pooler_output)
        ids = tokens(processor, [query.format(kind) for kind in there])
        read = torch.nn.functional.normalize(model.get_text_features(input_ids=ids).pooler_output)
    best = (read @ seen.T).argmax(dim=1).tolist()
    return [kind in shown[i].names for kind, i in zip(there, best, strict=True)]


@pytest.mark.parametrize("query", ["a {}", "{}", "where is the {}?"])
def test_the_right_picture_comes_first(finder: tuple[Any, Any], shown: list[Picture], query: str):
    found = ranks(finder, shown, query)
    assert len(found) >= 20
    assert np.mean(found) >= AIM


def test_the_model_says_how_sure_it_is(finder: tuple[Any, Any], shown: list[Picture]):
    """Its own probabilities, from scale and bias, tell what is there from what is not."""
    import torch

    processor, model = finder
    images = [np.ascontiguousarray(p.image[:, :, ::-1]) for p in shown]
    with torch.inference_mode():
        pixels = processor.image_processor(images, return_tensors="pt")
        chances = model(**pixels, input_ids=tokens(processor, [f"a {k}" for k in KINDS])).logits_per_image.sigmoid()
    truth = np.array([[kind in p.names for kind in KINDS] for p in shown])
    assert ((chances.numpy() > 0.5) == truth).mean() >= 0.98
    assert (chances.numpy() > 0.5)[truth].mean() >= AIM


RED_OR_BLUE = [kind for kind in KINDS if kind.split()[0] in ("red", "blue", "yellow")]


def test_swapped_colours_are_seen(finder: tuple[Any, Any], shown: list[Picture]):
    assert np.mean(ranks(finder, shown, kinds=RED_OR_BLUE)) >= AIM
    assert np.mean(ranks(finder, shown, how=lambda rgb: rgb[..., ::-1], kinds=RED_OR_BLUE)) < 0.4


@pytest.mark.parametrize("broken", [{"rescale_factor": 1 / 255**2}, {"do_rescale": False}, {"image_std": [-0.5] * 3}])
def test_wrong_normalisation_is_seen(finder: tuple[Any, Any], shown: list[Picture], broken: dict[str, Any]):
    processor, model = finder
    other = deepcopy(processor)
    for name, value in broken.items():
        setattr(other.image_processor, name, value)
    assert np.mean(ranks((other, model), shown)) < 0.5
