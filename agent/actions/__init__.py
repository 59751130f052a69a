"""What the agent may do: one function an action. Drivers name actions and give arguments; handles are bound here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from vagent.agent.actions.arguments import Action, bound, tool
from vagent.agent.actions.count import count
from vagent.agent.actions.desk import Desk, Refused
from vagent.agent.actions.find_objects import find_objects
from vagent.agent.actions.finish import finish
from vagent.agent.actions.look import look
from vagent.agent.actions.overview import overview
from vagent.agent.actions.search import search
from vagent.agent.actions.transcript import transcript
from vagent.agent.records import Step
from vagent.agent.state import Call, Context, Observation
from vagent.tools.chat import Tool
from vagent.tools.safe import safe

ACTIONS: Mapping[str, Action] = {
    action.__name__: action for action in (overview, search, transcript, look, find_objects, count, finish)
}

_REPEATS = 3  # same calls in a row, of which the last is not carried out
_NUDGE = (
    "This very call was made before, and it would give the same again. Choose another action or other arguments, "
    "or finish with what was found."
)


def tools(context: Context) -> list[Tool]:
    """The actions that can be carried out here, as a chat model sees them."""
    return [tool(a) for name, a in ACTIONS.items() if name != "look" or context.videollm is not None]


def carry_out(call: Call, desk: Desk) -> Observation:
    """What comes of a call. One that makes no sense is not carried out, and what is wrong with it is the observation;
    so it is with the third same call in a row.
    """
    if call.problem:
        return _refused(call.problem)
    if call.name not in ACTIONS:
        return _refused(f"there is no action {safe(call.name)[:60]!r}; allowed: {', '.join(ACTIONS)}")
    if repeated(call, desk.state.get("steps", [])):
        return Observation("the same call again, not carried out", _NUDGE)
    try:
        return bound(ACTIONS[call.name], call.arguments, desk)()
    except Refused as error:
        return _refused(str(error))


def repeated(call: Call, steps: Sequence[Step]) -> bool:
    """Whether a call is the third same one in a row."""
    last, same = steps[1 - _REPEATS :], _key(call.name, call.arguments)
    return len(last) == _REPEATS - 1 and all(_key(s.action, s.arguments) == same for s in last)


def _refused(why: str) -> Observation:
    return Observation(f"not possible: {why}", f"Not possible: {why}.")


def _key(name: str, arguments: Mapping[str, object]) -> str:
    return json.dumps([name, arguments], sort_keys=True, default=str)
