"""The action ``look``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from vagent.agent import budget
from vagent.agent.actions.arguments import Time
from vagent.agent.actions.desk import Desk, Refused, delimited
from vagent.agent.evidence.phrases import at
from vagent.agent.look import look as look_at
from vagent.agent.routes.choices import without_label
from vagent.agent.state import Observation
from vagent.errors import EngineError
from vagent.tools.deadline import within
from vagent.tools.safe import safe
from vagent.tools.time import format_time


def look(
    desk: Desk,
    start: Annotated[Time, Field(description="where the stretch begins")],
    end: Annotated[Time, Field(description="where it ends, at most a minute later")],
    question: Annotated[
        str, Field(description="one full question that can be understood by itself", min_length=1, max_length=2000)
    ],
    video: Annotated[int, Field(description="number of the video")] = 1,
    again: Annotated[bool, Field(description="ask in other words and without the text found, to confirm")] = False,
) -> Observation:
    """Look at the pictures of one short stretch of one video and ask one question about what is seen.

    Use it for everything that words do not tell: colours, clothes, actions, places, who stands where. The one who looks
    knows neither the task nor what was found before, so the question must say everything. Each look costs time.
    """
    engine, context = desk.context.videollm, desk.context
    if engine is None:
        raise Refused("nothing here can look at pictures; use what was said, written and detected")
    if budget.looks_left(desk.state, context) <= 0:
        raise Refused("no further looks are left; answer from what was found")
    pictures = min(context.index.settings.agent.frames, budget.pictures_left(desk.state, context))
    if pictures <= 0:
        raise Refused("no further pictures are left; answer from what was found")
    row = desk.video(video)
    span = desk.stretch(row, start, end)
    told, spent = len(getattr(engine, "notices", ())), getattr(engine, "spent", 0)
    options = [without_label(c) for c in desk.state.get("choices", ())]
    try:
        with within(budget.seconds_left(context)):
            seen = look_at(engine, desk.shelf, row, span, question, options, again=again, pictures=pictures)
    except EngineError as error:
        # What was said and written may answer all the same; it is told, and nothing is looked at any more.
        late = budget.seconds_left(context) <= 0
        problem = budget.spent_out(desk.state, context) if late else f"Nothing could be looked at: {error}."
        return Observation(f"failed: {error}", problem, notices=(problem,), problem=problem)
    seen = replace(seen, label=f"l{len(desk.state.get('looks', [])) + 1}")
    said = [f"[{seen.label}] {format_time(seen.span.start, 1)}-{format_time(seen.span.end, 1)}: {safe(seen.text)}"]
    text = f"{seen.frames} pictures of {at(span)} were looked at.\n" + (
        f"What was seen:\n{delimited(said)}" if seen.text else "They do not show what was asked."
    )
    return Observation(
        f"{seen.frames} pictures: {'something was seen' if seen.text else 'not shown'}",
        text,
        looks=(seen,),
        frames=seen.frames,
        tokens=getattr(engine, "spent", 0) - spent,
        notices=tuple(getattr(engine, "notices", ())[told:]),
    )
