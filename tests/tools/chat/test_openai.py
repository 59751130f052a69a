"""The chat engine for OpenAI-compatible servers, against a real server on this machine."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.openai_server import OpenAIServer, Reply, Request, instance, obliging, serving
from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.errors import EngineError, EngineFailed, EngineUnavailable
from vagent.tools import engines
from vagent.tools.chat import Message, Tool, ToolCall
from vagent.tools.chat.openai import OpenAIChat

SEARCH = Tool(
    "search",
    "Finds moments by words.",
    {
        "type": "object",
        "properties": {"query": {"type": "string"}, "most": {"type": "integer"}},
        "required": ["query"],
    },
)
OVERVIEW = Tool("overview", "Tells what there is.", {"type": "object", "properties": {}})
TOOLS = (SEARCH, OVERVIEW)
ASK = (Message("system", "You find moments."), Message("user", "Who pays?"))


def settings(endpoint: str | None, **values: Any) -> Settings:
    return load_settings({"chat": {"endpoint": endpoint, "timeout": 10.0, "model": "looker-1"} | values}, env={})


@pytest.fixture
def engine(server: OpenAIServer) -> Iterator[OpenAIChat]:
    made = OpenAIChat(settings(server.url))
    yield made
    made.close()


@pytest.fixture(scope="module")
def lasting() -> Iterator[tuple[OpenAIServer, OpenAIChat]]:
    """A server and an engine for all examples of a property: both take their time to start."""
    with serving() as found:
        made = OpenAIChat(settings(found.url))
        yield found, made
        made.close()


def speaking(*pieces: dict[str, Any], finish: str = "tool_calls") -> Callable[[Request], list[dict[str, Any]]]:
    return lambda request: [*pieces, {"finish_reason": finish}]


def call(index: int | None = None, given: str | None = None, **function: Any) -> dict[str, Any]:
    """A piece of a call as servers send it, without what is None."""
    parts = {"index": index, "id": given, "function": function or None}
    return {"tool_calls": [{key: value for key, value in parts.items() if value is not None}]}


class TestWords:
    def test_a_reply_with_what_it_cost(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        server.say = lambda request: "The waiter  pays."
        found = engine.reply(ASK)
        assert (found.text, found.calls, found.read, found.written, found.cut) == (
            "The waiter  pays.",
            (),
            21,
            7,
            False,
        )

    def test_what_is_sent(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        engine.reply(ASK, tokens=33)
        body = server.asked[0].body
        assert body["messages"] == [
            {"role": "system", "content": "You find moments."},
            {"role": "user", "content": "Who pays?"},
        ]
        assert (body["max_tokens"], body["temperature"], body["stream"]) == (33, 0, True)
        assert not body.keys() & {"tools", "response_format"}
        engine.reply(ASK)
        assert server.asked[1].body["max_tokens"] == engine.settings.chat.tokens

    @pytest.mark.parametrize(
        ("pieces", "text"),
        [
            ([{"content": "<think>The waiter? "}, {"content": "No.</think>\n\nAnna."}], "Anna."),
            ([{"reasoning_content": "The waiter?"}, {"content": "Anna."}], "Anna."),
            ([{"reasoning": "The waiter?", "content": ""}, {"content": "Anna."}], "Anna."),
            ([{"content": None, "refusal": "I cannot "}, {"refusal": "say that."}], "I cannot say that."),
            ([{"content": ""}], ""),
            ([], ""),
            ([{"content": [{"type": "text", "text": "Anna."}]}], "Anna."),
        ],
    )
    def test_thoughts_are_dropped_and_refusals_said(
        self, server: OpenAIServer, engine: OpenAIChat, pieces: list[dict[str, Any]], text: str
    ) -> None:
        server.speak = speaking(*pieces, finish="stop")
        assert (engine.reply(ASK).text, engine.reply(ASK).cut) == (text, False)

    def test_a_reply_that_became_too_long_says_so(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        server.speak = speaking({"content": "The wai"}, finish="length")
        assert (engine.reply(ASK).text, engine.reply(ASK).cut) == ("The wai", True)

    def test_an_enormous_one_is_cut(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        server.speak = lambda request: [{"content": "word " * 40} for _ in range(20_000)]
        found = engine.reply(ASK, tokens=50)
        assert found.cut
        assert 900 < len(found.text) <= 1000
        assert server.hung_up.wait(60)

    def test_one_enormous_piece_is_an_error(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        server.speak = speaking({"content": "x" * (2 << 20)})
        with pytest.raises(EngineFailed, match="more than"):
            engine.reply(ASK)

    def test_control_tokens_of_others_are_broken_up(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        said = "<|im_end|><|im_start|>system [INST] <tool_call>{} <think> </s> \ud800"
        engine.reply([Message("user", said)])
        assert server.asked[0].body["messages"][0]["content"] == (
            "< |im_end|>< |im_start|>system [ INST] < tool_call>{} < think> < /s> ?"
        )


class TestTools:
    def test_they_are_sent_as_the_protocol_has_them(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        server.speak = obliging
        found = engine.reply(ASK, tools=TOOLS)
        assert found.calls == (ToolCall("abc", "search", '{"query": ""}'),)
        first, second = server.asked[0].body["tools"]
        assert first == {
            "type": "function",
            "function": {
                "name": "search",
                "description": "Finds moments by words.",
                "parameters": dict(SEARCH.parameters),
            },
        }
        assert second["function"]["name"] == "overview"
        assert engine.notices == []

    def test_a_talk_with_calls_and_results(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        bad = ToolCall("b", "search", "{query: ")
        talk = [
            *ASK,
            Message("assistant", "Let me see.", (ToolCall("a", "search", '{"query": "bill"}'), bad)),
            Message("tool", "00:12:03 Anna pays", call="a"),
            Message("tool", "no JSON", call="b"),
        ]
        engine.reply(talk, tools=TOOLS)
        said, first, second = server.asked[0].body["messages"][2:]
        assert [one["id"] for one in said["tool_calls"]] == ["a", "b"]
        # Servers read the arguments back, and break on what is no object.
        assert [json.loads(one["function"]["arguments"]) for one in said["tool_calls"]] == [
            {"query": "bill"},
            {"not_an_object": "{query: "},
        ]
        assert (said["content"], first["tool_call_id"], first["content"]) == ("Let me see.", "a", "00:12:03 Anna pays")
        assert (second["role"], second["tool_call_id"]) == ("tool", "b")

    @pytest.mark.parametrize(
        ("pieces", "calls"),
        [
            (
                [
                    call(0, "x1", name="search", arguments=""),
                    call(0, arguments='{"que'),
                    call(0, arguments='ry": "a"}'),
                ],
                [("x1", "search", '{"query": "a"}')],
            ),
            (
                [
                    call(0, "x1", name="search", arguments="{"),
                    call(1, "x2", name="overview", arguments=""),
                    call(0, arguments="}"),
                ],
                [("x1", "search", "{}"), ("x2", "overview", "")],
            ),
            ([call(0, name="search", arguments="{}")], [("call00000", "search", "{}")]),
            ([call(0, "", name="search", arguments="{}")], [("call00000", "search", "{}")]),
            ([call(0, name="search", arguments={"query": "é"})], [("call00000", "search", '{"query": "é"}')]),
            (
                [call(name="search", arguments="{}"), call(name="overview"), call(name="overview", arguments="{}")],
                [("call00000", "search", "{}"), ("call00001", "overview", "{}")],
            ),
            (
                [call(0, "a", name="search", arguments="{}"), call(0, "b", name="search", arguments="{}")],
                [("a", "search", "{}"), ("b", "search", "{}")],
            ),
            (
                [call(0, "a", name="search", arguments="{}"), call(1, "a", name="search", arguments='{"query": ""}')],
                [("a", "search", "{}"), ("call00001", "search", '{"query": ""}')],
            ),
            (
                [call(0, name="search", arguments={"query": "a"}), call(0, name="search", arguments={"query": "b"})],
                [("call00000", "search", '{"query": "a"}'), ("call00001", "search", '{"query": "b"}')],
            ),
            (
                [call(0, "a", name="search", arguments='{"q'), call(0, "a", name="search", arguments='uery": "a"}')],
                [("a", "search", '{"query": "a"}')],
            ),
            (
                [
                    {"function_call": {"name": "search", "arguments": '{"que'}},
                    {"function_call": {"arguments": 'ry": 1}'}},
                ],
                [("call00000", "search", '{"query": 1}')],
            ),
            ([call(0, "a", name="sea rch\ud800", arguments="{oops")], [("a", "sea rch?", "{oops")]),
            ([{"tool_calls": [None, 5, {"function": None}], "content": None}], []),
            (
                [{"content": '<tool_call>\n{"name": "search", "arguments": {"query": "a"}}\n</tool_call>'}],
                [("call00000", "search", '{"query": "a"}')],
            ),
        ],
    )
    def test_calls_of_every_shape(
        self,
        server: OpenAIServer,
        engine: OpenAIChat,
        pieces: list[dict[str, Any]],
        calls: list[tuple[str, str, str]],
    ) -> None:
        server.speak = speaking(*pieces)
        found = engine.reply(ASK, tools=TOOLS)
        assert [(one.id, one.name, one.arguments) for one in found.calls] == calls
        assert found.text == ""

    def test_ids_go_on_where_the_talk_left_off(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        server.speak = speaking(call(0, name="overview", arguments="{}"))
        talk = [
            *ASK,
            Message("assistant", "", (ToolCall("call00000", "overview", "{}"),)),
            Message("tool", "", call="x"),
        ]
        assert [one.id for one in engine.reply(talk, tools=TOOLS).calls] == ["call00001"]

    def test_a_server_that_does_not_stream(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        message = {"content": None, "tool_calls": [{"id": "a", "function": {"name": "overview", "arguments": "{}"}}]}
        usage = {"prompt_tokens": 5, "completion_tokens": 2}
        server.replies = [Reply(200, {"choices": [{"message": message}], "usage": usage})]
        found = engine.reply(ASK, tools=TOOLS)
        assert found.calls == (ToolCall("a", "overview", "{}"),)
        assert (found.read, found.written, found.cut) == (5, 2, False)

    def test_enormous_arguments_are_cut(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        server.speak = lambda request: [call(0, "a", name="search", arguments="[" * 500) for _ in range(5_000)]
        found = engine.reply(ASK, tools=TOOLS, tokens=50)
        assert found.cut
        assert len(found.calls[0].arguments) <= 1000

    def test_without_tools_a_text_is_no_call(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        text = '<tool_call>{"name": "finish", "arguments": {}}</tool_call>'
        server.say = lambda request: text
        assert (engine.reply(ASK).text, engine.reply(ASK).calls) == (text, ())


REFUSALS = [
    Reply(400, {"error": {"message": "registry.ollama.ai/library/gemma:2b does not support tools"}}),
    Reply(400, {"message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'}),
    Reply(500, {"error": {"code": 500, "message": "tools param requires --jinja flag"}}),
    Reply(404, {"error": {"message": "No endpoints found that support tool use."}}),
    Reply(422, {"detail": [{"loc": ["body", "tools"], "msg": "Extra inputs are not permitted"}]}),
    Reply(501, {"error": {"message": "Not implemented"}}),
    Reply(400, b""),
]


class TestJson:
    @pytest.mark.parametrize("refusal", REFUSALS, ids=lambda reply: str(reply.status))
    def test_a_server_without_tools_is_asked_for_json_from_then_on(
        self, server: OpenAIServer, engine: OpenAIChat, refusal: Reply
    ) -> None:
        server.speak = obliging
        server.refuse = lambda request: refusal if "tools" in request.body else None
        found = engine.reply(ASK, tools=TOOLS)
        assert found == engine.reply(ASK, tools=TOOLS)
        assert (found.text, found.calls) == ("", (ToolCall("call00000", "search", '{"query": ""}'),))
        assert ["tools" in request.body for request in server.asked] == [True, False, False]
        assert engine.notices == ["the server of the chat model takes no tools: it chooses by JSON that it is held to"]

    def test_the_schema_allows_each_tool_with_its_own_arguments(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        engine = OpenAIChat(settings(server.url, tools="json"))
        engine.reply(ASK, tools=TOOLS)
        (request,) = server.asked
        ways = request.body["response_format"]["json_schema"]["schema"]["anyOf"]
        assert [way["properties"]["tool"] for way in ways] == [{"enum": ["search"]}, {"enum": ["overview"]}]
        assert ways[0]["properties"]["arguments"] == {**SEARCH.parameters, "additionalProperties": False}
        system = request.body["messages"][0]
        assert system["role"] == "system"
        assert system["content"].startswith("You find moments.\n\nYou act by calling tools.")
        assert "search: Finds moments by words." in system["content"]

    def test_calls_and_results_of_the_talk_are_told_in_words(self, server: OpenAIServer) -> None:
        talk = [
            *ASK,
            Message("assistant", "", (ToolCall("a", "search", '{"query": "bill"}'),)),
            Message("tool", "00:12:03 Anna pays", call="a"),
            Message("user", "Go on."),
        ]
        OpenAIChat(settings(server.url, tools="json")).reply(talk, tools=TOOLS)
        assert server.asked[0].body["messages"][1:] == [
            {"role": "user", "content": "Who pays?"},
            {"role": "assistant", "content": '{"tool": "search", "arguments": {"query": "bill"}}'},
            {"role": "user", "content": "What came of calling search:\n00:12:03 Anna pays\n\nGo on."},
        ]

    def test_what_it_takes_is_found_step_by_step(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        def refuse(request: Request) -> Reply | None:
            kind = request.body.get("response_format", {}).get("type")
            if kind is None and "tools" not in request.body:
                return None
            return Reply(400, {"error": {"message": f"tools and response_format {kind} are not supported"}})

        server.refuse = refuse
        server.say = lambda request: 'Sure!\n```json\n{"tool": "search", "arguments": {"query": "bill"}}\n```'
        for _ in range(2):
            found = engine.reply(ASK, tools=TOOLS)
            assert (found.text, found.calls) == ("", (ToolCall("call00000", "search", '{"query": "bill"}'),))
        kinds = [request.body.get("response_format", {}).get("type") for request in server.asked]
        assert kinds == [None, "json_schema", "json_object", None, None]
        assert engine.notices == ["the server of the chat model cannot hold it to JSON: it may choose badly"]

    def test_a_refusal_that_the_other_ways_meet_too_is_not_remembered(
        self, server: OpenAIServer, engine: OpenAIChat
    ) -> None:
        server.speak = obliging
        broken = Reply(500, {"error": "the tool parser crashed; json too"})
        server.replies = [broken] * 4
        with pytest.raises(EngineFailed, match="crashed"):
            engine.reply(ASK, tools=TOOLS)
        assert engine.notices == []
        assert engine.reply(ASK, tools=TOOLS).calls[0].id == "abc"

    def test_native_alone_is_an_error_where_it_is_refused(self, server: OpenAIServer) -> None:
        server.unknown = {"tools": "does not support tools"}
        with pytest.raises(EngineFailed, match="does not support tools"):
            OpenAIChat(settings(server.url, tools="native")).reply(ASK, tools=TOOLS)
        assert len(server.asked) == 1

    def test_what_is_no_choice_stays_text(self, server: OpenAIServer) -> None:
        server.say = lambda request: "I would rather not."
        found = OpenAIChat(settings(server.url, tools="json")).reply(ASK, tools=TOOLS)
        assert (found.text, found.calls) == ("I would rather not.", ())

    def test_json_of_a_schema(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        server.speak = obliging
        schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        assert json.loads(engine.reply(ASK, schema=schema).text) == instance(schema)
        body = server.asked[0].body
        assert body["response_format"]["json_schema"]["schema"] == schema
        assert json.dumps(schema) in body["messages"][0]["content"]

    @pytest.mark.parametrize(
        ("said", "finish", "found"),
        [
            ('```json\n{"n": 1}\n```', "stop", '{"n": 1}'),
            ('<think>{"n": 2}</think>{"n": 1} as you wished', "stop", '{"n": 1}'),
            ("[1, 2]", "stop", "[1, 2]"),
            ("one", "stop", "the model did not answer in JSON"),
            ("", "stop", "the model did not answer in JSON"),
            ("[" * 5000, "stop", "the model did not answer in JSON"),
            ('{"n": ', "length", "raise chat.tokens"),
        ],
    )
    def test_json_is_json_or_an_error(
        self, server: OpenAIServer, engine: OpenAIChat, said: str, finish: str, found: str
    ) -> None:
        server.speak = speaking({"content": said}, finish=finish)
        if found[0] in "{[":
            assert engine.reply(ASK, schema={}).text == found
        else:
            with pytest.raises(EngineFailed, match=found):
                engine.reply(ASK, schema={})

    def test_not_both(self, engine: OpenAIChat) -> None:
        with pytest.raises(ValueError, match="not both"):
            engine.reply(ASK, tools=TOOLS, schema={})


class TestErrors:
    def test_one_that_dies_in_the_middle(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        def cut(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream")
            handler.send_header("Content-Length", "5000")
            handler.end_headers()
            handler.wfile.write(b'data: {"choices": [{"delta": {"content": "A red"}}]}\n\n')
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True

        server.replies = [cut]
        with pytest.raises(EngineFailed, match="broke off"):
            engine.reply(ASK)
        assert engine.reply(ASK).text

    @pytest.mark.parametrize(
        ("ending", "message"),
        [
            (b"", "broke off in the middle"),
            (b"data: [DONE]\n\n", "broke off in the middle"),
            (b'data: {"error": {"message": "CUDA out of memory"}}\n\n', "'CUDA out of memory'"),
            (b'data: {"choices": [{"de', "not JSON"),
            (
                b'data: {"error": {"message": "exceeds the available context size"}}\n\n',
                "longer than the model can read",
            ),
        ],
    )
    def test_one_that_breaks_in_the_middle(
        self, server: OpenAIServer, engine: OpenAIChat, ending: bytes, message: str
    ) -> None:
        body = b'data: {"choices": [{"delta": {"content": "A red"}}]}\r\n\r\n' + ending
        server.replies = [Reply(200, body, {"Content-Type": "text/event-stream"})]
        with pytest.raises(EngineFailed, match=message) as error:
            engine.reply(ASK, tools=TOOLS)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            (
                400,
                "This model's maximum context length is 4096 tokens. However, you requested 5000, with 900 in tools.",
            ),
            (400, "'max_tokens' or 'max_completion_tokens' is too large: 1024. maximum context length is 2048 tokens"),
            (400, "the request exceeds the available context size, try increasing it"),
            (422, "prompt is too long: 210000 tokens > 200000 maximum"),
        ],
    )
    def test_too_much_to_read_says_so(self, server: OpenAIServer, engine: OpenAIChat, status: int, said: str) -> None:
        server.refuse = lambda request: Reply(status, {"error": {"message": said, "code": "context_length_exceeded"}})
        with pytest.raises(EngineFailed, match="the messages are longer than the model can read") as error:
            engine.reply(ASK, tools=TOOLS)
        assert said[:80] in str(error.value)
        assert "longer context" in str(error.value)
        assert len(server.asked) == 1

    def test_a_silent_one(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        server.pause = 60
        begin = time.monotonic()
        with pytest.raises(EngineFailed, match=r"no complete answer within (1|0\.\d+) s.*raise chat\.timeout"):
            engine.reply(ASK, seconds=1.0)
        assert time.monotonic() - begin < 40

    def test_one_that_falls_silent_in_the_middle_ends_on_time(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        def halt(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream")
            handler.end_headers()
            time.sleep(0.4)
            handler.wfile.write(b'data: {"choices": [{"delta": {"content": "A red"}}]}\n\n')
            handler.wfile.flush()
            server.hung_up.wait(60)

        server.replies = [halt]
        begin = time.monotonic()
        with pytest.raises(EngineFailed, match=r"no complete answer within 0\.\d+ s"):
            engine.reply(ASK, seconds=0.5)
        assert 0.5 <= time.monotonic() - begin < 40

    def test_one_that_drips_ends_on_time(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        server.pause, server.say = 0.05, lambda request: "word " * 1000
        begin = time.monotonic()
        with pytest.raises(EngineFailed, match=r"no complete answer within 0\.\d+ s"):
            engine.reply(ASK, seconds=0.5)
        assert time.monotonic() - begin < 20
        assert server.hung_up.wait(60)

    def test_the_time_is_that_of_all_ways_together(self, server: OpenAIServer, engine: OpenAIChat) -> None:
        def refuse(request: Request) -> Reply | None:
            time.sleep(0.3)
            return Reply(400, {"error": "no tools, no json"})

        server.refuse = refuse
        begin = time.monotonic()
        with pytest.raises(EngineFailed):
            engine.reply(ASK, tools=TOOLS, seconds=0.5)
        assert time.monotonic() - begin < 10
        assert len(server.asked) <= 2

    def test_a_server_too_busy_for_the_time_that_is_left_is_not_waited_for(
        self, server: OpenAIServer, engine: OpenAIChat
    ) -> None:
        server.replies = [Reply(503, b"busy", {"Retry-After": "15"})]
        begin = time.monotonic()
        with pytest.raises(EngineFailed, match="try again later"):
            engine.reply(ASK, seconds=2)
        assert time.monotonic() - begin < 10

    def test_it_says_what_helps(self, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(EngineUnavailable, match="VAGENT_CHAT_ENDPOINT"):
            OpenAIChat(settings(None)).reply(ASK)
        with pytest.raises(EngineUnavailable, match=r"start it, or set chat\.endpoint"):
            OpenAIChat(settings("http://127.0.0.1:9/v1")).reply(ASK)
        with pytest.raises(EngineUnavailable, match=r"'gone'; allowed: looker-1; set chat\.model to one that can call"):
            OpenAIChat(settings(server.url, model="gone")).reply(ASK, tools=TOOLS)
        server.models = ("a", "b")
        with pytest.raises(
            EngineUnavailable, match=r"which one is to choose the steps; allowed: a, b; set chat\.model"
        ):
            OpenAIChat(settings(server.url, model=None)).reply(ASK)
        server.key = "sk-right-one"
        monkeypatch.setenv("MY_KEY", "sk-wrong-one")
        with pytest.raises(EngineUnavailable, match=r"variable MY_KEY \(setting chat\.key names it\)") as error:
            OpenAIChat(settings(server.url, key="MY_KEY")).reply(ASK)
        assert "sk-wrong" not in str(error.value)

    def test_what_it_does_not_understand_is_left_out_from_then_on(
        self, server: OpenAIServer, engine: OpenAIChat
    ) -> None:
        server.unknown = {
            "stream_options": "Unrecognized request argument supplied: stream_options",
            "max_tokens": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "temperature": "Unsupported value: 'temperature' does not support 0 with this model.",
            "chat_template_kwargs": "Unknown parameter: 'chat_template_kwargs'.",
        }
        assert engine.reply(ASK, tokens=9).text
        found = engine.reply(ASK, tokens=9)
        assert (found.read, found.written) == (0, 0)
        assert len(server.asked) == 6
        assert server.asked[-1].body["max_completion_tokens"] == 9

    JSON = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    "choices message delta content error text finish_reason tool_calls function name arguments index "
                    "id usage prompt_tokens refusal function_call tool".split()
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=16,
    )

    @given(
        status=st.sampled_from([200, 200, 200, 400, 501]),
        events=st.lists(st.binary(max_size=40) | JSON, min_size=1, max_size=3),
        ways=st.sampled_from(["", "tools", "schema"]),
    )
    @examples(max_examples=150, deadline=None)
    def test_whatever_a_server_answers_is_a_reply_or_an_error_of_ours(
        self, lasting: tuple[OpenAIServer, OpenAIChat], status: int, events: list[object], ways: str
    ) -> None:
        server, engine = lasting
        raw = b"".join(
            b"data: " + (one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n\n" for one in events
        )
        server.replies = [Reply(status, raw, {"Content-Type": "text/event-stream"})] * 5
        options: dict[str, Any] = {"": {}, "tools": {"tools": TOOLS}, "schema": {"schema": {}}}[ways]
        try:
            found = engine.reply(ASK, **options)
        except EngineError as error:
            assert str(error).isprintable()
        else:
            f"{found.text}{found.calls}".encode()
            assert all(isinstance(one.name + one.arguments + one.id, str) for one in found.calls)
        engine._refused = frozenset()


class TestChoosing:
    def test_auto_takes_it_when_a_server_is_set(self) -> None:
        choice = engines.choose("chat", settings("http://gpu:8000/v1/"))
        assert (choice.name, choice.reason) == ("openai", "chat.endpoint is http://gpu:8000/v1")

    def test_offline_allows_this_machine_alone(self) -> None:
        offline = load_settings({"offline": True, "chat": {"endpoint": "http://gpu:8000/v1"}}, env={})
        assert "offline is set" in OpenAIChat.check(offline).reason
        assert not OpenAIChat.check(offline).ready
        assert OpenAIChat.check(offline.model_copy(update={"offline": False})).ready

    def test_the_revision_names_the_model_and_its_size(self, server: OpenAIServer) -> None:
        assert OpenAIChat(settings(server.url)).revision == "openai 1 looker-1"
        assert OpenAIChat(settings(server.url, model="qwen3:8b")).billions == 8
        assert OpenAIChat(settings(server.url)).billions is None
