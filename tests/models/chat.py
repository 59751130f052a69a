"""Tiny language models with random weights in the genuine on-disk format, and chat templates in the manner of the
families; nothing is downloaded.

``folder("qwen")`` is a folder as the hub has it: config.json, generation_config.json, model.safetensors,
tokenizer.json, tokenizer_config.json, chat_template.jinja.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests.models.videollm import tokenizer

QWEN = """\
{%- if tools %}{{ '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{ messages[0].content + '\\n\\n' }}{% endif %}
    {{- '# Tools\\n\\n<tools>' }}{% for tool in tools %}{{ '\\n' + (tool | tojson) }}{% endfor %}
    {{- '\\n</tools>\\n\\nFor each call, return a json object within <tool_call></tool_call> tags.<|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}{{ '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' %}{{ '<|im_start|>user\\n' + message.content + '<|im_end|>\\n' }}
    {%- elif message.role == 'assistant' %}{{ '<|im_start|>assistant\\n' + message.content }}
        {%- for call in message.tool_calls or [] %}
            {{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
            {{- (call.function.arguments | tojson) + '}\\n</tool_call>' }}
        {%- endfor %}{{ '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{%- endif %}"""
"""Tools as Qwen 2.5 and 3 write them, after Hermes."""

LLAMA = """\
{{- bos_token }}{% for message in messages %}
    {%- if message.role == 'tool' %}
        {{- '<|start_header_id|>ipython<|end_header_id|>\\n\\n' + (message.content | tojson) + '<|eot_id|>' }}
    {%- elif message.tool_calls %}
        {%- if message.tool_calls | length != 1 %}{{ raise_exception('This model takes one call at once') }}{% endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n{"name": "' + call.name + '", "parameters": ' }}
        {{- (call.arguments | tojson) + '}<|eot_id|>' }}
    {%- else %}
        {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' }}
        {%- if tools and loop.index0 == (1 if messages[0].role == 'system' else 0) %}
            {%- for tool in tools %}{{ (tool | tojson) + '\\n\\n' }}{% endfor %}
        {%- endif %}
        {{- message.content + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"""
"""Llama 3's: one call at once, arguments called parameters."""

GEMMA = """\
{{- bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{%- for message in messages %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
    {{- '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\\n' }}
    {{- (message.content | trim) + '<end_of_turn>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"""
"""Gemma 2's: no tools, no system, and strictly by turns."""

PLAIN = """\
{%- for message in messages %}{{ '<|im_start|>' + message.role + '\\n' }}
    {%- if message.content is string %}{{ message.content }}
    {%- else %}{% for part in message.content %}{{ part.text }}{% endfor %}{% endif %}{{ '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}"""
"""No tools; thinks before every answer."""

_SIZE = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
_SIZE |= {"num_key_value_heads": 1}


def _words(*special: str, template: str, bos: str | None = None, eos: str = "<|im_end|>") -> Any:
    words = tokenizer(special)
    words.chat_template = template
    words.bos_token, words.eos_token = bos, eos
    return words


def _qwen(context: int) -> tuple[Any, Any]:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    words = _words("<tool_call>", "</tool_call>", "<think>", "</think>", template=QWEN)
    config = Qwen3Config(**_SIZE, head_dim=16, vocab_size=len(words) + 24, max_position_embeddings=context)
    return Qwen3ForCausalLM(config), words


def _llama(context: int) -> tuple[Any, Any]:
    from transformers import LlamaConfig, LlamaForCausalLM

    marks = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|python_tag|>", "<|begin_of_text|>")
    words = _words(*marks, template=LLAMA, bos="<|begin_of_text|>", eos="<|eot_id|>")
    config = LlamaConfig(**_SIZE, vocab_size=len(words), max_position_embeddings=context)
    return LlamaForCausalLM(config), words


def _gemma(context: int) -> tuple[Any, Any]:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    words = _words("<start_of_turn>", "<end_of_turn>", "<bos>", template=GEMMA, bos="<bos>", eos="<end_of_turn>")
    config = Gemma2Config(**_SIZE, head_dim=16, vocab_size=len(words), max_position_embeddings=context)
    return Gemma2ForCausalLM(config), words


def _plain(context: int) -> tuple[Any, Any]:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    words = _words("<think>", "</think>", template=PLAIN)
    config = Qwen2Config(**_SIZE, vocab_size=len(words), max_position_embeddings=context)
    return Qwen2ForCausalLM(config), words


_MAKERS: dict[str, Callable[[int], tuple[Any, Any]]] = {
    "qwen": _qwen,
    "llama": _llama,
    "gemma": _gemma,
    "plain": _plain,
}
FAMILIES = tuple(_MAKERS)
TAUGHT = ("qwen", "llama")
"""Families whose template knows tools."""


def make(family: str, seed: int = 7, context: int = 8192, scale: float = 4) -> tuple[Any, Any]:
    """A model with random weights, the same ones for a seed, and its tokenizer.

    Args:
        context: tokens that it can read and write together.
        scale: of the weights: with those of the usual size all tokens are nearly as likely.
    """
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    model, words = _MAKERS[family](context)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(scale)
    model.generation_config.eos_token_id = words.eos_token_id
    model.generation_config.pad_token_id = words.pad_token_id
    return model.eval(), words


@cache
def folder(family: str, seed: int = 7, context: int = 8192) -> Path:
    """The folder of a tiny checkpoint, made at the first call; deleted when the process ends."""
    return save(*make(family, seed, context), f"tiny-{family}-{seed}-{context}")


def save(model: Any, words: Any, name: str) -> Path:
    """A folder for a model and its tokenizer; deleted when the process ends."""
    path = _kept() / name
    model.save_pretrained(path)
    words.save_pretrained(path)
    return path


@cache
def _kept() -> Path:
    path = Path(tempfile.mkdtemp(prefix="vagent-tiny-chat-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def taught(lessons: tuple[tuple[str, str], ...]) -> Path:
    """The folder of a Qwen that has learnt a few replies by heart, in some seconds; deleted when the process ends.

    Args:
        lessons: prompts as the template renders them, and what the model is to say.
    """
    import torch

    model, words = make("qwen", scale=1)
    rows = [(words.encode(prompt), words.encode(f"{said}<|im_end|>")) for prompt, said in lessons]
    batches = [(torch.tensor([asked + said]), torch.tensor([[-100] * len(asked) + said])) for asked, said in rows]
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    model.train()
    for _ in range(400):
        loss = sum(model(input_ids=ids, labels=wanted).loss for ids, wanted in batches)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if loss.item() < 0.02 * len(batches):
            break
    digest = hashlib.sha256(repr(lessons).encode()).hexdigest()[:8]
    return save(model.eval(), words, f"tiny-taught-{digest}")
