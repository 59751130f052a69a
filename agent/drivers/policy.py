"""The driver that works by rules: what to do next follows from the kind of question and from what was done."""

from __future__ import annotations

from vagent.agent.actions import Action, Describe, Finish, Look, Scan, Search, Transcript, arguments
from vagent.agent.language.words import content
from vagent.agent.state import Context, State
from vagent.tools.time import Span

_SHORT = 180.0  # seconds up to which a video is looked at evenly instead of where search points
_EXHAUSTIVE = frozenset({"count", "order", "when", "mention", "edge", "neighbour", "whole"})


class Policy:
    """Search in a few wordings, read everything where that is needed, look if something can look, then finish."""

    name = "policy"

    def next(self, state: State, context: Context) -> Action:
        """The first action of the plan that has not been done yet."""
        done = {(step.action, repr(sorted(step.arguments.items()))) for step in state.get("steps", [])}
        for action in _wanted(state, context):
            if (action.name, repr(sorted(arguments(action).items()))) not in done:
                return action
        return Finish()


def _wanted(state: State, context: Context) -> list[Action]:
    plan = state["plan"]
    if plan.task == "file":
        return [Describe(state["videos"][0])]
    actions: list[Action] = []
    if plan.hint is not None and plan.hint.strict and len(state["videos"]) == 1:
        stretch = plan.hint.within(context.index.video(state["videos"][0]).duration)
        actions.append(Transcript(state["videos"][0], max(0.0, stretch.start - 2.0), stretch.end + 2.0))
    actions += [Search(query, kinds, state.get("start"), state.get("end")) for query, kinds in plan.queries[:3]]
    if plan.task in _EXHAUSTIVE:
        actions.append(Scan())
    if state.get("rounds", 0) > 0:
        words = " ".join(content(plan.question, frame=True))
        actions += [Search(words, None, state.get("start"), state.get("end"))] if words else []
        actions.append(Scan())
    if (
        context.videollm is not None
        and not state.get("problem")
        and (plan.visual or plan.kind == "visual" or state.get("rounds", 0) > 0)
    ):
        actions += _looks(state, context)
    return actions


def _looks(state: State, context: Context) -> list[Action]:
    """Where to look: evenly over a short video, else at the best moments."""
    limit = context.index.settings.agent
    spans: list[tuple[int, Span]] = []
    for number in state["videos"][:1] if len(state["videos"]) == 1 else ():
        whole = context.shelf(state).clamp(Span(0.0, context.index.video(number).duration))
        if whole.duration <= _SHORT:
            parts = max(1, min(limit.looks, round(whole.duration / limit.look_seconds + 0.49)))
            step = whole.duration / parts
            spans = [(number, Span(whole.start + i * step, whole.start + (i + 1) * step)) for i in range(parts)]
    if not spans:
        best = sorted(state.get("moments", []), key=lambda m: -m.score)
        for moment in best:
            around = Span(max(0.0, moment.span.start - 5.0), moment.span.end + 5.0)
            if all(video != moment.video or not span.overlap(around) for video, span in spans):
                spans.append((moment.video, around))
    question = state["plan"].question
    return [Look(video, round(s.start, 2), round(s.end, 2), question) for video, s in spans[: limit.looks]]
