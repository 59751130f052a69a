"""What every chat engine must keep to, whoever wrote it: each engine, and of ours over transformers several families.

An engine that is added to ``vagent.tools.engines.ENGINES`` gets a row in ``BUILT``: what makes it run here, with
settings that choose it. Random weights say nothing that makes sense; the form of what they say is tested.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.models import chat, videollm
from tests.openai_server import obliging, serving
from tests.tools.chat.test_openai import ASK, TOOLS
from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.errors import EngineFailed
from vagent.tools import engines
from vagent.tools.chat import ChatModel, Message, ToolCall

SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "sure": {"type": "boolean"}},
    "required": ["title", "sure"],
    "additionalProperties": False,
}
TALK = (
    *ASK,
    Message("assistant", "I search.", (ToolCall("call00000", "search", '{"query": "bill"}'),)),
    Message("tool", "nothing", call="call00000"),
    Message("assistant", "", (ToolCall("call00001", "search", "{oops"),)),
    Message("tool", "that is no JSON", call="call00001"),
)


@contextmanager
def _server(**refused: str) -> Iterator[dict[str, Any]]:
    with serving(speak=obliging, unknown=refused) as server:
        yield {"chat": {"endpoint": server.url, "tokens": 8}}


@contextmanager
def _bare_server() -> Iterator[dict[str, Any]]:
    with _server(tools="tools are not supported", response_format="response_format is not supported") as given:
        yield given


def _local(model: Callable[[str], Path], family: str, **values: Any) -> Callable[[], AbstractContextManager[Any]]:
    @contextmanager
    def built() -> Iterator[dict[str, Any]]:
        pytest.importorskip("transformers", reason="transformers is not installed")
        yield {"chat": {"model": str(model(family)), "precision": "fp32", "tokens": 8} | values}

    return built


def _seeing(family: str) -> Callable[[], AbstractContextManager[Any]]:
    @contextmanager
    def built() -> Iterator[dict[str, Any]]:
        pytest.importorskip("transformers", reason="transformers is not installed")
        yield {"videollm": {"model": str(videollm.folder(family)), "precision": "fp32"}, "chat": {"tokens": 8}}

    return built


BUILT: dict[tuple[str, str], Callable[[], AbstractContextManager[Any]]] = {
    ("openai", "native"): _server,
    ("openai", "without tools"): lambda: _server(tools="tools are not supported"),
    ("openai", "without anything"): _bare_server,
    **{("transformers", family): _local(chat.folder, family) for family in chat.FAMILIES},
    ("transformers", "json"): _local(chat.folder, "qwen", tools="json"),
    **{("videollm", family): _seeing(family) for family in ("qwen3_5", "smolvlm", "llava")},
}

_KEPT: dict[tuple[str, str], ChatModel] = {}


@pytest.fixture(params=BUILT, ids=lambda row: "-".join(row))
def engine(request: pytest.FixtureRequest) -> Iterator[ChatModel]:
    """One engine; a model is loaded once for all tests, a server is one's own."""
    name, _ = request.param
    with BUILT[request.param]() as given:
        settings: Settings = load_settings({"threads": 1, "device": "cpu", "engines": {"chat": name}} | given, env={})
        chosen = engines.choose("chat", settings)
        assert chosen.name == name
        assert chosen.engine is not None
        made: ChatModel = _KEPT.get(request.param) or chosen.engine(settings)
        if name != "openai":
            _KEPT[request.param] = made
        yield made
        if name == "openai":
            made.close()


def test_every_engine_has_a_row() -> None:
    assert {name for name, _ in BUILT} >= set(engines.names("chat"))


class TestChat:
    def test_it_is_a_chat_model(self, engine: ChatModel) -> None:
        assert isinstance(engine, ChatModel)
        assert any(c.isdigit() for c in engine.revision)
        assert engine.billions is None or engine.billions > 0

    def test_words_are_stripped_and_always_the_same(self, engine: ChatModel) -> None:
        found = engine.reply(ASK)
        assert found == engine.reply(ASK)
        assert (found.text, found.calls) == (found.text.strip(), ())
        assert "<think>" not in found.text
        assert found.read > 0

    def test_a_talk_about_calls_can_go_on_in_every_way(self, engine: ChatModel) -> None:
        assert isinstance(engine.reply(TALK).text, str)
        assert isinstance(engine.reply(TALK, tools=TOOLS).text, str)
        json.loads(self.told(engine, TALK, SCHEMA))

    def test_calls_have_ids_of_their_own(self, engine: ChatModel) -> None:
        found = engine.reply(TALK, tools=TOOLS)
        ids = [call.id for message in TALK for call in message.calls] + [call.id for call in found.calls]
        assert len({*ids}) == len(ids)
        assert all(isinstance(call.name + call.arguments, str) for call in found.calls)

    def test_json_is_of_the_schema(self, engine: ChatModel) -> None:
        jsonschema.validate(json.loads(self.told(engine, ASK, SCHEMA)), SCHEMA)

    @staticmethod
    def told(engine: ChatModel, messages: tuple[Message, ...], schema: dict[str, Any]) -> str:
        """JSON that the engine writes; ``{"title": "", "sure": false}`` for a server that only knows words."""
        try:
            return engine.reply(messages, schema=schema).text
        except EngineFailed as error:
            assert "did not answer in JSON" in str(error)
            return '{"title": "", "sure": false}'

    def test_tools_and_a_schema_exclude_each_other(self, engine: ChatModel) -> None:
        with pytest.raises(ValueError, match="not both"):
            engine.reply(ASK, tools=TOOLS, schema=SCHEMA)

    def test_a_length_is_kept_to(self, engine: ChatModel) -> None:
        assert engine.reply(ASK, tokens=1).written <= max(1, engine.reply(ASK, tokens=60).written)

    def test_no_time_is_an_error_at_once(self, engine: ChatModel) -> None:
        engine.reply(ASK, tokens=1)
        begin = time.monotonic()
        with pytest.raises(EngineFailed, match="no complete answer within"):
            engine.reply(ASK, tokens=500, seconds=0.001)
        assert time.monotonic() - begin < 10

    def test_control_tokens_and_odd_text_do_no_harm(self, engine: ChatModel) -> None:
        odd = "<|im_end|>\n<|im_start|>system [INST] <tool_call>{</s><think> \0 \ud800 🎬 {prompt} {{ x }}"
        talk = [Message("system", odd), Message("user", odd)]
        call = ToolCall("call00000", odd, odd)
        talk += [Message("assistant", odd, (call,)), Message("tool", odd, call="call00000"), Message("user", "")]
        f"{engine.reply(talk)}{engine.reply(talk, tools=TOOLS)}".encode()

    def test_threads_share_it(self, engine: ChatModel) -> None:
        asked = [[Message("user", f"Who is number {i}?")] for i in range(4)]
        alone = [engine.reply(one) for one in asked]
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(engine.reply, asked)) == alone

    def test_it_works_again_after_closing(self, engine: ChatModel) -> None:
        before = engine.reply(ASK)
        engine.close()
        engine.close()
        assert engine.reply(ASK) == before

    def test_what_is_to_be_told_is_told_once(self, engine: ChatModel) -> None:
        for _ in range(3):
            engine.reply(ASK, tools=TOOLS)
        assert len(engine.notices) == len({*engine.notices}) <= 1
