"""``TextSpan``: text and when it was on screen; and ``fold``, which joins what is one text."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from vagent.tools.text import Box, TextLine
from vagent.tools.text.layout import around, beside, overlap
from vagent.tools.text.likeness import alike, grew, key, letters
from vagent.tools.time import Span

_SAME_PLACE = 0.3  # intersection over union from which two boxes are one place
_GAP = 2.0  # seconds that a text may be away and still be the same appearance


@dataclass(frozen=True, slots=True)
class TextSpan:
    """Lines that appeared on the screen together, near each other, and went together.

    A slide that builds up gives one span for each step: every bullet has the time when *it* appeared, and ``block`` has
    all lines that stood together when there were most of them. So "When does bullet 3 appear?" is answered by the time
    of its own span, and "How many bullets are there?" by ``block`` of any of the spans.

    Attributes:
        span: ``start``: when it appeared; ``end``: when it was no longer there.
        text: the lines in reading order, parted by line breaks, a table's cells by spaces.
        confidence: mean over the lines, 0..1.
        box: around the lines, where they were last seen.
        lines: the lines and cells with their own boxes, in reading order.
        block: texts of all lines of the block when it was most complete, those of this span among them, in reading
            order; empty where this span is the whole block.
    """

    span: Span
    text: str
    confidence: float
    box: Box
    lines: tuple[TextLine, ...]
    block: tuple[str, ...] = ()

    def to_extra(self) -> dict[str, Any]:
        """What an evidence row keeps beside time, text and confidence: ``box``, ``lines`` ([text, confidence, left,
        top, right, bottom] each) and ``block`` where there is more than the lines. JSON values only.
        """
        extra: dict[str, Any] = {
            "box": [round(v, 4) for v in self.box],
            "lines": [[line.text, round(line.confidence, 4), *(round(v, 4) for v in line.box)] for line in self.lines],
        }
        if self.block:
            extra["block"] = list(self.block)
        return extra

    @classmethod
    def from_extra(cls, span: Span, text: str, confidence: float, extra: Mapping[str, Any]) -> TextSpan:
        """The span that ``to_extra`` was called on, numbers rounded."""
        lines = tuple(TextLine(_box(values), str(t), float(c)) for t, c, *values in extra.get("lines", ()))
        return cls(span, text, confidence, _box(extra["box"]), lines, tuple(map(str, extra.get("block", ()))))


def joined(span: Span, lines: Sequence[TextLine], block: Sequence[str] = ()) -> TextSpan:
    """One span of lines given in reading order; ``block`` counts only where it holds more than they."""
    confidence = sum(line.confidence for line in lines) / len(lines)
    rows = [[lines[0]]]
    for before, line in pairwise(lines):
        if beside(before.box, line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    # The cells of a table's row are one line: "09:40 Port Ellen Pier 2" says what belongs together.
    table = sum(len(row) > 1 for row in rows) > 1
    text = "\n".join((" " if table else "\n").join(line.text for line in row) for row in rows)
    box = around([line.box for line in lines])
    return TextSpan(span, text, confidence, box, tuple(lines), tuple(block) if len(block) > len(lines) else ())


def fold(spans: Iterable[TextSpan], gap: float = _GAP) -> list[TextSpan]:
    """The spans in order of time, one for each text: a line that goes on in a later span (across a checkpoint, or after
    it was missed for at most ``gap`` seconds) becomes one span with its best reading, and a fragment of a longer
    reading that stands there at the same time is dropped. Folding what is folded changes nothing.
    """
    found = sorted(spans, key=in_order)
    while changes := list(fold_once(enumerate(found), gap)):
        gone = {change for change in changes if isinstance(change, int)}
        left = [span for number, span in enumerate(found) if number not in gone]
        found = sorted([*left, *(change for change in changes if isinstance(change, TextSpan))], key=in_order)
    return found


def fold_once(spans: Iterable[tuple[int, TextSpan]], gap: float = _GAP) -> Iterator[int | TextSpan]:
    """One round of ``fold`` over spans that come in order of time, each with a number: the numbers of those that go and
    the spans that come in their place. Nothing comes out where there is nothing more to fold.

    It holds no more than what stands on the screen at a time, however long the video is.
    """
    recent: list[tuple[int | None, TextSpan]] = []  # what a later span may still go on from; None: it has no number yet
    for _, together in groupby(spans, key=lambda one: one[1].span.start):
        queue: deque[tuple[int | None, TextSpan]] = deque(sorted(together, key=lambda one: in_order(one[1])))
        while queue:
            number, span = queue.popleft()
            yield from (r for n, r in recent if n is None and r.span.end + gap < span.span.start)
            recent = [one for one in recent if one[1].span.end + gap >= span.span.start]
            for at in reversed(range(len(recent))):
                if (settled := _settled(recent[at][1], span, gap)) is not None:
                    yield from (n for n in (number, recent.pop(at)[0]) if n is not None)
                    queue.extendleft((None, one) for one in sorted(settled, key=in_order, reverse=True))
                    break
            else:
                recent.append((number, span))
    yield from (span for number, span in recent if number is None)


def _settled(a: TextSpan, b: TextSpan, gap: float) -> list[TextSpan] | None:
    """What the two come to, with fewer lines in all; None where they have nothing to do with each other."""
    if a.span.gap(b.span) > gap or not overlap(a.box, b.box):
        return None
    same = _common(a, b)
    if not same:
        return _without_fragment(a, b)
    block = max((s.block or _texts(s) for s in (a, b)), key=len)
    best = [max((one, a), (other, b), key=_weight)[0] for one, other in same]
    parts = [joined(a.span.union(b.span), best, block)]
    for span, taken in ((a, [one for one, _ in same]), (b, [other for _, other in same])):
        if rest := [line for line in span.lines if line not in taken]:
            parts.append(joined(span.span, rest, span.block or _texts(span)))
    return parts


def _common(a: TextSpan, b: TextSpan) -> list[tuple[TextLine, TextLine]]:
    """Lines that are in both spans, in ``a``'s order."""
    pairs: list[tuple[TextLine, TextLine]] = []
    free = list(b.lines)
    for line in a.lines:
        for other in free:
            if overlap(line.box, other.box) >= _SAME_PLACE and _same(line.text, other.text):
                pairs.append((line, other))
                free.remove(other)
                break
    return pairs


def _same(a: str, b: str) -> bool:
    return alike(a, b, 0.9) and not grew(a, b) and not grew(b, a)


def _weight(one: tuple[TextLine, TextSpan]) -> tuple[float, str]:
    line, span = one
    return line.confidence * (span.span.duration + 0.01), line.text


def _texts(span: TextSpan) -> tuple[str, ...]:
    return tuple(line.text for line in span.lines)


def _without_fragment(a: TextSpan, b: TextSpan) -> list[TextSpan] | None:
    """The longer of two readings of one place, where the shorter is part of it all the time it is there."""
    if overlap(a.box, b.box) < _SAME_PLACE:
        return None
    for long, short in ((a, b), (b, a)):
        covered = long.span.start <= short.span.start and short.span.end <= long.span.end
        if covered and key(short.text) in key(long.text) and len(short.lines) <= len(long.lines) and long != short:
            return [long] if letters(short.text) < letters(long.text) else None
    return None


def in_order(span: TextSpan) -> tuple[float, Box, float, str]:
    """What spans are sorted by: when they begin, then from the top down."""
    return span.span.start, (span.box[1], span.box[0], span.box[3], span.box[2]), span.span.end, span.text


def _box(values: Sequence[float]) -> Box:
    left, top, right, bottom = (float(v) for v in values)
    return left, top, right, bottom
