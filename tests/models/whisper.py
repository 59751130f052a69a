"""Tiny Whispers in the formats of both libraries: one that has learnt a language of tones, and random ones.

The trained weights lie in data/whisper_tones.safetensors (``train_whisper`` made them): all but the vocabulary, of
which only the rows that were trained are kept. Here they get the rest of a genuine checkpoint around them: the full
vocabulary of 51865, OpenAI's ``.pt``, transformers' folder, and CTranslate2's folder as its converter writes it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

TRAINED = Path(__file__).parent / "data" / "whisper_tones.safetensors"
VOCABULARY, STATE, HEADS, LAYERS, FRAMES, TEXT = 51_865, 64, 2, 2, 1500, 448
_ENGLISH = 51_864  # the vocabulary of models that know English only


@cache
def openai() -> Path:
    """The tone model as OpenAI's library keeps it: ``tones.pt``."""
    import torch

    return _pt("tones", _trained(), torch.float16)


@cache
def ctranslate2() -> Path:
    """The tone model as a folder for faster-whisper, in float32."""
    return _converted(_trained())


@cache
def random_openai(*, english: bool = False, mels: int = 80) -> Path:
    """A model of random weights in OpenAI's format."""
    import torch

    return _pt("random", _random(_ENGLISH if english else VOCABULARY, mels), torch.float16)


@cache
def random_ctranslate2(*, english: bool = False, mels: int = 80) -> Path:
    """The same as a folder for faster-whisper; without preprocessor_config.json."""
    return _converted(_random(_ENGLISH if english else VOCABULARY, mels))


def _dims(state: dict[str, Any]) -> dict[str, int]:
    return {
        "n_mels": state["encoder.conv1.weight"].shape[1],
        "n_audio_ctx": FRAMES,
        "n_audio_state": STATE,
        "n_audio_head": HEADS,
        "n_audio_layer": 1,
        "n_vocab": state["decoder.token_embedding.weight"].shape[0],
        "n_text_ctx": TEXT,
        "n_text_state": STATE,
        "n_text_head": HEADS,
        "n_text_layer": LAYERS,
    }


def _blank(vocabulary: int, mels: int) -> Any:
    import torch
    from whisper.model import ModelDimensions, Whisper

    torch.set_num_threads(1)
    torch.manual_seed(5)
    dims = ModelDimensions(mels, FRAMES, STATE, HEADS, 1, vocabulary, TEXT, STATE, HEADS, LAYERS)
    model = Whisper(dims)
    torch.nn.init.normal_(model.decoder.positional_embedding, std=0.05)
    return model


def _random(vocabulary: int, mels: int) -> dict[str, Any]:
    return dict(_blank(vocabulary, mels).state_dict())


def _trained() -> dict[str, Any]:
    """The state of the tone model by OpenAI's names, with the full vocabulary."""
    import torch
    from safetensors.torch import load_file

    kept = {name: value.float() if value.is_floating_point() else value for name, value in load_file(TRAINED).items()}
    state = _random(VOCABULARY, 80)
    for part in ("attn.out", "mlp.2"):  # a layer that adds nothing to what it gets
        state[f"encoder.blocks.0.{part}.weight"].zero_()
        state[f"encoder.blocks.0.{part}.bias"].zero_()
    rows = kept["other"].repeat(VOCABULARY, 1)
    rows[kept["tokens"]] = kept["rows"]
    rows[-len(kept["timestamps"]) :] = kept["timestamps"]
    state["decoder.token_embedding.weight"] = rows
    names = [name for name in kept if name in state]
    assert len(names) == len(kept) - 4
    return state | {name: kept[name] for name in names} | {"decoder.token_embedding.weight": torch.Tensor(rows)}


def _pt(name: str, state: dict[str, Any], kind: Any) -> Path:
    import torch

    path = Path(tempfile.mkdtemp(prefix="vagent-whisper-")) / f"{name}.pt"
    numbers = {key: value.to(kind) for key, value in state.items()}
    torch.save({"dims": _dims(state), "model_state_dict": numbers}, path)
    return path


