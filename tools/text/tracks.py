"""Text followed over time: from the lines of single frames to ``TextSpan``s with a start and an end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.configs import TextSettings
from vagent.errors import LibraryError
from vagent.tools.text import Box, Image, Places, TextEngine, TextLine
from vagent.tools.text.gate import FrameGate, news, patch, shrunk, still
from vagent.tools.text.layout import apart, blocks, inside, overlap, reading_order
from vagent.tools.text.likeness import alike, grew, grew_inside_word, key, letters
from vagent.tools.text.lines import LineTrack, pack, pack_picture, unpack, unpack_picture
from vagent.tools.text.moments import Moments
from vagent.tools.text.spans import TextSpan, fold, fold_once, joined
from vagent.tools.time import Span

__all__ = ["Moments", "TextReader", "TextSpan", "fold", "fold_once"]

_SURE = 0.9  # confidence from which a line that stays is not read again
_ATTEMPTS = 3  # times that an unsure line that stays is read
_NEARLY = 0.99  # part of an interval that counts as the whole: samples jitter
_FINE_EVERY = 30.0  # seconds after which a scene that never stands still is looked at finely
_EXTRA = (6, 0.05), (4, 0.15), (2, 0.25), (0, 0.3)  # letters, and how much more confidence than the least they need
_REVEAL = 1.0  # seconds in which text that goes on is one text being revealed, not one that was added to
_SLACK = 0.4  # heights of type by which boxes of one line jitter
_PATIENCE = 1.0  # seconds that a line may be missed, at least
_FAR = 0.15, 0.25  # parts of the picture's width and height that moving text goes between two samples, at most
_ONE_SLIDE = 0.35  # picture heights between lines that come and go in the same moment, at most
_FULLEST = 60  # lines of a block remembered as context, at most


class TextReader:
    """Turns sampled frames into ``TextSpan``s.

    A frame is looked at only where something changed, and a line that is still there is not recognised again. Spans
    come out when their text has gone; ``finish`` closes what is still there.

    Args:
        engine: detects and recognises.
        settings: ``text`` section of the settings.
        interval: seconds between two samples.
        moments: signatures of the frames between the samples. With them starts and ends are exact to a frame, without
            them to a sample: ``start`` is the first sample that shows the text, ``end`` the first that does not.
        state: ``state`` of a reader of the same frames, to go on where that one was: what comes out is what would have
            come out of one reader. Its frames from ``since`` on have to go through ``moments`` again.

    Raises:
        LibraryError: the state is damaged.
    """

    def __init__(
        self,
        engine: TextEngine,
        settings: TextSettings,
        interval: float,
        moments: Moments | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._engine = engine
        self._settings, self._interval = settings, interval
        self._least = settings.min_confidence
        self._patience = max(interval, _PATIENCE) * _NEARLY
        self._gate = FrameGate(settings.change)
        self._moments = moments
        self._aspect = 16 / 9
        self._every = settings.every * _NEARLY
        self._last: float | None = None
        self._fine = False
        self._last_fine = 0.0
        self._tracks: list[LineTrack] = []
        self._closed: list[LineTrack] = []
        self.since: float | None = None  # the frames from then on have to be seen again
        if state is not None:
            self._restore(state)

    @property
    def state(self) -> dict[str, Any]:
        """What another reader needs to go on from here, as JSON values."""
        seen = None if self._moments is None else self._moments.earliest
        return {
            "aspect": self._aspect,
            "last": self._last,
            "since": self.since if seen is None else seen,
            "fine": [self._fine, self._last_fine],
            "gate": None if self._gate.last is None else pack_picture(self._gate.last),
            "shown": len(self._tracks),
            "closed": len(self._closed),
            "lines": pack([*self._tracks, *self._closed]),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        try:
            lines = unpack(state["lines"])
            shown, closed = int(state["shown"]), int(state["closed"])
            self._tracks, self._closed = lines[:shown], lines[shown : shown + closed]
            self._gate.last = None if state["gate"] is None else unpack_picture(state["gate"])
            self._fine, self._last_fine = bool(state["fine"][0]), float(state["fine"][1])
            self._aspect = float(state["aspect"])
            self._last, self.since = (None if state[n] is None else float(state[n]) for n in ("last", "since"))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            hint = "`vagent remove` the video and index it anew"
            raise LibraryError(
                "what was noted down of the text on the screen is damaged", str(error), hint=hint
            ) from error

    def so_far(self, time: float) -> list[TextSpan]:
        """The spans that ``finish`` would give at ``time`` seconds; the reader goes on undisturbed."""
        copy = TextReader(self._engine, self._settings, self._interval, state=self.state)
        return copy.finish(time)

    def feed(self, time: float, image: Image) -> list[TextSpan]:
        """Take the sample shown at ``time`` seconds; returns what is over by now. One that is not later than the one
        before is left out, and where the settings say so one that comes soon after it.

        Raises:
            EngineFailed: the engine broke.
        """
        if self._last is not None and time <= self._last:
            return []
        small = shrunk(image)
        if self._last is not None and self._soon(time, self._last, small):
            return []
        self._aspect = image.shape[1] / image.shape[0]
        changes = self._gate.changes(small)
        changed = bool(changes.any())
        if changed or not self._fine:
            # A picture that stands still, a slide or a card, is worth a second, finer look, and so is a long scene.
            fine = not changed or time - self._last_fine >= _FINE_EVERY
            self._look(time, image, None if fine else changes)
            self._fine = fine
            self._last_fine = time if fine else self._last_fine
        else:
            for track in self._tracks:
                track.samples += track.missed is None
        self._close(time)
        if self._moments is not None:
            self._moments.forget(time)
        self._last = time
        return self._settled(time)

    def _soon(self, time: float, last: float, small: NDArray[np.uint8]) -> bool:
        """Whether a scene was looked at a moment ago: what came since then will still be there the next time."""
        return time - last < self._every and not self._gate.another(small)

    def finish(self, time: float) -> list[TextSpan]:
        """Close everything at ``time`` seconds; the reader is then as new."""
        time = time if self._last is None else max(time, self._last)
        for track in self._tracks:
            if track.missed is None:
                track.end = time
        self._closed += self._tracks
        self._tracks = []
        spans = self._settled(float("inf"))
        self._gate.reset()
        self._last, self._fine, self._last_fine = None, False, 0.0
        return spans

    def _look(self, time: float, image: Image, changes: Places | None) -> None:
        """Read a frame where it changed (None: all of it, finely): keep the lines that are still there, recognise the
        rest.
        """
        before = list(self._tracks)
        here = [t for t in before if still(t.patch, patch(image, t.box))]
        for track in here:
            track.samples += 1
            track.missed = None
        sure = [t for t in here if not self._wants_reading(t)]
        where = news(changes, [t.box for t in sure], [t.box for t in before if t not in sure])
        found = self._engine.detect(image, fine=changes is None, where=where) if where.any() else ()
        regions = [r for r in found if not any(_is_it(r.box, t.box) for t in sure)]
        read = self._engine.recognise(image, regions)
        owned: list[LineTrack] = []
        for line in _distinct([line for lines in read for line in lines if self._legible(line)]):
            if _is_row_of(line, here):
                continue
            owner = self._owner(time, line, [t for t in before if t not in owned])
            if owner is not None:
                owned.append(owner)
                self._continue(owner, line, image, seen=owner in here)
            else:
                owned.append(self._open(time, line, image))
        for region, lines in zip(regions, read, strict=True):
            if not any(map(self._legible, lines)):
                self._note_blank(time, region.box, image, here)
        self._note_missing(time, before, here, owned)
        self._note_blocks()

    def _owner(self, time: float, line: TextLine, tracks: Sequence[LineTrack]) -> LineTrack | None:
        """The track that a reading continues: the same text in about the same place, nearest first."""
        free = [t for t in tracks if t.readings and _reachable(t.box, line.box)]
        for track in sorted(free, key=lambda t: _distance(t.box, line.box)):
            text = _text(track)
            if grew(text, line.text):
                level = abs(track.box[0] - line.box[0]) < 0.03 and overlap(track.box, line.box) > 0
                quick = grew_inside_word(text, line.text) or self._when(line.box, time) - track.start < _REVEAL
                if level and quick:
                    return track
                continue
            least = 0.8 if overlap(track.box, line.box) > 0.5 else 0.9
            if not grew(line.text, text) and alike(text, line.text, least):
                return track
        return None

    def _continue(self, track: LineTrack, line: TextLine, image: Image, *, seen: bool) -> None:
        track.samples += not seen
        track.attempts += 1
        track.missed = None
        track.box, track.patch = line.box, patch(image, line.box)
        if grew(_text(track), line.text):
            track.readings.clear()
        track.read(line.text, line.confidence)

    def _open(self, time: float, line: TextLine, image: Image) -> LineTrack:
        track = LineTrack(line.box, patch(image, line.box), self._when(line.box, time))
        track.read(line.text, line.confidence)
        self._tracks.append(track)
        return track

    def _note_blank(self, time: float, box: Box, image: Image, here: Sequence[LineTrack]) -> None:
        """Remember a place where nothing is readable, so that it is not tried again as long as it stays so."""
        for track in here:
            if _is_it(box, track.box):
                track.attempts += 1
                return
        self._tracks.append(LineTrack(box, patch(image, box), time))

    def _note_missing(
        self, time: float, before: Sequence[LineTrack], here: Sequence[LineTrack], owned: Sequence[LineTrack]
    ) -> None:
        """Mark what is gone; what another text has replaced, or gone on from, is over at once."""
        for track in before:
            if track in owned:
                continue
            over = [t for t in owned if inside(track.box, t.box) > 0.5 or inside(t.box, track.box) > 0.5]
            if track in here:
                over = [t for t in over if grew(_text(track), _text(t))]
                if not over:
                    continue
            if track.missed is None:
                track.missed, track.end = time, self._when((over[0] if over else track).box, time)
            track.replaced = bool(over)

    def _wants_reading(self, track: LineTrack) -> bool:
        line = track.line()
        return track.attempts < _ATTEMPTS and (line is None or line.confidence < _SURE)

    def _when(self, box: Box, time: float) -> float:
        if self._moments is None or self._last is None:
            return time
        return self._moments.changed(box, self._last, time)

    def _legible(self, line: TextLine) -> bool:
        return line.confidence >= self._least and letters(line.text) > 0

    def _note_blocks(self) -> None:
        """Remember for every line the block it stands in, when that is more complete than before."""
        shown = [t for t in self._tracks if t.missed is None and t.readings]
        for group in blocks([t.box for t in shown], self._aspect):
            block = tuple(shown[i] for i in group[:_FULLEST])
            for track in block:
                if len(block) >= len(track.beside):
                    track.beside = block

    def _close(self, time: float) -> None:
        """Part with tracks that have been missing for too long, and at once with places without text."""
        over = [t for t in self._tracks if t.missed is not None and self._is_over(t, t.missed, time)]
        self._tracks = [t for t in self._tracks if t not in over]
        self._closed += [t for t in over if t.readings]

    def _is_over(self, track: LineTrack, missed: float, time: float) -> bool:
        return track.replaced or not track.readings or time - missed >= self._patience

    def _settled(self, time: float) -> list[TextSpan]:
        """Spans of the closed lines with which no other line can still be joined."""
        leaving = [t for t in self._tracks if t.missed is not None]
        ready = [
            t
            for t in self._closed
            if time - t.end >= 3 * self._patience or not any(self._together(t, other) for other in leaving)
        ]
        self._closed = [t for t in self._closed if t not in ready]
        spans = fold(self._spans([t for t in ready if self._counts(t)]))
        for track in ready:
            track.part()
        return spans

    def _counts(self, track: LineTrack) -> bool:
        """Whether a line is trusted: short ones, and ones seen once, need more confidence than long or lasting ones."""
        line = track.line()
        if line is None:
            return False
        if len(line.text) == 1 and track.samples == 1:
            return False  # a letter seen once is mostly a window or a fence
        size = 1 if len(line.text) == 1 else letters(line.text)
        extra = next(extra for shortest, extra in _EXTRA if size >= shortest)
        return line.confidence >= min(self._least + extra + (0.1 if track.samples == 1 else 0.0), 0.95)

    def _spans(self, tracks: list[LineTrack]) -> list[TextSpan]:
        spans: list[TextSpan] = []
        left = sorted(tracks, key=lambda t: (t.start, t.box))
        while left:
            group = [left.pop(0)]
            while more := [t for t in left if self._together(group[0], t) and any(self._near(m, t) for m in group)]:
                group += more
                left = [t for t in left if t not in more]
            spans.append(self._span(group))
        return spans

    def _together(self, a: LineTrack, b: LineTrack) -> bool:
        return abs(a.start - b.start) < 0.5 * self._patience and abs(a.end - b.end) <= self._patience

    def _near(self, a: LineTrack, b: LineTrack) -> bool:
        if b in a.beside or a in b.beside:
            return True
        return a.start == b.start and a.end == b.end and apart(a.box, b.box, self._aspect) <= _ONE_SLIDE

    def _span(self, group: list[LineTrack]) -> TextSpan:
        lines = [line for t in group if (line := t.line()) is not None]
        order = reading_order([line.box for line in lines], self._aspect)
        fullest = max((t.beside for t in group), key=len)
        span = Span(min(t.start for t in group), max(t.end for t in group))
        block = [_text(t) for t in fullest if t in group or self._counts(t)]
        return joined(span, [lines[i] for i in order], block)


def _text(track: LineTrack) -> str:
    line = track.line()
    return line.text if line else ""


def _is_it(found: Box, known: Box) -> bool:
    """True where a detected box is a known line, or a piece of it, jitter allowed; a line that grew is not it."""
    height = known[3] - known[1]
    slack = _SLACK * height
    level = abs((found[1] + found[3]) - (known[1] + known[3])) / 2 < slack and found[3] - found[1] < 1.6 * height
    return level and found[0] >= known[0] - slack and found[2] <= known[2] + slack


def _distinct(lines: Sequence[TextLine]) -> list[TextLine]:
    """The lines without those that the detector found twice."""
    kept: list[TextLine] = []
    for line in sorted(lines, key=lambda one: -one.confidence):
        if not any(key(line.text) == key(k.text) and inside(line.box, k.box) > 0.3 for k in kept):
            kept.append(line)
    return [line for line in lines if line in kept]


def _is_row_of(line: TextLine, tracks: Sequence[LineTrack]) -> bool:
    """True where the detector took several lines, known as lines of their own, for one."""
    under = sorted((t for t in tracks if t.readings and inside(t.box, line.box) > 0.7), key=lambda t: t.box)
    return len(under) > 1 and key("".join(map(_text, under))) == key(line.text)


def _reachable(a: Box, b: Box) -> bool:
    return overlap(a, b) > 0.3 or (abs(a[0] - b[0]) <= _FAR[0] and abs(a[1] - b[1]) <= _FAR[1])


def _distance(a: Box, b: Box) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])
