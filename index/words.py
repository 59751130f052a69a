"""Text as full-text search reads it. What is stored and what is asked go through the same function."""

from __future__ import annotations

import re
import unicodedata

# Scripts written without spaces: kana, Han, Thai, Lao, Khmer, Myanmar. Each character becomes a word, and a run of them
# in a query is looked for as a phrase.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff])"
)
# What full-text search takes for a part of a word: letters, numbers and the marks on them.
_WORD = re.compile(r"[^\W_]+")


def searchable(text: str) -> str:
    """``text`` composed (ligatures, full-width letters), scripts without spaces cut into single characters."""
    composed = unicodedata.normalize("NFKC", text)
    return " ".join(_UNSPACED.sub(r" \1 ", composed).split())


def clean(text: str) -> str:
    """``text`` as it can be stored: without NUL characters and without halves of surrogate pairs."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
