"""An OpenAI-compatible server on this machine that really looks: it decodes the pictures it is sent, with another
library than vagent's, and answers from their pixels. Tests switch errors and odd dialects on.
"""

from __future__ import annotations

import atexit
import base64
import io
import json
import math
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PALETTE = {
    "red": (220, 30, 30),
    "green": (30, 170, 50),
    "blue": (30, 50, 210),
    "yellow": (230, 220, 40),
    "white": (245, 245, 245),
    "black": (10, 10, 10),
}
"""Colours the server knows, as red, green, blue."""

Pixels = NDArray[np.uint8]


def bgr(name: str) -> tuple[int, int, int]:
    """A colour of the palette as vagent's pictures hold it."""
    red, green, blue = PALETTE[name]
    return blue, green, red


def plain(name: str, size: tuple[int, int] = (64, 48)) -> Pixels:
    """A picture of one colour, BGR; ``size`` is width, height."""
    return np.full((size[1], size[0], 3), bgr(name), np.uint8)


def named(pixels: Pixels) -> str:
    """The palette's colour nearest to the mean of a picture in red, green, blue."""
    mean = pixels.reshape(-1, 3).mean(axis=0)
    return min(PALETTE, key=lambda name: float(np.square(mean - PALETTE[name]).sum()))


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def words(self) -> list[str]:
        """The texts of the message, in order; the prompt is the last."""
        content = self.body["messages"][-1]["content"]
        return [content] if isinstance(content, str) else [p["text"] for p in content if p["type"] == "text"]

    @property
    def pictures(self) -> list[tuple[str, Pixels]]:
        """Each picture in red, green, blue with the text that stands right before it."""
        content = self.body["messages"][-1]["content"]
        if isinstance(content, str):
            return []
        found: list[tuple[str, Pixels]] = []
        for before, part in pairwise([{"type": "none"}, *content]):
            label = before.get("text", "")
            if part["type"] == "image_url":
                kind, data = _data(part["image_url"]["url"])
                assert kind == "image/jpeg"
                found.append((label, np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))))
            elif part["type"] == "video_url":
                kind, data = _data(part["video_url"]["url"])
                assert kind == "video/mp4"
                found += [(f"{label} +{time:.3f}", pixels) for time, pixels, _ in decoded(data)]
        return found


def decoded(data: bytes) -> list[tuple[float, Pixels, float]]:
    """Time, pixels (red, green, blue) and length of every frame of a video."""
    import av

    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        base = float(stream.time_base or 0)
        return [
            (float(frame.time or 0), frame.to_ndarray(format="rgb24"), frame.duration * base)
            for frame in container.decode(stream)
        ]


def _data(url: str) -> tuple[str, bytes]:
    found = re.fullmatch(r"data:([a-z0-9/]+);base64,([A-Za-z0-9+/=]+)", url)
    assert found, url[:80]
    return found[1], base64.b64decode(found[2], validate=True)


def seen(request: Request) -> str:
    """What the server's model says: the colour of every picture, in the order they came."""
    if not request.pictures:
        return f"No pictures, but a prompt of {len(request.words[-1].split())} words."
    return ", ".join(f"{label} {named(pixels)}" for label, pixels in request.pictures)


