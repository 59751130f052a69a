"""The driver that works by rules: what to do next follows from the kind of question and from what was done."""

from __future__ import annotations

import json
from collections.abc import Sequence

from vagent.agent import budget
from vagent.agent.language.words import content
from vagent.agent.question.plan import Task
from vagent.agent.state import Call, Context, Decision, State
from vagent.index.records import Kind
from vagent.tools.time import Span

_SHORT = 180.0  # seconds up to which a video is looked at evenly instead of where search points
_EVERY_PLACE: frozenset[Task] = frozenset({"count", "order", "when", "exists", "compare"})
_ALL_LINES: frozenset[Task] = frozenset({"edge", "neighbour", "between", "speaker"})
_WHOLE: frozenset[Task] = frozenset({"whole", "chapters", "file"})


class Policy:
    """Search in a few wordings, go through everything where that is needed, look if something can look, then finish."""

    name = "policy"

    def next(self, state: State, context: Context) -> Decision:
        """The first call of the plan that has not been made yet."""
        done = {_key(step.action, step.arguments) for step in state.get("steps", [])}
        for call in _wanted(state, context):
            if _key(call.name, call.arguments) not in done:
                return Decision(call)
        return Decision(Call("finish"))


def _wanted(state: State, context: Context) -> list[Call]:
    plan, videos = state["plan"], state["videos"]
    if plan.task in _WHOLE:
        calls = [Call("overview")]
        return calls + _looks(state, context) if plan.task == "whole" else calls
    calls = []
    if plan.hint is not None and plan.hint.strict and len(videos) == 1:
        stretch = plan.hint.within(context.index.video(videos[0]).duration)
        calls += _transcript(state, context, 1, Span(max(0.0, stretch.start - 2.0), stretch.end + 2.0))
    calls += [_search(query, kinds) for query, kinds in plan.queries[:3]]
    if plan.task in _EVERY_PLACE:
        calls.append(_count(state))
    if plan.task in _ALL_LINES:
        for number, video in enumerate(videos[:2], 1):
            calls += _transcript(state, context, number, Span(0.0, context.index.video(video).duration))
    if state.get("rounds", 0) > 0:
        words = " ".join(content(plan.framed, frame=True))
        calls += [_search(words, None)] if words else []
        calls.append(_count(state))
    if not state.get("problem") and (plan.visual or plan.kind == "visual" or state.get("rounds", 0) > 0):
        calls += _looks(state, context)
    return calls


def _search(query: str, kinds: Sequence[Kind] | None) -> Call:
    return Call("search", {"query": query[:500], **({"kinds": list(kinds)} if kinds else {})})


def _count(state: State) -> Call:
    plan = state["plan"]
    what = " ".join(plan.quoted) or " ".join(content(plan.framed)) or plan.question
    return Call("count", {"what": what[:500]})


def _transcript(state: State, context: Context, number: int, span: Span) -> list[Call]:
    """The stretch as far as the question may see it; none where it lies outside."""
    inside = context.shelf(state).clamp(span)
    end = min(inside.end, context.index.video(state["videos"][number - 1]).duration)
    if end < inside.start or (span.end < inside.start):
        return []
    return [Call("transcript", {"start": round(inside.start, 2), "end": round(end, 2), "video": number})]


def _looks(state: State, context: Context) -> list[Call]:
    """Where to look: evenly over a short video, else at the best moments."""
    if context.videollm is None:
        return []
    limit = context.index.settings.agent
    spans: list[tuple[int, Span]] = []
    for number in state["videos"][:1] if len(state["videos"]) == 1 else ():
        whole = context.shelf(state).clamp(Span(0.0, context.index.video(number).duration))
        if whole.duration <= _SHORT or state["plan"].task == "whole":
            parts = max(1, min(limit.looks, round(whole.duration / limit.look_seconds + 0.49)))
            step = whole.duration / parts
            spans = [(number, Span(whole.start + i * step, whole.start + (i + 1) * step)) for i in range(parts)]
    if not spans:
        best = sorted(state.get("moments", []), key=lambda m: -m.score)
        for moment in best:
            duration = context.index.video(moment.video).duration
            around = Span(max(0.0, moment.span.start - 5.0), min(duration, moment.span.end + 5.0))
            if all(video != moment.video or not span.overlap(around) for video, span in spans):
                spans.append((moment.video, around))
    question = state["plan"].question[:2000]
    return [
        Call("look", {"start": round(s.start, 2), "end": round(s.end, 2), "question": question, "video": number})
        for video, s in spans[: max(1, limit.looks - 1)]  # one is kept for a second look at what was seen
        if (number := state["videos"].index(video) + 1) and budget.looks_left(state, context) > 0
    ]


def _key(name: str, arguments: object) -> str:
    return json.dumps([name, arguments], sort_keys=True)
