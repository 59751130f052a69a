"""Tiny video-LLMs with random weights in the genuine on-disk format, one of each family; nothing is downloaded.

``folder("qwen3_vl")`` is a folder as the hub has it: config.json, generation_config.json, model.safetensors,
processor_config.json, tokenizer.json, tokenizer_config.json, chat_template.jinja. Each takes about 0.3 s and 0.7 MB.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

FAMILIES = (
    "qwen2_5_vl",
    "qwen3_vl",
    "qwen3_5",
    "smolvlm",
    "internvl",
    "llava_onevision",
    "video_llama_3",
    "video_llava",
    "llava",
)
VIDEO = FAMILIES[:-1]

_SENTENCES = [
    "the quick brown fox jumps over the lazy dog. The seconds of the picture: 12.5 s, 0.0 s, 3600.9 seconds.",
    "Question: what happens in the video? Options: A. a man B. a woman C. a car D. a dog Answer: A B C D E F",
    "system user assistant You are a helpful assistant. USER: ASSISTANT: User: Assistant: Frame1: Frame2:",
    "Frame from 00:12: You are provided the following series of eight frames from a 0:00:10 [H:MM:SS] video.",
]

_IM = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}IMAGE{% elif c['type'] == 'video' %}VIDEO"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\nTHINK{% endif %}"
)
_VICUNA = (
    "{% for m in messages %}{{ m['role'].upper() }}: {% for c in m['content'] %}{% if c['type'] == 'image' %}<image>\n"
    "{% elif c['type'] == 'video' %}<video>\n{% else %}{{ c['text'] }}{% endif %}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
_SMOL = (
    "<|im_start|>{% for m in messages %}{{ m['role'] | capitalize }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'text' %}{{ c['text'] }}{% elif c['type'] == 'image' %}<image>{% endif %}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
_THINK = (
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% else %}<think>\n{% endif %}"
)

_TEXT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
_TEXT |= {"num_key_value_heads": 1, "max_position_embeddings": 8192}
_LIMITS = {"shortest_edge": 3136, "longest_edge": 602112}
_QWEN = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")


def template(image: str, video: str, think: str = "") -> str:
    """A chat template in the manner of Qwen."""
    return _IM.replace("IMAGE", image).replace("VIDEO", video).replace("THINK", think)


def tokenizer(special: tuple[str, ...], **named: str) -> Any:
    """A byte-level tokenizer, trained here on a few sentences.

    Args:
        special: control tokens beside ``<|endoftext|>``, ``<|im_start|>`` and ``<|im_end|>``.
        named: control tokens that a processor asks for by name, ``image_token="<image>"``.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *special]
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=control,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(_SENTENCES * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=named,
        additional_special_tokens=[t for t in control[3:] if t not in named.values()],
    )


