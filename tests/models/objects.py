"""Tiny object detectors with random weights, on disk in the genuine format of each family."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

NAMES = ("person", "car", "N/A", "umbrella")
_SIDE = 64  # pixels that the tiny models see


def rt_detr_v2(folder: Path) -> Path:
    """RT-DETRv2 with a ResNet of four layers."""
    from transformers import RTDetrResNetConfig, RTDetrV2Config, RTDetrV2ForObjectDetection

    backbone = RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 12, 16, 24],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = RTDetrV2Config(backbone_config=backbone, encoder_in_channels=[12, 16, 24], **_decoder())
    return _saved(folder, RTDetrV2ForObjectDetection, config)


def d_fine(folder: Path) -> Path:
    """D-FINE with an HGNetV2 of four stages."""
    from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config

    backbone = HGNetV2Config(
        stem_channels=[3, 8, 8],
        stage_in_channels=[8, 8, 12, 16],
        stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[8, 12, 16, 24],
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[1, 1, 1, 1],
        stage_downsample=[False, True, True, True],
        stage_light_block=[False, False, True, True],
        stage_kernel_size=[3, 3, 5, 5],
        hidden_sizes=[8, 12, 16, 24],
        depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )
    config = DFineConfig(backbone_config=backbone, encoder_in_channels=[12, 16, 24], **_decoder())
    return _saved(folder, DFineForObjectDetection, config)


def _decoder() -> dict[str, Any]:
    return {
        "id2label": dict(enumerate(NAMES)),
        "label2id": {name: number for number, name in enumerate(NAMES)},
        "encoder_hidden_dim": 16,
        "encoder_ffn_dim": 16,
        "encoder_attention_heads": 2,
        "d_model": 16,
        "num_queries": 12,
        "decoder_in_channels": [16, 16, 16],
        "decoder_ffn_dim": 16,
        "decoder_layers": 2,
        "decoder_attention_heads": 2,
        "hidden_expansion": 0.5,
        "num_denoising": 0,
    }


def _saved(folder: Path, kind: Any, config: Any) -> Path:
    from transformers import RTDetrImageProcessor

    model = _random(kind, config)
    model.save_pretrained(folder)
    RTDetrImageProcessor(size={"height": _SIDE, "width": _SIDE}).save_pretrained(folder)
    return folder


def _random(kind: Any, config: Any) -> Any:
    """A model with weights that are large enough to give scores all over 0..1, the same at every call."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = kind(config).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() > 1:
                value.normal_(0, 1.5 / value[0].numel() ** 0.5)
            elif "class_embed" in name or "score_head" in name:
                value.zero_()  # biased to low scores for training
    return model


def owlv2(folder: Path) -> Path:
    """OWLv2: a CLIP of two layers with a head for boxes."""
    from transformers import CLIPTokenizer, Owlv2Config, Owlv2ForObjectDetection, Owlv2Processor
    from transformers.models.owlv2 import Owlv2ImageProcessor

    layers = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    vocabulary, merges = _pairs("red blue green umbrella person dog on the left".split())
    config = Owlv2Config(
        text_config={
            **layers,
            "vocab_size": len(vocabulary),
            "bos_token_id": len(vocabulary) - 2,
            "eos_token_id": len(vocabulary) - 1,
            "pad_token_id": 0,
            "max_position_embeddings": 16,
        },
        vision_config={**layers, "image_size": _SIDE, "patch_size": 16},
        projection_dim=32,
    )
    _random(Owlv2ForObjectDetection, config).save_pretrained(folder)
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token="!", model_max_length=16)
    processor = Owlv2Processor(Owlv2ImageProcessor(size={"height": _SIDE, "width": _SIDE}), tokenizer)
    processor.save_pretrained(folder)
    return folder


