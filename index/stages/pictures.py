"""Pictures that are kept of a video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vagent.index.pictures import Pictures
from vagent.index.stages.stage import Stage
from vagent.index.video.job import Job
from vagent.tools.media import Frame, Track
from vagent.tools.media.frames import jpeg


def plan(job: Job, track: Track) -> PictureStage | None:
    """The stage, where it has anything left to do."""
    media = job.settings.media
    at = job.pending("pictures", track.index, *job.sampling, media.picture_width, media.picture_quality)
    return None if at is None else PictureStage(job, *at, job.pictures)


class PictureStage(Stage):
    """Small JPEG pictures of the sampled frames."""

    name = "pictures"
    wants = Frame

    def __init__(self, job: Job, cursor: float, detail: Mapping[str, Any], pictures: Pictures) -> None:
        super().__init__(job, cursor, detail)
        self._pictures = pictures
        self._waiting: list[tuple[float, bytes]] = []

    def take(self, item: Frame) -> None:
        if item.image is not None:
            media = self.job.settings.media
            self._waiting.append((item.time, jpeg(item.image, media.picture_width, media.picture_quality)))

    def mark(self, time: float) -> None:
        self._write(time)

    def finish(self, end: float) -> None:
        self._write(end, done=True)

    def _write(self, cursor: float, *, done: bool = False) -> None:
        # Pictures first: a cursor without its pictures would leave a hole; the other way round they are made again.
        self._pictures.add(self._waiting)
        self._waiting = []
        self.commit(cursor, [], done=done)
