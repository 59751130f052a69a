"""The phrases that each part of a video speaks of more than the others do.

All phrases of ten hours as objects would take 30 MB, and their counts more time than anything else: they are counted as
numbers, and only the few that can be among the best of their part are written out and scored.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vagent.index import words
from vagent.index.search.queries import STOP_WORDS
from vagent.index.summaries.sentences import Numbers, Places, Sentences

_LONGEST = 3  # words of a phrase ...
_LONGEST_NAME = 5  # ... and of one that is a name
_LETTERS = 3  # of a word, at least
_COMPARED = 12  # phrases whose meaning is compared with that of the part
_LONGER = 0.6  # how much a longer phrase counts more: a power of its number of words
_SPREAD = 0.8  # how much a phrase loses that stands in all parts
_NAME = 1.5  # factor on a phrase that is written as names are
_ONCE = 0.4  # factor on one that is said only once ...
_MADE_UP = 0.2  # ... and on one of several words that is said only once and is no name
_HAIR = 1e-9  # by which numbers that are reckoned in another order may differ

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\w\s]|\d+")
_FILLERS = frozenset(
    """able actually almost already always another anything around away back basically become best better big bit
    called came come comes coming course day different doing done else end enough even ever every everybody everyone
    everything exactly example far feel find fine first found gave getting give given gives giving goes going gone gonna
    good got great guess guy guys happen happened happens hard hello hey hi idea important instead interesting keep kind
    kinda knew know known knows last least less let like little long look looked looking looks lot lots made make makes
    making many matter maybe mean means might moment months much must need needed needs never new next nice nothing now
    number oh okay old one ones part people place play point possible pretty probably problem put quite rather real
    really right said saw say saying says second see seem seems seen set several shall show side simple since small
    somebody someone something sometimes somewhere sort start started stuff sure take taken taking talk talked talking
    tell thank thanks thing things think thinking thought three time times today together told took tried try trying two
    understand use used using usually want wanted wants way ways week well went whatever whole without wonderful wont
    work working works world wrong yeah year years yes yet um uh er ah huh hmm mm gotta wanna cannot ain't""".split()
)


@dataclass(slots=True)
class Phrase:
    """A phrase of one part: how often it stands there, and how it is written, most often first."""

    key: tuple[str, ...]
    count: int
    forms: Counter[str]
    score: float = 0.0

    @property
    def text(self) -> str:
        """As it is written most often."""
        return max(self.forms, key=lambda form: (self.forms[form], form))


def ranked(parts: Sequence[Sentences]) -> list[list[Phrase]]:
    """For each part the phrases that tell most of it, the best first; those that tell nothing are left out."""
    spoken = _Spoken(parts)
    counted = [_Counted(spoken, size, at, ids) for size, at, ids in spoken.phrases()]
    bounds = [one.bounds() for one in counted]
    least = np.zeros(len(parts))
    for part in range(len(parts)):
        low = np.concatenate([low[one.part == part] for one, (low, _) in zip(counted, bounds, strict=True)] or [least])
        least[part] = np.partition(low, -_COMPARED)[-_COMPARED] if len(low) >= _COMPARED else 0.0
    found: list[list[Phrase]] = [[] for _ in parts]
    for one, (_, high) in zip(counted, bounds, strict=True):
        for part, phrase in one.written((high > 0) & (high >= least[one.part] * (1 - _HAIR))):
            found[part].append(phrase)
    return [sorted(held, key=lambda phrase: (-phrase.score, phrase.key))[:_COMPARED] for held in found]


class _Spoken:
    """The words of all parts that phrases are made of, in order, by number."""

    def __init__(self, parts: Sequence[Sentences]) -> None:
        numbers: dict[str, int] = {}
        form, run, part = array("i"), array("i"), array("i")
        for number, sentences in enumerate(parts):
            for text in sentences.texts():
                for found in _runs(text):
                    form.extend(numbers.setdefault(word, len(numbers)) for word in found)
                    run.extend([run[-1] + 1 if run else 0] * len(found))
                    part.extend([number] * len(found))
        self.forms = list(numbers)
        known = sorted({written.casefold() for written in self.forms})
        stems = dict(zip(known, words.stems(known), strict=True))
        ids: dict[str, int] = {}
        stem = [ids.setdefault(stems[written.casefold()], len(ids)) for written in self.forms]
        self.stems = list(ids)
        self.form, self.run, self.part = (np.asarray(column, np.int64) for column in (form, run, part))
        self.stem = np.array(stem, np.int64)[self.form]
        self.sizes = np.bincount(self.part, minlength=len(parts))

    def phrases(self) -> Iterator[tuple[int, Places, Places]]:
        """For each number of words: where phrases begin, and their numbers; the same stems have the same one."""
        large = np.array([form[0].isupper() for form in self.forms], bool)[self.form]
        capitals = np.array([form.isupper() for form in self.forms], bool)[self.form]
        at, ids = np.arange(len(self.form)), self.stem
        named, loud = large, capitals
        for size in range(1, _LONGEST_NAME + 1):
            if size > 1:
                last = at + size - 1
                goes_on = self.run[np.minimum(last, len(self.run) - 1)] == self.run[at]
                goes_on &= last < len(self.run)
                at, ids, last, named, loud = at[goes_on], ids[goes_on], last[goes_on], named[goes_on], loud[goes_on]
                _, ids = np.unique(ids * len(self.stems) + self.stem[last], return_inverse=True)
                named, loud = named & large[last], loud & capitals[last]
            kept = slice(None) if size <= _LONGEST else named & ~loud
            if len(at[kept]):
                yield size, at[kept], ids[kept]


