"""What actions work on. Handles are bound here by the graph; a driver names videos by number and evidence by label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vagent.agent.evidence.index import Index
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.state import Context, State
from vagent.index.records import Evidence
from vagent.prompts import marker
from vagent.tools.safe import safe
from vagent.tools.time import Span, format_time

_LINE = 300  # characters of one row of evidence that a model is shown


class Refused(Exception):
    """A call that makes no sense: told to the driver as an observation, never raised out of the graph."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The state and the handles of one question."""

    state: State
    context: Context

    @property
    def index(self) -> Index:
        """The library."""
        return self.context.index

    @property
    def shelf(self) -> Shelf:
        """The evidence of the videos asked."""
        return self.context.shelf(self.state)

    def video(self, number: int) -> int:
        """The row of the video that a driver calls 1, 2, 3 ...

        Raises:
            Refused: there is no such video.
        """
        videos = self.state["videos"]
        if not 1 <= number <= len(videos):
            raise Refused(f"there is no video {number}; allowed: 1 to {len(videos)}")
        return videos[number - 1]

    def number(self, video: int) -> int:
        """What a driver calls the video of a row."""
        return self.state["videos"].index(video) + 1

    def stretch(self, video: int, start: float, end: float) -> Span:
        """A stretch of a video within its length and within the stretch that the question is limited to.

        Raises:
            Refused: it lies outside.
        """
        duration = self.index.video(video).duration
        low = max(start, self.state.get("start") or 0.0)
        limit = self.state.get("end")
        high = min(end, duration, duration if limit is None else limit)
        if high < low or start > end:
            allowed = self.shelf.clamp(Span(0.0, duration))
            raise Refused(
                f"the stretch {format_time(start, 1)} to {format_time(end, 1)} holds nothing; "
                f"allowed: {format_time(allowed.start, 1)} to {format_time(allowed.end, 1)}, start before end"
            )
        return Span(low, high)

    def listed(self, rows: Sequence[Evidence], most: int) -> tuple[str, tuple[int, ...]]:
        """Rows of evidence as a model reads them, each with its label, and the rows that were shown."""
        many = len(self.state["videos"]) > 1
        lines = [
            f"[e{row.id}] {f'video {self.number(row.video)} ' if many else ''}"
            f"{format_time(row.span.start, 1)}-{format_time(row.span.end, 1)} {row.kind}"
            f"{' (recognised weakly)' if row.weak else ''}: {cut(safe(row.text))}"
            for row in rows[:most]
        ]
        return delimited(lines, len(rows) - most), tuple(row.id for row in rows[:most])


def delimited(lines: Iterable[str], left_out: int = 0) -> str:
    """Material from media between two marker lines that it cannot contain."""
    text = "\n".join(lines)
    if not text:
        return "(nothing)"
    line = marker(text)
    more = f"\n({left_out} more were left out; narrow the stretch or the query)" if left_out > 0 else ""
    return f"{line}\n{text}\n{line}{more}"


def number(count: int, noun: str) -> str:
    """``1 moment``, ``2 moments``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def cut(text: str) -> str:
    """A line of evidence no longer than a model is shown."""
    return text if len(text) <= _LINE else text[:_LINE] + "…"
