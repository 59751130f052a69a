"""The action ``find_objects``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from vagent.agent.actions.arguments import Time
from vagent.agent.actions.desk import Desk, Refused
from vagent.agent.evidence.phrases import at
from vagent.agent.language.words import Bag, content
from vagent.agent.state import Found, Observation
from vagent.index.records import Evidence, Kind

_KINDS: tuple[Kind, ...] = ("objects", "visual", "caption")
_ROWS = 24  # rows of evidence that a model is shown
_READ = 32  # videos whose things are all gone through; of more, those that search finds


def find_objects(
    desk: Desk,
    description: Annotated[
        str, Field(description="one thing, in the singular: dog, red car", min_length=1, max_length=200)
    ],
    start: Annotated[Time | None, Field(description="nothing before this time")] = None,
    end: Annotated[Time | None, Field(description="nothing after this time")] = None,
    video: Annotated[int | None, Field(description="number of one video; all when left out")] = None,
) -> Observation:
    """Find things in the picture: those that were detected and followed, and pictures that look like a description.

    Use it for where a thing or a person is to be seen. Detected things come first, each with the stretch in which it
    was followed; pictures that look alike are only leads, so look at them.
    """
    words = content(description, frame=True) or content(description)
    if not words:
        raise Refused("the description has no words that tell anything")
    videos = list(desk.state["videos"]) if video is None else [desk.video(video)]
    low, high = desk.state.get("start"), desk.state.get("end")
    start = low if start is None else max(start, low or 0.0)
    end = high if end is None else min(end, high if high is not None else end)
    read = videos if len(videos) <= _READ else _likely(desk, description, videos, start, end)
    detected = [row for v in read for row in desk.index.evidence(v, None, ["objects"]) if _within(row, start, end)]
    detected = [row for row in detected if all(Bag.of(row.text).has(word) for word in words)]
    found = desk.index.search(description, videos=videos, kinds=_KINDS, start=start, end=end,
                              limit=desk.index.settings.agent.candidates)  # fmt: skip
    alike = [hit.evidence for moment in found for hit in moment.hits if hit.evidence.kind != "objects"]
    rows = list({row.id: row for row in [*detected, *alike]}.values())
    listed, shown = desk.listed(rows, _ROWS)
    moments = [Found(row.video, row.span, 1.0, (row.id,)) for row in detected]
    moments += [Found(m.video.id, m.span, m.score, tuple(h.evidence.id for h in m.hits)) for m in found]
    told = f"{len(detected)} detected, {len(rows) - len(detected)} that look or read alike"
    best = f", first at {at(detected[0].span)}" if detected else ""
    ran = (
        "" if any("objects" in c.kinds for c in desk.index.searched(videos)) else "No detector ran over these videos. "
    )
    if len(read) < len(videos):
        ran += f"Of {len(videos)} videos the {len(read)} that search found were gone through for detected things. "
    return Observation(told + best, f"{ran}{told}:\n{listed}", tuple(moments), shown=shown)


def _likely(desk: Desk, description: str, videos: Sequence[int], start: float | None, end: float | None) -> list[int]:
    """The videos in which search finds things of that description detected; those of thousands take long to read."""
    found = desk.index.search(description, videos=videos, kinds=["objects"], start=start, end=end, limit=_READ)
    return sorted({moment.video.id for moment in found})


def _within(row: Evidence, start: float | None, end: float | None) -> bool:
    return row.span.end >= (start or 0.0) and (end is None or row.span.start <= end)
