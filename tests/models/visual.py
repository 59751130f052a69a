"""Tiny models of pictures and texts with random weights, in the genuine on-disk format, one of each family."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

FAMILIES = ("clip", "siglip", "siglip2", "naflex", "qwen3_vl")

_SENTENCES = ["a photo of a red circle on blue", "an image: the green square, a frame of a video", "a picture of it"]
_TEXT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
_SIDE, _PATCH, _LENGTH = 32, 8, 16


@cache
def folder(family: str) -> Path:
    """The folder of one family's tiny model; made once a process, 0.2 s and 0.3 MB each."""
    import torch

    if family == "qwen3_vl":
        from tests.models import videollm

        return videollm.folder("qwen3_vl")
    torch.set_num_threads(1)
    torch.manual_seed(7)
    made = Path(tempfile.mkdtemp(prefix=f"vagent-{family}-")) / family
    model, processor = (_clip if family == "clip" else _siglip)(family)
    model.save_pretrained(made)
    processor.save_pretrained(made)
    return made


def _clip(_: str) -> tuple[Any, Any]:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    words = _tokenizer(("<|startoftext|>", "<|endoftext|>"), "<|startoftext|>", "<|endoftext|>")
    ids = {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}
    config = CLIPConfig(
        text_config=_TEXT | ids | {"vocab_size": len(words), "max_position_embeddings": _LENGTH},
        vision_config=_TEXT | {"image_size": _SIDE, "patch_size": _PATCH},
        projection_dim=24,
        logit_scale_init_value=4.6,
        initializer_factor=6.0,
    )
    pictures = CLIPImageProcessor(size={"shortest_edge": _SIDE}, crop_size={"height": _SIDE, "width": _SIDE})
    return CLIPModel(config), CLIPProcessor(pictures, words)


def _siglip(family: str) -> tuple[Any, Any]:
    import torch
    import transformers as t

    # Some checkpoints' tokenizers ask for a mask that the models were not trained with: one of them here too.
    words = _gemma() if family == "naflex" else _tokenizer(("<pad>", "</s>"), None, "</s>", pad="<pad>")
    text = _TEXT | {"vocab_size": len(words), "max_position_embeddings": _LENGTH}
    seen = _TEXT | {"patch_size": _PATCH}
    if family == "naflex":
        config = t.Siglip2Config(text_config=text, vision_config=seen | {"num_patches": 16})
        pictures = t.Siglip2ImageProcessor(patch_size=_PATCH, max_num_patches=16)
        model, processor = t.Siglip2Model(config), t.Siglip2Processor(pictures, words)
    else:  # SigLIP 2 of fixed size is the architecture of SigLIP
        config = t.SiglipConfig(text_config=text, vision_config=seen | {"image_size": _SIDE})
        pictures = t.SiglipImageProcessor(size={"height": _SIDE, "width": _SIDE})
        model, processor = t.SiglipModel(config), t.SiglipProcessor(pictures, words)
    model.logit_scale.data.fill_(4.7)
    model.logit_bias.data.fill_(-13.0)
    for weights in model.parameters():
        if weights.dim() > 1:
            weights.data = weights.data + 0.15 * torch.randn_like(weights)
    return model, processor


def _gemma() -> Any:
    """SigLIP 2's own kind of tokenizer: bytes for what it does not know, lower case."""
    from string import ascii_lowercase

    from transformers import Siglip2Tokenizer

    pieces = [
        "<pad>",
        "<eos>",
        "<bos>",
        "<unk>",
        "<mask>",
        *(f"<0x{b:02X}>" for b in range(256)),
        "▁",
        *ascii_lowercase,
    ]
    return Siglip2Tokenizer(
        vocab={piece: number for number, piece in enumerate(pieces)},
        merges=[],
        add_bos_token=False,
        add_eos_token=True,
        padding_side="right",
        model_input_names=["input_ids"],
        model_max_length=_LENGTH,
    )


def _tokenizer(control: tuple[str, ...], begin: str | None, end: str, *, pad: str | None = None) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=list(control), initial_alphabet=alphabet)
    made.train_from_iterator(_SENTENCES, trainer)
    marks = [(name, made.token_to_id(name)) for name in (begin, end) if name]
    made.post_processor = processors.TemplateProcessing(single=f"{begin or ''} $A {end}".strip(), special_tokens=marks)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=begin,
        eos_token=end,
        pad_token=pad or end,
        model_max_length=_LENGTH,
        padding_side="right",
    )
