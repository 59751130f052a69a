"""Training material of the video-LLM: pictures as the library keeps them, and several questions a scene, as tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.world import prompts
from tests.world.scenes import COLOURS, DIRECTIONS, HEIGHT, SHAPES, WIDTH, Image, Scene, draw, scene
from tests.world.tiny_qwen import CELL
from tests.world.words import caption, questions

MOTIONS = (*DIRECTIONS, "still")
ROOM = 330  # tokens of questions in one sequence: attention costs by the square of it
FOCUS = {"colour": 1, "shape": 1, "direction": 2, "mover": 2, "first": 3, "after": 3, "before": 3, "nothing": 1}
"""How often each kind of question is asked; those that are not here would take more training than an hour."""
HELD_OUT = 10_000_000  # seeds from here on are never trained on
DESCRIBE = (
    "Describe the clip.", "Describe what the pictures show.", "What happens in the clip?",
    "Describe what is seen in one sentence.", "Write a caption.",
)  # fmt: skip


def kept(image: Image, quality: int = 80) -> Image:
    """The picture after the library's JPEG."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def times(rng: np.random.Generator, made: Scene) -> list[float]:
    """About one moment a second, from a random phase; sometimes others."""
    step = float(rng.choice([1.0, 0.8, made.duration / 8, 0.5], p=[0.64, 0.15, 0.15, 0.06]))
    return [float(t) for t in np.arange(rng.uniform(0.02, min(step, 1.0) - 0.02), made.duration - 0.02, step)]


def metadata(at: list[float], duration: float, height: int = HEIGHT, width: int = WIDTH) -> dict[str, Any]:
    """True times for the processor."""
    return {
        "total_num_frames": max(1, round(duration * 1000)),
        "fps": 1000.0,
        "duration": duration,
        "frames_indices": [round(t * 1000) for t in at],
        "height": height,
        "width": width,
        "video_backend": "vagent",
    }


@dataclass(frozen=True)
class Sample:
    """One scene: a prefix of tokens with the pictures, and branches of (prompt, answer) that each follow it alone."""

    prefix: list[int]
    branches: list[tuple[list[int], list[int]]]
    marks: list[dict[int, int]]  # of each branch: last tokens of options, and whether each is right (1 or 0)
    pixels: Any
    grid: Any
    cells: NDArray[np.float32]  # pair x cell x picture x (colour, shape, motion, across, down); -1: no middle there


def clip(rng: np.random.Generator, made: Scene) -> tuple[list[float], NDArray[np.uint8]]:
    """Moments of the scene and their pictures, RGB."""
    at = times(rng, made)
    quality = int(rng.choice([70, 80, 80, 90]))
    frames = np.stack([kept(draw(made, t), quality)[:, :, ::-1] for t in at])
    return at, np.ascontiguousarray(frames)


def asked(
    rng: np.random.Generator,
    made: Scene,
    at: list[float],
    offset: float,
    most: int = 6,
    whole: float = 0.1,
    letters: float = 0.35,
) -> Iterator[tuple[str, str, str]]:
    """Prompt, answer, and the options that stand in the prompt.

    Args:
        whole: how many of the prompts are the product's, word by word; most others are the bare question.
        letters: how many of the questions come with options.
    """
    shown = [t + offset for t in at]
    stretch = (shown, offset, offset + made.duration)
    pool = [question for question in questions(made, rng) if question.kind in FOCUS]
    weights = np.array([FOCUS[question.kind] for question in pool])
    for index in rng.choice(len(pool), min(most, len(pool)), replace=False, p=weights / weights.sum()):
        question = pool[int(index)]
        said = prompts.evidence(rng, *stretch[1:])
        if question.wrong and rng.random() < letters:
            listed, answer = prompts.options(rng, question)
            asking = prompts.choose(*stretch, question.text, listed, said)
            bare = (
                f"Question: {question.text}\n\nOptions:\n{listed}\n\nAnswer with the letter of the right option alone."
            )
            keep = [question.text, listed]
        else:
            listed = ""
            second = rng.random() < 0.3
            asking = prompts.again(*stretch, question.text) if second else prompts.look(*stretch, question.text, said)
            answer, keep = question.answer, [question.text]
            bare = f"Question: {question.text}" if rng.random() < 0.7 else question.text
        yield _form(rng, whole, asking, bare, keep), answer, listed
    words = int(rng.choice([40, 60, 60, 80, 100]))
    asking = prompts.describe(*stretch, prompts.evidence(rng, *stretch[1:]), words)
    keep = [f"Describe in at most {words} words what the pictures show"]
    yield _form(rng, whole, asking, str(rng.choice([*keep, *DESCRIBE])), keep), caption(made), ""


