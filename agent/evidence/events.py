"""Where something happens that a question names: by its words, else by its meaning where one place stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vagent.agent.evidence.passages import quote_match, union
from vagent.agent.evidence.shelf import LABELS, Line, Shelf
from vagent.agent.language.words import Bag, content, squeezed
from vagent.index.records import Kind
from vagent.tools.time import Span

SURE = 0.6
"""Weighted share of a description's words that must stand in a line, or near it on the screen."""

ALIKE = 0.4
"""Cosine from which a line means what a description says."""

_AHEAD = 0.1  # lead that it needs over every other line
_CANDIDATES = 60  # lines that are compared by meaning, at most


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One line in which a description was found; ``match`` 0..1 says how well."""

    line: Line
    match: float

    @property
    def span(self) -> Span:
        """When it happens."""
        return self.line.span


def locate(shelf: Shelf, description: str, kinds: Sequence[Kind] | None = None) -> list[Event]:
    """The lines that a description names, by time; none where nothing stands out.

    Args:
        kinds: senses to prefer where several hold it.
    """
    scored = [Event(line, match) for line in shelf.all_lines if (match := standing(description, line, shelf)) >= SURE]
    if not scored:
        return by_meaning(shelf, description)
    best = max(event.match for event in scored)
    kept = [event for event in scored if event.match >= best - 0.12]
    wanted = [event for event in kept if kinds and event.line.evidence.kind in kinds]
    return sorted(wanted or kept, key=lambda e: (e.line.evidence.video, e.span.start, e.line.place))


def standing(description: str, line: Line, shelf: Shelf) -> float:
    """How well the words of a description stand in a line, 0..1; they may run over texts that are shown together."""
    itself = quote_match(description, line)
    words = content(description) or content(description, frame=True)
    held = union([line]) if line.speaker else line.bag  # "when Ben speaks of the boat" names Ben, who does not
    itself = max(itself, 0.95 * shelf.rarity.coverage(words, held)) if words else itself
    if line.stream != "written" or not 0 < itself < SURE:
        return itself
    shown = Bag.of(" ".join(x.text for x in shelf.screenful(line)))
    return (itself + shelf.rarity.coverage(content(description, frame=True), shown)) / 2


def by_meaning(shelf: Shelf, description: str, least: float = ALIKE) -> list[Event]:
    """The one line that means what a description says in other words; none where it is not clearly ahead."""
    # Labels are single words: a cat is much like a dog, and still none.
    lines = [line for line in _candidates(shelf, description) if line.stream not in LABELS]
    vectors = shelf.embed([description, *(line.text for line in lines)]) if lines else None
    if vectors is None:
        return []
    likeness = sorted(((round(float(v @ vectors[0]), 4), -i) for i, v in enumerate(vectors[1:])), reverse=True)
    best, place = likeness[0]
    rest = [score for score, i in likeness[1:] if squeezed(lines[-i].text) != squeezed(lines[-place].text)]
    if best < least or (rest and best - rest[0] < _AHEAD):
        return []
    return [Event(lines[-place], best)]


def _candidates(shelf: Shelf, description: str) -> list[Line]:
    """Lines that search finds for a description, best first; all where there are few."""
    if len(shelf.all_lines) <= _CANDIDATES:
        return list(shelf.all_lines)
    if not content(description, frame=True):
        return []
    moments = shelf.index.search(
        description, videos=shelf.numbers, start=shelf.start, end=shelf.end, limit=_CANDIDATES // 2
    )
    rows = dict.fromkeys(hit.evidence.id for moment in moments for hit in moment.hits)
    held: dict[int, list[Line]] = {}
    for line in shelf.all_lines:
        if line.evidence.id in rows:
            held.setdefault(line.evidence.id, []).append(line)
    return [line for row in rows for line in held.get(row, [])][:_CANDIDATES]
