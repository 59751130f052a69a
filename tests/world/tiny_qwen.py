"""An empty Qwen3-VL of a few million parameters in the genuine on-disk format, and its tokenizer and processor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.world.scenes import HEIGHT, WIDTH

PATCH, MERGE = 8, 2
CELL = PATCH * MERGE  # pixels of the small picture that one visual token stands for
SMALL = (WIDTH // 4, HEIGHT // 4)  # what the model sees of a picture
TOKENS = (SMALL[0] // CELL) * (SMALL[1] // CELL)  # visual tokens of one pair of pictures
SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>",
)  # fmt: skip
TEMPLATE = """{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\n' -}}
{%- if message.content is string -%}
{{- message.content -}}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' -%}
{{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
{%- elif part.type == 'video' -%}
{{- '<|vision_start|><|video_pad|><|vision_end|>' -}}
{%- elif part.type == 'text' -%}
{{- part.text -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\n' -}}
{%- endif -%}"""


def tokenizer(corpus: Iterable[str], size: int = 1024) -> Any:
    """Byte-level BPE; digits in twos, so that a time is a few tokens."""
    from transformers import PreTrainedTokenizerFast

    words = r":?\d{1,2}|\.\d| ?\p{L}+|\n+| ?[^\s\p{L}\p{N}]+|\s+"
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="left",
        extra_special_tokens={
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "vision_bos_token": "<|vision_start|>",
            "vision_eos_token": "<|vision_end|>",
        },
    )


def processor(words: Any) -> Any:
    """The processor: every picture becomes 64 x 48 pixels, whatever number of them there is."""
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    half = [0.5, 0.5, 0.5]
    shared = {"patch_size": PATCH, "merge_size": MERGE, "temporal_patch_size": 2, "image_mean": half, "image_std": half}
    image = Qwen2VLImageProcessor(size={"shortest_edge": CELL * CELL, "longest_edge": SMALL[0] * SMALL[1]}, **shared)
    video = Qwen3VLVideoProcessor(
        size={"shortest_edge": CELL * CELL, "longest_edge": SMALL[0] * SMALL[1] * 512},
        cap_pixels_per_frame=True,
        max_video_tokens=TOKENS,
        **shared,
    )
    return Qwen3VLProcessor(image_processor=image, tokenizer=words, video_processor=video, chat_template=TEMPLATE)


def model(words: Any) -> Any:
    """Random weights."""
    from transformers import GenerationConfig, Qwen3VLConfig, Qwen3VLForConditionalGeneration

    ids = dict(zip(SPECIAL, words.convert_tokens_to_ids(list(SPECIAL)), strict=True))
    wide = 160
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(words),
            "hidden_size": wide,
            "intermediate_size": 448,
            "num_hidden_layers": 6,
            "num_attention_heads": 5,
            "num_key_value_heads": 5,
            "head_dim": 32,
            "max_position_embeddings": 8192,
            "initializer_range": 0.04,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [6, 5, 5],
                "mrope_interleaved": True,
            },
            "pad_token_id": ids["<|endoftext|>"],
            "bos_token_id": ids["<|im_start|>"],
            "eos_token_id": ids["<|im_end|>"],
            "tie_word_embeddings": True,
        },
        vision_config={
            "depth": 4,
            "hidden_size": 128,
            "intermediate_size": 384,
            "num_heads": 4,
            "patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": 2,
            "out_hidden_size": wide,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [2],
            "initializer_range": 0.04,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    made = Qwen3VLForConditionalGeneration(config)
    made.generation_config = GenerationConfig(
        eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"], do_sample=False
    )
    return made