def _converted(state: dict[str, Any]) -> Path:
    """A folder for faster-whisper, made by CTranslate2's own converter from a folder of transformers."""
    from ctranslate2.converters import TransformersConverter

    source = _transformers(state)
    folder = Path(tempfile.mkdtemp(prefix="vagent-ct2-")) / "model"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        TransformersConverter(str(source), copy_files=["tokenizer.json"]).convert(str(folder))
    shutil.rmtree(source)
    return folder


def _transformers(state: dict[str, Any]) -> Path:
    """The model and its tokenizer as transformers keep them."""
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    folder = Path(tempfile.mkdtemp(prefix="vagent-hf-"))
    dims = _dims(state)
    specials = _tokenizer(folder, dims["n_vocab"])
    start = specials["<|startoftranscript|>"]
    config = WhisperConfig(
        vocab_size=dims["n_vocab"],
        num_mel_bins=dims["n_mels"],
        encoder_layers=1,
        decoder_layers=LAYERS,
        encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS,
        encoder_ffn_dim=4 * STATE,
        decoder_ffn_dim=4 * STATE,
        d_model=STATE,
        max_source_positions=FRAMES,
        max_target_positions=TEXT,
        decoder_start_token_id=start,
        bos_token_id=specials["<|endoftext|>"],
        eos_token_id=specials["<|endoftext|>"],
        pad_token_id=specials["<|endoftext|>"],
    )
    model = WhisperForConditionalGeneration(config)
    renamed = {_renamed(name): value for name, value in state.items()}
    renamed["proj_out.weight"] = renamed["model.decoder.embed_tokens.weight"]
    model.load_state_dict({name: torch.as_tensor(value) for name, value in renamed.items()})
    model.generation_config = GenerationConfig(
        alignment_heads=[[LAYERS - 1, head] for head in range(HEADS)],
        no_timestamps_token_id=specials["<|notimestamps|>"],
        decoder_start_token_id=start,
        eos_token_id=specials["<|endoftext|>"],
        suppress_tokens=[],
        begin_suppress_tokens=[220, specials["<|endoftext|>"]],
        lang_to_id={name: token for name, token in specials.items() if len(name) in (6, 7) and token < 50358},
    )
    model.save_pretrained(folder)
    return folder


_NAMES = (
    ("blocks", "layers"),
    ("attn_ln", "self_attn_layer_norm"),
    ("cross_self_attn_layer_norm", "encoder_attn_layer_norm"),
    ("cross_attn", "encoder_attn"),
    (".attn.", ".self_attn."),
    (".query", ".q_proj"),
    (".key", ".k_proj"),
    (".value", ".v_proj"),
    (".out.", ".out_proj."),
    ("mlp_ln", "final_layer_norm"),
    ("mlp.0", "fc1"),
    ("mlp.2", "fc2"),
    ("ln_post", "layer_norm"),
    ("decoder.ln.", "decoder.layer_norm."),
    ("token_embedding", "embed_tokens"),
    ("positional_embedding", "embed_positions.weight"),
)


def _renamed(name: str) -> str:
    """OpenAI's name of a parameter as transformers call it."""
    for theirs, ours in _NAMES:
        name = name.replace(theirs, ours)
    return f"model.{name}"


def _tokenizer(folder: Path, vocabulary: int) -> dict[str, int]:
    """Whisper's own tokenizer as tokenizer.json, from the ranks that OpenAI's library carries; the ids of its specials.

    The pieces that a text is put together from are given as merges only as far as the tone language needs them.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from whisper.tokenizer import get_encoding

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its file open
        encoding = get_encoding("multilingual" if vocabulary >= VOCABULARY else "gpt2", num_languages=99)
    letters = _byte_letters()
    words = {"".join(letters[b] for b in text): rank for text, rank in encoding._mergeable_ranks.items()}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = dict(sorted(encoding._special_tokens.items(), key=lambda item: item[1]))
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in specials])
    assert all(tokenizer.token_to_id(name) == token for name, token in specials.items())
    assert tokenizer.get_vocab_size() == vocabulary
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "WhisperTokenizerFast",
        "bos_token": "<|endoftext|>",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return specials


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in byte-level vocabularies."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]
