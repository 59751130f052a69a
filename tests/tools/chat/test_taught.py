"""A tiny model that has learnt to call a tool: through this process, and through a server of transformers itself."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import httpx
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

from tests.models import chat
from tests.tools.chat.test_local import ASK, TALK, TOOLS, settings, speaker
from vagent.configs import load as load_settings
from vagent.tools.chat import Message, ToolCall
from vagent.tools.chat.openai import OpenAIChat
from vagent.tools.chat.transformers import TransformersChat

STARTING = 120  # seconds until the server answers, at most


@cache
def folder() -> Path:
    """A model that searches first, and answers with what was found."""
    template = speaker(TransformersChat(settings(chat.folder("qwen")))).template
    call = '<tool_call>\n{"name": "search", "arguments": {"query": "bill"}}\n</tool_call>'
    return chat.taught(
        ((template.render(ASK, TOOLS), call), (template.render(TALK, TOOLS), "Anna pays at 00:12:03.")),
    )


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of ``transformers serve`` with that model."""
    program = Path(sys.executable).with_name("transformers")
    if not program.is_file() or shutil.which(str(program)) is None:
        pytest.skip("transformers' own program is not installed")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    command = [str(program), "serve", str(folder()), "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*command, "--device", "cpu", "--dtype", "float32"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            _await(running, f"http://127.0.0.1:{port}/health")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            running.terminate()


def _await(running: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + STARTING
    while time.monotonic() < until:
        if running.poll() is not None:
            pytest.skip("transformers serve cannot run here: pip install 'transformers[serving]'")
        try:
            httpx.get(url, timeout=5)
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"transformers serve did not answer within {STARTING} s")


def test_it_searches_and_then_says_what_was_found() -> None:
    engine = TransformersChat(settings(folder(), tokens=80))
    first = engine.reply(ASK, tools=TOOLS)
    assert (first.text, first.calls, first.cut) == ("", (ToolCall("call00000", "search", '{"query": "bill"}'),), False)
    talk = [*ASK, Message("assistant", first.text, first.calls), Message("tool", TALK[-1].text, call="call00000")]
    assert engine.reply(talk, tools=TOOLS).text == "Anna pays at 00:12:03."


@pytest.mark.slow
@pytest.mark.timeout(300)
class TestServed:
    @pytest.fixture
    def engine(self, server: str) -> Iterator[OpenAIChat]:
        made = OpenAIChat(
            load_settings({"chat": {"endpoint": server, "model": str(folder()), "tokens": 80, "timeout": 60}}, env={})
        )
        yield made
        made.close()

    def test_the_same_over_the_wire(self, engine: OpenAIChat) -> None:
        first = engine.reply(ASK, tools=TOOLS)
        (call,) = first.calls
        assert (call.name, call.arguments, first.text) == ("search", '{"query": "bill"}', "")
        assert first.written > 0
        talk = [*ASK, Message("assistant", "", first.calls), Message("tool", TALK[-1].text, call=call.id)]
        second = engine.reply(talk, tools=TOOLS)
        assert (second.text, second.calls, second.cut) == ("Anna pays at 00:12:03.", (), False)
        assert second.read > first.read
        assert engine.notices == []
