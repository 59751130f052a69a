"""Questions about a whole video, answered by its most telling lines, spread over its length."""

from __future__ import annotations

import numpy as np

from vagent.agent.evidence.draft import Draft, quote
from vagent.agent.evidence.phrases import says
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.language.words import content, squeezed

_PARTS = 4  # stretches of the video that each give a line
_CONSIDERED = 96  # lines that are compared, evenly spread


def draft(shelf: Shelf) -> Draft:
    """Typical lines of each part of the video: a summary in its own words."""
    lines = _telling(shelf)
    if not lines:
        return Draft(missing="No speech, subtitles or on-screen text were found, so there is nothing to sum up.")
    chosen = _typical(lines, shelf)
    quotes = tuple(quote([line]) for line in chosen)
    text = "In its own words: " + " ".join(says(q) for q in quotes)
    return Draft(text, None, quotes, 0.5)


def _telling(shelf: Shelf) -> list[Line]:
    seen: set[str] = set()
    lines = []
    for line in shelf.all_lines:
        key = squeezed(line.text)
        if key not in seen and len(content(line.text)) >= 2:
            seen.add(key)
            lines.append(line)
    step = max(1, len(lines) // _CONSIDERED)
    return lines[::step]


def _typical(lines: list[Line], shelf: Shelf) -> list[Line]:
    """The line nearest to the middle of all meanings, in each part of the video."""
    vectors = shelf.embed([line.text for line in lines])
    if vectors is None:
        weight = np.array([len(content(line.text)) for line in lines], np.float32)
    else:
        weight = np.asarray(vectors @ vectors.mean(axis=0), np.float32)
    parts = np.array_split(np.arange(len(lines)), min(_PARTS, len(lines)))
    return [lines[int(part[np.argmax(weight[part])])] for part in parts]