def _qwen(family: str) -> tuple[Any, Any]:
    import transformers as t

    words = tokenizer(_QWEN, image_token=_QWEN[2], video_token=_QWEN[3])
    ids = {
        n: words.convert_tokens_to_ids(f"<|{v}|>")
        for n, v in (
            ("image_token_id", "image_pad"),
            ("video_token_id", "video_pad"),
            ("vision_start_token_id", "vision_start"),
            ("vision_end_token_id", "vision_end"),
        )
    }
    chat = template(
        "<|vision_start|><|image_pad|><|vision_end|>",
        "<|vision_start|><|video_pad|><|vision_end|>",
        _THINK if family == "qwen3_5" else "",
    )
    patch = 14 if family == "qwen2_5_vl" else 16
    rope = {"qwen2_5_vl": [2, 3, 3], "qwen3_vl": [4, 2, 2], "qwen3_5": [1, 1, 0]}[family]
    text = _TEXT | {
        "vocab_size": len(words),
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": rope},
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "patch_size": patch,
        "out_hidden_size": 32,
    }
    if family == "qwen2_5_vl":
        vision |= {"window_size": 56, "fullatt_block_indexes": [1]}
        config = t.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids)
        processor = t.Qwen2_5_VLProcessor(
            t.Qwen2VLImageProcessor(size=_LIMITS), words, t.Qwen2VLVideoProcessor(size=_LIMITS), chat_template=chat
        )
        return t.Qwen2_5_VLForConditionalGeneration(config), processor
    text |= {"head_dim": 16}
    images = t.Qwen2VLImageProcessor(patch_size=16, size={"shortest_edge": 4096, "longest_edge": 16777216})
    videos = t.Qwen3VLVideoProcessor(size={"shortest_edge": 4096, "longest_edge": 25165824})
    processor = t.Qwen3VLProcessor(images, words, videos, chat_template=chat)
    vision |= {"num_position_embeddings": 64}
    if family == "qwen3_vl":
        config = t.Qwen3VLConfig(text_config=text, vision_config=vision | {"deepstack_visual_indexes": [0]}, **ids)
        return t.Qwen3VLForConditionalGeneration(config), processor
    text["rope_parameters"] |= {"partial_rotary_factor": 0.25, "mrope_interleaved": True}
    text |= {
        "layer_types": ["linear_attention", "full_attention"],
        "linear_num_value_heads": 2,
        "linear_num_key_heads": 2,
    }
    text |= {"linear_key_head_dim": 8, "linear_value_head_dim": 8}
    config = t.Qwen3_5Config(text_config=text, vision_config=vision, **ids)
    return t.Qwen3_5ForConditionalGeneration(config), processor


def _smolvlm() -> tuple[Any, Any]:
    import transformers as t

    names = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    words = tokenizer(("<video>", *names.values()), **names)
    config = t.SmolVLMConfig(
        text_config=_TEXT | {"model_type": "llama", "vocab_size": len(words), "pad_token_id": words.pad_token_id},
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 64,
            "patch_size": 16,
        },
        scale_factor=2,
        image_token_id=words.image_token_id,
    )
    side = {"longest_edge": 64}
    images = t.SmolVLMImageProcessor(size=side, max_image_size=side)
    videos = t.SmolVLMVideoProcessor(size=side, max_image_size=side)
    processor = t.SmolVLMProcessor(images, words, videos, image_seq_len=4, chat_template=_SMOL)
    return t.SmolVLMForConditionalGeneration(config), processor


def _internvl() -> tuple[Any, Any]:
    import transformers as t

    names = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    words = tokenizer(tuple(names.values()), **names)
    config = t.InternVLConfig(
        text_config=_TEXT | {"model_type": "qwen2", "vocab_size": len(words)},
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": [56, 56],
            "patch_size": [14, 14],
        },
        image_token_id=words.context_image_token_id,
        image_seq_length=4,
        downsample_ratio=0.5,
    )
    side = {"height": 56, "width": 56}
    images = t.GotOcr2ImageProcessor(size=side, crop_to_patches=True, max_patches=4)
    videos = t.InternVLVideoProcessor(size=side)
    chat = template("<IMG_CONTEXT>\n", "<video>\n")
    processor = t.InternVLProcessor(images, words, videos, image_seq_length=4, chat_template=chat)
    return t.InternVLForConditionalGeneration(config), processor


def _llava_onevision() -> tuple[Any, Any]:
    import transformers as t

    words = tokenizer(("<image>", "<video>"), image_token="<image>", video_token="<video>")
    vision = {
        "model_type": "siglip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 56,
        "patch_size": 14,
        "vision_use_head": False,
    }
    config = t.LlavaOnevisionConfig(
        text_config=_TEXT | {"model_type": "qwen2", "vocab_size": len(words)},
        vision_config=vision,
        image_token_index=words.image_token_id,
        video_token_index=words.video_token_id,
        image_grid_pinpoints=[[56, 56], [56, 112]],
    )
    side = {"height": 56, "width": 56}
    images = t.LlavaOnevisionImageProcessor(size=side, image_grid_pinpoints=[[56, 56], [56, 112]])
    videos = t.LlavaOnevisionVideoProcessor(size=side)
    chat = template("<image>\n", "<video>\n")
    processor = t.LlavaOnevisionProcessor(
        images, words, videos, num_image_tokens=16, vision_feature_select_strategy="full", chat_template=chat
    )
    return t.LlavaOnevisionForConditionalGeneration(config), processor


