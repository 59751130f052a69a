"""The sentences and the names of one video in little memory.

They lie in columns, and a sentence is made when somebody looks at it: ten hours of speech are nine thousand sentences,
which would take 60 MB as objects with their words and the directions of their meanings. Directions stay in the library
and are read in pages.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from vagent.index import words
from vagent.index.records import KINDS, Kind
from vagent.index.search.queries import STOP_WORDS
from vagent.tools.safe import safe
from vagent.tools.time import Span

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]
Vectors = Callable[[Sequence[int]], Mapping[int, NDArray[np.floating[Any]]]]
"""Gives the vectors that some rows of evidence have, by the rows' ids."""

_PAGE = 256  # sentences whose directions are read at once
_CODES: Mapping[Kind, int] = {kind: code for code, kind in enumerate(KINDS)}
_SHOWN: tuple[Kind, ...] = ("screen_text", "caption")


@dataclass(frozen=True, slots=True)
class Heading:
    """A line of on-screen text that may be a title: how high its type is, as a part of the picture's height."""

    text: str
    height: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """What can be quoted by itself.

    Attributes:
        span: of the rows that it comes from.
        text: on one line, safe to show.
        rows: ids of the evidence.
        words: stems that carry content, with repeats.
        length: how many words it has; in a script without spaces, how many pairs of characters.
        heading: what stands out in it, where it is on-screen text.
    """

    span: Span
    kind: Kind
    text: str
    rows: tuple[int, ...]
    words: tuple[str, ...]
    length: int
    weak: bool = False
    heading: Heading | None = None

    @property
    def at(self) -> float:
        """The second that says where it belongs: what is said in the middle of it, what is shown when it comes up."""
        return self.span.start if self.kind in _SHOWN else self.span.middle


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a thing seen or a sound heard."""

    span: Span
    kind: Kind
    text: str
    row: int
    words: tuple[str, ...]
    weak: bool


def content(text: str) -> list[str]:
    """The words of a text that carry content, with repeats."""
    return [word for word in words.words(text) if _carries(word)]


def _carries(word: str) -> bool:
    return word not in STOP_WORDS and not word.isdigit()


class Vocabulary:
    """Words by number; the stems of all are found at once, which is much quicker than one by one."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.stems: list[str] = []

    def numbers(self, found: Sequence[str]) -> list[int]:
        """The numbers of some words; new ones get one."""
        return [self._numbers.setdefault(word, len(self._numbers)) for word in found]

    def close(self) -> None:
        """Find the stems; no word comes after this."""
        self.stems = words.stems(list(self._numbers))
        self._numbers = {}

    def __getitem__(self, numbers: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.stems[number] for number in numbers)


class _Lists:
    """Lists of numbers, one after the other."""

    def __init__(self, code: str) -> None:
        self.all = array(code)
        self._ends = array("q", [0])

    def append(self, numbers: Sequence[int]) -> None:
        self.all.extend(numbers)
        self._ends.append(len(self.all))

    def __getitem__(self, at: int) -> array[int]:
        return self.all[self._ends[at] : self._ends[at + 1]]

    def sizes(self, places: Places) -> NDArray[np.int64]:
        ends = np.asarray(self._ends)
        return np.asarray(ends[places + 1] - ends[places], np.int64)


class _Texts:
    """Texts, one after the other in UTF-8."""

    def __init__(self) -> None:
        self._all = bytearray()
        self._ends = array("q", [0])

    def append(self, text: str) -> None:
        self._all += text.encode()
        self._ends.append(len(self._all))

    def __getitem__(self, at: int) -> str:
        return self._all[self._ends[at] : self._ends[at + 1]].decode()


class Columns:
    """What all sentences of a video are made of, in the order in which they were added."""

    def __init__(self, vocabulary: Vocabulary, vectors: Vectors) -> None:
        self.vocabulary = vocabulary
        self.vectors = vectors
        self.starts, self.ends = array("d"), array("d")
        self.kinds, self.weak = array("b"), array("b")
        self.texts, self.headings = _Texts(), _Texts()
        self.heights = array("d")
        self.rows, self.words = _Lists("q"), _Lists("i")
        self.lengths = array("i")

    def add(
        self, span: Span, kind: Kind, text: str, rows: Sequence[int], weak: bool, heading: Heading | None = None
    ) -> None:
        """Add a sentence."""
        self.starts.append(span.start)
        self.ends.append(span.end)
        self.kinds.append(_CODES[kind])
        self.weak.append(weak)
        self.texts.append(text)
        self.headings.append(heading.text if heading else "")
        self.heights.append(heading.height if heading else -1.0)
        self.rows.append(rows)
        found = words.words(text)
        self.lengths.append(len(found))
        self.words.append(self.vocabulary.numbers([word for word in found if _carries(word)]))

    def sentence(self, at: int) -> Sentence:
        """The sentence that was added as the ``at``-th, from 0."""
        return Sentence(
            span=Span(self.starts[at], self.ends[at]),
            kind=KINDS[self.kinds[at]],
            text=self.texts[at],
            rows=tuple(self.rows[at]),
            words=self.vocabulary[self.words[at]],
            length=self.lengths[at],
            weak=bool(self.weak[at]),
            heading=self.heading(at),
        )

    def heading(self, at: int) -> Heading | None:
        """What stands out in a sentence."""
        height = self.heights[at]
        return Heading(self.headings[at], height) if height >= 0 else None

    def in_order(self) -> Sentences:
        """All sentences in order of time, those of one span by their rows."""
        firsts = [self.rows[at][0] for at in range(len(self.starts))]
        return Sentences(self, np.lexsort((firsts, self.ends, self.starts)))


