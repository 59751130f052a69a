"""The action ``transcript``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vagent.agent.actions.arguments import Time
from vagent.agent.actions.desk import Desk, number
from vagent.agent.state import Found, Observation

_ROWS = 60  # rows of evidence that a model is shown


def transcript(
    desk: Desk,
    start: Annotated[Time, Field(description="where the stretch begins")],
    end: Annotated[Time, Field(description="where it ends")],
    video: Annotated[int, Field(description="number of the video")] = 1,
) -> Observation:
    """Read everything that was said, written, detected and heard in one stretch of one video, in order of time.

    Use it when the time is known: to read on from a moment that a search found, or what comes before or after it.
    """
    row = desk.video(video)
    span = desk.stretch(row, start, end)
    rows = desk.index.evidence(row, span)
    listed, shown = desk.listed(rows, _ROWS)
    moments = (Found(row, span, 1.0, tuple(r.id for r in rows)),) if rows else ()
    count = number(len(rows), "row") + " of evidence"
    return Observation(count, f"{count}:\n{listed}", moments, shown=shown)
