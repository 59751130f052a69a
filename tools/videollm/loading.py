"""From a folder to a model that can be asked: what is refused, on which device and in which precision it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools import device
from vagent.tools.videollm import budget
from vagent.tools.videollm.control import Harmless
from vagent.tools.videollm.families import Family, Layout, family

_AGAIN = "fetch it again: vagent models pull {}"
_LESS = "set videollm.precision to 4bit, take a smaller model with videollm.model, or set device to cpu"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory with all that is known about it.

    Attributes:
        where: the device that inputs go to.
        layout: how frames are shown.
        multiple: sides of scaled pictures are multiples of this.
        fewest: frames of one video at least; a lone one is doubled.
        scalable: whether a smaller picture takes fewer tokens.
        shape: what decides about its use of memory.
        last_only: it can be asked for the logits of the last token alone.
        harmless: takes the force from control tokens.
    """

    model: Any
    processor: Any
    family: Family
    where: Any
    layout: Layout
    multiple: int
    fewest: int
    scalable: bool
    shape: budget.Shape
    last_only: bool
    harmless: Harmless


def load(folder: Path, settings: Settings, trusted: bool) -> Loaded:
    """The model of a folder.

    Args:
        folder: as ``save_pretrained`` writes it, or a hub repository's files.
        trusted: whether Python code that lies in the folder may run.

    Raises:
        EngineUnavailable: it cannot run here: not a model of this kind, one that needs code of its own, files or a
            package missing.
        EngineFailed: it should run but does not: damaged or incomplete weights, not enough memory.
    """
    config = _config(folder)
    _refuse_unknown(config, folder, trusted)
    torch = device.prepare(settings)
    where = device.device(settings)
    number = _precision(settings, where)
    options: dict[str, Any] = {"trust_remote_code": trusted, "local_files_only": True}
    processor = _processor(folder, options)
    options |= {"dtype": number, "use_safetensors": True, "output_loading_info": True}
    options |= _placement(settings, where, folder)
    model = _model(folder, settings, where, options)
    if "device_map" not in options:
        model = model.to(where)
    row = family(config["model_type"])
    return _known(model.eval(), processor, row, torch.empty(0, dtype=number).element_size())


def needs(settings: Settings) -> str | None:
    """The command that installs what the settings ask for beside transformers; None where nothing is missing."""
    if settings.videollm.precision in ("8bit", "4bit") and find_spec("bitsandbytes") is None:
        return "pip install bitsandbytes"
    if settings.videollm.attention == "flash_attention_2" and find_spec("flash_attn") is None:
        return "pip install flash-attn --no-build-isolation"
    return None


