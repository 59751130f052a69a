"""The stages of an index that one decode pass feeds, one file each.

A stage's module has ``plan``, which gives the stage where it has anything left to do. A further stage is one file and
one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vagent.index.stages import objects, pictures, prints, shots, sounds, speech, text
from vagent.index.stages.stage import Stage
from vagent.index.video.job import Job
from vagent.tools.media import Track

Planner = Callable[[Job, Track], Stage | None]

VIDEO: Sequence[Planner] = (shots.plan, pictures.plan, prints.plan_pictures, text.plan, objects.plan)
"""Stages that want the frames of the video track."""

AUDIO: Sequence[Planner] = (speech.plan, prints.plan_loudness, sounds.plan)
"""Stages that want the sound of the audio track."""


def planned(job: Job) -> list[Stage]:
    """The stages that still need items of the decode pass."""
    tracks = ((job.video_track, VIDEO), (job.audio_track, AUDIO))
    stages = [plan(job, track) for track, planners in tracks if track is not None for plan in planners]
    return [stage for stage in stages if stage is not None]
