"""The action ``count``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from vagent.agent.actions.desk import Desk, Refused, number
from vagent.agent.evidence.phrases import at, listed, senses
from vagent.agent.language.words import content
from vagent.agent.routes import occurrences
from vagent.agent.state import Found, Observation

_ROWS = 40  # occurrences that a model is shown
_NAMED = 8  # occurrences whose times are told in one line


def count(
    desk: Desk,
    what: Annotated[
        str, Field(description="what to look for: a word, a phrase, a thing", min_length=1, max_length=500)
    ],
) -> Observation:
    """Go through all evidence and find every place where something is said, written, described or detected.

    Use it for how many, how often, whether ever, at which times and in which order. It says which senses went over
    which stretch: what they did not go over may still hold it.
    """
    if not content(what, frame=True) and not content(what):
        raise Refused("there are no words to look for that tell anything")
    shelf, plan = desk.shelf, desk.state["plan"]
    wanted = replace(plan, quoted=(what,), words=tuple(content(what)))
    found = occurrences.find(wanted, shelf, each=True) or occurrences.find(replace(wanted, quoted=()), shelf, each=True)
    rows = {row.id: row for video in shelf.numbers for row in (line.evidence for line in shelf.lines(video))}
    evidence = [rows[o.quote.rows[0]] for o in found]
    text, shown = desk.listed(evidence, _ROWS)
    moments = tuple(Found(o.quote.video, o.quote.span, o.match, o.quote.rows) for o in found)
    times = listed([at(o.quote.span) for o in found[:_NAMED]])
    covered = "\n".join(
        f"Video {desk.number(c.video.id)}, {at(c.span)}: gone over by {senses(c.kinds) or 'no sense'}."
        for c in desk.index.searched(shelf.numbers, desk.state.get("start"), desk.state.get("end"))
    )
    result = number(len(found), "place") + (f": {times}" if times else "")
    return Observation(result, f"{number(len(found), 'place')}:\n{text}\n{covered}", moments, shown=shown)