def _pairs(words: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A vocabulary of byte pairs that has some words whole and all others by their letters."""
    pieces = ["!", *map(chr, range(97, 123)), *(f"{chr(n)}</w>" for n in range(97, 123))]
    merges: list[tuple[str, str]] = []
    for word in words:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            merges.append((parts[0], parts[1]))
            parts[:2] = [parts[0] + parts[1]]
            pieces.append(parts[0])
    # The model takes the largest number for the end of a text.
    pieces = [*dict.fromkeys(pieces), "<|startoftext|>", "<|endoftext|>"]
    return {piece: number for number, piece in enumerate(pieces)}, list(dict.fromkeys(merges))


def grounding_dino(folder: Path) -> Path:
    """Grounding DINO: a Swin and a BERT of one layer each."""
    from transformers import (
        BertTokenizer,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoProcessor,
        SwinConfig,
    )
    from transformers.models.grounding_dino import GroundingDinoImageProcessor

    # The model takes the numbers that these signs have in BERT's vocabulary for granted.
    words = ["[PAD]", *(f"[unused{n}]" for n in range(1100))]
    for number, sign in {100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"}.items():
        words[number] = sign
    words += "a red blue green umbrella person dog on the left".split()
    words += [*map(chr, range(98, 123)), *(f"##{chr(n)}" for n in range(97, 123))]
    text = {
        "model_type": "bert",
        "vocab_size": len(words),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 256,
    }
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=_SIDE,
            embed_dim=8,
            depths=[1, 1, 1, 1],
            num_heads=[1, 1, 2, 2],
            window_size=2,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=text,
        num_queries=12,
        encoder_layers=1,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_layers=2,
        decoder_ffn_dim=16,
        decoder_attention_heads=2,
        d_model=32,
    )
    _random(GroundingDinoForObjectDetection, config).save_pretrained(folder)
    tokenizer = BertTokenizer(vocab={word: number for number, word in enumerate(words)}, do_lower_case=True)
    images = GroundingDinoImageProcessor(size={"shortest_edge": _SIDE, "longest_edge": 2 * _SIDE})
    GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def yolo(folder: Path) -> Path:
    """YOLO11n, its class scores raised so that random weights find anything; gives the file of weights."""
    from ultralytics import YOLO

    model = YOLO("yolo11n.yaml", task="detect")
    raise_scores(model)
    file = folder / "tiny.pt"
    model.save(file)
    return file


def raise_scores(model: Any) -> None:
    """Make a random YOLO see things: its last layer is biased to low scores for training."""
    import torch

    head = model.model.model[-1]
    with torch.no_grad():
        for layers in (head.cv3, getattr(head, "one2one_cv3", None) or ()):
            for layer in layers:
                layer[-1].bias.fill_(-1.0)


KNOWN: Mapping[str, Callable[[Path], Path]] = {"rt_detr_v2": rt_detr_v2, "d_fine": d_fine}
DESCRIBED: Mapping[str, Callable[[Path], Path]] = {"owlv2": owlv2, "grounding_dino": grounding_dino}


@cache
def folder(family: str) -> Path:
    """The folder of one family's tiny model; made once a process, 0.2 s and 0.3 to 0.8 MB each."""
    made = Path(tempfile.mkdtemp(prefix=f"vagent-{family}-"))
    return {**KNOWN, **DESCRIBED}[family](made)


@cache
def yolo_file() -> Path | None:
    """The file of ``yolo``'s weights; None where Ultralytics is not installed."""
    from importlib.util import find_spec

    if find_spec("ultralytics") is None:
        return None
    from vagent.tools.objects.ultralytics import _imported

    made = Path(tempfile.mkdtemp(prefix="vagent-yolo-"))
    _imported(made)  # as the engine does it: quiet, and without a network
    return yolo(made)


def tiny(engine: str) -> dict[str, Any]:
    """Settings with which an engine runs on tiny models with random weights."""
    if engine == "ultralytics":
        file = yolo_file()
        return {"objects": {"model": file and str(file), "threshold": 0.2}}
    known, described = str(folder("d_fine")), str(folder("owlv2"))
    return {"objects": {"model": known, "find_model": described, "find": ["a red umbrella"], "threshold": 0.3}}


def renamed(folder: Path, names: Mapping[int, str]) -> None:
    """Give a checkpoint's classes other names, as its file says them."""
    file = folder / "config.json"
    config = json.loads(file.read_text())
    config["id2label"] = {str(number): name for number, name in names.items()}
    file.write_text(json.dumps(config))