def _form(rng: np.random.Generator, whole: float, asking: str, bare: str, keep: list[str]) -> str:
    drawn = rng.random()
    if drawn < whole:
        return asking
    return prompts.worn(rng, asking, keep) if drawn < whole + 0.15 else bare


def sample(seed: int, processor: Any, whole: float = 0.1, letters: float = 0.35) -> Sample:
    """The training material of a seed."""
    rng = np.random.default_rng((seed, 1))
    made = scene(seed)
    at, frames = clip(rng, made)
    offset = float(rng.choice([0.0, rng.uniform(0, 60), rng.uniform(0, 7200)]))
    message = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": "@"}]}]
    text = processor.apply_chat_template(message, add_generation_prompt=True, tokenize=False)
    shown = [t + offset for t in at]
    inputs = processor(
        text=[text],
        videos=[frames],
        video_metadata=[metadata(shown, offset + made.duration)],
        do_sample_frames=False,
        return_tensors="pt",
    )
    ids = inputs["input_ids"][0].tolist()
    words = processor.tokenizer
    prefix = ids[: len(ids) - 1 - ids[::-1].index(words.convert_tokens_to_ids("<|vision_end|>")) + 1]
    branches, marks = [], []
    room = ROOM
    for prompt, answer, listed in asked(rng, made, at, offset, whole=whole, letters=letters):
        said = words(f"{prompt}<|im_end|>\n<|im_start|>assistant\n")["input_ids"]
        told = words(f"{answer}<|im_end|>")["input_ids"]
        room -= len(said) + len(told)
        if room > 0 or not branches:
            branches.append((said, told))
            marks.append(_marks(words, prompt, listed, answer))
    return Sample(prefix, branches, marks, inputs["pixel_values_videos"], inputs["video_grid_thw"], cells(made, at))


def _marks(words: Any, prompt: str, listed: str, answer: str) -> dict[int, int]:
    """Where the last token of each option stands, and 1 for the right one, 0 for the others."""
    if not listed:
        return {}
    ends = [end for _, end in words(prompt, return_offsets_mapping=True)["offset_mapping"]]
    at, found = prompt.index(listed), {}
    for line in listed.split("\n"):
        at += len(line)
        found[ends.index(at)] = int(line[0] == answer)
        at += 1
    return found


def cells(made: Scene, at: list[float]) -> NDArray[np.float32]:
    """Where the middles of things lie on the grid of visual tokens: what the first minutes of training look at."""
    at = at + at[-1:] * (len(at) % 2)
    rows, columns = HEIGHT // 4 // CELL, WIDTH // 4 // CELL
    found = np.full((len(at), rows, columns, 5), -1.0, np.float32)
    for n, time in enumerate(at):
        for thing in made.things:
            if thing.seen(time):
                x, y = (v / 4 / CELL for v in thing.place(time))
                column, row = min(int(x), columns - 1), min(int(y), rows - 1)
                # How it moves can be seen where it is in both pictures of the pair.
                moving = MOTIONS.index(thing.motion) if thing.seen(at[n ^ 1]) and at[n] != at[n ^ 1] else -1
                kind = (list(COLOURS).index(thing.colour), SHAPES.index(thing.shape), moving)
                found[n, row, column] = (*kind, x - column, y - row)
    return found.reshape(len(at) // 2, 2, rows * columns, 5).transpose(0, 2, 1, 3)
