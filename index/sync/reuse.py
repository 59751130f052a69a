"""Descriptions of stretches that another video of the library shows too: another cut of a film, say, or its opening.

A description is the dearest evidence there is, so it is not made twice. It is taken over only where it is proved that
the stretch it was made of is the same in both: each picture that is kept of it is shown at the very moment in each of
its parts, the loudness rises and falls in the same way, and the cuts lie in the same places. Where it is silent the
pictures have to prove it alone. The description must have been made with these very settings by this very model, and it
must not speak of times.

What is taken over keeps the edges that it has in the other film, which need not be those of clips here: a clip that is
covered by what was taken over is not described again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vagent.index.pictures import Pictures
from vagent.index.records import Clip, Evidence, Video
from vagent.index.store import Store
from vagent.index.sync.closely import Kept, heard_alike, places, seen_alike
from vagent.index.sync.prints import Print, distance
from vagent.index.video.job import Job, stage_fingerprint
from vagent.tools.time import Span

Depends = Callable[[Sequence[Clip]], Sequence[object]]
"""What the descriptions of some clips depend on."""

_SHORTEST = 4.0  # seconds of a stretch that can be proved to be another
_EDGE = 0.5  # seconds at an edge of a clip that need not be covered, where no cut lies within
_CUT = 0.15  # seconds by which a cut may lie elsewhere
_SAMPLES = 64  # pictures by which most videos are ruled out
_SHARED = 6  # of these that have to be in a video for it to be looked at more closely
_NEAR = 0.2  # part of the bits in which two pictures may differ
_TOGETHER = 64  # videos whose prints are in memory at once
_TIMES = re.compile(r"\d+:\d\d|\d+(?:\.\d+)?\s*(?:s|sec|secs|seconds?|minutes?)\b", re.I)


@dataclass(frozen=True, slots=True)
class Taken:
    """Descriptions that a video takes over.

    Attributes:
        rows: in order of time.
        clips: numbers of the clips that need none of their own.
    """

    rows: Sequence[Evidence] = ()
    clips: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Look:
    """How one video looks and sounds, and when its shots begin: those after a cut, and all."""

    video: Video
    pictures: Print
    loudness: Print | None
    cuts: Sequence[float]
    shots: Sequence[float]


def descriptions(job: Job, clips: Sequence[Clip], stage: str, depends: Depends) -> Taken:
    """The descriptions that a video can take over.

    Args:
        clips: those that have none yet.
        stage: the stage that makes them.
        depends: what they depend on; another video's were made in the same way where this gives the same for its clips.

    Raises:
        SourceError, MediaError: the file cannot be opened any more.
    """
    own = _look(job.store, job.video)
    if own is None or not clips:
        return Taken()
    before = [row.span for row in job.store.evidence(job.video.id, None, ["caption"])]
    rows: list[Evidence] = []
    for video in _related(job.store, own):
        other = _look(job.store, video)
        if other is not None and _made_alike(job.store, video, stage, depends):
            rows += _shared(job, own, other, clips, [*before, *(row.span for row in rows)])
    return _covering(rows, before, clips, own.shots)


def notice(store: Store, taken: Taken) -> str:
    """What is told of the descriptions that were taken over; empty where none was."""
    if not taken.rows:
        return ""
    sources = dict.fromkeys(str(row.extra["taken_from"]["video"]) for row in taken.rows)
    names = [found.path if (found := store.by_fingerprint(mark)) else "a video that is gone" for mark in sources]
    return f"{len(taken.clips)} clips show what {', '.join(names)} shows, and took over the descriptions"


def _look(store: Store, video: Video) -> _Look | None:
    pictures = store.prints_of("pictures", [video.id]).get(video.id)
    loudness = store.prints_of("loudness", [video.id]).get(video.id)
    if pictures is None:
        return None
    shots = store.shots(video.id)
    return _Look(
        video,
        Print.from_bytes("pictures", pictures),
        None if loudness is None else Print.from_bytes("loudness", loudness),
        [shot.span.start for shot in shots if shot.start_kind == "cut"],
        [shot.span.start for shot in shots],
    )


def _made_alike(store: Store, video: Video, stage: str, depends: Depends) -> bool:
    """Whether a video's descriptions are all there, and were made with the same settings by the same model."""
    state = store.stage(video.id, stage)
    return (
        state is not None
        and state.status == "done"
        and state.fingerprint == stage_fingerprint(stage, *depends(store.clips(video.id)))
    )


def _related(store: Store, own: _Look) -> Iterator[Video]:
    """Videos that show some of the same pictures, wherever in them."""
    told = own.pictures.values[own.pictures.values != 0].astype(np.uint64)
    if len(told) < _SHARED:
        return
    few = np.unique(told[np.linspace(0, len(told) - 1, min(_SAMPLES, len(told))).round().astype(int)])
    videos = {video.id: video for video in store.videos() if video.complete and video.id != own.video.id}
    numbers = [number for number in store.printed("pictures") if number in videos]
    for first in range(0, len(numbers), _TOGETHER):
        held = store.prints_of("pictures", numbers[first : first + _TOGETHER])
        for number, data in held.items():
            values = Print.from_bytes("pictures", data).values.astype(np.uint64)
            if len(values) and int((distance(few[:, None], values[None]).min(axis=1) <= _NEAR).sum()) >= _SHARED:
                yield videos[number]


