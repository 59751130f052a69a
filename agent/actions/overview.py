"""The action ``overview``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from vagent.agent.actions.desk import Desk, cut, delimited, number
from vagent.agent.evidence.phrases import at, senses
from vagent.agent.state import Observation
from vagent.tools.safe import safe
from vagent.tools.time import format_time

_VIDEOS = 12  # videos that are told of at once
_LINES = 24  # lines of evidence, evenly spread, that stand for a video


def overview(
    desk: Desk,
    video: Annotated[int | None, Field(description="number of one video; all when left out")] = None,
) -> Observation:
    """What there is: length, tracks and senses of each video, lines spread over its whole length, and the chapters of a
    single one.

    Use it first when a question is about the whole video or about the file, or when you do not know where to begin.
    """
    rows = [desk.video(video)] if video is not None else list(desk.state["videos"][:_VIDEOS])
    texts: list[str] = []
    shown: list[int] = []
    for row in rows:
        text, ids = _told(desk, row, max(4, _LINES // len(rows)))
        texts.append(text)
        shown += ids
    rest = len(desk.state["videos"]) - len(rows) if video is None else 0
    more = [f"{rest} more videos; search finds which of them speak of something."] if rest > 0 else []
    return Observation(number(len(rows), "video"), "\n\n".join(texts + more), shown=tuple(shown))


def _told(desk: Desk, row: int, most: int) -> tuple[str, tuple[int, ...]]:
    video, info = desk.index.video(row), desk.index.describe(row)
    covered = desk.index.searched([row], desk.state.get("start"), desk.state.get("end"))
    ran = senses(list(dict.fromkeys(kind for one in covered for kind in one.kinds))) or "nothing"
    name = safe(video.path.replace("\\", "/").rsplit("/", 1)[-1])
    head = [name, *_tracks(info)]
    lines = desk.shelf.lines(row) if row in desk.shelf.numbers else ()
    spread = list({line.evidence.id: line.evidence for line in lines}.values())
    spread = spread[:: max(1, -(-len(spread) // most))]
    listed, shown = desk.listed(spread, most)
    chapters, behind = _chapters(desk, row)
    return (
        f"Video {desk.number(row)}: {format_time(video.duration, 1)} long; the index holds {ran}.\n"
        f"{delimited(head)}\n{chapters}Lines spread over its length:\n{listed}",
        tuple(dict.fromkeys(shown + behind)),
    )


def _chapters(desk: Desk, row: int) -> tuple[str, tuple[int, ...]]:
    """The chapters of a single video with the rows behind them; to sum up many videos would take long, and what a file
    holds is no matter of chapters."""
    if len(desk.state["videos"]) > 1 or desk.state["plan"].task == "file":
        return "", ()
    told, behind = [], []
    for part in desk.index.summaries(row):
        if part.extra.get("level") == "chapter":
            rows = [int(number) for number in part.extra.get("from", ())]
            labels = ", ".join(f"e{number}" for number in rows)
            told.append(cut(f"{at(part.span)} {safe(str(part.extra.get('title', '')))} [{labels}]: {safe(part.text)}"))
            behind += rows
    text = f"Its chapters; each summary rests on the evidence in brackets:\n{delimited(told)}\n" if told else ""
    return text, tuple(behind)


def _tracks(info: Any) -> list[str]:
    found = []
    for track in info.get("tracks") or ():
        told = [str(track[key]) for key in ("kind", "codec", "language", "title") if track.get(key)]
        if track.get("width"):
            told.append(f"{track['width']}x{track['height']}")
        found.append(safe("track: " + ", ".join(told)))
    return found
