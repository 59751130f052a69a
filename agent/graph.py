"""The graph: understand, then retrieve and look as the driver decides, check, and answer.

    understand -> decide -> retrieve -> decide ...
                         -> look     -> decide ...
                         -> check    -> decide (once more, when nothing was found) or answer

Nodes are plain functions of state and runtime that return what they change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from vagent.agent import actions, check, look
from vagent.agent.answer import compose
from vagent.agent.evidence.draft import Draft
from vagent.agent.evidence.phrases import at
from vagent.agent.evidence.support import ENOUGH
from vagent.agent.question.plan import understand as plan_for
from vagent.agent.records import Step
from vagent.agent.routes import choices, extract
from vagent.agent.state import Context, Found, State
from vagent.errors import EngineError
from vagent.tools.time import Span

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.runtime import Runtime

    Graph: TypeAlias = CompiledStateGraph[State, Context, State, State]

_REPEATS = 3  # same calls in a row after which the driver is stopped


def build() -> Graph:
    """A compiled graph; made anew at each call, because importing must cost nothing."""
    from langgraph.graph import END, START, StateGraph
    from langgraph.runtime import Runtime

    # LangGraph reads the annotations of nodes, which name the type that only type checkers import above.
    globals().setdefault("Runtime", Runtime)
    graph: Any = StateGraph(State, context_schema=Context)
    nodes: tuple[Callable[..., State], ...] = (understand, decide, retrieve, look_again, verify, answer)
    for node in nodes:
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "understand")
    graph.add_edge("understand", "decide")
    graph.add_conditional_edges("decide", route_action)
    graph.add_edge("retrieve", "decide")
    graph.add_edge("look_again", "decide")
    graph.add_conditional_edges("verify", route_checked)
    graph.add_edge("answer", END)
    return graph.compile()  # type: ignore[no-any-return]


def limit(steps: int) -> int:
    """LangGraph's own limit for a question of so many steps: never reached before the step budget ends the question."""
    return 4 * steps + 12


def understand(state: State, runtime: Runtime[Context]) -> State:
    """Work out what is asked."""
    index = runtime.context.index
    duration = max((index.video(v).duration for v in state["videos"]), default=0.0)
    plan = plan_for(state["question"], videos=len(state["videos"]), duration=duration, choices=state.get("choices", ()))
    return {"plan": plan, "rounds": 0}


def decide(state: State, runtime: Runtime[Context]) -> State:
    """Ask the driver what to do next; the step budget and repeated calls end the search."""
    context = runtime.context
    steps = state.get("steps", [])
    last = steps[-_REPEATS:]
    if len(steps) >= context.index.settings.agent.steps:
        return {"action": actions.Finish(), "problem": "The step limit was reached."}
    if len(last) == _REPEATS and all((s.action, s.arguments) == (last[0].action, last[0].arguments) for s in last):
        return {"action": actions.Finish(), "problem": "The same step was asked for again and again."}
    return {"action": context.driver.next(state, context)}


def route_action(state: State) -> Literal["retrieve", "look_again", "verify"]:
    """Where the action that was chosen is carried out."""
    action = state["action"]
    if isinstance(action, actions.Finish):
        return "verify"
    return "look_again" if isinstance(action, actions.Look) else "retrieve"


def retrieve(state: State, runtime: Runtime[Context]) -> State:
    """Carry out an action that reads the index."""
    context, action, started = runtime.context, state["action"], perf_counter()
    moments: list[Found] = []
    if isinstance(action, actions.Search):
        moments = _search(action, state, context)
        result = f"{len(moments)} moments" + (f", best at {at(moments[0].span)}" if moments else "")
    elif isinstance(action, actions.Transcript):
        rows = context.index.evidence(action.video, Span(action.start, action.end))
        if rows:
            moments = [Found(action.video, Span(action.start, action.end), 1.0, tuple(r.id for r in rows))]
        result = f"{len(rows)} rows of evidence"
    elif isinstance(action, actions.Describe):
        result = f"{len(context.index.describe(action.video))} facts of the file"
    else:
        shelf = context.shelf(state)
        result = f"{len(shelf.all_lines)} lines of {len(shelf.numbers)} videos read"
    return {"moments": moments, "steps": [_step(action, result, started)]}


