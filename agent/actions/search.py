"""The action ``search``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vagent.agent.actions.arguments import Time
from vagent.agent.actions.desk import Desk, Refused, number
from vagent.agent.evidence.phrases import at
from vagent.agent.state import Found, Observation
from vagent.index.records import Evidence, Kind

_ROWS = 24  # rows of evidence that a model is shown


def search(
    desk: Desk,
    query: Annotated[str, Field(description="words, a sentence or a question", min_length=1, max_length=500)],
    kinds: Annotated[list[Kind] | None, Field(description="only these senses; all when left out")] = None,
    start: Annotated[Time | None, Field(description="nothing before this time")] = None,
    end: Annotated[Time | None, Field(description="nothing after this time")] = None,
    video: Annotated[int | None, Field(description="number of one video; all when left out")] = None,
) -> Observation:
    """Find moments by words and by meaning, in everything said, written, described and detected.

    Use it to find where something is. Try other words when it finds nothing that fits: what people would say, what a
    sign would read, what a picture would show.
    """
    if not any(c.isalnum() for c in query):
        raise Refused("the query has no words")
    found = desk.index.search(
        query,
        videos=desk.state["videos"] if video is None else [desk.video(video)],
        kinds=kinds,
        start=_later(start, desk.state.get("start")),
        end=_earlier(end, desk.state.get("end")),
        limit=desk.index.settings.agent.candidates,
    )
    moments = tuple(Found(m.video.id, m.span, m.score, tuple(h.evidence.id for h in m.hits)) for m in found)
    rows: dict[int, Evidence] = {h.evidence.id: h.evidence for m in found for h in m.hits}
    listed, shown = desk.listed(list(rows.values()), _ROWS)
    best = f", best at {at(moments[0].span)}" if moments else ""
    count = number(len(moments), "moment")
    return Observation(count + best, f"{count}, best first:\n{listed}", moments, shown=shown)


def _later(one: float | None, other: float | None) -> float | None:
    return max((t for t in (one, other) if t is not None), default=None)


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((t for t in (one, other) if t is not None), default=None)
