"""`vagent ask --driver llm` over the real wire: a server here, whose model reads the tools that it is given."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.openai_server import OpenAIServer, Reply, Request, serving
from tests.vagent.conftest import Outcome

Run = Callable[..., Outcome]
QUESTION = "Who forgot her umbrella?"


def model(request: Request) -> list[dict[str, Any]]:
    """Searches for the words of the question, then finishes with the row that holds most of them; reads the options."""
    said = request.body["messages"]
    offered = {tool["function"]["name"]: tool["function"] for tool in request.body["tools"]}
    asked = re.findall(r"^Question: (.*)", said[1]["content"], re.M)[0]
    if said[-1]["role"] != "tool" and "search" in offered:
        assert offered["search"]["parameters"]["required"] == ["query"]
        return tool_call("search", query=asked)
    words = set(re.findall(r"\w+", asked.lower()))
    rows = re.findall(r"^\[(e\d+)\] \S+ \w+: (.*)$", "\n".join(m["content"] for m in said if m["role"] == "tool"), re.M)
    label, text = max(rows, key=lambda row: len(words & set(re.findall(r"\w+", row[1].lower()))))
    options = dict(re.findall(r"^([A-Z])\. (.*)$", said[1]["content"], re.M))
    fits = [letter for letter, option in options.items() if option in text]
    assert "option" in offered["finish"]["parameters"]["properties"]
    return tool_call("finish", answer=f"“{text}”", evidence=[label], option="".join(fits))


def tool_call(name: str, **arguments: Any) -> list[dict[str, Any]]:
    """A call of a tool in pieces, as servers stream it."""
    written = json.dumps(arguments, ensure_ascii=False)
    return [
        {"tool_calls": [{"index": 0, "id": "call_0", "type": "function", "function": {"name": name, "arguments": ""}}]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": written[i : i + 7]}}]}
          for i in range(0, len(written), 7)),
        {"finish_reason": "tool_calls"},
    ]  # fmt: skip


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    with serving(speak=model, models=("thinker",)) as found:
        monkeypatch.setenv("VAGENT_CHAT_ENDPOINT", found.url)
        monkeypatch.setenv("VAGENT_RUNS_CACHE", "false")
        yield found


def ask(run: Run, film: Path, library: Path, *more: object, question: str = QUESTION) -> tuple[Outcome, dict[str, Any]]:
    done = run("ask", film, question, "--library", library, "--json", *more)
    assert done.code == 0, done.err
    return done, json.loads(done.out)


def test_the_model_searches_and_proves_its_answer(run: Run, film: Path, indexed: Path, server: OpenAIServer) -> None:
    done, answer = ask(run, film, indexed, "--driver", "llm")
    assert answer["answered"] and "Maria forgot her umbrella." in answer["answer"]
    assert [(c["kind"], c["start"]) for c in answer["citations"]] == [("subtitle", 4.5)]
    assert [step["action"] for step in answer["steps"]] == ["search", "finish"]
    assert [step["tokens"] for step in answer["steps"]] == [28, 28]
    assert answer["engines"]["driver"] == "llm" and "openai" in answer["engines"]["chat"]
    assert len(server.asked) == 2 and done.err == ""
    first, second = (request.body["messages"] for request in server.asked)
    assert [m["role"] for m in first] == ["system", "user"]
    assert [m["role"] for m in second] == ["system", "user", "assistant", "tool"]
    assert second[3]["tool_call_id"] == second[2]["tool_calls"][0]["id"]


@pytest.mark.parametrize(("driver", "asked"), [("auto", True), ("policy", False)])
def test_who_chooses(run: Run, film: Path, indexed: Path, server: OpenAIServer, driver: str, asked: bool) -> None:
    _, answer = ask(run, film, indexed, "--driver", driver)
    assert bool(server.asked) is asked and answer["answered"]
    assert answer["engines"]["driver"] == ("llm" if asked else "policy")
    assert (answer["engines"]["chat"] == "off") is not asked


def test_without_a_model_it_says_what_to_set(run: Run, film: Path, indexed: Path) -> None:
    done = run("ask", film, QUESTION, "--library", indexed, "--driver", "llm", "--engine", "chat=off")
    assert (done.code, done.out) == (1, "")
    assert "the driver llm needs a chat model" in done.err and "--driver policy" in done.err
    assert len(done.err.splitlines()) == 1


def test_an_unknown_driver_is_wrong_usage(run: Run, film: Path) -> None:
    assert run("ask", film, QUESTION, "--driver", "magic").code == 2


@pytest.mark.parametrize("order", list(permutations(["Maria", "Anna", "Peter"])))
def test_options_in_any_order(
    run: Run, film: Path, indexed: Path, server: OpenAIServer, order: tuple[str, ...]
) -> None:
    options = [part for name in order for part in ("--choices", name)]
    _, answer = ask(run, film, indexed, "--driver", "llm", *options)
    assert order["ABC".index(answer["choice"])] == "Maria"
    shown = {request.body["messages"][1]["content"] for request in server.asked}
    assert len(shown) == 1 and "A. Anna\nB. Maria\nC. Peter" in next(iter(shown))


def dying(handler: BaseHTTPRequestHandler) -> None:
    """Begins a reply and is gone in the middle of it."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    handler.wfile.write(b'data: {"choices": [{"index": 0, "delta": {"content": "The')
    handler.wfile.flush()
    handler.close_connection = True