def _video_llama_3() -> tuple[Any, Any]:
    import transformers as t

    words = tokenizer(_QWEN, image_token=_QWEN[2], video_token=_QWEN[3])
    config = t.VideoLlama3Config(
        text_config=_TEXT | {"model_type": "qwen2", "vocab_size": len(words)},
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "patch_size": 14,
        },
        image_token_id=words.image_token_id,
        video_token_id=words.video_token_id,
    )
    processor = t.VideoLlama3Processor(
        t.VideoLlama3ImageProcessor(size=_LIMITS),
        words,
        t.VideoLlama3VideoProcessor(size=_LIMITS),
        chat_template=template("<|image_pad|>\n", "<|video_pad|>\n"),
    )
    return t.VideoLlama3ForConditionalGeneration(config), processor


def _llava(video: bool) -> tuple[Any, Any]:
    import transformers as t

    words = (
        tokenizer(("<image>", "<video>"), image_token="<image>", video_token="<video>")
        if video
        else tokenizer(("<image>",), image_token="<image>")
    )
    vision = {
        "model_type": "clip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 56,
        "patch_size": 14,
        "projection_dim": 32,
    }
    text = _TEXT | {"model_type": "llama", "vocab_size": len(words)}
    size: dict[str, Any] = {"size": {"shortest_edge": 56}, "crop_size": {"height": 56, "width": 56}}
    common: dict[str, Any] = {
        "patch_size": 14,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
        "chat_template": _VICUNA,
    }
    if not video:
        config = t.LlavaConfig(
            text_config=text, vision_config=vision, image_token_index=words.image_token_id, image_seq_length=16
        )
        return t.LlavaForConditionalGeneration(config), t.LlavaProcessor(t.CLIPImageProcessor(**size), words, **common)
    both = t.VideoLlavaConfig(
        text_config=text,
        vision_config=vision,
        image_token_index=words.image_token_id,
        video_token_index=words.video_token_id,
        image_seq_length=16,
        video_seq_length=136,
    )
    processor = t.VideoLlavaProcessor(
        t.VideoLlavaImageProcessor(**size), t.VideoLlavaVideoProcessor(**size), words, **common
    )
    return t.VideoLlavaForConditionalGeneration(both), processor


_MAKERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "qwen2_5_vl": lambda: _qwen("qwen2_5_vl"),
    "qwen3_vl": lambda: _qwen("qwen3_vl"),
    "qwen3_5": lambda: _qwen("qwen3_5"),
    "smolvlm": _smolvlm,
    "internvl": _internvl,
    "llava_onevision": _llava_onevision,
    "video_llama_3": _video_llama_3,
    "video_llava": lambda: _llava(True),
    "llava": lambda: _llava(False),
}


def make(family: str, scale: float = 4) -> tuple[Any, Any]:
    """A model with random weights, always the same ones, and its processor.

    Args:
        scale: of the weights. With those of the usual size all logits are nearly the same; larger ones tell inputs
            apart, but do not learn.
    """
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(7)
    torch.set_num_threads(1)
    model, processor = _MAKERS[family]()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(scale)
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    return model.eval(), processor


@cache
def _kept() -> Path:
    path = Path(tempfile.mkdtemp(prefix="vagent-tiny-videollm-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def folder(family: str) -> Path:
    """The folder of one family's tiny checkpoint, made at the first call; deleted when the process ends."""
    return save(*make(family), f"tiny-{family}")


def save(model: Any, processor: Any, name: str) -> Path:
    """A folder for a model and its processor; deleted when the process ends."""
    path = _kept() / name
    model.save_pretrained(path)
    processor.save_pretrained(path)
    return path
