"""The driver that asks a chat model what to do next, by calling the same actions as the rules do.

Whatever the model writes ends in an observation that says what was wrong with it. When the model is gone, or writes
nothing that can be used, the rules go on with the question, and the step that says so stands among the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vagent.agent import actions, budget
from vagent.agent.drivers import talk
from vagent.agent.drivers.calls import LONGEST, call_of
from vagent.agent.drivers.policy import Policy
from vagent.agent.question.plan import Task
from vagent.agent.state import Call, Context, Decision, Driver, State
from vagent.errors import EngineError
from vagent.prompts import fill
from vagent.tools.chat import ChatModel, Message, Reply, Tool, ToolCall
from vagent.tools.chat.calls import call_id

_TEXT = 4000  # characters of one reply that are kept
_NAME = 100  # characters of a tool's name that are kept
_USELESS = 3  # replies without a call or an answer after which the rules go on
_LAST = 2  # steps kept for answering, and for answering once more when the answer was not proven
_SHORTEST = 64  # tokens of a reply, at least
_EMPTY = "(nothing)"
_NO_CALL = "reply"  # what a reply without a call is called among the steps
_FEW = ("search", "transcript", "look", "finish")  # what a small model is offered
_MORE: dict[Task, str] = {"whole": "overview", "chapters": "overview", "file": "overview", "count": "count",
                          "when": "count", "order": "count", "exists": "count"}  # fmt: skip


class LLM:
    """Lets ``Context.chat`` choose. Its conversation is part of the state, so a driver may serve many questions.

    Args:
        rules: who goes on when the model is gone.
    """

    name = "llm"

    def __init__(self, rules: Driver | None = None) -> None:
        self._rules = rules or Policy()

    def next(self, state: State, context: Context) -> Decision:
        """The next call of those that the model has asked for, else what it asks for now."""
        chat = context.chat
        if chat is None or state.get("gone"):
            return self._rules.next(state, context)
        talked = state.get("messages", [])
        if waiting := _unanswered(talked):
            return Decision(call_of(waiting[0]))
        told = len(chat.notices)
        try:
            reply = _asked(chat, state, context)
        except EngineError as error:
            return _given_up(f"the chat model is gone: {error}")
        decision = _called(reply, state, context) if reply.calls else _spoken(reply, talked)
        return replace(decision, tokens=reply.read + reply.written, notices=(*chat.notices[told:], *decision.notices))


def _asked(chat: ChatModel, state: State, context: Context) -> Reply:
    """The model's reply. Where it breaks, it is asked once more with as short a conversation as can be: the first may
    have been too long for it, or for the time that was left.

    Raises:
        EngineError: it broke.
    """
    limit, talked = context.index.settings.agent, state.get("messages", [])
    # As much for every step, so that the last one is not the one that there is nothing left for.
    room = limit.tokens // limit.steps
    last = _steps_left(state, context) <= max(1, min(_LAST, limit.steps // 2))
    ending = [Message("user", fill("driver_last").strip())] if last else []
    messages = [*talk.opening(state, context), *talk.fitted(talked, room), *ending]
    try:
        return _reply(chat, messages, last, state, context)
    except EngineError:
        shorter = [*talk.opening(state, context), *talk.least(talked), *ending]
        if shorter == messages or budget.seconds_left(context) <= 0:
            raise
    return _reply(chat, shorter, last, state, context)


def _reply(chat: ChatModel, messages: Sequence[Message], last: bool, state: State, context: Context) -> Reply:
    settings = context.index.settings
    left = settings.agent.tokens - budget.tokens(state)
    return chat.reply(
        messages,
        tools=_tools(state, context, last),
        tokens=max(_SHORTEST, min(settings.chat.tokens, left)),
        seconds=max(0.001, min(settings.chat.timeout, budget.seconds_left(context))),
    )


def _tools(state: State, context: Context, last: bool) -> list[Tool]:
    """What the model is offered: all that can be done here, at the end nothing but the answer."""
    offered = actions.tools(context)
    if last:
        return [tool for tool in offered if tool.name == "finish"]
    if talk.small(context):
        wanted = (*_FEW, _MORE.get(state["plan"].task, ""))
        return [tool for tool in offered if tool.name in wanted]
    return offered


def _called(reply: Reply, state: State, context: Context) -> Decision:
    """The first of the calls; the others wait in the conversation for their turn."""
    earlier = {call.id for message in state.get("messages", []) for call in message.calls}
    kept: list[ToolCall] = []
    # More than there are steps would never have their turn.
    for call in reply.calls[: max(1, _steps_left(state, context))]:
        taken = earlier | {other.id for other in kept}
        own = call.id if call.id and call.id not in taken else _free(taken)
        kept.append(ToolCall(own, call.name[:_NAME], call.arguments))
    first = call_of(kept[0])
    if first.problem and reply.cut:
        first = replace(first, problem=f"{first.problem}; the reply was cut because it became too long")
    said = Message("assistant", reply.text[:_TEXT], tuple(_bounded(call) for call in kept))
    return Decision(first, (said,))


def _spoken(reply: Reply, talked: Sequence[Message]) -> Decision:
    """A reply in words: a nudge, and the second time the answer; too many that are neither, and the rules go on."""
    text = reply.text.strip()[:_TEXT]
    before = [message for message in talked if message.role == "assistant" and not message.calls]
    usable = bool(text) and not reply.cut
    if usable and any(message.text != _EMPTY for message in before):
        return Decision(Call("finish", {"answer": text}), (Message("assistant", text),))
    if len(before) >= _USELESS - 1:
        return _given_up(f"the chat model called no tool in {_USELESS} replies")
    why = ": the reply was cut because it became too long" if reply.cut else "" if text else ": the reply was empty"
    nudge = Message("user", fill("driver_nudge", why=why).strip())
    problem = f"no tool was called{why}"
    return Decision(Call(_NO_CALL, problem=problem), (Message("assistant", text or _EMPTY), nudge))


def _given_up(why: str) -> Decision:
    """A step that does nothing but say why, after which the rules go on."""
    notice = f"The steps were chosen by rules from here on: {why}."
    return Decision(Call(_NO_CALL, problem=why), notices=(notice,), gone=True)


def _unanswered(talked: Sequence[Message]) -> list[ToolCall]:
    """Calls of the last reply that had no turn yet: a server refuses a conversation in which one has no answer."""
    last = next((i for i in reversed(range(len(talked))) if talked[i].calls), None)
    if last is None:
        return []
    done = {message.call for message in talked[last + 1 :]}
    return [call for call in talked[last].calls if call.id not in done]


def _steps_left(state: State, context: Context) -> int:
    return context.index.settings.agent.steps - len(state.get("steps", []))


def _free(taken: set[str]) -> str:
    return next(name for number in range(len(taken) + 1) if (name := call_id(number)) not in taken)


def _bounded(call: ToolCall) -> ToolCall:
    """A call as it is kept: what is too long to be read is too long to be sent back too."""
    return call if len(call.arguments) <= LONGEST else replace(call, arguments="{}")
