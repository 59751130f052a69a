"""What differs between families of models that see and read: how pictures and texts go in, and what a likeness means.

The methods run inside the engine's lock and give torch tensors, one row an input, not yet of unit length.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vagent.tools import device
from vagent.tools.embeddings import Vectors, readable, unit
from vagent.tools.visual import Image, Sought

_GENERIC = ("a photo", "a picture", "an image", "a frame of a video")
"""Texts that are true of any picture: what they have in common with a picture says nothing about it."""

_LONGEST = 4000  # characters of a text; more than any model here reads


class Encoder(ABC):
    """A loaded model with its processor.

    Args:
        model: in evaluation mode, on its device.
        processor: what ``AutoProcessor`` gave for it.
    """

    @staticmethod
    def number(where: Any) -> Any:
        """The number type that it runs in on a torch device."""
        return device.encoding(where)

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor
        self._generic: NDArray[np.float32] | None = None

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of a vector."""

    @abstractmethod
    def images(self, images: Sequence[Image]) -> Any:
        """Rows for some pictures, which are RGB here."""

    @abstractmethod
    def texts(self, texts: Sequence[str]) -> Any:
        """Rows for some texts."""

    @abstractmethod
    def seek(self, text: str) -> Sought:
        """What to compare pictures with to find those that show ``text``."""

    def vectors(self, encode: Callable[[list[Any]], Any], items: list[Any]) -> Vectors:
        """What ``images`` or ``texts`` makes of some items, as unit vectors outside of torch."""
        rows = device.in_range(self.model, lambda: encode(items))
        return unit(rows.float().cpu().numpy())

    def to_device(self, inputs: Any) -> Any:
        """A processor's output where the model is, its pictures in the model's number type."""
        return inputs.to(self.model.device, dtype=self.model.dtype)

    def contrast(self, text: str, scale: float, bias: float) -> Sought:
        """A text against texts that are true of any picture.

        The inner product with the difference is how much nearer a picture is to the text than to them, which takes
        away what a picture has in common with every text. After the canonical phrases of LERF (Kerr et al., ICCV
        2023), with their mean in the place of the nearest, so that one vector stands for all of it.
        """
        if self._generic is None:
            self._generic = self.vectors(self.texts, list(_GENERIC)).mean(axis=0)
        return Sought(self.vectors(self.texts, [text])[0] - self._generic, scale, bias)


class Clip(Encoder):
    """CLIP (Radford et al., ICML 2021)."""

    _PADDING: ClassVar[dict[str, Any]] = {"padding": True}
    _EVEN = 4.0  # by so much, in the model's own logits, a picture is nearer to a text that it shows as likely as not

    @property
    def dimension(self) -> int:
        return int(self.model.config.projection_dim)

    def images(self, images: Sequence[Image]) -> Any:
        inputs = self.processor.image_processor(list(images), return_tensors="pt", input_data_format="channels_last")
        return self.model.get_image_features(**self.to_device(inputs)).pooler_output

    def texts(self, texts: Sequence[str]) -> Any:
        clean = [self.prepared(text) for text in texts]
        length = int(self.model.config.text_config.max_position_embeddings)
        inputs = self.processor.tokenizer(
            clean, truncation=True, max_length=length, return_tensors="pt", **self._PADDING
        )
        return self.model.get_text_features(**inputs.to(self.model.device)).pooler_output

    def seek(self, text: str) -> Sought:
        # Trained by a softmax over texts: only differences between texts mean anything.
        return self.contrast(text, float(self.model.logit_scale.exp()), -self._EVEN)

    def prepared(self, text: str) -> str:
        """A text as the model was trained to read it."""
        return readable(text)[:_LONGEST]


class Siglip(Clip):
    """SigLIP (Zhai et al., ICCV 2023) and SigLIP 2 (Tschannen et al., 2025), of fixed and of free proportions."""

    # Trained so, reading the padding too: shorter texts, or a mask, which some checkpoints ask for, give other vectors.
    _PADDING: ClassVar[dict[str, Any]] = {"padding": "max_length", "return_attention_mask": False}
    _PRIOR = float(np.log(32))
    """Trained to tell one picture in about 32,000 from the rest, and asked about one in about a thousand: that changes
    the odds by so much."""

    @property
    def dimension(self) -> int:
        return int(self.model.config.vision_config.hidden_size)

    def seek(self, text: str) -> Sought:
        vector = self.vectors(self.texts, [text])[0]
        return Sought(vector, float(self.model.logit_scale.exp()), float(self.model.logit_bias) + self._PRIOR)

    def prepared(self, text: str) -> str:
        return super().prepared(text).lower()  # SigLIP 2's tokenizer on the hub leaves that to the caller


class QwenEmbedding(Encoder):
    """Qwen3-VL-Embedding: the last token's state after an instruction and what is to be embedded."""

    _PICTURE = "Represent the user's input."
    _QUERY = "Retrieve images or text relevant to the user's query."
    _PIXELS = (4 * 32 * 32, 1800 * 32 * 32)  # of one picture, as its authors set it
    _SCALE, _EVEN = 40.0, 2.0  # not measured with the real weights

    @staticmethod
    def number(where: Any) -> Any:
        return device.precision(where)  # a language model: numbers between its layers may be too large for float16

    def __init__(self, model: Any, processor: Any) -> None:
        super().__init__(model, processor)
        processor.tokenizer.padding_side = "right"

    @property
    def dimension(self) -> int:
        return int(self.model.config.text_config.hidden_size)

    def images(self, images: Sequence[Image]) -> Any:
        least, most = self._PIXELS
        prompt = self._prompt(self._PICTURE, {"type": "image"})
        return self._last(
            text=[prompt] * len(images),
            images=[[image] for image in images],
            images_kwargs={
                "size": {"shortest_edge": least, "longest_edge": most},
                "input_data_format": "channels_last",
            },
        )

    def texts(self, texts: Sequence[str]) -> Any:
        return self._last(text=[self._prompt(self._QUERY, {"type": "text", "text": self._plain(t)}) for t in texts])

    def seek(self, text: str) -> Sought:
        return self.contrast(text, self._SCALE, -self._EVEN)

    def _plain(self, text: str) -> str:
        """A text without the model's control tokens, or ``NULL`` for none, which is what it was trained with."""
        text = readable(text)[:_LONGEST]
        for token in self.processor.tokenizer.get_added_vocab():
            text = text.replace(token, " ")
        return text.strip() or "NULL"

    def _prompt(self, instruction: str, content: dict[str, str]) -> str:
        conversation = [
            {"role": "system", "content": [{"type": "text", "text": instruction}]},
            {"role": "user", "content": [content]},
        ]
        return str(self.processor.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False))

    def _last(self, **given: Any) -> Any:
        import torch

        inputs = self.processor(**given, padding=True, return_tensors="pt")
        states = self.model(**self.to_device(inputs), use_cache=False).last_hidden_state
        ends = inputs["attention_mask"].sum(dim=1) - 1
        return states[torch.arange(len(ends)), ends.to(states.device)]


FAMILIES: dict[str, type[Encoder]] = {
    "clip": Clip,
    "siglip": Siglip,  # SigLIP 2 of fixed size says this too
    "siglip2": Siglip,
    "qwen3_vl": QwenEmbedding,
}
"""What a model's config.json says its type is -> how it is used."""
