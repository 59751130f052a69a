"""Two libraries know one video: whose results are taken, stage by stage.

What a stage found is taken as a whole or not at all. What is finished here stays; what is finished there and not here
is taken; of two unfinished stages the one that has come further is. Where both are finished with other settings or
engines, there is no right and wrong: the library that is imported into keeps its own, and the import says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from vagent.index.video.job import KINDS

CLIPS = "clips"
"""The stage that cuts shots and clips; the video's length and its gaps go with them."""

PICTURES = "pictures"
"""The stage whose results lie in a file of their own."""

_SUMMARIES = "summaries"
_KINDS: Mapping[str, tuple[str, ...]] = {**KINDS, _SUMMARIES: ("summary",)}
_OWNERS = {kind: stage for stage, kinds in _KINDS.items() for kind in kinds}


@dataclass(frozen=True, slots=True)
class State:
    """How far a stage has come, as far as that decides; ``detail`` only where one side goes on from the other."""

    fingerprint: str
    status: str
    cursor: float
    changed: str
    detail: str = ""

    @property
    def done(self) -> bool:
        """Finished."""
        return self.status == "done"


@dataclass(frozen=True, slots=True)
class Known:
    """What one side knows of a video.

    Attributes:
        stages: by name.
        kinds: rows of evidence by kind.
        clips: number of clips.
        complete: all stages that were asked for there are finished.
    """

    stages: Mapping[str, State] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    clips: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What is taken from the bundle.

    Attributes:
        stages: taken with all that they found.
        kinds: kinds of evidence that are taken; what there is of them here is replaced.
        clips: whether shots, clips, length and gaps are taken.
        agreed: kinds that both sides found alike: their rows are the same.
        united: kinds that no stage answers for, put there by some program: rows that are not here are added.
        kept: stages that both finished differently, where ours stay.
        complete: one side was complete, and nothing that is taken or stays is half done for it.
    """

    stages: frozenset[str]
    kinds: frozenset[str]
    clips: bool
    agreed: frozenset[str]
    united: frozenset[str]
    kept: tuple[str, ...]
    complete: bool


def choose(ours: Known, theirs: Known) -> Choice:
    """What to take of ``theirs``."""
    pairs = {name: (state, ours.stages.get(name)) for name, state in theirs.stages.items()}
    taken = frozenset(name for name, (there, here) in pairs.items() if here is None or _better(there, here))
    agreed = {name for name, (there, here) in pairs.items() if here is not None and _same(there, here)}
    both = {name for name, (there, here) in pairs.items() if there.done and here is not None and here.done}
    return Choice(
        stages=taken,
        kinds=frozenset(kind for name in taken for kind in _KINDS.get(name, ())),
        clips=CLIPS in taken or (_loose(CLIPS, ours, theirs) and theirs.clips > 0 and not ours.clips),
        agreed=frozenset(kind for kind in theirs.kinds if _OWNERS.get(kind) in agreed),
        united=frozenset(kind for kind in theirs.kinds if _loose(_OWNERS.get(kind), ours, theirs)),
        # Summaries are made anew where they do not fit what is there by now: nothing to tell anybody.
        kept=tuple(sorted(both - agreed - {_SUMMARIES})),
        complete=_complete(ours, theirs, taken),
    )


def going_on(ours: Known, theirs: Known) -> Choice:
    """What to take where ``theirs`` went on from ``ours``: every stage that is not exactly as it was."""
    taken = frozenset(
        name
        for name, state in theirs.stages.items()
        if ours.stages.get(name) != state
        or any(ours.kinds.get(kind, 0) != theirs.kinds.get(kind, 0) for kind in _KINDS.get(name, ()))
    )
    return Choice(
        stages=taken,
        kinds=frozenset(kind for name in taken for kind in _KINDS.get(name, ())),
        clips=CLIPS in taken,
        agreed=frozenset(
            kind for kind in theirs.kinds if (stage := _OWNERS.get(kind)) in theirs.stages and stage not in taken
        ),
        united=frozenset(kind for kind in theirs.kinds if _OWNERS.get(kind) not in theirs.stages),
        kept=(),
        complete=theirs.complete,
    )


def _complete(ours: Known, theirs: Known, taken: Collection[str]) -> bool:
    """A complete video may have a stage that began later and is no part of what was asked for; one that a side which
    is not complete has begun makes both incomplete."""
    held = {**ours.stages, **{name: theirs.stages[name] for name in taken}}
    begun = [
        [side.complete for side in (ours, theirs) if name in side.stages and _same(side.stages[name], state)]
        for name, state in held.items()
        if state.status == "running"
    ]
    return (ours.complete or theirs.complete) and all(any(sides) for sides in begun)


def _same(one: State, other: State) -> bool:
    """Two runs with the same settings and engines over the same stretch: what they found is the same."""
    if one.done and other.done:
        return one.fingerprint == other.fingerprint
    return (one.fingerprint, one.status, one.cursor) == (other.fingerprint, other.status, other.cursor)


def _better(theirs: State, ours: State) -> bool:
    if ours.done or _same(theirs, ours):
        return False
    return theirs.done or _progress(theirs) > _progress(ours)


def _progress(state: State) -> tuple[bool, float, str, str]:
    """A stage that failed has come to an end, with less than it should have found. The last two only see to it that of
    two sides always the same one is taken."""
    return state.status == "failed", state.cursor, state.changed, state.fingerprint


def _loose(stage: str | None, ours: Known, theirs: Known) -> bool:
    return stage is None or (stage not in ours.stages and stage not in theirs.stages)
