"""What goes into a model: prompts by its chat template, frames by its processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.errors import EngineUnavailable
from vagent.tools.thoughts import closed
from vagent.tools.time import format_time
from vagent.tools.videollm import Frames
from vagent.tools.videollm.budget import Size
from vagent.tools.videollm.loading import Loaded
from vagent.tools.videollm.pictures import fitted, grid, rgb, thin

_GRID = 9  # frames in one picture; more are too small to recognise anything in
_GRID_SIZE = 4  # times the pixels of one picture that a grid of them has


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames of one prompt, ready for a processor.

    Attributes:
        video: frames x height x width x 3, RGB; None where there are none. A grid is one frame.
        times: of the frames, seconds.
        shown: how many frames they were before a lone one was doubled.
        columns: of the grid; 0 where it is none.
        scaled: whether the frames were made smaller than they are.
        asked: the prompt with its control tokens made harmless.
    """

    video: NDArray[np.uint8] | None
    times: tuple[float, ...]
    shown: int
    columns: int
    scaled: bool
    asked: str

    @property
    def key(self) -> tuple[int, ...]:
        """Clips with the same key can share a batch: many processors refuse others, or count their frames wrongly."""
        return () if self.video is None else (*self.video.shape[:3], self.scaled)

    @property
    def size(self) -> Size:
        """What it takes of the budget; of a grid, what its cells were made from."""
        if self.video is None:
            return Size(0, 0)
        height, width = self.video.shape[1:3]
        return Size(self.shown, height * width // (_GRID_SIZE if self.columns else 1))


def clip(loaded: Loaded, frames: Frames, prompt: str, size: Size) -> Clip:
    """One prompt and its frames within a size."""
    most = min(size.frames, loaded.family.frames or size.frames)
    if loaded.layout == "grid":
        most = min(most, _GRID)
    frames = thin(sorted(frames, key=lambda frame: frame[0]), most)
    asked = loaded.harmless(prompt)
    if not frames:
        return Clip(None, (), 0, 0, False, asked)
    times, images = tuple(time for time, _ in frames), [image for _, image in frames]
    if loaded.layout == "grid":
        picture, columns = grid(images, times, max(32, int((_GRID_SIZE * size.pixels) ** 0.5)))
        return Clip(rgb([picture], picture.shape[:2]), times, len(times), columns, False, asked)
    height, width = images[0].shape[:2]
    video = rgb(images, fitted(height, width, size.pixels, loaded.multiple))
    if len(times) < loaded.fewest:
        # Families that see frames in pairs refuse a lone one.
        video = np.repeat(video, loaded.fewest, axis=0)
        times = times * loaded.fewest
    return Clip(video, times, len(frames), 0, video.shape[1:3] != (height, width), asked)


def inputs(loaded: Loaded, clips: Sequence[Clip], ending: str = "") -> Any:
    """The batch for the model, on its device; all clips have the same ``key``.

    Args:
        ending: written behind each prompt, as the beginning of the answer.

    Raises:
        EngineUnavailable: the checkpoint says nowhere how it wants to be asked.
    """
    texts = [_text(loaded, one) + ending for one in clips]
    options: dict[str, Any] = {"text": texts, "padding": True, "return_tensors": "pt"}
    bos = loaded.processor.tokenizer.bos_token
    if bos is not None and texts[0].startswith(bos):
        options["add_special_tokens"] = False  # the template wrote it already
    if clips[0].video is not None:
        options |= _shown(loaded, clips)
    made = loaded.processor(**options).to(loaded.where)
    for name, value in made.items():
        # Not all numbers: the seconds between frames lose their meaning in half precision.
        if name.startswith("pixel_values") and value.is_floating_point():
            made[name] = value.to(loaded.model.dtype)
    return made


def numbers(made: Mapping[str, Any]) -> int:
    """How many numbers the pictures of a batch have."""
    return sum(value.numel() for name, value in made.items() if name.startswith("pixel_values"))


def _text(loaded: Loaded, one: Clip) -> str:
    """The rendered prompt, up to where the answer begins."""
    asked = one.asked
    if one.video is None:
        content = []
    elif loaded.layout == "images":
        shown = [[{"type": "text", "text": f"[{format_time(time, 1)}]"}, {"type": "image"}] for time in one.times]
        content = [part for pair in shown for part in pair]
    elif loaded.layout == "grid":
        content = [{"type": "image"}]
        asked = f"{_grid_line(one)}\n{asked}"
    else:
        content = [{"type": "video"}]
        if not loaded.family.clock:
            asked = f"The pictures were taken at {_times(one)}.\n{asked}"
    content.append({"type": "text", "text": asked})
    if loaded.processor.chat_template is None:
        return _plain(loaded, content)
    said: str = loaded.processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False, enable_thinking=False
    )
    return closed(said)


