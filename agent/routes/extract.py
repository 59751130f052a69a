"""The extractive answerer: finds the passage that answers, and quotes it. No language model; it invents nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vagent.agent.evidence.draft import Draft
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.question.plan import Plan, Task
from vagent.agent.routes import (
    compare,
    counting,
    exists,
    explain,
    facts,
    find,
    foreign,
    neighbours,
    occurrences,
    order,
    overview,
    places,
    slides,
    speakers,
)  # fmt: skip

Route = Callable[[Plan, Shelf, Sequence[int]], Draft]


def draft(plan: Plan, shelf: Shelf, leads: Sequence[int]) -> Draft:
    """The answer that the evidence on the shelf supports, or what is missing.

    Args:
        leads: evidence rows that search found, best first.
    """
    if plan.task not in ("compare", "which_video"):
        shelf = compare.named(plan, shelf)
    plan = foreign.fitted(find.without_speaker(plan, shelf), shelf)
    return foreign.noticed(plan, shelf, _TASKS.get(plan.task, find.draft)(plan, shelf, leads))


_TASKS: Mapping[Task, Route] = {
    "edge": places.edge,
    "at_time": places.at_time,
    "neighbour": neighbours.draft,
    "between": lambda plan, shelf, leads: neighbours.between(plan, shelf),
    "exists": exists.draft,
    "explain": explain.draft,
    "speaker": speakers.draft,
    "when": occurrences.when,
    "which_video": compare.which,
    "compare": compare.draft,
    "count": lambda plan, shelf, leads: counting.draft(plan, shelf) or find.draft(plan, shelf, leads),
    "order": lambda plan, shelf, leads: order.draft(plan, shelf),
    "slide": lambda plan, shelf, leads: slides.draft(plan, shelf),
    "file": lambda plan, shelf, leads: facts.draft(plan, shelf),
    "whole": lambda plan, shelf, leads: overview.draft(plan, shelf),
    "chapters": lambda plan, shelf, leads: overview.chapters(plan, shelf),
}
