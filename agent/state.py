"""What the graph carries from node to node: plain values and row numbers. Evidence, models and handles stay outside,
in the ``Context`` that nodes are given.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Annotated, Protocol, TypedDict

from vagent.agent.actions import Action, Index
from vagent.agent.evidence.draft import Draft
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.look import Looker, Seen
from vagent.agent.question.plan import Plan
from vagent.agent.records import Answer, Step
from vagent.agent.routes.choices import Chosen
from vagent.tools.time import Span


@dataclass(frozen=True, slots=True)
class Found:
    """A moment that search found: its video, stretch, score and evidence rows."""

    video: int
    span: Span
    score: float
    rows: tuple[int, ...]


class State(TypedDict, total=False):
    """One question on its way to an answer."""

    question: str
    choices: tuple[str, ...]
    videos: tuple[int, ...]
    start: float | None
    end: float | None
    plan: Plan
    action: Action
    moments: Annotated[list[Found], operator.add]
    looks: Annotated[list[Seen], operator.add]
    steps: Annotated[list[Step], operator.add]
    rounds: int
    draft: Draft
    chosen: Chosen | None
    problem: str
    answer: Answer


class Driver(Protocol):
    """Chooses what to do next. ``policy`` does so by rules; a language model can do so by calling actions."""

    name: str

    def next(self, state: State, context: Context) -> Action:
        """The next action; ``Finish`` when there is enough evidence, or no way to more."""
        ...


@dataclass(slots=True)
class Context:
    """Handles of one question; never part of the state, never chosen by a model."""

    index: Index
    driver: Driver
    videollm: Looker | None = None
    shelves: dict[tuple[int, ...], Shelf] = field(default_factory=dict)

    def shelf(self, state: State) -> Shelf:
        """The evidence of the videos asked; of many videos, of those that search found."""
        videos = state["videos"]
        if len(videos) > _TOGETHER:
            found = dict.fromkeys(m.video for m in sorted(state.get("moments", []), key=lambda m: -m.score))
            videos = tuple(sorted(list(found)[:_TOGETHER])) or videos[:_TOGETHER]
        if videos not in self.shelves:
            self.shelves[videos] = Shelf(self.index, videos, state.get("start"), state.get("end"))
        return self.shelves[videos]


_TOGETHER = 6  # videos whose evidence is read in full for one question
