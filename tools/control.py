"""Control tokens are a model's own signs. In text of others they are made harmless: what was read in a video must
never be able to end a prompt, to speak as the assistant or to stand for a picture."""

from __future__ import annotations

import re
from typing import Any


class Harmless:
    """Takes the force from the control tokens of one processor, and leaves the text readable.

    Args:
        processor: of transformers, or a tokenizer; the tokenizer's special and added tokens count, and every token
            that either names.
    """

    def __init__(self, processor: Any) -> None:
        tokenizer = getattr(processor, "tokenizer", processor)
        found = {str(token) for token in tokenizer.all_special_tokens}
        found |= {str(token.content) for token in getattr(tokenizer, "added_tokens_decoder", {}).values()}
        for owner in (processor, tokenizer):
            found |= {v for k, v in vars(owner).items() if k.endswith("_token") and isinstance(v, str)}
        # A mark of one character, or a plain word that was added to a vocabulary, is text like any other.
        found = {t for t in found if len(t) > 1 and t.strip() and not t.strip().isalnum() and t not in _broken(t)}
        marks = sorted(found, key=len, reverse=True)
        self._marks = re.compile("|".join(map(re.escape, marks))) if marks else None

    def __call__(self, text: str) -> str:
        """``text`` without control tokens: each is broken up by a space behind its first character."""
        # Half a surrogate pair cannot be tokenised.
        text = text.encode("utf-8", "replace").decode("utf-8")
        # Breaking one up can leave another beside it.
        while self._marks is not None and self._marks.search(text):
            text = self._marks.sub(lambda found: _broken(found[0]), text)
        return text


def _broken(mark: str) -> str:
    lead = len(mark) - len(mark.lstrip())
    return f"{mark[: lead + 1]} {mark[lead + 1 :]}"
