"""What an OpenAI-compatible server's replies hold, checked field by field: no two servers send quite the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vagent.errors import EngineFailed

SEE_LOG = "see the server's log"


def choice(reply: Any) -> dict[str, Any]:
    """The first choice of a reply, or of an event of one.

    Raises:
        EngineFailed: there is none; the message has what the server says instead.
    """
    found = reply.get("choices") if isinstance(reply, dict) else None
    if isinstance(found, list) and found and isinstance(found[0], dict):
        return found[0]
    said = reply.get("error") if isinstance(reply, dict) else None
    said = said.get("message", said) if isinstance(said, dict) else said
    raise EngineFailed("the server answered without an answer", short(said or reply), hint=SEE_LOG)


def spent(reply: Any) -> int:
    """Tokens read and written, where the server tells; else 0."""
    usage = reply.get("usage") if isinstance(reply, dict) else None
    told = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")] if isinstance(usage, dict) else []
    return sum(count for count in told if isinstance(count, int) and not isinstance(count, bool) and count > 0)


def text(message: Any) -> str:
    """The text of a message or of a piece of one, whole or in parts; empty where it has none.

    Raises:
        EngineFailed: it is no message, or its content no text.
    """
    if not isinstance(message, dict):
        raise EngineFailed("the server answered without a message", short(message), hint=SEE_LOG)
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(t for part in content if isinstance(part, dict) and isinstance(t := part.get("text"), str))
    if not isinstance(content, str | None):
        raise EngineFailed("the server's answer is no text", short(content), hint=SEE_LOG)
    return (content or "").encode(errors="replace").decode()  # half a surrogate pair could not be printed


def streamed(events: Iterator[Any], shown: str) -> Iterator[str]:
    """The text of each event.

    Args:
        shown: the server's address.

    Raises:
        EngineFailed: an event is malformed or an error, or the last one does not say that the answer is complete.
    """
    complete = False
    for event in events:
        if isinstance(event, dict) and event.get("choices") == [] and "error" not in event:
            continue  # how many tokens it cost
        found = choice(event)
        piece = text(found["delta"] if "delta" in found else found.get("message"))
        complete = complete or found.get("finish_reason") is not None
        if piece:
            yield piece
    if not complete:
        raise EngineFailed(f"{shown} broke off in the middle of its answer", hint=SEE_LOG)


def short(value: Any) -> str:
    """What a server sent, short enough for a message."""
    try:
        return value if isinstance(value, str) else json.dumps(value)[:400]
    except RecursionError:
        return "(nested too deeply)"
