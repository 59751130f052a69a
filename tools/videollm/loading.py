"""From a folder to a video-LLM that can be asked, and what its family makes of frames."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from vagent.configs import Settings
from vagent.errors import EngineUnavailable
from vagent.tools import checkpoints
from vagent.tools.checkpoints import Kind
from vagent.tools.control import Harmless
from vagent.tools.videollm import budget
from vagent.tools.videollm.families import Family, Layout, family

KIND = Kind("videollm", "looks at pictures", ("AutoModelForImageTextToText", "AutoModelForMultimodalLM"))
"""Models that can be asked about frames."""


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
    config = checkpoints.config(folder, trusted)
    place = checkpoints.place(folder, KIND, settings)
    processor = _processor(folder, trusted)
    model = checkpoints.model(folder, KIND, settings, place, trusted)
    return _known(model, processor, family(config["model_type"]), place.number.itemsize)


def _processor(folder: Path, trusted: bool) -> Any:
    processor = checkpoints.piece(folder, "AutoProcessor", "processor", trusted)
    if not hasattr(processor, "tokenizer"):
        raise EngineUnavailable(f"{folder.name} is not a model that looks at pictures", str(folder))
    processor.tokenizer.padding_side = "left"  # what is generated must begin right behind the prompt
    if processor.tokenizer.pad_token_id is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor


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