def _shared(job: Job, own: _Look, other: _Look, clips: Sequence[Clip], held: Sequence[Span]) -> Iterator[Evidence]:
    """Another video's descriptions, at the times at which this one shows the same."""
    pictures = Pictures(job.pictures.path.parent, other.video.fingerprint)
    times = np.array(pictures.times())
    end, likely = job.length, None
    covered = list(held)
    for row in job.store.evidence(other.video.id, None, ["caption"]):
        if row.span.duration < _SHORTEST or _TIMES.search(row.text):
            continue
        kept: Kept | None = None
        for guess in places(row.span, other.pictures, own.pictures, likely):
            if row.span.start + guess < -2 * _EDGE or row.span.end + guess > end + 2 * _EDGE:
                continue
            there = _moved(row.span, guess).clamp(Span(0.0, end))
            if not any(there.touches(clip.span) for clip in clips):
                continue
            if any(there.overlap(span) > 2 * _EDGE for span in covered):
                continue
            inside = times[(times >= row.span.start) & (times < row.span.end)].tolist()
            kept = kept or Kept.of(pictures, inside)
            offset = None if kept is None else _proved(job, own, other, row.span, kept, guess)
            if offset is not None:
                likely, span = offset, _moved(row.span, offset).clamp(Span(0.0, end))
                covered.append(span)
                yield _taken(row, job.video, span, other.video)
                break


def _moved(span: Span, offset: float) -> Span:
    return Span(max(0.0, span.start + offset), span.end + offset)


def _proved(job: Job, own: _Look, other: _Look, span: Span, kept: Kept, guess: float) -> float | None:
    """The exact offset at which this video shows a stretch of another one; None where that is not proved."""
    sound = heard_alike(span, other.loudness, own.loudness, guess)
    track = job.video_track
    if sound is None or track is None:
        return None
    offset = seen_alike(job.info, track, job.settings, kept, sound[1], sound=sound[0])
    if offset is None or not (
        _cut_alike(own, other, span, offset) and _cut_alike(other, own, _moved(span, offset), -offset)
    ):
        return None
    return offset


def _cut_alike(one: _Look, other: _Look, span: Span, offset: float) -> bool:
    """Whether each cut within a stretch of the second video is a boundary of shots in the first one."""
    there = np.array(one.shots)
    wanted = [at + offset for at in other.cuts if span.start + 2 * _CUT < at < span.end - 2 * _CUT]
    return all(len(there) and float(np.abs(there - at).min()) <= _CUT for at in wanted)


def _taken(row: Evidence, video: Video, span: Span, other: Video) -> Evidence:
    source = {"video": other.fingerprint, "start": row.span.start, "end": row.span.end}
    before = row.extra.get("taken_from", source)  # of what was taken over itself, where it was made
    return replace(row, id=0, video=video.id, span=span, extra={**row.extra, "taken_from": before})


def _covering(rows: Sequence[Evidence], before: Sequence[Span], clips: Sequence[Clip], shots: Sequence[float]) -> Taken:
    """The clips that descriptions cover, and those of the descriptions that it takes."""
    fitted = sorted((_fitted(row, clips, shots) for row in rows), key=lambda row: row.span)
    spans = sorted([*before, *(row.span for row in fitted)])
    covered = [clip for clip in clips if _covers(spans, clip.span, shots)]
    needed = [row for row in fitted if any(row.span.overlap(clip.span) > _EDGE for clip in covered)]
    return Taken(needed, frozenset(clip.id for clip in covered))


def _fitted(row: Evidence, clips: Sequence[Clip], shots: Sequence[float]) -> Evidence:
    """A description of what is a clip here too, at that clip's very times."""
    near = min(clips, key=lambda clip: abs(clip.span.start - row.span.start) + abs(clip.span.end - row.span.end)).span
    edges = ((row.span.start, near.start), (row.span.end, near.end))
    return replace(row, span=near) if all(_one_edge(min(edge), max(edge), shots) for edge in edges) else row


def _one_edge(first: float, last: float, shots: Sequence[float]) -> bool:
    """Whether nothing of its own lies between two times."""
    return last - first <= _EDGE and not any(first + _CUT < at < last - _CUT for at in shots)


def _covers(spans: Sequence[Span], whole: Span, shots: Sequence[float]) -> bool:
    """Whether stretches in order of time cover another one, but for what lies between edges that are one."""
    at = whole.start
    for span in spans:
        if span.start >= whole.end:
            break
        if span.end > at:
            if span.start > at and not _one_edge(at, span.start, shots):
                return False
            at = span.end
    return at >= whole.end or (at > whole.start and _one_edge(at, whole.end, shots))
