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

from vagent.tools.sounds.labels import BACKGROUND, DESCRIBED
from vagent.tools.sounds.tagger import Tagger, load_model

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

    def _open(self, folder: Path, where: torch.device) -> _Loaded:
        import torch
        from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

        model = load_model(ClapModel, folder, where)
        extractor = ClapFeatureExtractor.from_pretrained(str(folder), local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        asked = [_PROMPT.format(text) for text in (*DESCRIBED.values(), *BACKGROUND)]
        inputs = tokenizer(asked, padding=True, return_tensors="pt").to(where)
        with torch.inference_mode():
            texts = model.get_text_features(**inputs).pooler_output.float()
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
        with torch.inference_mode():
            features = inputs["input_features"].to(model.device, model.dtype)
            sounds = model.get_audio_features(input_features=features, is_longer=longer).pooler_output.float()
        sounds = sounds / sounds.norm(dim=-1, keepdim=True)
        logits = loaded.scale * sounds @ loaded.texts.T
        none = logits[:, len(DESCRIBED) :].logsumexp(dim=-1, keepdim=True)
        scores = (logits[:, : len(DESCRIBED)] - none).sigmoid().cpu().tolist()
        return [dict(zip(DESCRIBED, row, strict=True)) for row in scores]
