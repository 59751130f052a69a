"""What a model thinks aloud before it answers, ``<think>...</think>``, is no part of its answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_OPEN, _CLOSE = "<think>", "</think>"


def closed(prompt: str) -> str:
    """A prompt whose end opens the thoughts, as templates of models that always think have it, with them closed again:
    the answer is what is wanted."""
    return f"{prompt}\n{_CLOSE}\n\n" if prompt.rstrip().endswith(_OPEN) else prompt


def without_thoughts(text: str) -> str:
    """The answer behind the thoughts, stripped; empty where the model never came to one.

    Many chat templates open the thoughts in the prompt, so that only their end stands in the text.
    """
    return text.rpartition(_CLOSE)[2].partition(_OPEN)[0].strip()


def pieces_without_thoughts(pieces: Iterable[str]) -> Iterator[str]:
    """The same for a text that comes in pieces, however the marks are cut; white space around the answer is dropped.

    Thoughts whose beginning stands in the prompt cannot be told from the answer before they end: their text comes
    through, their mark does not.
    """
    gap, begun = "", False
    for piece in _spoken(pieces):
        said = gap + piece if begun else piece.lstrip()
        text = said.rstrip()
        gap = said[len(text) :]
        if text:
            begun = True
            yield text


def _spoken(pieces: Iterable[str]) -> Iterator[str]:
    held, thinking = "", False
    for piece in pieces:
        held += piece
        while True:
            marks = (_CLOSE,) if thinking else (_OPEN, _CLOSE)
            at, mark = min(((held.find(m), m) for m in marks if m in held), default=(-1, ""))
            # The beginning of a mark may be the end of this piece.
            safe = at if mark else len(held) - max(_overhang(held, m) for m in marks)
            if not thinking:
                yield held[:safe]
            held = held[safe + len(mark) :]
            if not mark:
                break
            thinking = mark == _OPEN
    if not thinking:
        yield held


def _overhang(text: str, mark: str) -> int:
    """How many characters at the end of ``text`` are the beginning of ``mark``."""
    return next((n for n in range(min(len(mark) - 1, len(text)), 0, -1) if mark.startswith(text[-n:])), 0)
