"""The graph: understand, then retrieve and look as the driver decides, check, and answer.

    understand -> decide -> retrieve -> decide ...
                         -> look     -> decide ...
                         -> an answer that is proven, or not for the second time -> check
                         -> check    -> confirm -> check          (what was seen gets a second look)
                                     -> decide                    (once more, when nothing was found)
                                     -> answer

Nodes are plain functions of state and runtime that return what they change.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from vagent.agent import actions, budget, check, claims, looks, reach
from vagent.agent.actions.desk import Desk
from vagent.agent.answer import compose, turn
from vagent.agent.evidence.draft import Draft
from vagent.agent.question.follow import resolve
from vagent.agent.question.plan import understand as plan_for
from vagent.agent.question.which import narrow
from vagent.agent.records import Step
from vagent.agent.routes import choices, extract
from vagent.agent.routes.choices import Chosen
from vagent.agent.state import Call, Claim, Context, Observation, State
from vagent.prompts import fill
from vagent.tools.chat import Message

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.runtime import Runtime

    Graph: TypeAlias = CompiledStateGraph[State, Context, State, State]


def build(checkpointer: BaseCheckpointSaver[str] | None = None) -> Graph:
    """A compiled graph; made anew at each call, because importing must cost nothing.

    Args:
        checkpointer: keeps the state of chats.
    """
    from langgraph.graph import END, START, StateGraph
    from langgraph.runtime import Runtime

    # LangGraph reads the annotations of nodes, which name the type that only type checkers import above.
    globals().setdefault("Runtime", Runtime)
    graph: Any = StateGraph(State, context_schema=Context)
    nodes: tuple[Callable[..., State], ...] = (understand, decide, retrieve, look_again, verify, confirm, answer)
    for node in nodes:
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "understand")
    graph.add_edge("understand", "decide")
    graph.add_conditional_edges("decide", route_action)
    graph.add_conditional_edges("retrieve", route_done)
    graph.add_edge("look_again", "decide")
    graph.add_conditional_edges("verify", route_checked)
    graph.add_edge("confirm", "verify")
    graph.add_edge("answer", END)
    return graph.compile(checkpointer=checkpointer)  # type: ignore[no-any-return]


def limit(steps: int) -> int:
    """LangGraph's own limit for a question of so many steps: never reached before the step budget ends the question."""
    return 4 * steps + 16


def understand(state: State, runtime: Runtime[Context]) -> State:
    """Work out what is asked; in a chat, with what was asked and answered before."""
    index = runtime.context.index
    resolved = resolve(state["asked"], state.get("turns", []))
    videos = tuple(v for v in state["videos"] if v not in resolved.elsewhere) or state["videos"]
    named = narrow(resolved.question, [index.video(v) for v in videos])
    asked, videos = named.question, named.videos or videos
    duration = max((index.video(v).duration for v in videos), default=0.0)
    plan = plan_for(asked, videos=len(videos), duration=duration, choices=state.get("choices", ()))
    fresh: State = {"rounds": 0, "claim": None, "problem": "", "chosen": None, "gone": False, "objections": 0}
    among = len(state["videos"])
    return {**fresh, "question": resolved.question, "videos": videos, "among": among, "plan": plan}


def decide(state: State, runtime: Runtime[Context]) -> State:
    """Ask the driver what to do next; a budget that is spent ends the search."""
    context, started = runtime.context, perf_counter()
    if problem := budget.spent_out(state, context):
        return {"call": Call("finish"), "problem": problem, "thought": (0, 0.0, ())}
    decision = context.driver.next(state, context)
    return {
        "call": decision.call,
        "messages": list(decision.said),
        "thought": (decision.tokens, perf_counter() - started, decision.notices),
        **({"problem": decision.problem} if decision.problem else {}),
        **({"gone": True} if decision.gone else {}),
    }


def route_action(state: State) -> Literal["retrieve", "look_again", "verify"]:
    """Where the call is carried out; ``finish`` without an answer leaves it to the answerer."""
    call = state["call"]
    if call.name == "finish" and not call.arguments and not call.problem and not call.id:
        return "verify"
    return "look_again" if call.name == "look" else "retrieve"


def retrieve(state: State, runtime: Runtime[Context]) -> State:
    """Carry out a call that reads the index, or an answer that the driver gives."""
    return _carried_out(state, runtime.context)


def look_again(state: State, runtime: Runtime[Context]) -> State:
    """Look at the pictures of one stretch."""
    return _carried_out(state, runtime.context)


def route_done(state: State) -> Literal["decide", "verify"]:
    """An answer that the driver gave ends its search."""
    return "decide" if state.get("claim") is None else "verify"


