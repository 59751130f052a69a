"""What whoever searches should know of the library beside what was found."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from vagent.index.records import Video

_NAMED = 3  # videos that are named


def by_words_alone(videos: Sequence[Video], model: str) -> str:
    """One line on videos that search finds by their words alone; empty where there are none.

    Args:
        model: that queries are embedded with.
    """
    if not videos:
        return ""
    named = [Path(video.path).name for video in videos[:_NAMED]]
    more = len(videos) - len(named)
    which = ", ".join(named) + (f" and {more} more" if more else "")
    paths = [video.path for video in videos]
    if more:
        paths = [os.path.commonpath([Path(path).parent for path in paths])]
    return (
        f"found by words alone, not by meaning: {which}; indexed without embeddings of {model}, "
        f"run: vagent index {shlex.join(paths)}"
    )
