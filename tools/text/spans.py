"""``TextSpan``: text and when it was on screen; and ``fold``, which joins what is one text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vagent.tools.text import Box, TextLine
from vagent.tools.text.layout import around, overlap
from vagent.tools.text.likeness import alike, grew, key, letters
from vagent.tools.time import Span

_SAME_PLACE = 0.3  # intersection over union from which two boxes are one place
_GAP = 2.0  # seconds that a text may be away and still be the same appearance


@dataclass(frozen=True, slots=True)
class TextSpan:
    """Lines that appeared on the screen together, near each other, and went together.

    A slide that builds up gives one span for each step: every bullet has the time when *it* appeared, and ``context``
    has the rest of its block as it was when most complete. So "When does bullet 3 appear?" is answered by the ``span``
    of its own row, and "How many bullets are there?" by ``block`` of any of the rows.

    Attributes:
        span: ``start``: when it appeared; ``end``: when it was no longer there.
        text: the lines in reading order, parted by line breaks.
        confidence: mean over the lines, 0..1.
        box: around the lines, where they were last seen.
        lines: the lines with their own boxes, in reading order; joined they are ``text``.
        context: the other lines of the block when it was most complete, in reading order.
        place: how many of the ``context`` lines are read before the lines of this span.
    """

    span: Span
    text: str
    confidence: float
    box: Box
    lines: tuple[TextLine, ...] = ()
    context: tuple[str, ...] = ()
    place: int = 0

    @property
    def block(self) -> tuple[str, ...]:
        """All lines of the block when it was most complete, in reading order, this span's own among them."""
        return (*self.context[: self.place], *self.text.split("\n"), *self.context[self.place :])

    def to_extra(self) -> dict[str, Any]:
        """What an evidence row keeps beside time, text and confidence: ``box``, ``lines`` and, where there is more in
        the block, ``context`` and ``place``. JSON values only.
        """
        extra: dict[str, Any] = {
            "box": [round(v, 4) for v in self.box],
            "lines": [[line.text, round(line.confidence, 4), *(round(v, 4) for v in line.box)] for line in self.lines],
        }
        if self.context:
            extra |= {"context": list(self.context), "place": self.place}
        return extra

    @classmethod
    def from_extra(cls, span: Span, text: str, confidence: float, extra: Mapping[str, Any]) -> TextSpan:
        """The span that ``to_extra`` was called on, numbers rounded."""
        lines = tuple(TextLine(_box(values), str(t), float(c)) for t, c, *values in extra.get("lines", ()))
        context = tuple(map(str, extra.get("context", ())))
        return cls(span, text, confidence, _box(extra["box"]), lines, context, int(extra.get("place", 0)))


def joined(span: Span, lines: Sequence[TextLine], context: Sequence[str] = (), place: int = 0) -> TextSpan:
    """One span of lines given in reading order."""
    confidence = sum(line.confidence for line in lines) / len(lines)
    text = "\n".join(line.text for line in lines)
    box = around([line.box for line in lines])
    return TextSpan(span, text, confidence, box, tuple(lines), tuple(context), place)


def fold(spans: Iterable[TextSpan], gap: float = _GAP) -> list[TextSpan]:
    """The spans in order of time, one for each text: equal neighbours joined (across a checkpoint, or where a text was
    missed for at most ``gap`` seconds), the better reading kept, fragments of a longer reading that stands there at the
    same time dropped. Folding what is folded changes nothing.
    """
    found = sorted(spans, key=_in_order)
    while (once := _fold_once(found, gap)) != found:
        found = once
    return found


def _fold_once(spans: list[TextSpan], gap: float) -> list[TextSpan]:
    kept: list[TextSpan] = []
    recent: list[int] = []  # places in `kept` that a later span may still join
    for span in spans:
        recent = [i for i in recent if kept[i].span.end + gap >= span.span.start]
        for i in reversed(recent):
            if (one := _one_of(kept[i], span, gap)) is not None:
                kept[i] = one
                break
        else:
            recent.append(len(kept))
            kept.append(span)
    return sorted(kept, key=_in_order)


def _one_of(a: TextSpan, b: TextSpan, gap: float) -> TextSpan | None:
    """Both as one span, or None where they are two; ``a`` does not start after ``b``."""
    if a.span.gap(b.span) > gap or overlap(a.box, b.box) < _SAME_PLACE:
        return None
    if same_lines(a.text, b.text):
        best = max(a, b, key=lambda s: (s.confidence * s.span.duration, s.text))
        fuller = max(a, b, key=lambda s: len(s.context))
        return replace(best, span=a.span.union(b.span), context=fuller.context, place=fuller.place)
    for long, short in ((a, b), (b, a)):
        covered = long.span.start <= short.span.start and short.span.end <= long.span.end
        if covered and key(short.text) in key(long.text) and letters(short.text) < letters(long.text):
            return long
    return None


def same_lines(a: str, b: str) -> bool:
    """True where two texts are readings of the same lines."""
    one, other = a.split("\n"), b.split("\n")
    if len(one) == len(other):
        return all(alike(x, y, 0.9) and not grew(x, y) and not grew(y, x) for x, y in zip(one, other, strict=True))
    return key(a) == key(b) != ""


def _in_order(span: TextSpan) -> tuple[float, float, Box, str]:
    return span.span.start, span.span.end, (span.box[1], span.box[0], span.box[3], span.box[2]), span.text


def _box(values: Sequence[float]) -> Box:
    left, top, right, bottom = (float(v) for v in values)
    return left, top, right, bottom