def verify(state: State, runtime: Runtime[Context]) -> State:
    """Draft an answer from what was found, and check it; what the driver answered is held against that."""
    draft, chosen = _by_evidence(state, runtime.context)
    if (claim := state.get("claim")) is not None:
        judged = claims.judge(claim, state, runtime.context.shelf(state), draft, chosen)
        draft, chosen = judged.draft, judged.chosen
        if state.get("choices") and claim.answered and state["plan"].visual:
            chosen, draft = looks.seen_to_be(state.get("looks", []), draft, chosen)
    return {"draft": draft, "chosen": chosen, "rounds": state.get("rounds", 0) + 1}


def _by_evidence(state: State, context: Context) -> tuple[Draft, Chosen | None]:
    """What the evidence and the looks answer by themselves."""
    plan, shelf, leads = state["plan"], context.shelf(state), _leads(state)
    draft = check.check(reach.limited(extract.draft(plan, shelf, leads), shelf, state["videos"], plan.task), shelf)
    draft = looks.with_looks(draft, plan, state.get("looks", []))
    chosen = None
    if state.get("choices"):
        options = [choices.without_label(c) for c in state["choices"]]
        chosen = choices.choose(plan, shelf, draft, options, leads)
        if chosen is None or plan.visual:
            chosen, draft = looks.seen_to_be(state.get("looks", []), draft, chosen)
    return draft, chosen


def route_checked(state: State, runtime: Runtime[Context]) -> Literal["decide", "confirm", "answer"]:
    """A second look at what was seen, or once more with other words when nothing was found; else answer."""
    if state.get("problem"):
        return "answer"
    if looks.unconfirmed(state["draft"], state.get("looks", [])) is not None and _may_look(state, runtime.context):
        return "confirm"
    nothing = not state["draft"].text and state.get("chosen") is None and state.get("claim") is None
    return "decide" if nothing and state["rounds"] < 2 and state["plan"].task != "file" else "answer"


def confirm(state: State, runtime: Runtime[Context]) -> State:
    """Look a second time, in other words, at the stretch where it was seen."""
    seen = looks.unconfirmed(state["draft"], state.get("looks", []))
    assert seen is not None
    where = {"start": seen.span.start, "end": seen.span.end, "video": state["videos"].index(seen.video) + 1}
    call = Call("look", {**where, "question": seen.question, "again": True})
    return {**_carried_out({**state, "call": call, "thought": (0, 0.0, ())}, runtime.context), "call": call}


def answer(state: State, runtime: Runtime[Context]) -> State:
    """Put the checked draft into words."""
    composed = compose(state, runtime.context)
    return {"answer": composed, "turns": [turn(state, composed)]}


def _may_look(state: State, context: Context) -> bool:
    return (
        context.videollm is not None
        and not budget.spent_out(state, context)
        and budget.looks_left(state, context) > 0
        and budget.pictures_left(state, context) > 0
    )


def _carried_out(state: State, context: Context) -> State:
    """What comes of the call, as an update of the state."""
    call, started = state["call"], perf_counter()
    seen = actions.carry_out(call, Desk(state, context))
    objection = "" if seen.answer is None else _objection(seen.answer, state, context)
    if objection:
        seen = Observation(f"not proven: {objection}", fill("driver_unproven", problem=objection).strip())
    tokens, seconds, notices = state["thought"]
    step = Step(
        call.name, dict(call.arguments), seen.result, seconds + perf_counter() - started,
        frames=seen.frames, tokens=tokens + seen.tokens, notices=(*notices, *seen.notices),
    )  # fmt: skip
    return {
        "moments": list(seen.moments),
        "looks": list(seen.looks),
        "shown": list(seen.shown),
        "messages": [Message("tool", seen.text, call=call.id)] if call.id else _told(objection, seen),
        "steps": [step],
        **({"problem": seen.problem} if seen.problem else {}),
        **({"claim": seen.answer} if seen.answer is not None else {}),
        **({"objections": state.get("objections", 0) + 1} if objection else {}),
    }


def _objection(claim: Claim, state: State, context: Context) -> str:
    """What of an answer is not proven. The driver is told once, while there is a step left to do better."""
    left = context.index.settings.agent.steps - len(state.get("steps", [])) - 1
    if state.get("objections") or left < 1 or budget.spent_out(state, context):
        return ""
    return claims.judge(claim, state, context.shelf(state), *_by_evidence(state, context)).problem


def _told(objection: str, seen: Observation) -> list[Message]:
    """An objection to an answer that no call of a tool gave."""
    return [Message("user", seen.text)] if objection else []


def _leads(state: State) -> list[int]:
    """Evidence rows that searches found: the best of each search first, each row once."""
    ordered = sorted(enumerate(state.get("moments", [])), key=lambda x: (-x[1].score, x[0]))
    return list(dict.fromkeys(row for _, moment in ordered for row in moment.rows))
