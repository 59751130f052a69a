"""VideoLLaMA2 (github.com/DAMO-NLP-SG/VideoLLaMA2) for ``worker.py``; needs a CUDA card.

In an environment of its own: clone the repository, install its requirements (torch 2.2, transformers 4.42) and itself.

    python worker.py for_videollama2.py DAMO-NLP-SG/VideoLLaMA2.1-7B-16F
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def load(model_path: str = "DAMO-NLP-SG/VideoLLaMA2.1-7B-16F") -> Callable[..., str]:
    """The model, by hub id or folder."""
    import videollama2  # type: ignore[import-not-found]

    loaded = videollama2.model_init(model_path)
    if hasattr(videollama2, "mm_infer"):  # since August 2024
        model, processors, tokenizer = loaded
        prepare = processors["video"]
    else:
        model, prepare, tokenizer, version = loaded
    count = int(getattr(model.config, "num_frames", 8))

    def answer(pictures: Sequence[str], times: Sequence[float], prompt: str, tokens: int) -> str:
        # A prompt may quote the video; the repository would take this word for a place of pictures.
        prompt = prompt.replace("<video>", "(video)").replace("<image>", "(image)")
        video = prepare(evenly(pictures, count))
        if hasattr(videollama2, "mm_infer"):
            said: Any = videollama2.mm_infer(
                video, prompt, model=model, tokenizer=tokenizer, modal="video", do_sample=False, max_new_tokens=tokens
            )
        else:
            said = videollama2.x_infer(video, prompt, model, tokenizer, mode="vanilla", version=version)
        return str(said)

    return answer


def evenly(pictures: Sequence[str], count: int) -> list[str]:
    """Exactly as many pictures as the model was trained with; few are repeated, where the repository would show black
    ones."""
    last = len(pictures) - 1
    return [pictures[round(i * last / max(1, count - 1))] for i in range(count)]
