"""Ask questions of long videos and get answers with the moments that prove them.

``VideoAgent`` asks one video, ``Library`` many. Importing this package is cheap: what is heavy is imported on use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vagent._talk import Chat
    from vagent._video_agent import VideoAgent
    from vagent.agent.records import Answer, Citation, Searched, Started, Step
    from vagent.errors import VagentError
    from vagent.index.bundle.exporting import Exported
    from vagent.index.bundle.importing import Merged
    from vagent.index.estimates.estimate import Estimate
    from vagent.index.estimates.stale import Stale
    from vagent.index.records import Clip, Evidence, Moment, Shot, Video
    from vagent.index.video.job import Progress
    from vagent.index.video.pipeline import Report
    from vagent.sdk import Library
    from vagent.tools.time import Span

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Chat",
    "Citation",
    "Clip",
    "Estimate",
    "Evidence",
    "Exported",
    "Library",
    "Merged",
    "Moment",
    "Progress",
    "Report",
    "Searched",
    "Shot",
    "Span",
    "Stale",
    "Started",
    "Step",
    "VagentError",
    "Video",
    "VideoAgent",
    "Which",
]

_HOMES = {
    "vagent.agent.records": ("Answer", "Citation", "Searched", "Started", "Step"),
    "vagent.errors": ("VagentError",),
    "vagent.index.bundle.exporting": ("Exported",),
    "vagent.index.bundle.importing": ("Merged",),
    "vagent.index.estimates.estimate": ("Estimate",),
    "vagent.index.estimates.stale": ("Stale",),
    "vagent.index.video.job": ("Progress",),
    "vagent.index.video.pipeline": ("Report",),
    "vagent.index.records": ("Clip", "Evidence", "Moment", "Shot", "Video"),
    "vagent.index.which": ("Which",),
    "vagent._video_agent": ("VideoAgent",),
    "vagent._talk": ("Chat",),
    "vagent.sdk": ("Library",),
    "vagent.tools.time": ("Span",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'vagent' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
