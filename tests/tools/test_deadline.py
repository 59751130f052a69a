"""A deadline holds inside, ends with its block, and is never made later by one further in."""

from __future__ import annotations

import threading

import pytest

from tests.openai_server import OpenAIServer, Request
from vagent import configs
from vagent.errors import EngineFailed
from vagent.tools import deadline
from vagent.tools.videollm.openai import OpenAIVideoLLM


def test_without_a_deadline_nothing_is_ever_over() -> None:
    assert deadline.left() is None
    assert not deadline.over()


def test_the_nearest_deadline_holds() -> None:
    with deadline.within(50):
        with deadline.within(500):
            assert 40 < (deadline.left() or 0) <= 50
        with deadline.within(0):
            assert deadline.over()
        assert not deadline.over()
    assert deadline.left() is None
    with pytest.raises(KeyError), deadline.within(1):
        raise KeyError
    assert deadline.left() is None


def test_a_server_is_not_waited_for_longer(server: OpenAIServer) -> None:
    begun, over = threading.Event(), threading.Event()

    def slow(request: Request) -> str:
        begun.set()
        over.wait(60)
        return "late"

    server.say = slow
    given = {"endpoint": server.url, "timeout": 60.0, "model": "looker-1"}
    engine = OpenAIVideoLLM(configs.load({"videollm": given}, env={}))
    try:
        with pytest.raises(EngineFailed, match=r"no complete answer within [12]\.?[0-9]* s"), deadline.within(2.0):
            engine.answer([], "one two three")
        over.set()
        assert begun.is_set()
        server.say = lambda request: "in time"
        assert engine.answer([], "one two three") == "in time"
    finally:
        engine.close()
