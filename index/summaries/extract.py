"""The sentences that say most of a stretch: the central ones, each saying something that the others do not.

Central is what many others are like, and those most that are central themselves (LexRank, Erkan and Radev 2004), and
what is full of the words that the stretch uses more than the rest of the video. Which of them are taken is a trade of
that against likeness to those already taken (MMR, Carbonell and Goldstein 1998).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from vagent.index.records import Evidence
from vagent.index.summaries.material import gather
from vagent.index.summaries.sentences import Numbers, Sentence, Sentences
from vagent.tools.time import Span

_DAMPING = 0.85  # part of the way that likeness goes on its own
_ROUNDS = 60  # steps in which the centrality settles
_LEAST = 0.1  # likeness below which two sentences have nothing to do with each other
_SAID = 0.5  # how much centrality counts beside telling words
_NEW = 0.5  # how much likeness to what is taken already counts against a sentence
_COMPARED = 600  # sentences that are compared each with each, at most: an hour of speech
_LIKELY = range(6, 33)  # words of a sentence that can stand by itself
_SLIDE = 3  # words that carry content, of on-screen text that can
_ODD = 0.5  # factor on the centrality of one that is shorter or longer
_SCANT = 0.5  # ... that has fewer words than _TELLS that carry content
_ASKED = 0.7  # ... that is a question
_LEANING = 0.75  # ... that begins as if it went on from another
_MEANT = 6  # words that carry content; a sentence of fewer is not the fuller for it
_REPEATED = 0.9  # likeness from which a sentence says what has been said
_TELLS = 2  # words that carry content, of a sentence that tells anything
_ENOUGH = 2  # telling sentences that were surely recognised, beside which no unreliable one is quoted
_WEAK = 0.5  # ... that was recognised by an unreliable engine
_LEANS = frozenset(
    "and but so or because then also it he she they this that these those there yes no okay ok well yeah right oh uh um"
    " now which".split()
)


def central(sentences: Sentences, everywhere: Mapping[str, int], count: int, most: int) -> Sentences:
    """The sentences that stand for a stretch, in order of time. What an unreliable engine recognised is among them only
    where there is little else.

    Args:
        sentences: those of the stretch.
        everywhere: how often each word stands in the whole video.
        count: how many sentences, at most.
        most: how many words they have together, at most; a first sentence that has more is taken all the same.
    """
    sure = sentences.take(~sentences.weak)
    sentences = sure if np.count_nonzero(sure.contents >= _TELLS) >= _ENOUGH else sentences
    while len(sentences) > _COMPARED:
        sentences = _likely(sentences, everywhere, count)
    return sentences.take(_taken(sentences, everywhere, count, most))


def _likely(sentences: Sentences, everywhere: Mapping[str, int], count: int) -> Sentences:
    """Those of a long stretch that may stand for it: the best of its parts, for the effort grows with the square."""
    parts = -(-len(sentences) // _COMPARED)
    size = -(-len(sentences) // parts)
    best = max(count, _COMPARED // parts)
    kept: list[int] = []
    for begin in range(0, len(sentences), size):
        kept += [begin + at for at in _taken(sentences[begin : begin + size], everywhere, best)]
    return sentences.take(kept)


def _taken(sentences: Sentences, everywhere: Mapping[str, int], count: int, most: float = math.inf) -> list[int]:
    """The places of the sentences that stand for all of them."""
    worth, alike, lengths = worths(sentences, everywhere), likeness(sentences), sentences.lengths
    taken: list[int] = []
    fits, same = np.ones(len(sentences), bool), np.zeros(len(sentences))
    while len(taken) < count and fits.any():
        best = int(np.where(fits, (1 - _NEW) * worth - _NEW * same, -np.inf).argmax())
        if same[best] > _REPEATED:
            break
        taken.append(best)
        most -= lengths[best]
        same = np.maximum(same, alike[:, best])
        fits &= lengths <= most
        fits[taken] = False
    return sorted(taken)


def telling(rows: Sequence[Evidence], duration: float, span: Span, count: int, most: int) -> Sequence[Sentence]:
    """The sentences that stand for any stretch of a video, as ``central`` gives them.

    Args:
        rows: evidence of the video.
        duration: seconds of the video.
    """
    material = gather(rows, [], [], duration, {})
    return central(material.within(span), material.sentences.counted(), count, most)


def worths(sentences: Sentences, everywhere: Mapping[str, int]) -> Numbers:
    """How well each sentence stands for all of them, 0..1; the best has 1."""
    if not sentences:
        return np.zeros(0)
    middle, held = _centrality(likeness(sentences)), list(sentences)
    told = _telling(held, everywhere)
    form = np.array([_form(sentence) for sentence in held])
    scored = (_SAID * middle / middle.max() + (1 - _SAID) * told / max(float(told.max()), 1e-9)) * form
    return np.asarray(scored / max(float(scored.max()), 1e-9), np.float64)


def _centrality(alike: Numbers) -> Numbers:
    """How central each is; the likenesses are used up."""
    ways, size = alike, len(alike)
    ways[ways < _LEAST] = 0.0
    sums = ways.sum(axis=1)
    ways /= np.maximum(sums[:, None], 1e-12)
    rank = np.full(size, 1 / size)
    for _ in range(_ROUNDS):
        rank = (1 - _DAMPING) / size + _DAMPING * (rank @ ways + rank[sums <= 0].sum() / size)
    return np.asarray(rank, np.float64)


def _telling(sentences: Sequence[Sentence], everywhere: Mapping[str, int]) -> Numbers:
    """How full each sentence is of words that stand here more often than elsewhere."""
    here = Counter(word for sentence in sentences for word in sentence.words)
    size, rest = here.total(), sum(everywhere.values()) - here.total()
    weights = {}
    for word, count in here.items():
        gain = 1.0
        if rest > 0:
            elsewhere = (max(0, everywhere.get(word, 0) - count) + 0.5) / (rest + 1)
            gain = max(0.0, math.log((count + 0.5) / (size + 1) / elsewhere))
        weights[word] = math.sqrt(count) * gain
    full = [
        sum(weights[word] for word in set(sentence.words)) / math.sqrt(max(len(sentence.words), _MEANT))
        for sentence in sentences
    ]
    return np.array(full)


def likeness(sentences: Sentences) -> Numbers:
    """How alike every two sentences are, 0..1: by meaning where all were embedded, else by their words."""
    held = [direction for direction in sentences.directions() if direction is not None]
    if held and len(held) == len(sentences):
        vectors = np.stack(held)
        alike = vectors @ vectors.T
        return np.clip(alike, 0.0, 1.0, out=alike)
    return _shared_words(sentences)


def _shared_words(sentences: Sentences) -> Numbers:
    """Cosines of the words' counts, rare words weighing more."""
    held = [Counter(sentence.words) for sentence in sentences]
    spread = Counter(word for words in held for word in words)
    numbers = {word: at for at, word in enumerate(sorted(spread))}
    counts = np.zeros((len(held), len(numbers)))
    for row, words in zip(counts, held, strict=True):
        for word, count in words.items():
            row[numbers[word]] = count * math.log(1 + len(held) / spread[word])
        row /= max(math.sqrt(float((row * row).sum())), 1e-12)
    return np.asarray(counts @ counts.T, np.float64)


def _form(sentence: Sentence) -> float:
    """A factor for how well a sentence stands by itself, whatever it says."""
    spoken = sentence.text.split()
    first = spoken[0].strip(",.;:!?\"'“”‘’").casefold() if spoken else ""
    slide = sentence.heading is not None and len(sentence.words) >= _SLIDE
    factor = 1.0 if sentence.length in _LIKELY or slide else _ODD
    factor *= _SCANT if len(sentence.words) < _TELLS else 1.0
    factor *= _ASKED if sentence.text.endswith("?") else 1.0
    factor *= _LEANING if first in _LEANS else 1.0
    return factor * (_WEAK if sentence.weak else 1.0)