@pytest.mark.parametrize("after", [0, 1])
def test_a_server_that_dies_in_the_middle_leaves_it_to_the_rules(
    run: Run, film: Path, indexed: Path, server: OpenAIServer, after: int
) -> None:
    def speak(request: Request) -> list[dict[str, Any]]:
        server.replies.extend([dying] * 4)
        return model(request)

    server.speak = speak
    server.replies.extend([dying] * (4 if after == 0 else 0))
    done, answer = ask(run, film, indexed, "--driver", "llm")
    assert answer["answered"] and "umbrella" in answer["answer"]
    assert answer["engines"]["driver"] == "llm, then rules"
    assert "The steps were chosen by rules from here on: the chat model is gone" in done.err
    assert any("the chat model is gone" in step["result"] for step in answer["steps"])


def test_a_silent_server_is_given_up(
    run: Run, film: Path, indexed: Path, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAGENT_CHAT_TIMEOUT", "0.3")
    server.pause = 5.0
    done, answer = ask(run, film, indexed, "--driver", "llm")
    assert answer["answered"] and "the chat model is gone" in done.err
    assert answer["seconds"]["total"] < 5.0


def test_a_server_that_takes_no_tools_is_asked_for_json(
    run: Run, film: Path, indexed: Path, server: OpenAIServer
) -> None:
    server.unknown = {"tools": "tools are not supported"}

    def speak(request: Request) -> list[dict[str, Any]]:
        text = "\n".join(m["content"] for m in request.body["messages"])
        label = re.findall(r"^\[(e\d+)\].*umbrella", text, re.M)
        call = {"tool": "search", "arguments": {"query": QUESTION}}
        if label:
            call = {"tool": "finish", "arguments": {"answer": "Maria forgot it.", "evidence": label[:1]}}
        return [{"content": json.dumps(call)}]

    server.speak = speak
    done, answer = ask(run, film, indexed, "--driver", "llm")
    assert answer["answer"] == "Maria forgot it." and answer["citations"][0]["start"] == 4.5
    assert "takes no tools" in done.err


def test_an_error_of_the_server_is_told(run: Run, film: Path, indexed: Path, server: OpenAIServer) -> None:
    server.refuse = lambda request: Reply(500, {"error": {"message": "out of memory"}})
    done, answer = ask(run, film, indexed, "--driver", "llm")
    assert answer["answered"] and "out of memory" in done.err


def test_a_saved_answer_is_played_back_without_the_server(
    run: Run, film: Path, indexed: Path, server: OpenAIServer, tmp_path: Path
) -> None:
    library = shutil.copytree(indexed, tmp_path / "library")
    _, answer = ask(run, film, library, "--driver", "llm", "--save")
    count = len(server.asked)
    done = run("replay", answer["run"], "--library", library, "--json")
    again = json.loads(done.out)
    assert again["replay"]["same"] and again["answer"] == answer["answer"]
    assert len(server.asked) == count