@dataclass
class Reply:
    """One answer at the level of HTTP; ``body`` is bytes, or JSON."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class OpenAIServer:
    """What the server does and what it was sent.

    Attributes:
        say: the text that the model says about a request.
        speak: the pieces of a message in a stream, instead of the words of ``say``; the last may hold a
            ``finish_reason``. None: there are none.
        refuse: the error that a request is answered with; None: it is not.
        used: tokens of a request and of its answer, which a stream tells at its end where it is asked to.
        models: what it lists; a request for another one is refused.
        key: the key that it wants; None: any.
        unknown: parameters that it refuses, and how it says so.
        probable: the likeliest first words of a request, None for a server that gives no probabilities.
        replies: answers to be given instead, first come, first served; a function gets the handler and does what it
            likes with the connection.
        pause: seconds before each piece of a stream, and before an answer.
        hung_up: set when a client left before it had all.
        ended: set when the server ends.
    """

    say: Callable[[Request], str] = seen
    speak: Callable[[Request], list[dict[str, Any]] | None] = lambda request: None
    refuse: Callable[[Request], Reply | None] = lambda request: None
    used: tuple[int, int] = (21, 7)
    models: tuple[str, ...] = ("looker-1",)
    key: str | None = None
    unknown: dict[str, str] = field(default_factory=dict)
    probable: Callable[[Request], list[dict[str, Any]] | None] = lambda request: None
    replies: list[Reply | Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    pause: float = 0.0
    requests: list[Request] = field(default_factory=list)
    busy: int = 0
    most_busy: int = 0
    hung_up: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def asked(self) -> list[Request]:
        """The requests that a model would have answered."""
        return [request for request in self.requests if "/chat/completions" in request.path]

    def choice(self, request: Request) -> dict[str, Any]:
        """One complete choice."""
        found: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        text = self.say(request)
        if request.body.get("logprobs") and (rows := self.probable(request)) is not None:
            text = rows[0]["token"] if rows else text
            found["logprobs"] = {"content": [{"token": text, "logprob": 0.0, "top_logprobs": rows}]}
        return found | {"message": {"role": "assistant", "content": text}}


def _handler(server: OpenAIServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or head and body, sent apart, wait 40 ms for the other side's word

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: tests read what was sent from ``requests``."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionResetError:  # the client left without reading all
                server.hung_up.set()

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            with server.lock:
                server.requests.append(request)
                server.busy += 1
                server.most_busy = max(server.most_busy, server.busy)
                scripted = server.replies.pop(0) if server.replies else None
            try:
                if callable(scripted):
                    scripted(self)
                else:
                    self._send(scripted or _reply(server, request), request)
            except (BrokenPipeError, ConnectionResetError):
                server.hung_up.set()
            finally:
                with server.lock:
                    server.busy -= 1

        def _send(self, reply: Reply, request: Request) -> None:
            if reply.status == 200 and reply.body == b"":
                self._stream(request)
                return
            raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in ({"Content-Type": "application/json"} | reply.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _stream(self, request: Request) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            pieces = server.speak(request)
            if pieces is None:
                pieces = [{"content": word} for word in re.findall(r"\s*\S+", server.say(request))]
            ending = {"finish_reason": "stop"} | (pieces.pop() if pieces and "finish_reason" in pieces[-1] else {})
            events = [{"choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]}]
            events += [{"choices": [{"index": 0, "delta": piece, "finish_reason": None}]} for piece in pieces]
            events += [{"choices": [{"index": 0, "delta": {}} | ending]}]
            if (request.body.get("stream_options") or {}).get("include_usage"):
                read, written = server.used
                events += [{"choices": [], "usage": {"prompt_tokens": read, "completion_tokens": written}}]
            for event in [*map(json.dumps, events), "[DONE]"]:
                if server.ended.wait(server.pause):
                    return
                data = f": a comment\r\ndata: {event}\r\n\r\n".encode()
                # Each event in two chunks: a client must not take a chunk for an event.
                for part in (data[:20], data[20:]):
                    self.chunk(part)
            self.chunk(b"")

        def chunk(self, part: bytes) -> None:
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.wfile.flush()

    return Handler


def _reply(server: OpenAIServer, request: Request) -> Reply:
    given = request.headers.get("authorization", "")
    if server.key is not None and given != f"Bearer {server.key}":
        return Reply(401, {"error": {"message": f"Incorrect API key provided: {given.removeprefix('Bearer ')}."}})
    path = request.path.partition("?")[0]
    if path.endswith("/models"):
        return Reply(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in server.models]})
    if not path.endswith("/chat/completions"):
        return Reply(404, b"404 page not found")
    if request.body["model"] not in server.models:
        return Reply(404, {"error": {"message": f"The model `{request.body['model']}` does not exist.", "code": 404}})
    if (refused := server.refuse(request)) is not None:
        return refused
    for name, message in server.unknown.items():
        if name in request.body:
            return Reply(400, {"error": {"message": message, "type": "invalid_request_error", "param": name}})
    if request.body.get("stream"):
        return Reply()
    server.ended.wait(server.pause)
    return Reply(200, {"id": "chatcmpl-1", "object": "chat.completion", "choices": [server.choice(request)]})


@contextmanager
def serving(**options: Any) -> Iterator[OpenAIServer]:
    """A server on a port of its own on this machine, for as long as the block runs."""
    state = OpenAIServer(**options)
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    http.daemon_threads = True
    state.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.hung_up.set()
        state.ended.set()
        http.shutdown()
        http.server_close()
        thread.join()


def instance(schema: dict[str, Any]) -> Any:
    """The smallest thing that a plain JSON schema describes."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return instance(schema["anyOf"][0])
    kind = schema.get("type")
    if kind == "object":
        return {name: instance(schema["properties"][name]) for name in schema.get("required", ())}
    return {"string": "", "integer": 0, "number": 0, "boolean": False, "array": []}.get(str(kind))


def obliging(request: Request) -> list[dict[str, Any]] | None:
    """Pieces of a message that calls the first tool of a request, or is JSON of the schema that it wants."""
    wanted = request.body.get("response_format", {}).get("json_schema")
    if wanted is not None:
        return [{"content": json.dumps(instance(wanted["schema"]))}]
    for tool in request.body.get("tools", ()):
        function = tool["function"]
        call = {"name": function["name"], "arguments": json.dumps(instance(function["parameters"]))}
        return [{"tool_calls": [{"index": 0, "id": "abc", "function": call}]}, {"finish_reason": "tool_calls"}]
    return None


@cache
def lasting() -> str:
    """The address of a server that runs as long as the process, likes the letters C, B and A in this order, and calls
    the first tool that it is given."""
    likely = [{"token": letter, "logprob": math.log(share)} for letter, share in (("C", 0.5), ("B", 0.3), ("A", 0.1))]
    ending = ExitStack()
    # By itself it would end only when the interpreter has stopped all threads, and wait for its own for ever.
    atexit.register(ending.close)
    return ending.enter_context(serving(probable=lambda request: likely, speak=obliging)).url
