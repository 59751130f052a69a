"""What differs between families of video-LLMs in transformers; everything else is asked of the checkpoint itself.

A family that is not in the table is shown a video where its processor takes one, else one picture with all frames in
a grid. Measured on transformers 5.23 unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Layout = Literal["video", "images", "grid"]
"""How frames are shown: as one video; as pictures, each behind its time; as one picture that holds them all."""


@dataclass(frozen=True, slots=True)
class Family:
    """How one family wants to be shown frames.

    Attributes:
        layout: None: video where the processor takes one, else a grid.
        clock: its processor writes the times of the frames into the prompt.
        frames: most frames that it was made for; None: as many as the settings and the memory allow.
        images: options of its image processor.
        plain: the prompt where the checkpoint has no chat template, with ``{pictures}`` and ``{prompt}``.
    """

    layout: Layout | None = None
    clock: bool = False
    frames: int | None = None
    images: Mapping[str, Any] = field(default_factory=dict)
    plain: str | None = None


_CLOCK = Family(clock=True)
_PICTURES = Family(layout="images")
_VICUNA = "USER: {pictures}\n{prompt} ASSISTANT:"

FAMILIES: Mapping[str, Family] = {
    # "<12.8 seconds>" before every two frames, their mean time
    "qwen3_vl": _CLOCK,
    "qwen3_vl_moe": _CLOCK,
    "qwen3_5": _CLOCK,
    "qwen3_5_moe": _CLOCK,
    "lfm3_vl": _CLOCK,
    "smolvlm": _CLOCK,  # "Frame from 60:02:"
    "video_llama_3": _CLOCK,  # "Time 3602.0s:"
    # from their source
    "molmo2": _CLOCK,
    "gemma4": _CLOCK,
    "glm4v": _CLOCK,
    "glm4v_moe": _CLOCK,
    "glm46v": _CLOCK,
    # Knows the mean rate of the frames, not their times: these stand in the text.
    "qwen2_vl": Family(),
    "qwen2_5_vl": Family(),
    "llava_onevision": Family(),  # 196 tokens a frame of a video, 729 a picture
    # Its videos are "Frame1: <picture>" and so on: with the time instead of the number it also knows when. Without
    # the option it cuts each picture into up to twelve.
    "internvl": Family(layout="images", images={"crop_to_patches": False}),
    "video_llava": Family(frames=8, plain=_VICUNA),  # trained with eight
    # several pictures in one prompt, no video
    "aria": _PICTURES,
    "gemma3": _PICTURES,
    "idefics2": Family(layout="images", images={"do_image_splitting": False}),
    "idefics3": Family(layout="images", images={"do_image_splitting": False}),
    "lfm2_vl": _PICTURES,
    "mistral3": _PICTURES,
    "mllama": _PICTURES,
    "llava": Family(layout="grid", plain=_VICUNA),
}


def family(model_type: str) -> Family:
    """The row of a checkpoint's ``model_type``; the general one where there is none."""
    return FAMILIES.get(model_type, Family())
