"""Where the subtitles of a video were read from, by which is known without reading whether they would be the same."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from vagent.index.sync.marks import subtitle_files
from vagent.index.video.job import Job, stage_fingerprint
from vagent.tools.subtitles import Cue, Found, Subtitles, find
from vagent.tools.time import Span


def read(job: Job) -> Found:
    """Read the subtitles in and beside a video, and choose.

    Raises:
        SettingsError: the track asked for is not a text track.
        SourceError, MediaError: the file cannot be opened any more.
    """
    return find(job.info, job.settings.subtitles, _language(job))


def depends(found: Found) -> tuple[object, ...]:
    """What the stage depends on: the cues that were chosen."""
    cues = found.chosen.cues if found.chosen else ()
    return ([[cue.span.start, cue.span.end, cue.text] for cue in cues],)


def source(job: Job, found: Found) -> Mapping[str, Any]:
    """What the stage leaves behind beside its rows."""
    return {"source": _source(job), "forced": bool(found.chosen and found.chosen.forced)}


def presumed(job: Job) -> Found:
    """What will be found, guessed without reading the video itself, which may be large: files beside it are read, and
    a text track in it is taken to say what is said throughout."""
    silent = replace(job.info, tracks=tuple(track for track in job.info.tracks if track.kind != "subtitle"))
    beside = find(silent, job.settings.subtitles.model_copy(update={"track": None}), _language(job))
    tracks = [one for one in job.info.of("subtitle") if not (one.bitmap or one.forced or one.commentary)]
    if not job.settings.subtitles.use or not tracks:
        return beside
    whole = Cue(Span(0.0, max(job.info.duration or 0.0, 1.0)), "")
    return Found(Subtitles(tracks[0].language, f"track {tracks[0].index}", tracks[0].codec, (whole,)))


def known(job: Job) -> Found | None:
    """The subtitles as an earlier run has read them; None where they may have changed since."""
    state = job.store.stage(job.video.id, "subtitles")
    if state is None or state.status != "done" or state.detail.get("source") != _source(job):
        return None
    rows = job.store.evidence(job.video.id, kinds=["subtitle"])
    if not rows:
        return Found(None)
    cues = tuple(Cue(row.span, row.text) for row in rows)
    language, origin = rows[0].extra.get("language"), str(rows[0].extra.get("origin", ""))
    return Found(Subtitles(language, origin, "", cues, forced=bool(state.detail.get("forced"))))


def _language(job: Job) -> str | None:
    return job.audio_track.language if job.audio_track else None


def _source(job: Job) -> str:
    path = os.path.abspath(job.info.path)  # noqa: PTH100 - as marks have it
    folder, name = os.path.split(path)
    settings = job.settings.subtitles.model_dump(mode="json")
    return stage_fingerprint(version("vagent"), settings, _language(job), subtitle_files(folder).of(name))
