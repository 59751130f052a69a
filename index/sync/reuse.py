"""Descriptions of clips that another video of the library shows too: another cut of a film, say, or the same opening.

A description is the dearest evidence there is, so it is not made twice. It is taken over only where three things prove
that the clip is the same: the pictures of all its seconds have the same hash, its loudness rises and falls in the same
way, and every picture that the model would be shown looks the same in each of its parts. It must have been made with
these very settings by this very model, and it must not speak of times. Where the proof is wanting (no sound, a clip of
a second, an offset by a part of a second in a scene that moves) the clip is described anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vagent.index.pictures import Pictures, parts
from vagent.index.records import Clip, Evidence, Video
from vagent.index.store import Store
from vagent.index.sync.prints import LEVEL_STEP, Kind, Print, distance
from vagent.index.video.job import Job, stage_fingerprint
from vagent.tools.time import Span
from vagent.tools.videollm import Frames

Depends = Callable[[Sequence[Clip]], Sequence[object]]
"""What the descriptions of some clips depend on."""
Shown = Callable[[Pictures, Span], Frames]
"""The pictures of a stretch that the model is shown."""

_SHORTEST = 4.0  # seconds of a clip that can be proved to be another
_LENGTHS = 0.1  # seconds by which two clips of one stretch may differ
_SAMPLES = 64  # pictures by which most videos are ruled out
_SHARED = 6  # of these that have to be in a video for it to be looked at more closely
_NEAR = 0.16  # part of the bits in which two pictures may differ, each ...
_CLOSE = 0.08  # ... and all of them on average
_TOLD = 0.6  # part of a clip's seconds whose pictures have to tell something
_SOUNDS = 0.9  # correlation of the loudness
_FLOOR = 50.0  # level of silence: what is softer is an encoder's noise
_TELLING = 8.0  # standard deviation of levels from which a stretch is no silence and no hum
_DIFFERS = 10  # grey levels by which any part of a picture may differ
_TOGETHER = 64  # videos whose prints are in memory at once
_TIMES = re.compile(r"\d+:\d\d|\d+(?:\.\d+)?\s*(?:s|sec|secs|seconds?|minutes?)\b", re.I)


@dataclass(frozen=True, slots=True)
class _Look:
    """How one video looks and sounds, and when its clips are."""

    video: Video
    pictures: Print
    loudness: Print
    clips: Sequence[Clip]


def descriptions(job: Job, clips: Sequence[Clip], stage: str, depends: Depends, shown: Shown) -> dict[int, Evidence]:
    """The descriptions that clips of a video can take over, by the clip's id.

    Args:
        clips: those that have none yet.
        stage: the stage that makes them.
        depends: what they depend on; another video's were made in the same way where this gives the same for its clips.
        shown: which pictures the model sees of a clip.
    """
    wanted = [clip for clip in clips if clip.span.duration >= _SHORTEST]
    own = _look(job.store, job.video, wanted)
    if own is None or not wanted:
        return {}
    found: dict[int, Evidence] = {}
    for video in _related(job.store, own):
        other = _look(job.store, video, job.store.clips(video.id))
        if other is None or not _made_alike(job.store, other, stage, depends):
            continue
        rows = {row.span: row for row in job.store.evidence(video.id, None, ["caption"]) if not _TIMES.search(row.text)}
        pictures = Pictures(job.pictures.path.parent, video.fingerprint)
        for clip in wanted:
            if clip.id in found:
                continue
            for span in _same(own, clip.span, other):
                row = rows.get(span)
                if row is not None and _seen_alike(shown(job.pictures, clip.span), shown(pictures, span)):
                    found[clip.id] = _taken(row, job.video, clip, other)
                    break
    return found


def notice(store: Store, taken: Mapping[int, Evidence]) -> str:
    """What is told of the descriptions that were taken over; empty where none was."""
    if not taken:
        return ""
    sources = dict.fromkeys(str(row.extra["taken_from"]["video"]) for row in taken.values())
    names = [found.path if (found := store.by_fingerprint(mark)) else "a video that is gone" for mark in sources]
    return f"{len(taken)} clips show what {', '.join(names)} shows, and took over the descriptions"


def _taken(row: Evidence, video: Video, clip: Clip, other: _Look) -> Evidence:
    source = {"video": other.video.fingerprint, "start": row.span.start, "end": row.span.end}
    before = row.extra.get("taken_from", source)  # of what was taken over itself, where it was made
    return replace(row, id=0, video=video.id, span=clip.span, extra={**row.extra, "taken_from": before})


def _look(store: Store, video: Video, clips: Sequence[Clip]) -> _Look | None:
    kinds: tuple[Kind, ...] = ("pictures", "loudness")
    prints = [(kind, store.prints_of(kind, [video.id]).get(video.id)) for kind in kinds]
    if any(data is None for _, data in prints):
        return None
    pictures, loudness = (Print.from_bytes(kind, data) for kind, data in prints if data is not None)
    return _Look(video, pictures, loudness, clips)


def _made_alike(store: Store, other: _Look, stage: str, depends: Depends) -> bool:
    """Whether a video's descriptions are all there, and were made with the same settings by the same model."""
    state = store.stage(other.video.id, stage)
    return (
        state is not None
        and state.status == "done"
        and state.fingerprint == stage_fingerprint(stage, *depends(store.clips(other.video.id)))
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


def _same(own: _Look, span: Span, other: _Look) -> Iterator[Span]:
    """The clips of another video that look and sound like a stretch of this one in each of their seconds."""
    clips = [clip for clip in other.clips if abs(clip.span.duration - span.duration) <= _LENGTHS]
    for clip in _in_the_middle(own.pictures, span, other.pictures, clips):
        offset = span.start - clip.span.start
        if _looks_alike(own.pictures, span, other.pictures, offset) and _sounds_alike(
            own.loudness, span, other.loudness, offset
        ):
            yield clip.span


def _in_the_middle(own: Print, span: Span, other: Print, clips: Sequence[Clip]) -> list[Clip]:
    """Those of some clips that show the same in their middle: that rules most of them out at once."""
    number = round((span.middle - own.start) / own.step)
    if not clips or not 0 <= number < len(own.values) or not len(other.values):
        return []
    inside = own.start + number * own.step - span.start
    places = np.array([(clip.span.start + inside - other.start) / other.step for clip in clips])
    before = np.clip(np.floor(places).astype(int), 0, len(other.values) - 1)
    mine = np.full(len(clips), own.values[number], np.uint64)
    near = _nearer(mine, other, before, np.minimum(before + 1, len(other.values) - 1))
    return [clip for clip, away in zip(clips, near, strict=True) if away <= _NEAR]


def _nearer(
    mine: NDArray[np.uint64], other: Print, before: NDArray[np.int_], after: NDArray[np.int_]
) -> NDArray[np.float32]:
    """How far pictures are from the nearer one of two."""
    one, two = (distance(mine, other.values[index].astype(np.uint64)) for index in (before, after))
    return np.minimum(one, two)


def _looks_alike(own: Print, span: Span, other: Print, offset: float) -> bool:
    seconds = np.arange(int(np.ceil((span.start - own.start) / own.step)), int((span.end - own.start) / own.step))
    seconds = seconds[(seconds >= 0) & (seconds < len(own.values))]
    if len(seconds) < 2 or not len(other.values):
        return False
    places = (seconds * own.step + own.start - offset - other.start) / other.step
    before = np.floor(places + 1e-6).astype(int)
    if before.min() < 0 or before.max() >= len(other.values):
        return False
    mine = own.values[seconds].astype(np.uint64)
    after = np.minimum(before + (places - before > 1e-3), len(other.values) - 1)
    near = _nearer(mine, other, before, after)
    tells = mine != 0
    return bool(tells.mean() >= _TOLD and near[tells].max() <= _NEAR and near[tells].mean() <= _CLOSE)


def _sounds_alike(own: Print, span: Span, other: Print, offset: float) -> bool:
    times = np.arange(span.start, span.end, LEVEL_STEP)
    mine, theirs = _levels(own, times), _levels(other, times - offset)
    if mine is None or theirs is None or min(mine.std(), theirs.std()) < _TELLING:
        return False
    return float(np.corrcoef(mine, theirs)[0, 1]) >= _SOUNDS


def _levels(one: Print, times: NDArray[np.float64]) -> NDArray[np.float64] | None:
    known = (np.arange(len(one.values)) + 0.5) * one.step + one.start
    if len(known) < 2 or times[0] < known[0] - one.step or times[-1] > known[-1] + one.step:
        return None
    return np.interp(times, known, np.maximum(one.values.astype(np.float64), _FLOOR))


def _seen_alike(mine: Frames, theirs: Frames) -> bool:
    """Whether the model would be shown the same: as many pictures, alike in each of their parts."""
    if not mine or len(mine) != len(theirs):
        return False
    return all(int(np.abs(parts(a) - parts(b)).max()) <= _DIFFERS for (_, a), (_, b) in zip(mine, theirs, strict=True))
