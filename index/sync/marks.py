"""A mark on each video that is up to date, so that the next run need not look at it again.

Every stage knows for itself whether it is done, but to ask them all a file has to be opened. The mark holds a hash of
all they depend on that can be known without: the settings, the engines, and the subtitle files beside the video.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from vagent.configs import Settings
from vagent.errors import VagentError
from vagent.index.video.job import stage_fingerprint
from vagent.tools.engines import Engines, Sense, choose
from vagent.tools.subtitles.sidecar import SUFFIXES

STAGE = "up to date"
"""The name under which marks stand among the stages."""

_SECTIONS = {
    *("media", "subtitles", "speech", "text", "objects", "sounds", "captions", "summaries", "clips"),
    *("embeddings", "visual", "videollm"),
}
_SENSES: tuple[Sense, ...] = ("speech", "text", "objects", "sounds", "embeddings", "visual")


@dataclass(frozen=True, slots=True)
class Beside:
    """The subtitle files of a folder, by name: (name in small letters, name, size, time of change) each."""

    files: Sequence[tuple[str, str, int, int]] = ()

    def of(self, video: str) -> list[tuple[str, int, int]]:
        """Those whose names begin as the video's does."""
        stem = os.path.splitext(video)[0].lower()  # noqa: PTH122 - a Path for each file costs as much as its stat
        found = []
        for small, name, size, changed in self.files[bisect_left(self.files, (stem,)) :]:
            if not small.startswith(stem):
                break
            found.append((name, size, changed))
        return found


class Marks:
    """What the mark of a video has to be for it to be up to date in this process.

    Args:
        engines: the engines of this process, with the settings in force; or ``common`` of another process's marks, for
            videos that are indexed there.

    Attributes:
        common: what is the same for all videos.
    """

    def __init__(self, engines: Engines | str) -> None:
        self.common = engines if isinstance(engines, str) else stage_fingerprint(*_common(engines))

    def of(self, path: str, beside: Beside | None = None) -> str:
        """The mark of a video that lies at a path.

        Args:
            beside: the subtitle files of its folder; None: they are looked up.
        """
        folder, name = os.path.split(path)
        return stage_fingerprint(self.common, (subtitle_files(folder) if beside is None else beside).of(name))


def subtitle_files(folder: str) -> Beside:
    """The subtitle files of a folder; none where it cannot be listed, which whoever reads the subtitles says."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.lower().endswith(SUFFIXES):
                    status = entry.stat()
                    found.append((entry.name.lower(), entry.name, status.st_size, status.st_mtime_ns))
    except OSError:
        return Beside()
    return Beside(sorted(found))


def _common(engines: Engines) -> list[object]:
    """What is the same for all videos."""
    settings = engines.settings
    senses = senses_used(settings)
    wanted = settings.model_dump(mode="json", include=_SECTIONS)
    return [version("vagent"), wanted, {sense: _engine(engines, sense) for sense in senses}]


def senses_used(settings: Settings) -> list[Sense]:
    """The senses that indexing needs engines of."""
    described: list[Sense] = ["videollm"] if settings.captions.use else []
    summed_up: list[Sense] = ["chat"] if settings.summaries.use else []
    return [*_SENSES, *described, *summed_up]


def _engine(engines: Engines, sense: Sense) -> Any:
    """Which engine a sense takes, and what was passed over: a video in another language may have taken that."""
    try:
        choice = choose(sense, engines.settings)
        if choice.engine is None or choice.fetch is not None:
            return [choice.reason, choice.fetch, sorted(choice.passed_over)]
        _, engine = engines.get(sense)
        return [engine.revision if engine else choice.reason, sorted(choice.passed_over)]
    except VagentError as error:  # no video may need it; one that does reports it
        return str(error)