def look_again(state: State, runtime: Runtime[Context]) -> State:
    """Look at the pictures of one stretch."""
    context, action, started = runtime.context, state["action"], perf_counter()
    looks = len(state.get("looks", []))
    if not isinstance(action, actions.Look) or context.videollm is None or looks >= context.index.settings.agent.looks:
        return {"steps": [_step(action, "no further looks", started)]}
    span = Span(action.start, max(action.start, action.end))
    told = len(getattr(context.videollm, "notices", ()))
    options = [choices.without_label(c) for c in state.get("choices", ())]
    try:
        seen = look.look(context.videollm, context.shelf(state), action.video, span, action.question, options)
    except EngineError as error:
        # What was said and written may answer all the same; it is told, and nothing is looked at any more.
        problem = f"Nothing could be looked at: {error}."
        return {"problem": problem, "steps": [replace(_step(action, f"failed: {error}", started), notices=(problem,))]}
    result = f"{seen.frames} pictures: " + ("something was seen" if seen.text else "not shown")
    notices = tuple(getattr(context.videollm, "notices", ())[told:])
    return {"looks": [seen], "steps": [replace(_step(action, result, started), notices=notices)]}


def verify(state: State, runtime: Runtime[Context]) -> State:
    """Draft an answer from what was found, and check it."""
    context, plan = runtime.context, state["plan"]
    shelf, leads = context.shelf(state), _leads(state)
    draft = check.check(extract.draft(plan, shelf, leads), shelf)
    draft = _with_looks(draft, state)
    chosen = None
    if state.get("choices"):
        options = [choices.without_label(c) for c in state["choices"]]
        chosen = choices.choose(plan, shelf, draft, options, leads)
        if chosen is None or plan.visual:
            chosen, draft = _seen_to_be(state, draft, chosen)
    return {"draft": draft, "chosen": chosen, "rounds": state.get("rounds", 0) + 1}


def route_checked(state: State) -> Literal["decide", "answer"]:
    """Once more with other words when nothing was found and there are steps left, else answer."""
    nothing = not state["draft"].text and state.get("chosen") is None
    again = nothing and state["rounds"] < 2 and not state.get("problem") and state["plan"].task != "file"
    return "decide" if again else "answer"


def answer(state: State, runtime: Runtime[Context]) -> State:
    """Put the checked draft into words."""
    return {"answer": compose(state, runtime.context)}


def _search(action: actions.Search, state: State, context: Context) -> list[Found]:
    found = context.index.search(
        action.query,
        videos=state["videos"],
        kinds=action.kinds,
        start=action.start,
        end=action.end,
        limit=context.index.settings.agent.candidates,
    )
    return [Found(m.video.id, m.span, m.score, tuple(h.evidence.id for h in m.hits)) for m in found]


def _leads(state: State) -> list[int]:
    """Evidence rows that searches found: the best of each search first, each row once."""
    ordered = sorted(enumerate(state.get("moments", [])), key=lambda x: (-x[1].score, x[0]))
    return list(dict.fromkeys(row for _, moment in ordered for row in moment.rows))


def _with_looks(draft: Draft, state: State) -> Draft:
    """What independent looks agree on answers what the words in the evidence do not."""
    best, share = check.agreement(state.get("looks", []))
    if best is None or (draft.text and not state["plan"].visual):
        return draft
    probability = 0.35 + 0.4 * share if len(state["looks"]) > 1 else 0.5
    if probability < ENOUGH:
        return draft
    return Draft(f"{best.text} (seen at {at(best.span)})", best.text, (), probability, leads=draft.leads,
                 spans=((best.video, best.span),), looked=True)  # fmt: skip


def _seen_to_be(state: State, draft: Draft, chosen: choices.Chosen | None) -> tuple[choices.Chosen | None, Draft]:
    """The option that the looks make most probable, and the look that shows it best; else what was chosen before."""
    found = check.likeliest(state.get("looks", []))
    if found is None:
        return chosen, draft
    position, probability, seen = found
    shown = Draft(f"Seen at {at(seen.span)}", seen.text or None, (), probability, leads=draft.leads,
                  spans=((seen.video, seen.span),), looked=True)  # fmt: skip
    return choices.Chosen(position, probability), shown


def _step(action: actions.Action, result: str, started: float) -> Step:
    return Step(action.name, actions.arguments(action), result, perf_counter() - started)
