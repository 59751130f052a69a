"""Models that find what is described in words: OWLv2, OWL-ViT, Grounding DINO and MM Grounding DINO.

They find boxes that fit descriptions, not sentences: "a red umbrella" works, "the moment it starts to rain" does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from vagent.configs import Settings
from vagent.errors import EngineFailed
from vagent.tools.objects import Detection, Image
from vagent.tools.objects.loaded import Detector, detection
from vagent.tools.weights import Need

_TOKENS = 200  # of descriptions that Grounding DINO sees at once; it cuts what is behind its 256th
_PARTING = (".", "?")  # Grounding DINO takes what stands between two of these for one description


def need(settings: Settings) -> Need:
    """Which model looks for descriptions."""
    return Need(sense="objects", engine="transformers", model=settings.objects.find_model, role="find")


class OpenVocabulary(Detector):
    """Finds what is described."""

    auto = "AutoModelForZeroShotObjectDetection"
    processor = "AutoProcessor"

    def __init__(self, settings: Settings) -> None:
        super().__init__(need(settings), settings)

    def detections(
        self, processor: Any, model: Any, pictures: Sequence[Image], descriptions: Sequence[str]
    ) -> list[list[Detection]]:
        family = model.config.model_type
        if family.startswith("owl"):
            return self._queries(processor, model, pictures, descriptions)
        if family.endswith(("grounding-dino", "grounding_dino")):
            return self._phrases(processor, model, pictures, descriptions)
        raise EngineFailed("no such model looks for descriptions here", family, allowed="owlv2, owlvit, grounding-dino")

    def _queries(
        self, processor: Any, model: Any, pictures: Sequence[Image], descriptions: Sequence[str]
    ) -> list[list[Detection]]:
        """OWL: each description is a query of its own; of a box's queries the best is taken."""
        inputs = processor(
            text=[list(descriptions)] * len(pictures), images=list(pictures), return_tensors="pt", truncation=True
        )
        results = processor.post_process_grounded_object_detection(
            self.seen(model, inputs.to(model.device)),
            threshold=self.settings.objects.find_threshold,
            target_sizes=[picture.shape[:2] for picture in pictures],
        )
        return [
            [
                one
                for query, box, score in zip(*(result[k].tolist() for k in ("labels", "boxes", "scores")), strict=True)
                for one in detection(descriptions[query], box, score, picture)
            ]
            for result, picture in zip(results, pictures, strict=True)
        ]

    def _phrases(
        self, processor: Any, model: Any, pictures: Sequence[Image], descriptions: Sequence[str]
    ) -> list[list[Detection]]:
        """Grounding DINO: all descriptions are one text, and a box has a score for each of its tokens.

        The processor's own reading gives back the tokens above a threshold, "red umbrella" or "umbrella" for "a red
        umbrella"; here a box belongs to the description whose tokens fit it best on average, so that "a red umbrella"
        and "a blue umbrella" are told apart by their colours and not by the umbrella.
        """
        found: list[list[Detection]] = [[] for _ in pictures]
        for group in _groups(processor.tokenizer, descriptions):
            text = " ".join(f"{_phrase(one)}." for one in group)
            inputs = processor(text=[text] * len(pictures), images=list(pictures), return_tensors="pt")
            output = self.seen(model, inputs.to(model.device))
            tokens = _tokens(processor.tokenizer, inputs["input_ids"][0].tolist(), len(group))
            scores = output.logits.sigmoid()
            best = _stacked([scores[..., of].mean(-1) for of in tokens]).argmax(-1)
            surest = _stacked([scores[..., of].amax(-1) for of in tokens]).gather(-1, best[..., None])[..., 0]
            for number, picture in enumerate(pictures):
                height, width = picture.shape[:2]
                for row in (surest[number] > self.settings.objects.find_threshold).nonzero()[:, 0].tolist():
                    x, y, w, h = output.pred_boxes[number, row].tolist()
                    corners = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
                    label = group[int(best[number, row])]
                    found[number] += detection(label, corners, float(surest[number, row]), picture)
        return found


def _stacked(values: list[Any]) -> Any:
    import torch

    return torch.stack(values, -1)


def _phrase(description: str) -> str:
    """A description as Grounding DINO was trained on it: small letters, and no sign that parts two of them."""
    for sign in _PARTING:
        description = description.replace(sign, " ")
    return " ".join(description.lower().split())


def _groups(tokenizer: Any, descriptions: Sequence[str]) -> Iterator[list[str]]:
    """The descriptions in groups that the model sees at once."""
    group: list[str] = []
    taken = 0
    for one in descriptions:
        length = len(tokenizer(_phrase(one), add_special_tokens=False)["input_ids"]) + 1
        if group and taken + length > _TOKENS:
            yield group
            group, taken = [], 0
        group.append(one)
        taken += length
    if group:
        yield group


def _tokens(tokenizer: Any, ids: Sequence[int], count: int) -> list[list[int]]:
    """The positions of each description's tokens."""
    special = {tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id}
    parting = set(tokenizer.convert_tokens_to_ids(list(_PARTING)))
    found: list[list[int]] = [[]]
    for place, token in enumerate(ids):
        if token in parting:
            found.append([])
        elif token not in special:
            found[-1].append(place)
    phrases = [places for places in found if places]
    if len(phrases) != count:
        raise EngineFailed("the model's tokenizer does not part the descriptions", f"{len(phrases)} for {count}")
    return phrases
