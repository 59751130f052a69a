"""What a chat model says proves its answer: resolved to evidence that it was shown, and how far that carries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from vagent.agent.evidence.draft import Quote, quote
from vagent.agent.evidence.quotations import quotations, stands
from vagent.agent.evidence.shelf import Line, Shelf
from vagent.agent.language.gloss import language, tongue_of
from vagent.agent.language.words import STOP, Bag, content, fold, squeezed, stem, stems, tokens
from vagent.agent.look import Seen
from vagent.tools.time import Span

_LENGTH = 240  # characters of one quote
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?")
_NAME = re.compile(r"(?<=[\w,;:] )[^\W\d_a-z]\w*(?:['’-]\w+)*")  # a capital that no sentence begins with
_PRONOUN = "1"  # "one" is one as often as a number

_Named: TypeAlias = tuple[Line, ...] | Seen


@dataclass(frozen=True, slots=True)
class Proof:
    """Evidence that an answer names, in its order.

    Attributes:
        rows: the lines of each row of evidence.
        looks: looks that saw something.
        forged: labels of nothing that was shown.
        empty: labels of what was shown and says nothing: pictures without words, looks that saw nothing.
    """

    rows: tuple[tuple[Line, ...], ...] = ()
    looks: tuple[Seen, ...] = ()
    forged: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows or self.looks)

    @property
    def texts(self) -> list[str]:
        """What it says, each row and each look."""
        return [*map(said_in, self.rows), *(look.text for look in self.looks)]

    @property
    def spans(self) -> list[Span]:
        """When it says so."""
        return [lines[0].span for lines in self.rows] + [look.span for look in self.looks]

    def limited(self, said: str, words: Sequence[str]) -> Proof:
        """Without what holds none of the words and none of the quotations: a label too many proves nothing."""
        marked = [words_of for _, _, words_of in quotations(said)]

        def tells(text: str) -> bool:
            bag = Bag.of(text)
            return any(bag.has(word) for word in words) or any(stands(one, text) for one in marked)

        rows = tuple(lines for lines in self.rows if tells(said_in(lines)))
        return replace(self, rows=rows, looks=tuple(look for look in self.looks if tells(look.text)))

    def best(self, words: Sequence[str], most: int) -> Proof:
        """What holds the words best: as many rows or looks as add one, at most so many."""
        kept: list[_Named] = []
        rest = list(words)
        all_of_it: list[_Named] = [*self.rows, *self.looks]
        for _ in range(most if all_of_it else 0):
            one = max(all_of_it, key=lambda one: share(rest, [_text(one)]))
            if not share(rest, [_text(one)]):
                break
            kept.append(one)
            bag = Bag.of(_text(one))
            rest = [word for word in rest if not bag.has(word)]
        rows = tuple(one for one in kept if not isinstance(one, Seen))
        return Proof(rows, tuple(one for one in kept if isinstance(one, Seen)))

    def quotes(self, said: str, most: int) -> tuple[Quote, ...]:
        """What is cited of the rows: all of a short one, of a long one the lines that hold most of what was said."""
        words = content(said, frame=True)
        return tuple(quote(_shortened(lines, words)) for lines in self.rows[:most])


def named(
    labels: Sequence[str], shown: Sequence[int], looks: Sequence[Seen], shelf: Shelf, videos: Sequence[int]
) -> Proof:
    """What some labels stand for.

    Args:
        shown: evidence rows that the model was shown; it can name no others.
        videos: where these rows may be, the likeliest first.
    """
    wanted = list(dict.fromkeys(label.strip(" []()").lower() for label in labels))
    known = {f"e{row}": row for row in shown}
    seen = {look.label: look for look in looks if look.label}
    held = _held([known[label] for label in wanted if label in known], shelf, videos)
    rows = {label: held.get(known[label], ()) for label in wanted if label in known}
    views = {label: seen[label] for label in wanted if label in seen}
    empty = [label for label, lines in rows.items() if not squeezed(said_in(lines))]
    empty += [label for label, view in views.items() if not view.text]
    return Proof(
        tuple(lines for label, lines in rows.items() if label not in empty),
        tuple(view for label, view in views.items() if label not in empty),
        tuple(label for label in wanted if label not in rows and label not in views),
        tuple(empty),
    )


def said_in(lines: Sequence[Line]) -> str:
    """The words of a row, with who says them."""
    return " ".join(f"{line.speaker} {line.text}" if line.speaker else line.text for line in lines)


def claimed(said: str, asked: str) -> list[str]:
    """Stems of what an answer says beyond its question."""
    known = {stem(token) for token in tokens(asked)}
    return [word for word in content(_CLOCK.sub(" ", said)) if word not in known]


def share(words: Sequence[str], texts: Sequence[str]) -> float:
    """Share of some stems, 0..1, that stand in some texts."""
    bag = Bag.of(" ".join(texts))
    return sum(bag.has(word) for word in words) / len(words) if words else 0.0


def unproven(said: str, texts: Sequence[str]) -> list[str]:
    """Numbers, in numerals, and names of an answer that stand in none of the texts."""
    plain = _CLOCK.sub(" ", said)
    held = Bag.of(" ".join(texts))
    numerals = tokens(plain)
    values = [value for value in stems(plain) if value[0].isdigit() and not value.endswith("th")]  # no ordinals
    values = [value for value in values if value != _PRONOUN or value in numerals]
    tongue = tongue_of(language(said))
    names = [] if tongue is not None and tongue.nouns else _NAME.findall(plain)
    names = [name for name in names if len(name) > 1 and fold(name) not in STOP]
    missing = [value for value in values if not held.has(value) and not _written(value, held)]
    missing += [name for name in names if not all(held.has(stem(token)) for token in tokens(name))]
    return list(dict.fromkeys(missing))


def _written(value: str, held: Bag) -> bool:
    """Whether a longer number stands there, split or joined in another way: "555 0142" and "5550142"."""
    letters = squeezed(value)
    return len(letters) > 2 and letters.isdigit() and letters in held.squeezed


def _held(ids: Sequence[int], shelf: Shelf, videos: Sequence[int]) -> dict[int, tuple[Line, ...]]:
    """The lines of some rows of evidence."""
    found: dict[int, list[Line]] = {}
    for video in dict.fromkeys(videos):
        if set(ids) <= found.keys():
            break
        for line in shelf.lines(video):
            if line.evidence.id in ids:
                found.setdefault(line.evidence.id, []).append(line)
    return {row: tuple(lines) for row, lines in found.items()}


def _text(one: _Named) -> str:
    return one.text if isinstance(one, Seen) else said_in(one)


def _shortened(lines: Sequence[Line], words: Sequence[str]) -> list[Line]:
    """Neighbouring lines of a row, short enough for a quote, that hold most of the words."""
    kept = list(lines)
    while len(kept) > 1 and sum(len(line.text) for line in kept) > _LENGTH:
        first, last = ([word for word in words if line.bag.has(word)] for line in (kept[0], kept[-1]))
        kept.pop(-1 if len(last) <= len(first) else 0)
    return kept
