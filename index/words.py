"""Text as full-text search reads it. What is stored and what is asked go through the same functions."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import closing

# Marks belong to words, or Hindi and Thai words would fall apart.
TOKENIZER = "porter unicode61 remove_diacritics 2 categories 'L* N* M* Co'"
"""How SQLite's FTS5 cuts text into words and words down to stems."""

# Scripts written without spaces: kana, Han, Thai, Lao, Khmer, Myanmar. Each character becomes a word, and a run of them
# in a query is looked for as a phrase.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
_CHARACTER = re.compile(f"([{_UNSPACED}])")
_RUN = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_ENDINGS = frozenset("s t re ll ve d m".split())  # what stands behind an apostrophe in English


def searchable(text: str) -> str:
    """``text`` composed (ligatures, full-width letters), scripts without spaces cut into single characters."""
    return " ".join(_CHARACTER.sub(r" \1 ", unicodedata.normalize("NFKC", text)).split())


def clean(text: str) -> str:
    """``text`` as it can be stored: without NUL characters and without halves of surrogate pairs."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def words(text: str) -> list[str]:
    """The words of a text in lower case, in order, as far as full-text search can look for them.

    A run of a script without spaces gives its pairs of neighbours, each of which is then looked for as a phrase.
    """
    composed = unicodedata.normalize("NFKC", clean(text)).lower().replace("’", "'")
    kept = "".join(c if c == "'" or unicodedata.category(c)[0] in "LNM" else " " for c in composed)
    found = [part for word in kept.split() for whole in _unquoted(word) for part in _parts(whole)]
    return [word for word in found if any(c.isalnum() for c in word)]


def stems(found: Sequence[str]) -> list[str]:
    """What full-text search makes of single words."""
    return [next(iter(parts), word) for word, parts in zip(found, tokens(found), strict=True)]


def tokens(texts: Sequence[str]) -> list[list[str]]:
    """What full-text search makes of searchable texts: the words of each, in order, cut down to stems."""
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(f'CREATE VIRTUAL TABLE one USING fts5(word, tokenize="{TOKENIZER}")')
        memory.execute("CREATE VIRTUAL TABLE stem USING fts5vocab('one', 'instance')")
        memory.executemany("INSERT INTO one (rowid, word) VALUES (?, ?)", enumerate(texts))
        found: list[list[str]] = [[] for _ in texts]
        for number, term in memory.execute("SELECT doc, term FROM stem ORDER BY doc, offset"):
            found[number].append(term)
    return found


def _unquoted(word: str) -> Iterable[str]:
    pieces = word.split("'")
    return [piece for number, piece in enumerate(pieces) if piece and not (number and piece in _ENDINGS)]


def _parts(word: str) -> list[str]:
    parts: list[str] = []
    for run in _RUN.findall(word):
        pairs = len(run) - 1 if _CHARACTER.match(run) and len(run) > 2 else 0
        parts += [run[at : at + 2] for at in range(pairs)] or [run]
    return parts