class _Counted:
    """The phrases of so many words, each once for every part in which it stands.

    Attributes:
        part: that part.
    """

    def __init__(self, spoken: _Spoken, size: int, at: Places, ids: Places) -> None:
        self._spoken, self._size, self._at = spoken, size, at
        width = int(ids.max()) + 1
        pairs, self._of, self._count = np.unique(spoken.part[at] * width + ids, return_inverse=True, return_counts=True)
        self.part, phrase = np.divmod(pairs, width)
        self._total = np.bincount(ids)[phrase]
        self._spread = np.bincount(phrase)[phrase]

    def bounds(self) -> tuple[Numbers, Numbers]:
        """What each scores at least and at most, however it is written."""
        sizes, count = self._spoken.sizes, self._count
        base = count * float(self._size**_LONGER) * self._wide()
        if len(sizes) > 1:
            share = (count + 0.5) / (sizes[self.part] + 1)
            base *= np.maximum(np.log(share / self._elsewhere()), 0.0)
        once = count == 1
        low = base * np.where(once, _ONCE if self._size == 1 else _MADE_UP, 1.0)
        return low, base * np.where(once, _ONCE, 1.0) * _NAME

    def _elsewhere(self) -> Numbers:
        sizes = self._spoken.sizes
        return np.asarray((self._total - self._count + 0.5) / (sizes.sum() - sizes[self.part] + 1), np.float64)

    def _wide(self) -> Numbers:
        """What is left of a phrase that stands in several parts."""
        return np.asarray(1 - _SPREAD * (self._spread - 1) / max(1, len(self._spoken.sizes) - 1), np.float64)

    def written(self, chosen: NDArray[np.bool_]) -> Iterator[tuple[int, Phrase]]:
        """Some of them as they are written, scored, each with its part."""
        spoken, forms = self._spoken, dict[int, Counter[str]]()
        starts: dict[int, int] = {}
        for place in np.flatnonzero(chosen[self._of]).tolist():
            at, number = int(self._at[place]), int(self._of[place])
            starts[number] = at
            written = " ".join(spoken.forms[form] for form in spoken.form[at : at + self._size])
            forms.setdefault(number, Counter())[written] += 1
        elsewhere, wide = self._elsewhere(), self._wide()
        for number, held in forms.items():
            at, part = starts[number], int(self.part[number])
            key = tuple(spoken.stems[stem] for stem in spoken.stem[at : at + self._size])
            phrase = Phrase(key, int(self._count[number]), held)
            other = float(elsewhere[number]) if len(spoken.sizes) > 1 else None
            phrase.score = _score(phrase, int(spoken.sizes[part]), other) * float(wide[number])
            yield part, phrase


def _runs(text: str) -> Iterator[list[str]]:
    """Runs of words that carry content, within which phrases lie."""
    run: list[str] = []
    for token in _WORD.findall(text):
        plain = token.casefold().replace("’", "'")
        bare = plain.split("'")[0]
        if len(token) >= _LETTERS and not ({plain, bare} & (STOP_WORDS | _FILLERS)) and token[0].isalpha():
            run.append(token.removesuffix("'s").removesuffix("’s"))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _score(phrase: Phrase, size: int, elsewhere: float | None) -> float:
    """How telling a phrase is: how often it stands here, and how much more often than elsewhere."""
    share = (phrase.count + 0.5) / (size + 1)
    gain = 1.0 if elsewhere is None else max(0.0, math.log(share / elsewhere))
    named = _named(phrase.text.split())
    score = phrase.count * gain * float(len(phrase.key) ** _LONGER) * (_NAME if named else 1.0)
    return score if phrase.count > 1 else score * (_ONCE if named or len(phrase.key) == 1 else _MADE_UP)


def _named(piece: Sequence[str]) -> bool:
    """Whether words are written as names are; a line all in capitals says nothing about it."""
    return all(word[0].isupper() for word in piece) and not all(word.isupper() for word in piece)
