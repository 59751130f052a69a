"""Chat templates of local models: what each of them can write down, found by trying, and prompts made with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools.chat import Message, Tool, ToolCall
from vagent.tools.chat.calls import call_id, object_of
from vagent.tools.chat.wire import tools_to
from vagent.tools.checkpoints import first_line
from vagent.tools.control import Harmless
from vagent.tools.thoughts import closed

Apply = Callable[..., str]
"""``apply_chat_template`` of a tokenizer or a processor."""

_TRIAL = Tool("weigh", "Weighs a thing.", {"type": "object", "properties": {"thing": {"type": "string"}}})
_FIRST = ToolCall(call_id(0), "weigh", '{"thing": "an anvil"}')
_SECOND = ToolCall(call_id(1), "weigh", '{"thing": "an egg"}')
_TALK = (
    Message("user", "How heavy is it?"),
    Message("assistant", "", (_FIRST,)),
    Message("tool", "ninety pounds", call=_FIRST.id),
)
_TWICE = (
    _TALK[0],
    Message("assistant", "", (_FIRST, _SECOND)),
    _TALK[2],
    Message("tool", "two ounces", call=_SECOND.id),
)


class Template:
    """The chat template of one model.

    Args:
        apply: renders messages.
        harmless: takes the force from control tokens in what others wrote.
        name: of the model, for messages.

    Raises:
        EngineUnavailable: the model has no template that takes a user's message.
    """

    def __init__(self, apply: Apply, harmless: Harmless, name: str) -> None:
        self._apply = apply
        self._harmless = harmless
        self._parts, self._system, self._several = False, True, True
        if not self._shows([_TALK[0]], _TALK[0].text):
            self._parts = True
            if not self._shows([_TALK[0]], _TALK[0].text):
                hint = "take the version of it that is tuned for chat (often named -Instruct)"
                raise EngineUnavailable(f"{name} has no chat template that could be used", hint=hint)
        self._system = self._shows([Message("system", "Be brief."), _TALK[0]], "Be brief.")
        self.tools = self._shows(_TALK, _TRIAL.description, "an anvil", "ninety pounds", tools=[_TRIAL])
        """Whether it writes down tools, calls and their results."""
        self._several = self._shows(_TWICE, "an anvil", "an egg", "two ounces", tools=[_TRIAL])

    def render(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> str:
        """The prompt, up to where the reply begins.

        Raises:
            EngineFailed: the template refuses these messages.
        """
        names = {call.id: call.name for message in messages for call in message.calls}
        placed = messages if self._several else _one_by_one(messages)
        talk = [self._message(message, names) for message in self._placed(placed)]
        options: dict[str, Any] = {"tools": tools_to(tools)} if tools else {}
        try:
            said = self._apply(talk, add_generation_prompt=True, tokenize=False, enable_thinking=False, **options)
        except Exception as error:  # templates raise what they like
            raise EngineFailed(f"the model's chat template refuses the messages ({first_line(error)})") from error
        return closed(said)

    def _shows(self, messages: Sequence[Message], *texts: str, tools: Sequence[Tool] = ()) -> bool:
        try:
            said = self.render(messages, tools)
        except EngineFailed:
            return False
        return all(text in said for text in texts)

    def _placed(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages; where the template has no place for the system, what it says stands before the first other."""
        system = [message.text for message in messages if message.role == "system"]
        if self._system or not system:
            return messages
        others = [message for message in messages if message.role != "system"] or [Message("user", "")]
        first = replace(others[0], text="\n\n".join([*system, others[0].text]))
        return [first, *others[1:]] if first.role == "user" else [Message("user", "\n\n".join(system)), *others]

    def _message(self, message: Message, names: Mapping[str, str]) -> dict[str, Any]:
        text = self._harmless(message.text)
        made: dict[str, Any] = {
            "role": message.role,
            "content": [{"type": "text", "text": text}] if self._parts else text,
        }
        if message.calls:
            made["tool_calls"] = [self._call(call) for call in message.calls]
        if message.role == "tool":
            made |= {"tool_call_id": message.call or "", "name": self._harmless(names.get(message.call or "", ""))}
        return made

    def _call(self, call: ToolCall) -> dict[str, Any]:
        # Read before and after: a text that is no JSON may become some when its control tokens are broken up.
        arguments = object_of(self._harmless(json.dumps(object_of(call.arguments), ensure_ascii=False)))
        function = {"name": self._harmless(call.name), "arguments": arguments}
        return {"id": call.id, "type": "function", "function": function}


def _one_by_one(messages: Sequence[Message]) -> list[Message]:
    """A talk in which a message holds one call at most, each with its result right behind it."""
    results = {message.call: message for message in messages if message.role == "tool"}
    called = {call.id for message in messages for call in message.calls}
    talk: list[Message] = []
    for message in messages:
        if message.role == "tool" and message.call in called:
            continue
        parts = [replace(message, calls=message.calls[:1])]
        parts += [Message("assistant", "", (call,)) for call in message.calls[1:]]
        for part in parts:
            talk.append(part)
            talk += [results[call.id] for call in part.calls if call.id in results]
    return talk