class Sentences(Sequence[Sentence]):
    """Some sentences of a video, each made when it is looked at.

    Args:
        columns: of all sentences.
        places: where those meant stand there, in the order wanted.
    """

    def __init__(self, columns: Columns, places: Places) -> None:
        self._columns = columns
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Sentence: ...
    @overload
    def __getitem__(self, at: slice) -> Sentences: ...
    def __getitem__(self, at: int | slice) -> Sentence | Sentences:
        if isinstance(at, slice):
            return Sentences(self._columns, self._places[at])
        return self._columns.sentence(self._places[at])

    def __iter__(self) -> Iterator[Sentence]:
        return (self._columns.sentence(place) for place in self._places)

    def take(self, chosen: Sequence[int] | NDArray[Any]) -> Sentences:
        """Some of these, by their places among them, or by a mask."""
        return Sentences(self._columns, self._places[chosen if len(chosen) else []])

    def with_those_of(self, others: Sequence[Sentences]) -> Sentences:
        """These and others of the same video after them."""
        return Sentences(self._columns, np.concatenate([self._places, *(other._places for other in others)]))

    def within(self, start: float, end: float) -> Sentences:
        """Those that belong to a stretch, in seconds; its end does not."""
        at = self.at
        return self.take((start <= at) & (at < end))

    def texts(self) -> Iterator[str]:
        """Their texts."""
        return (self._columns.texts[place] for place in self._places)

    def headings(self) -> Iterator[tuple[float, Heading]]:
        """What stands out in each that has such a line, and the second at which it comes up."""
        for place in self._places[self._of(self._columns.heights) >= 0]:
            heading = self._columns.heading(place)
            assert heading is not None
            yield self._columns.starts[place], heading

    @property
    def spoken(self) -> NDArray[np.bool_]:
        """Which of them were said."""
        return ~np.isin(self._of(self._columns.kinds), [_CODES[kind] for kind in _SHOWN])

    @property
    def weak(self) -> NDArray[np.bool_]:
        """Which of them an unreliable engine recognised."""
        return self._of(self._columns.weak).astype(bool)

    @property
    def lengths(self) -> NDArray[np.int32]:
        """How many words each has."""
        return self._of(self._columns.lengths)

    @property
    def contents(self) -> NDArray[np.int64]:
        """How many words that carry content each has."""
        return self._columns.words.sizes(self._places)

    @property
    def starts(self) -> Numbers:
        """Seconds at which each begins."""
        return self._of(self._columns.starts)

    @property
    def ends(self) -> Numbers:
        """Seconds at which each ends."""
        return self._of(self._columns.ends)

    @property
    def at(self) -> Numbers:
        """The second that says where each belongs."""
        return np.where(self.spoken, (self.starts + self.ends) / 2, self.starts)

    def _of(self, column: array[Any]) -> NDArray[Any]:
        return np.asarray(column)[self._places]

    def counted(self) -> Counter[str]:
        """How often each word that carries content stands in them."""
        found: Counter[str] = Counter()
        for place in self._places:
            found.update(self._columns.vocabulary[self._columns.words[place]])
        return found

    def directions(self) -> Iterator[Numbers | None]:
        """The direction of each one's meaning, of length one; None where nothing was embedded."""
        for page in range(0, len(self._places), _PAGE):
            rows = [self._columns.rows[place].tolist() for place in self._places[page : page + _PAGE]]
            found = self._columns.vectors(sorted({row for of_one in rows for row in of_one}))
            yield from (_direction([found[row] for row in of_one if row in found]) for of_one in rows)


def _direction(held: Sequence[NDArray[np.floating[Any]]]) -> Numbers | None:
    if not held:
        return None
    vector: Numbers = np.sum(np.stack(held), axis=0, dtype=np.float64)
    length = float(np.linalg.norm(vector))
    return vector / length if length else None


class Labels(Sequence[Label]):
    """The names of all things seen and sounds heard in a video, each made when it is looked at."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        self._words: list[list[int]] = []
        self._starts, self._ends = array("d"), array("d")
        self._kinds, self._weak = array("b"), array("b")
        self._named, self._rows = array("i"), array("q")
        self._order: Places = np.zeros(0, np.intp)

    def add(self, span: Span, kind: Kind, text: str, row: int, weak: bool) -> None:
        """Add a name; ``close`` has to be called after the last one."""
        number = self._numbers.setdefault(text, len(self._numbers))
        if number == len(self._texts):
            self._texts.append(safe(text))
            self._words.append(self._vocabulary.numbers(content(text)))
        self._starts.append(span.start)
        self._ends.append(span.end)
        self._kinds.append(_CODES[kind])
        self._weak.append(weak)
        self._named.append(number)
        self._rows.append(row)

    def close(self) -> None:
        """Put them in order of time."""
        self._order = np.lexsort((self._rows, self._ends, self._starts))

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, at: int) -> Label: ...
    @overload
    def __getitem__(self, at: slice) -> list[Label]: ...
    def __getitem__(self, at: int | slice) -> Label | list[Label]:
        if isinstance(at, slice):
            return [self._label(place) for place in self._order[at]]
        return self._label(self._order[at])

    def __iter__(self) -> Iterator[Label]:
        return map(self._label, self._order)

    def during(self, span: Span) -> list[Label]:
        """Those that share some time with a stretch."""
        shared = np.minimum(np.asarray(self._ends), span.end) - np.maximum(np.asarray(self._starts), span.start)
        return [self._label(place) for place in self._order[shared[self._order] > 0]]

    def _label(self, place: int) -> Label:
        number = self._named[place]
        return Label(
            Span(self._starts[place], self._ends[place]),
            KINDS[self._kinds[place]],
            self._texts[number],
            self._rows[place],
            self._vocabulary[self._words[number]],
            bool(self._weak[place]),
        )
