"""From what was seen and said to the shots and clips of a video."""

from __future__ import annotations

from vagent.index.stages.speech import spans_of
from vagent.index.video.job import Job
from vagent.index.video.segment import clips, shots
from vagent.tools.shots import Boundary


def cut_clips(job: Job) -> None:
    """Cut a video into shots and clips, where those it has were cut from something else."""
    video = job.video.id
    duration = job.length
    found = job.detail("shots").get("boundaries", [])
    boundaries = [Boundary(at, kind) for at, kind in found if at < duration]
    spoken = job.store.spans(video, "subtitle")
    if not spoken:
        spoken = spans_of(job.detail("speech"))
    depends = [duration, [b.time for b in boundaries], [[s.start, s.end] for s in spoken]]
    if job.pending("clips", depends, job.settings.clips.model_dump()) is None:
        return
    with job.store.transaction():
        job.store.replace_shots(video, shots(duration, boundaries))
        job.store.replace_clips(video, clips(duration, [b.time for b in boundaries], spoken, job.settings.clips))
        job.settle("clips", 0.0, {}, done=True)
