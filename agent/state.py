"""What the graph carries from node to node: plain values and row numbers. Evidence, models and handles stay outside,
in the ``Context`` that nodes are given.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Annotated, Any, Protocol, TypedDict

from vagent.agent.evidence.draft import Draft
from vagent.agent.evidence.index import Index
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.look import Looker, Seen
from vagent.agent.question.plan import Plan
from vagent.agent.records import Answer, Step
from vagent.agent.routes.choices import Chosen
from vagent.tools.chat import ChatModel, Message
from vagent.tools.time import Span

_TOGETHER = 6  # videos whose evidence is read in full for one question


@dataclass(frozen=True, slots=True)
class Call:
    """An action that a driver asks for.

    Attributes:
        name: of the action; a model may write one that does not exist.
        arguments: JSON values, not checked yet.
        id: what ties a chat model's call to the observation it gets.
        problem: why the arguments could not be read at all; empty where they could.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a driver decided, and what it said and spent to get there.

    Attributes:
        said: messages that its conversation grew by.
        tokens: read and written by its model.
        gone: its model is gone, and rules choose from here on.
    """

    call: Call
    said: tuple[Message, ...] = ()
    tokens: int = 0
    notices: tuple[str, ...] = ()
    problem: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A moment that search found: its video, stretch, score and evidence rows."""

    video: int
    span: Span
    score: float
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """What came of an action.

    Attributes:
        result: one line for people.
        text: what a chat model reads; material from media is quoted and delimited.
        shown: evidence rows that ``text`` quotes.
        answer: what a driver wants to say, when the action is ``finish``.
    """

    result: str
    text: str
    moments: tuple[Found, ...] = ()
    looks: tuple[Seen, ...] = ()
    shown: tuple[int, ...] = ()
    frames: int = 0
    tokens: int = 0
    notices: tuple[str, ...] = ()
    problem: str = ""
    answer: Claim | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """An answer that a chat model wants to give; nothing of it is believed before it was checked.

    Attributes:
        evidence: labels of evidence (``e12``) and looks (``l1``) that it says prove it.
        option: the option it chose, in the words or by the letter it wrote.
    """

    answered: bool
    text: str
    evidence: tuple[str, ...] = ()
    option: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a chat and what came of it.

    Attributes:
        resolved: the question as it stands by itself.
        spans: (row number of the video, stretch) of what was cited, best first.
    """

    question: str
    resolved: str
    text: str
    answered: bool = False
    short: str | None = None
    spans: tuple[tuple[int, Span], ...] = ()
    choice: str | None = None

    def __post_init__(self) -> None:
        # A chat that was kept comes back with lists.
        object.__setattr__(self, "spans", tuple((video, span) for video, span in self.spans))


class State(TypedDict, total=False):
    """One question on its way to an answer; of a chat, also what was asked before."""

    turns: Annotated[list[Turn], operator.add]
    asked: str
    question: str
    choices: tuple[str, ...]
    videos: tuple[int, ...]
    among: int  # videos that were asked; fewer are left where the question names some of them
    start: float | None
    end: float | None
    plan: Plan
    call: Call
    moments: Annotated[list[Found], operator.add]
    looks: Annotated[list[Seen], operator.add]
    shown: Annotated[list[int], operator.add]
    messages: Annotated[list[Message], operator.add]
    steps: Annotated[list[Step], operator.add]
    thought: tuple[int, float, tuple[str, ...]]  # tokens, seconds and notices of the decision
    rounds: int
    gone: bool  # the driver's model; rules go on
    objections: int  # answers that were turned down because they were not proven
    claim: Claim | None
    draft: Draft
    chosen: Chosen | None
    problem: str
    answer: Answer


class Driver(Protocol):
    """Chooses what to do next. ``policy`` does so by rules, ``llm`` asks a chat model."""

    @property
    def name(self) -> str: ...

    def next(self, state: State, context: Context) -> Decision:
        """The next call; ``finish`` when there is enough evidence, or no way to more."""
        ...


@dataclass(slots=True)
class Context:
    """Handles of one question; never part of the state, never chosen by a model.

    Attributes:
        started: when the question was asked, ``perf_counter`` seconds.
    """

    index: Index
    driver: Driver
    videollm: Looker | None = None
    chat: ChatModel | None = None
    started: float = field(default_factory=perf_counter)
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
