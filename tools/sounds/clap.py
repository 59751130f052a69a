"""CLAP: sound and text in one space, so that sounds are found by describing them.

Wu, Chen et al., "Large-scale contrastive language-audio pretraining", ICASSP 2023, arXiv:2211.06687.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vagent.tools import checkpoints, device
from vagent.tools.sounds.labels import BACKGROUND, DESCRIBED
from vagent.tools.sounds.tagger import Tagger

if TYPE_CHECKING:
    import torch

_PROMPT = "This is a sound of {}."  # what the model's authors ask with


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: Any
    extractor: Any
    texts: Any  # the descriptions as unit vectors, those of the background last
    scale: float
    seconds: float
    rate: int


class CLAP(Tagger):
    """Sounds told apart by description, without labels of the model's own.

    Each sound is weighed against the background alone, not against the other sounds: several may be heard at once. The
    probability is therefore that of a choice between this sound and none.
    """

    name: ClassVar[str] = "clap"
    model_type: ClassVar[str] = "clap"
    auto: ClassVar[str] = "ClapModel"
    extractor: ClassVar[str] = "ClapFeatureExtractor"

    def _open(self, folder: Path, model: Any, extractor: Any) -> _Loaded:
        import torch

        tokenizer = checkpoints.piece(folder, "AutoTokenizer", "tokenizer", trusted=False)
        asked = [_PROMPT.format(text) for text in (*DESCRIBED.values(), *BACKGROUND)]
        inputs = tokenizer(asked, padding=True, return_tensors="pt").to(model.device)
        with torch.inference_mode():
            texts = device.in_range(model, lambda: model.get_text_features(**inputs).pooler_output).float()
            scale = float(model.logit_scale_a.float().exp())
        seconds = extractor.nb_max_samples / extractor.sampling_rate
        return _Loaded(
            model, extractor, texts / texts.norm(dim=-1, keepdim=True), scale, seconds, rate=extractor.sampling_rate
        )

    def _judge(self, loaded: _Loaded, waves: Sequence[NDArray[np.float32]]) -> list[Mapping[str, float]]:
        import torch

        model = loaded.model
        inputs = loaded.extractor(list(waves), sampling_rate=loaded.rate, return_tensors="pt")
        # The extractor of a model that fuses long sound marks one of a batch, drawn by chance, as long; none is.
        longer = torch.zeros(len(waves), 1, dtype=torch.bool, device=model.device)
        features = inputs["input_features"]

        def embedded() -> torch.Tensor:
            given = features.to(model.device, model.dtype)
            found: torch.Tensor = model.get_audio_features(input_features=given, is_longer=longer).pooler_output
            return found

        with torch.inference_mode():
            sounds = device.in_range(model, embedded).float()
        sounds = sounds / sounds.norm(dim=-1, keepdim=True)
        logits = loaded.scale * sounds @ loaded.texts.T
        none = logits[:, len(DESCRIBED) :].logsumexp(dim=-1, keepdim=True)
        scores = (logits[:, : len(DESCRIBED)] - none).sigmoid().cpu().tolist()
        return [dict(zip(DESCRIBED, row, strict=True)) for row in scores]
