"""A server on this machine for the engines that ask one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.openai_server import OpenAIServer, serving


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """An OpenAI-compatible server of the test's own."""
    with serving() as found:
        yield found
