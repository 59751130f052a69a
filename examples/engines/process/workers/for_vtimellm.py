"""VTimeLLM (github.com/huangb23/VTimeLLM) for ``worker.py``; needs a CUDA card.

In an environment of its own: clone the repository, install its requirements, and fetch what its docs/offline_demo.md
lists: Vicuna 7B v1.5, CLIP ViT-L/14, and the checkpoints of the three stages.

    python worker.py for_vtimellm.py CHECKPOINTS VICUNA

The model always sees 100 frames and tells times as their numbers, 00 to 99: ``marked`` says so, and vagent makes times
of the video of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from types import SimpleNamespace

FRAMES = 100
_NUMBERS = re.compile(r"\b(?:(?:from|between|frames?)\s+\d{1,2}\s*(?:to|and|-)\s*\d{1,2}|frame\s+\d{1,2})\b", re.I)


def load(checkpoints: str, vicuna: str) -> Callable[[Sequence[str], Sequence[float], str, int], str]:
    """The model. ``checkpoints`` holds the folders ``clip`` and ``vtimellm-vicuna-v1-5-7b-stage1`` to ``-stage3``."""
    import clip  # type: ignore[import-not-found]
    import numpy as np
    import torch
    from PIL import Image
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize
    from vtimellm.inference import inference  # type: ignore[import-not-found]
    from vtimellm.model.builder import load_pretrained_model  # type: ignore[import-not-found]

    stage = f"{checkpoints}/vtimellm-vicuna-v1-5-7b-stage"
    options = SimpleNamespace(model_base=vicuna, pretrain_mm_mlp_adapter=f"{stage}1/mm_projector.bin")
    tokenizer, model, _ = load_pretrained_model(options, f"{stage}2", f"{stage}3")
    model = model.cuda().to(torch.float16)
    eyes, _ = clip.load(f"{checkpoints}/clip/ViT-L-14.pt")
    eyes = eyes.eval().cuda()
    mean, deviation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    prepare = Compose([Resize(224, InterpolationMode.BICUBIC), CenterCrop(224), Normalize(mean, deviation)])

    def answer(pictures: Sequence[str], times: Sequence[float], prompt: str, tokens: int) -> str:
        pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in pictures])
        images = torch.from_numpy(pixels[nearest(times)]).permute(0, 3, 1, 2) / 255.0
        with torch.no_grad():
            features = eyes.encode_image(prepare(images).to("cuda", torch.float16))
        # A prompt may quote the video; the repository would take this word for a place of pictures.
        said = inference(model, features, "<video>\n " + prompt.replace("<video>", "(video)"), tokenizer)
        return marked(said)

    return answer


def nearest(times: Sequence[float]) -> list[int]:
    """For each of 100 moments from the first time to the last the number of the picture nearest to it."""
    first, last = times[0], times[-1]
    moments = [first + (last - first) * i / (FRAMES - 1) for i in range(FRAMES)]
    return [min(range(len(times)), key=lambda k: abs(times[k] - moment)) for moment in moments]


def marked(text: str) -> str:
    """Frame numbers in the model's words as ``worker.py``'s side is told them: "from 10 to 35" becomes
    "from <frame 10/100> to <frame 35/100>"."""
    return _NUMBERS.sub(lambda found: re.sub(r"\d+", rf"<frame \g<0>/{FRAMES}>", found[0]), text)
