"""What was said in a film that is known takes the place of recognising it again, where it is proved to be the same.

The pictures of a new file tell which stretches of a known film it shows (``stretches``). An utterance in one of them is
taken over where the very sound that would be recognised has the loudness of the old film in each of its tenths, and the
old film's speech begins and ends where this does. Everything else is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vagent.index.records import Evidence, Video
from vagent.index.store import StageState, Store
from vagent.index.sync.hearing import Ears
from vagent.index.sync.prints import LEVEL_STEP, Print
from vagent.index.sync.stretches import Known
from vagent.tools.time import Span

MadeAlike = Callable[[StageState], bool]
"""Whether a stage's results were made with the settings and the engine that are in force."""

_MARGIN = 1.0  # seconds at the edges of a stretch in which nothing is taken over
_AROUND = 2.0  # seconds before an utterance whose sound has to be the same too
_FAR, _NEAR = 3.0, 0.05  # seconds by which an offset may be wrong, before it was found by the sound and after
_EDGE = 0.25  # seconds by which two utterances of one sound may begin or end elsewhere
_PAUSES = 1.0  # seconds of pauses that may have divided an utterance in the old film and not here


@dataclass(slots=True)
class _Source:
    """A stretch that a known film shows, and what was heard in that."""

    known: Known
    video: Video
    loudness: Print
    spans: Sequence[Span]
    failed: Sequence[Span]
    exact: float | None = None


@dataclass(slots=True)
class Before:
    """What is known already of the speech of one video.

    Attributes:
        taken: for each video, by its fingerprint, how many seconds of speech were taken over.
    """

    store: Store
    video: Video
    sources: Sequence[_Source]
    taken: dict[str, float] = field(default_factory=dict)
    _ears: Ears | None = None

    @classmethod
    def of(cls, store: Store, video: Video, known: Sequence[Known], alike: MadeAlike) -> Before | None:
        """What can be taken over in some stretches; None where nothing can."""
        sources = [source for one in known if (source := _source(store, video, one, alike)) is not None]
        return cls(store, video, sources) if sources else None

    def hear(self, start: float, samples: NDArray[np.int16]) -> None:
        """Hear what follows, before any utterance in it is asked for."""
        if self._ears is None:
            self._ears = Ears(start)
        self._ears.feed(samples)

    def said(self, utterance: Span) -> list[Evidence] | None:
        """What was said, as another film knows it; None where that has to be recognised."""
        for source in self.sources:
            inside = source.known.span
            if inside.start + _MARGIN <= utterance.start and utterance.end <= inside.end - _MARGIN:
                offset = self._offset(source, utterance)
                rows = None if offset is None else self._rows(source, utterance, offset)
                if rows is not None:
                    fingerprint = source.video.fingerprint
                    self.taken[fingerprint] = self.taken.get(fingerprint, 0.0) + utterance.duration
                    return rows
        return None

    def notices(self) -> Iterator[str]:
        """What is told of what was taken over."""
        for fingerprint, seconds in self.taken.items():
            video = self.store.by_fingerprint(fingerprint)
            name = video.path if video else "a video that is gone"
            yield f"{seconds:.0f} s of speech are those of {name}, and were not recognised again"

    def _offset(self, source: _Source, utterance: Span) -> float | None:
        if self._ears is None:
            return None
        start = max(utterance.start - _AROUND, source.known.span.start)
        heard = Span(start, utterance.end)
        if source.exact is not None:
            near = self._ears.offset(heard, source.loudness, source.exact, _NEAR)
            if near is not None:
                return near
        source.exact = self._ears.offset(heard, source.loudness, source.known.offset, _FAR)
        return source.exact

    def _rows(self, source: _Source, utterance: Span, offset: float) -> list[Evidence] | None:
        """The old film's rows of an utterance, at the times that they have here."""
        if utterance.start - offset < 0:
            return None
        there = Span(utterance.start - offset, utterance.end - offset)
        wide = Span(max(0.0, there.start - _EDGE), there.end + _EDGE)
        spoken = [span for span in source.spans if span.overlap(there) > 0]
        rows = [
            row
            for row in self.store.evidence(source.video.id, there, ["speech"])
            if row.span.overlap(there) > _EDGE / 2
        ]
        whole = all(span.overlap(wide) == span.duration for span in [*spoken, *(row.span for row in rows)])
        pauses = there.duration - sum(span.overlap(there) for span in spoken)
        broken = any(span.overlap(there) > 0 for span in source.failed)
        if not spoken or not whole or pauses > _PAUSES or broken:
            return None
        if min(spoken).start > there.start + _EDGE or max(span.end for span in spoken) < there.end - _EDGE:
            return None
        return [_moved(row, self.video, source.video, offset) for row in rows]


def _source(store: Store, video: Video, known: Known, alike: MadeAlike) -> _Source | None:
    other = store.by_fingerprint(known.video)
    if other is None or other.id == video.id:
        return None
    state, data = store.stage(other.id, "speech"), store.prints_of("loudness", [other.id]).get(other.id)
    if state is None or state.status != "done" or data is None or not alike(state):
        return None
    loudness = Print.from_bytes("loudness", data)
    if loudness.step != LEVEL_STEP:
        return None  # its film has been taken over by one of another speed
    spans, failed = ([Span(one[0], one[1]) for one in state.detail.get(key, ())] for key in ("spans", "failed"))
    return _Source(known, other, loudness, spans, failed)


def _moved(row: Evidence, video: Video, other: Video, offset: float) -> Evidence:
    source = {"video": other.fingerprint, "start": row.span.start, "end": row.span.end}
    extra = {**row.extra, "taken_from": row.extra.get("taken_from", source)}
    if "words" in extra:
        extra["words"] = [[round(a + offset, 3), round(b + offset, 3), *rest] for a, b, *rest in extra["words"]]
    span = Span(max(0.0, round(row.span.start + offset, 3)), round(row.span.end + offset, 3))
    return replace(row, id=0, video=video.id, span=span, extra=extra)
