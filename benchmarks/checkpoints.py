"""Checkpoints of real size with random weights, and tiny ones: speed and memory do not depend on what weights hold.

Each function writes the checkpoint of one model into a folder, in the format that its engine loads; ``tiny`` takes the
shapes of the tests instead, for machines that are to run a benchmark and not to learn anything from it.
"""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

from tests.models import objects, visual, whisper

_SIGLIP = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16}
_WORDS = 51_865  # Whisper's vocabulary of 99 languages; that of the turbo has one language more


def siglip2(folder: Path, tiny: bool) -> Path:
    """SigLIP 2 so400m, patches of 14, pictures of 384 x 384; of its text half only two layers, which reads nothing."""
    if tiny:
        return visual.folder("siglip2")
    import torch
    from transformers import AutoProcessor, SiglipConfig, SiglipImageProcessor, SiglipModel, SiglipProcessor

    words = AutoProcessor.from_pretrained(visual.folder("siglip2"), local_files_only=True).tokenizer
    text = {**_SIGLIP, "num_hidden_layers": 2, "vocab_size": len(words), "max_position_embeddings": 64}
    config = SiglipConfig(text_config=text, vision_config={**_SIGLIP, "image_size": 384, "patch_size": 14})
    _model(SiglipModel, config, torch.bfloat16).save_pretrained(folder)
    SiglipProcessor(SiglipImageProcessor(size={"height": 384, "width": 384}), words).save_pretrained(folder)
    return folder


def rt_detr(folder: Path, tiny: bool) -> Path:
    """RT-DETRv2 with a ResNet of 50 layers, pictures of 640 x 640, as transformers' own defaults describe it."""
    if tiny:
        return objects.folder("rt_detr_v2")
    import torch
    from transformers import RTDetrImageProcessor, RTDetrV2Config, RTDetrV2ForObjectDetection

    names = {number: f"thing {number}" for number in range(80)}
    config = RTDetrV2Config(id2label=names, label2id={name: number for number, name in names.items()})
    _model(RTDetrV2ForObjectDetection, config, torch.float32).save_pretrained(folder)
    RTDetrImageProcessor(size={"height": 640, "width": 640}).save_pretrained(folder)
    return folder


def whisper_turbo(folder: Path, tiny: bool) -> Path:
    """Whisper large-v3-turbo for CTranslate2, in float16."""
    if tiny:
        return whisper.random_ctranslate2()
    import torch
    from ctranslate2.converters import TransformersConverter
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    source = folder.with_name(f"{folder.name}-source")
    source.mkdir()
    signs = whisper._tokenizer(source, _WORDS)
    ends = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), signs["<|endoftext|>"])
    begin = {"decoder_start_token_id": signs["<|startoftranscript|>"]}
    config = WhisperConfig(
        d_model=1280,
        encoder_layers=32,
        decoder_layers=4,
        num_mel_bins=128,
        vocab_size=_WORDS,
        **{f"{part}_attention_heads": 20 for part in ("encoder", "decoder")},
        **{f"{part}_ffn_dim": 5120 for part in ("encoder", "decoder")},
        **ends,
        **begin,
    )
    model = _model(WhisperForConditionalGeneration, config, torch.float16)
    model.generation_config = GenerationConfig(
        alignment_heads=[[2, head] for head in range(6)],
        no_timestamps_token_id=signs["<|notimestamps|>"],
        lang_to_id={name: token for name, token in signs.items() if len(name) in (6, 7) and token < 50358},
        suppress_tokens=[],
        begin_suppress_tokens=[220, signs["<|endoftext|>"]],
        eos_token_id=signs["<|endoftext|>"],
        **begin,
    )
    model.save_pretrained(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        TransformersConverter(str(source), copy_files=["tokenizer.json"], load_as_float16=True).convert(
            str(folder), quantization="float16"
        )
    shutil.rmtree(source)
    return folder


def _model(kind: Any, config: Any, numbers: Any) -> Any:
    """A model with random weights, made in the number type that it is kept in."""
    import torch

    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(numbers)
    try:
        return kind(config).eval()
    finally:
        torch.set_default_dtype(before)
