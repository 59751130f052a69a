"""Any OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, LM Studio, OpenAI itself.

Tools go as the protocol has them. A server that refuses them is asked for JSON instead, in the best way it takes: of a
schema, of any kind, or in plain words; which one that is, is learnt once.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, ClassVar, Literal

from vagent.configs import Settings
from vagent.errors import EngineFailed
from vagent.tools.chat import ChatModel, Message, Reply, Tool
from vagent.tools.chat.choosing import choice_schema, choosing, in_words, settled, shaped
from vagent.tools.chat.wire import Incoming, messages_to, tools_to
from vagent.tools.endpoint.http import Refused, Words
from vagent.tools.endpoint.replies import SEE_LOG
from vagent.tools.endpoint.server import Server, Use, says_too_long, status, title
from vagent.tools.engines import Status
from vagent.tools.weights import sizes

_LONG = "ask about less, or give the server a longer context"
_USE = Use(Words("chat", late="take a faster model", long=_LONG), task="choose the steps", suits="can call tools")
_WAY = 1  # counts up when the same model is asked in another way
_PER_TOKEN = 20  # characters of one token, at most; a server that sends more does not keep to the length

_Form = Literal["native", "json_schema", "json_object", "words"]
"""How a model is made to choose a tool or to write JSON: by the protocol's tools, by a schema or by JSON of any kind
that the server holds it to, or by words alone."""

_JSON: tuple[_Form, ...] = ("json_schema", "json_object", "words")
_ABOUT_TOOLS = re.compile("tool|function", re.I)
_ABOUT_JSON = re.compile("response_?format|json|schema|grammar|guided|structured", re.I)
_TOLD: Mapping[_Form, str] = {
    "json_schema": "the server of the chat model takes no tools: it chooses by JSON that it is held to",
    "json_object": "the server of the chat model takes no JSON schema: its JSON may not be what was asked for",
    "words": "the server of the chat model cannot hold it to JSON: it may choose badly",
}


class OpenAIChat(ChatModel):
    """Asks a server that speaks OpenAI's protocol; ready as soon as ``chat.endpoint`` is set.

    May be used from several threads.
    """

    name: ClassVar[str] = "openai"
    weak: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._server = Server(_USE, settings)
        self._refused: frozenset[_Form] = frozenset()

    @property
    def revision(self) -> str:
        """Engine, the way it asks, and the model by the name that was set, else the server."""
        return f"{self.name} {_WAY} {title(_USE, self.settings)}"

    @property
    def billions(self) -> float | None:
        """The size that the model's name tells, if it tells one."""
        return sizes.named(self.settings.chat.model or "")

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether a server was set, and whether it may be asked. It is not asked here: that would take seconds."""
        return status(_USE, settings)

    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        schema: Mapping[str, Any] | None = None,
        tokens: int | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """The model's next message; see ``ChatModel``.

        Raises:
            EngineUnavailable: no server there, it does not let us in, or does not have the model.
            EngineFailed: it refused, broke off, did not answer in time, or its answer is not the JSON that was asked
                for; the messages are longer than the model can read.
        """
        if tools and schema is not None:
            raise ValueError("either tools or a schema, not both")
        until = time.monotonic() + (seconds or self.settings.chat.timeout)
        room = tokens or self.settings.chat.tokens
        passed: list[_Form] = []
        forms = self._forms(bool(tools), schema is not None)
        while True:
            form = forms.pop(0)
            body = self._body(form, messages, tools, schema, room)
            incoming = Incoming(room * _PER_TOKEN, sum(len(message.calls) for message in messages))
            try:
                self._receive(body, incoming, max(0.001, until - time.monotonic()))
            except Refused as error:
                if not forms or not _refuses(error, form):
                    raise
                passed.append(form)
                continue
            self._remember(passed, form)
            return settled(
                incoming.reply(),
                tools=bool(tools),
                schema=schema is not None,
                by_json=form != "native",
                first=incoming.first,
            )

    def close(self) -> None:
        """Let go of the connections; the next call makes new ones."""
        self._server.close()

    def _forms(self, tools: bool, schema: bool) -> list[_Form]:
        """The forms to try, the best first."""
        ways = self.settings.chat.tools
        if not tools and not schema:
            return ["native"]
        if tools and ways == "native":
            return ["native"]
        wanted: list[_Form] = ["native", *_JSON] if tools and ways == "auto" else [*_JSON]
        return [form for form in wanted if form not in self._refused]

    def _body(
        self,
        form: _Form,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        schema: Mapping[str, Any] | None,
        room: int,
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "max_tokens": room,
            "temperature": 0,
            "stream_options": {"include_usage": True},
            # A model that thinks would spend all its tokens on that. Servers that cannot turn it off ignore this.
            "chat_template_kwargs": {"enable_thinking": False},
        }
        if form == "native":
            plain = not tools and ("native" in self._refused or self.settings.chat.tools == "json")
            talk = in_words(messages) if plain else messages
            return body | {"messages": messages_to(talk)} | ({"tools": tools_to(tools)} if tools else {})
        talk = choosing(messages, tools) if tools else shaped(messages, schema or {})
        if form == "json_schema":
            wanted = choice_schema(tools) if tools else dict(schema or {})
            body["response_format"] = {"type": form, "json_schema": {"name": "reply", "schema": wanted}}
        elif form == "json_object":
            body["response_format"] = {"type": form}
        return body | {"messages": messages_to(talk)}

    def _receive(self, body: Mapping[str, Any], incoming: Incoming, seconds: float) -> None:
        try:
            with closing(self._server.events(body, seconds)) as events:
                for event in events:
                    incoming.add(event)
                    if incoming.full:
                        return
        except EngineFailed as error:
            said = error.said if isinstance(error, Refused) else str(error.value or "")
            if not says_too_long(said):
                raise
            what = "the messages are longer than the model can read"
            raise EngineFailed(what, error.value, hint=_LONG) from error
        if not incoming.complete:
            raise EngineFailed(f"{self._server.shown} broke off in the middle of its answer", hint=SEE_LOG)

    def _remember(self, passed: Sequence[_Form], form: _Form) -> None:
        """What a server refused is not tried again once it took something else."""
        self._refused |= set(passed)
        if passed and _TOLD[form] not in self.notices:
            self.notices.append(_TOLD[form])


def _refuses(error: Refused, form: _Form) -> bool:
    """Whether a server's error says that it does not take this form."""
    if error.status == 501 or (error.status in (400, 422) and not error.said.strip()):
        return True
    about = _ABOUT_TOOLS if form == "native" else _ABOUT_JSON
    return error.status in (400, 404, 422, 500) and bool(about.search(error.said))