def _times(one: Clip) -> str:
    return ", ".join(format_time(time, 1) for time in one.times)


def _grid_line(one: Clip) -> str:
    if len(one.times) == 1:
        return f"The picture was taken at {_times(one)}."
    return (
        f"The picture shows {len(one.times)} moments of a video in order of time, row by row from the top left, "
        f"{one.columns} in a row, at {_times(one)}."
    )


def _plain(loaded: Loaded, content: Sequence[Mapping[str, str]]) -> str:
    if loaded.family.plain is None:
        raise EngineUnavailable(
            "the model has no chat template: nothing says how it wants to be asked",
            hint="take the version of it that is tuned for chat (often named -Instruct or -hf)",
        )
    shown = "".join(part.get("text") or getattr(loaded.processor, f"{part['type']}_token") for part in content[:-1])
    return loaded.family.plain.replace("{pictures}", shown).replace("{prompt}", content[-1]["text"])


def _shown(loaded: Loaded, clips: Sequence[Clip]) -> dict[str, Any]:
    videos = [one.video for one in clips if one.video is not None]
    if loaded.layout != "video":
        from PIL import Image

        pictures = [[Image.fromarray(picture) for picture in video] for video in videos]
        return {"images": pictures, "images_kwargs": dict(loaded.family.images)}
    options: dict[str, Any] = {
        "videos": videos,
        "video_metadata": [_metadata(one) for one in clips],
        "do_sample_frames": False,  # some would take every twelfth of the frames that were chosen for it
    }
    limits = _limits(loaded, videos[0].shape[:3], clips[0].scaled)
    return options | ({"videos_kwargs": {"size": limits}} if limits else {})


def _metadata(one: Clip) -> dict[str, Any]:
    """True times, as a video of a thousand frames a second of which these were taken."""
    count = len(one.times)
    step = (one.times[-1] - one.times[0]) / (count - 1) if count > 1 else 0.0
    step = step if step > 0 else 1.0
    assert one.video is not None
    return {
        # Families that only know a mean rate take count / total_num_frames for it.
        "total_num_frames": max(1, round(count * step * 1000)),
        "fps": 1000.0,
        "duration": one.times[-1] + step,
        "frames_indices": [round(time * 1000) for time in one.times],
        "height": one.video.shape[1],
        "width": one.video.shape[2],
        "video_backend": "vagent",
    }


def _limits(loaded: Loaded, shape: Sequence[int], scaled: bool) -> dict[str, int] | None:
    """The processor's limits where its own would undo our size; None where they leave it as it is.

    Some families count the pixels of a frame, some those of the whole video: limits are given that hold for both.
    """
    if not loaded.scalable:
        return None
    frames, height, width = shape
    own = loaded.processor.video_processor.size
    least, most = own["shortest_edge"], own["longest_edge"]
    whole = (frames + 1) * (height + loaded.multiple) * (width + loaded.multiple)
    wanted = {"shortest_edge": min(least, height * width) if scaled else least, "longest_edge": max(most, whole)}
    return None if wanted == {"shortest_edge": least, "longest_edge": most} else wanted
