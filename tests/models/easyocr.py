"""EasyOCR's files with random weights, in the format and under the names that EasyOCR fetches them.

EasyOCR knows its files by their MD5; ``teach`` tells those of the random ones to this process's EasyOCR.
"""

from __future__ import annotations

import hashlib
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest


@cache
def folder() -> Path:
    """The detector (81 MB, its architecture has no smaller size) and the recognisers of English and Arabic; made once a
    process.
    """
    easyocr = pytest.importorskip("easyocr", reason="needs the extra [easyocr]")
    import torch
    from easyocr.craft import CRAFT
    from easyocr.model.model import Model as FirstGeneration
    from easyocr.model.vgg_model import Model as SecondGeneration

    torch.set_num_threads(1)
    config: Any = easyocr.config
    made = Path(tempfile.mkdtemp(prefix="vagent-easyocr-"))
    english, arabic = config.recognition_models["gen2"]["english_g2"], config.recognition_models["gen1"]["arabic_g1"]
    with torch.device("meta"):
        models = [(CRAFT(), config.detection_models["craft"])]
        for facts, kind, size in ((english, SecondGeneration, 256), (arabic, FirstGeneration, 512)):
            letters = len(facts["characters"]) + 1
            models.append((kind(input_channel=1, output_channel=size, hidden_size=size, num_class=letters), facts))
    for model, facts in models:
        _write(model, made / facts["filename"])
    teach(made)
    return made


def teach(made: Path) -> None:
    """Make this process's EasyOCR take the files of a folder for its own."""
    from easyocr import config

    for facts in (
        *config.detection_models.values(),
        *(facts for generation in config.recognition_models.values() for facts in generation.values()),
    ):
        if (file := made / facts["filename"]).is_file():
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
            facts["md5sum"] = digest.hexdigest()


def _write(model: Any, file: Path) -> None:
    import torch

    luck = torch.Generator().manual_seed(5)
    weights = {}
    for name, value in model.state_dict().items():
        if value.ndim > 1:
            # Wide at the end, so that letters differ and some are sure.
            scale = (1.5 if "Prediction" in name else 2.0 / value[0].numel()) ** 0.5
            numbers = torch.randn(value.shape, generator=luck) * scale
        else:
            numbers = torch.full(value.shape, float(name.endswith(("weight", "running_var"))), dtype=value.dtype)
        weights[f"module.{name}"] = numbers  # as trained: wrapped for several cards
    torch.save(weights, file)