def _config(folder: Path) -> Mapping[str, Any]:
    try:
        config: Mapping[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        str(config["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineUnavailable(
            f"not a transformers model: its config.json cannot be used ({type(error).__name__}: {error})",
            str(folder),
            hint=_AGAIN.format(folder.name),
        ) from error
    return config


def _refuse_unknown(config: Mapping[str, Any], folder: Path, trusted: bool) -> None:
    """Before anything heavy: kinds of models that transformers does not know, for instance those that bring code of
    their own."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    kind = config["model_type"]
    if kind not in CONFIG_MAPPING_NAMES and not trusted:
        if "auto_map" in config:
            raise EngineUnavailable(
                f"{folder.name} is a {kind} model, which runs code of its own",
                hint="take its version made for transformers (often named -hf), or name the model in the setting "
                "trust, which lets its authors' code run on this machine",
            )
        raise EngineUnavailable(
            f"transformers {version('transformers')} does not know models of the kind {kind}",
            str(folder),
            hint="pip install -U transformers",
        )


def _precision(settings: Settings, where: Any) -> Any:
    import torch

    named = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    return named.get(settings.videollm.precision) or device.precision(where)


def _placement(settings: Settings, where: Any, folder: Path) -> dict[str, Any]:
    """Options that say where the weights go, and how small they are made on the way."""
    import torch

    options: dict[str, Any] = {}
    missing = needs(settings)
    if missing:
        raise EngineUnavailable("a package that the settings ask for is not installed", hint=missing)
    wanted = settings.videollm.precision
    if wanted in ("8bit", "4bit"):
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = (
            BitsAndBytesConfig(load_in_8bit=True)
            if wanted == "8bit"
            else BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=device.precision(where)
            )
        )
        options["device_map"] = {"": where}
    if where.type == "cuda":
        size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        part = {"8bit": 0.5, "4bit": 0.3}.get(wanted, 2.0 if wanted == "fp32" else 1.0)
        # One card is faster than several where the model fits, with a third of it to spare for what it works on.
        several = settings.device in ("auto", "cuda") and torch.cuda.device_count() > 1
        spread = several and size * part * 1.33 > device.free_bytes(where)
        options["device_map"] = "auto" if spread else {"": where}
    return options


def _processor(folder: Path, options: Mapping[str, Any]) -> Any:
    from transformers import AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(folder, **options)
    except ImportError as error:  # says itself which package it wants
        raise EngineUnavailable(f"{folder.name} needs another package ({_first_line(error)})") from error
    except Exception as error:
        raise EngineUnavailable(
            f"the processor of {folder.name} cannot be loaded ({_first_line(error)})", hint=_AGAIN.format(folder.name)
        ) from error
    if not hasattr(processor, "tokenizer"):
        raise EngineUnavailable(f"{folder.name} is not a model that looks at pictures", str(folder))
    processor.tokenizer.padding_side = "left"  # what is generated must begin right behind the prompt
    if processor.tokenizer.pad_token_id is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor


def _model(folder: Path, settings: Settings, where: Any, options: dict[str, Any]) -> Any:
    from safetensors import SafetensorError

    try:
        model, info = _built(folder, settings, where, options)
    except SafetensorError as error:
        raise EngineFailed(
            f"the weights of {folder.name} are damaged ({_first_line(error)})", hint=_AGAIN.format(folder.name)
        ) from error
    except ImportError as error:
        raise EngineUnavailable(f"{folder.name} needs another package ({_first_line(error)})") from error
    except Exception as error:
        if device.out_of_memory(error):
            raise EngineFailed(f"{folder.name} does not fit into the memory of {where}", hint=_LESS) from error
        raise EngineFailed(
            f"{folder.name} cannot be loaded ({_first_line(error)})", hint=_AGAIN.format(folder.name)
        ) from error
    for trouble, what in (("missing_keys", "lack"), ("mismatched_keys", "do not fit")):
        if info.get(trouble):
            # transformers would go on with random numbers in their place.
            names = sorted(str(key) for key in info[trouble])
            said = f"the weights of {folder.name} {what} {len(names)} of the model's parts, {names[0]} among them"
            raise EngineFailed(said, hint=_AGAIN.format(folder.name))
    return model


def _built(folder: Path, settings: Settings, where: Any, options: dict[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """Model and loading report, by the first auto class that knows it and the best attention it can do."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoModelForMultimodalLM

    attention = settings.videollm.attention
    half = options["dtype"] in (torch.float16, torch.bfloat16)
    flash = where.type == "cuda" and half and find_spec("flash_attn") is not None
    ways = [attention] if attention != "auto" else [*(["flash_attention_2"] if flash else []), "sdpa", "eager"]
    for way in ways:
        for auto in (AutoModelForImageTextToText, AutoModelForMultimodalLM):
            try:
                model, info = auto.from_pretrained(folder, attn_implementation=way, **options)
            except ValueError as error:
                unknown = "Unrecognized configuration class" in str(error)
                if unknown and auto is AutoModelForMultimodalLM:
                    raise EngineUnavailable(f"{folder.name} is not a model that looks at pictures") from error
                if unknown:
                    continue
                if "does not support" in str(error) and way != ways[-1]:
                    break
                raise
            return model, info
    raise AssertionError("every way was tried and none said why it failed")


def _known(model: Any, processor: Any, row: Family, number: int) -> Loaded:
    layout = _layout(processor, row)
    shown = processor.video_processor if layout == "video" else processor.image_processor
    size = getattr(shown, "size", None) or {}
    scalable = all(size.get(edge) for edge in ("shortest_edge", "longest_edge"))
    patch, merge = getattr(shown, "patch_size", None), getattr(shown, "merge_size", None) or 1
    last_only = "logits_to_keep" in signature(model.forward).parameters
    eager = getattr(model.config, "_attn_implementation", None) == "eager"
    return Loaded(
        model=model,
        processor=processor,
        family=row,
        where=model.device,
        layout=layout,
        multiple=patch * merge if scalable and isinstance(patch, int) else 1,
        fewest=getattr(shown, "temporal_patch_size", None) or 1 if layout == "video" else 1,
        scalable=scalable,
        shape=budget.shape(model.config, number, eager, all_logits=not last_only),
        last_only=last_only,
        harmless=Harmless(processor),
    )


def _layout(processor: Any, row: Family) -> Layout:
    """How frames are shown: as the table says, else by what the chat template makes of a video."""
    if row.layout is not None:
        return row.layout
    if getattr(processor, "video_processor", None) is None:
        return "grid"
    if processor.chat_template is None:
        return "video"
    mark = str(getattr(processor, "video_token", None) or "<video>")
    asked = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "?"}]}]
    rendered = processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    return "video" if mark in rendered else "grid"


def _first_line(error: BaseException) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text[:200]}"
