"""Prompts about the same pictures begin alike: what a model made of the pictures is kept for the prompts that follow.

A multiple-choice question is asked once for each order of its options, and only words behind the pictures differ. The
keys and values of everything up to the last picture are computed once and gone on from (as in Gim et al., "Prompt
Cache", 2024, for a prefix alone). Every prompt with pictures is read in the same two steps, whether the first one was
kept or not: so what was asked before cannot change a result by as much as a rounding.
"""

from __future__ import annotations

import hashlib
from inspect import signature
from typing import Any

from vagent.tools.videollm.inputs import Clip
from vagent.tools.videollm.loading import Loaded

_PICTURES = ("image_token_id", "video_token_id", "image_token_index", "video_token_index")
_PER_TOKEN = frozenset({"input_ids", "attention_mask", "mm_token_type_ids", "token_type_ids"})


class Prefix:
    """The beginning of the last prompt that logits were asked of, up to its last picture. Used in one's turn alone."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Let go of what is kept."""
        self._mark = b""
        self._cache: Any = None

    def logits(self, loaded: Loaded, one: Clip, made: Any, last: int) -> Any:
        """Logits behind each of the ``last`` tokens of a prompt.

        Args:
            made: the batch of ``one`` alone.
        """
        cut = _pictures_end(loaded, made["input_ids"][0])
        rest = made["input_ids"][:, cut:]
        if not 0 < cut <= made["input_ids"].shape[1] - last:
            self.forget()
            return _forward(loaded, last, **made).logits[0, -last:]
        mark = _mark(loaded, one, made["input_ids"][0, :cut])
        cache = self._cache if mark == self._mark else None
        self.forget()  # what breaks half-way must not be gone on from
        places = _places(loaded, made)
        if cache is None:
            given = {name: value[:, :cut] if name in _PER_TOKEN else value for name, value in made.items()}
            cache = _forward(loaded, 1, **given, **_between(places, 0, cut), use_cache=True).past_key_values
        if not _can_be_cut(cache):
            return _forward(loaded, last, **made).logits[0, -last:]
        # Without a mask: one prompt has no padding.
        given = {"input_ids": rest, "past_key_values": cache, **_between(places, cut, cut + rest.shape[1])}
        found = _forward(loaded, last, **given, use_cache=True).logits[0, -last:]
        cache.crop(-rest.shape[1])
        self._mark, self._cache = mark, cache
        return found


def _forward(loaded: Loaded, last: int, **given: Any) -> Any:
    # Some models take the option and give those of the whole prompt all the same.
    options = {"logits_to_keep": last} if loaded.last_only else {}
    return loaded.model(**given, **options)


def _places(loaded: Loaded, made: Any) -> Any:
    """Where each token stands in time, height and width, for families that turn by that; None for others.

    Left to themselves, they would count the words behind the pictures from what they noted at the last prompt.
    """
    for part in loaded.model.modules():
        if hasattr(part, "get_rope_index"):
            known = signature(part.get_rope_index).parameters
            return part.get_rope_index(**{name: value for name, value in made.items() if name in known})[0]
    return None


def _between(places: Any, first: int, end: int) -> dict[str, Any]:
    return {} if places is None else {"position_ids": places[..., first:end]}


def _pictures_end(loaded: Loaded, ids: Any) -> int:
    """How many tokens there are up to the last one that stands for a picture; 0 where none does."""
    import torch

    places = [getattr(loaded.model.config, name, None) for name in _PICTURES]
    found = torch.isin(ids, torch.tensor([one for one in places if one is not None], device=ids.device)).nonzero()
    return int(found[-1]) + 1 if len(found) else 0


def _can_be_cut(cache: Any) -> bool:
    """Whether every layer keeps all tokens, each by itself: not a window of them, nor a state of all together."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    return isinstance(cache, DynamicCache) and all(type(layer) is DynamicLayer for layer in cache.layers)


def _mark(loaded: Loaded, one: Clip, ids: Any) -> bytes:
    """A hash of all that the keys and values up to the last picture depend on."""
    held = hashlib.blake2b(repr((id(loaded.model), one.times, one.key, one.columns)).encode(), digest_size=16)
    held.update(ids.cpu().numpy().tobytes())
    if one.video is not None:
        held.update(one.video.tobytes())
    return held.digest()
