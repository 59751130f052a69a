"""AST, the audio spectrogram transformer: AudioSet's labels, each with a probability of its own.

Gong, Chung and Glass, "AST: Audio Spectrogram Transformer", Interspeech 2021, arXiv:2104.01778.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vagent.tools import device
from vagent.tools.sounds.labels import words
from vagent.tools.sounds.tagger import Tagger

_FRAME = 0.01  # seconds between two columns of the spectrogram
_OVERHANG = 0.015  # seconds that the last column reaches beyond the next one's beginning


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Any
    extractor: Any
    words: Sequence[str | None]
    alone: bool  # one label excludes the others
    seconds: float
    rate: int


class AST(Tagger):
    """Audio tagging by ``ASTForAudioClassification``. A model that sees less than a window at once sees it in parts."""

    name: ClassVar[str] = "ast"
    model_type: ClassVar[str] = "audio-spectrogram-transformer"
    auto: ClassVar[str] = "ASTForAudioClassification"
    extractor: ClassVar[str] = "ASTFeatureExtractor"

    def _open(self, folder: Path, model: Any, extractor: Any) -> _Loaded:
        config = model.config
        names = [config.id2label[number] for number in range(config.num_labels)]
        alone = config.problem_type == "single_label_classification"
        seconds = extractor.max_length * _FRAME + _OVERHANG
        return _Loaded(model, extractor, words(names), alone, seconds, extractor.sampling_rate)

    def _judge(self, loaded: _Loaded, waves: Sequence[NDArray[np.float32]]) -> list[Mapping[str, float]]:
        import torch

        inputs = loaded.extractor(list(waves), sampling_rate=loaded.rate, return_tensors="pt").input_values
        model = loaded.model
        with torch.inference_mode():
            logits = device.in_range(model, lambda: model(inputs.to(model.device, model.dtype)).logits).float()
        scores = logits.softmax(-1) if loaded.alone else logits.sigmoid()
        return [_named(row, loaded.words) for row in scores.cpu().tolist()]


def _named(scores: Sequence[float], names: Sequence[str | None]) -> dict[str, float]:
    """The probability of each word: that of the likeliest of its labels."""
    heard: dict[str, float] = {}
    for name, score in zip(names, scores, strict=True):
        if name is not None:
            heard[name] = max(heard.get(name, 0.0), score)
    return heard
