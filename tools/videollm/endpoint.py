"""One OpenAI-compatible server: what is sent, what comes back, and what every way of failing means.

Nothing here knows of pictures; ``openai`` puts the messages together. What a server says is text from a stranger: it is
capped in size, never shown in full, and cannot make us send the key elsewhere.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from vagent.errors import EngineError, EngineFailed, EngineUnavailable

if TYPE_CHECKING:
    import httpx

_LARGEST = 8 << 20  # bytes of one reply; an answer of thousands of words has some ten thousand
_LONGEST_LINE = 1 << 20  # bytes of one line of a reply in pieces
_SAID = 200  # characters of a server's own message that an error repeats
_CONNECT = 10.0  # seconds to wait for a connection
_AGAIN = (429, 503)  # too many requests, too busy: worth a second try
_LONGEST_WAIT = 20.0  # seconds that a server may ask us to wait before that
_START_IT = "start it, or set videollm.endpoint to where it is"


class Refused(EngineFailed):
    """The server answered with an HTTP error.

    Attributes:
        status: the HTTP status.
        said: what the server said about it, in full as far as it was read.
    """

    def __init__(self, what: str, value: object = None, *, status: int, said: str, hint: str | None = None) -> None:
        self.status, self.said = status, said
        super().__init__(what, value, hint=hint)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is.

    Attributes:
        url: base URL without user, password and trailing slash; a query stays.
        shown: the same as messages may show it: without the query, which may hold a key.
        host: name or number of the machine.
        local: whether that is this very machine.
        user: ``user:password`` out of the URL, None where it has none.
    """

    url: SplitResult
    shown: str
    host: str
    local: bool
    user: str | None

    def to(self, path: str) -> str:
        """The URL of one of the server's functions, ``chat/completions`` for instance."""
        return urlunsplit(self.url._replace(path=f"{self.url.path}/{path}"))


def address(url: str) -> Address:
    """The parts of ``videollm.endpoint``.

    Raises:
        ValueError: it is no URL of a server; the message says why, without repeating the URL.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it must begin with http:// or https:// and name a machine")
    host, port = parts.hostname, parts.port  # a port that is no number is a ValueError of its own
    if not all(c.isascii() and c.isprintable() and c not in ' "<>\\' for c in parts.geturl()):
        raise ValueError("it holds characters that no URL has")
    netloc = (f"[{host}]" if ":" in host else host) + ("" if port is None else f":{port}")
    user, at, _ = parts.netloc.rpartition("@")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    base = SplitResult(parts.scheme, netloc, path, parts.query, "")
    return Address(base, urlunsplit(base._replace(query="")), netloc, _local(host), unquote(user) if at else None)


def _local(host: str) -> bool:
    """Whether a host is this machine, by its name or number alone: no resolver is asked."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(number, "ipv4_mapped", None) or number
    return mapped.is_loopback or mapped.is_unspecified  # 0.0.0.0, as servers print it, connects to this machine


class Endpoint:
    """Requests to one server; may be used from several threads.

    Args:
        where: the server.
        key: its key, or None.
        variable: name of the environment variable the key comes from, for messages.
        timeout: seconds to wait for an answer, or for the next piece of one that comes in pieces.
    """

    def __init__(self, where: Address, *, key: str | None, variable: str, timeout: float) -> None:
        self.where = where
        self._key = (key or "").strip()
        self._variable = variable
        self._timeout = timeout
        self._lock = Lock()
        self._client: httpx.Client | None = None

    def json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The server's reply to one request.

        Raises:
            EngineUnavailable: no server there, or it does not let us in.
            Refused: it answered with an error.
            EngineFailed: no reply in time, or none that is JSON.
        """
        with self._open(method, path, body) as response:
            return self._parsed(self._body(response))

    def events(self, path: str, body: Mapping[str, Any]) -> Iterator[Any]:
        """The events of a reply in pieces (server-sent events), or the whole reply of a server that sends it at once.
        Closing the iterator closes the connection.

        Raises:
            EngineUnavailable, Refused, EngineFailed: as ``json``; also in the middle.
        """
        with self._open("POST", path, body) as response:
            if "event-stream" not in response.headers.get("content-type", ""):
                yield self._parsed(self._body(response))
                return
            for data in _events(self._lines(response)):
                if data == "[DONE]":
                    return
                yield self._parsed(data.encode())

    def close(self) -> None:
        """Let go of the connections; the next request makes new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    @contextmanager
    def _open(self, method: str, path: str, body: Mapping[str, Any] | None) -> Iterator[httpx.Response]:
        """The beginning of a reply without an error; asked a second time where the server is only busy."""
        import httpx

        content = None if body is None else json.dumps(body).encode()
        try:
            for last in (False, True):
                with self._http().stream(method, self.where.to(path), content=content) as response:
                    if response.is_success:
                        yield response
                        return
                    wait = None if last or response.status_code not in _AGAIN else _wait(response.headers)
                    if wait is None:
                        raise self._refused(response)
                time.sleep(wait)
        except httpx.ConnectTimeout as error:
            raise EngineUnavailable("no server answers", self.where.shown, hint=_START_IT) from error
        except httpx.TimeoutException as error:
            raise self._late() from error
        except (httpx.ConnectError, httpx.InvalidURL, UnicodeError) as error:  # the last: a name no machine can have
            why = self._clean(str(error)) or "no connection"
            raise EngineUnavailable(f"no server answers ({why})", self.where.shown, hint=_START_IT) from error
        except httpx.HTTPError as error:
            why = self._clean(str(error)) or type(error).__name__
            raise EngineFailed(f"the server broke off ({why})", self.where.shown, hint="see its log") from error

    def _http(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                # No redirects: they could carry the key and the pictures to another machine. No kept connections: a
                # server that closes one while we write looks like a failure, and a new one costs nothing beside an
                # answer. A proxy is for other machines only.
                self._client = httpx.Client(
                    headers={
                        "Authorization": self._authorization(),
                        "Content-Type": "application/json",
                        "Accept-Encoding": "identity",  # what is unpacked could not be capped
                    },
                    timeout=httpx.Timeout(self._timeout, connect=min(_CONNECT, self._timeout)),
                    limits=httpx.Limits(max_keepalive_connections=0),
                    follow_redirects=False,
                    trust_env=not self.where.local,
                    # Reading the certificates of all authorities takes a tenth of a second; plain HTTP needs none.
                    verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if self.where.url.scheme == "http" else True,
                )
            return self._client

    def _authorization(self) -> str:
        if self.where.user is not None:
            return "Basic " + base64.b64encode(self.where.user.encode()).decode()
        if not all(c.isascii() and c.isprintable() for c in self._key):
            hint = f"put it into the environment variable {self._variable} again"
            raise EngineUnavailable("the server's key holds characters that no key has", hint=hint)
        return f"Bearer {self._key or 'EMPTY'}"

    def _body(self, response: httpx.Response, most: int = _LARGEST) -> bytes:
        """The whole reply.

        Raises:
            EngineFailed: it is too large, packed, or not complete in time.
        """
        self._not_packed(response)
        until = time.monotonic() + self._timeout
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > most:
                raise self._too_large()
            if time.monotonic() > until:
                raise self._late()
        return bytes(body)

    def _lines(self, response: httpx.Response) -> Iterator[str]:
        """Lines of a reply in pieces. Lines that say nothing do not count as a sign of life."""
        self._not_packed(response)
        size, rest, until = 0, b"", time.monotonic() + self._timeout
        for piece in response.iter_raw():
            size += len(piece)
            if size > _LARGEST:
                raise self._too_large()
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                raise self._too_large()
            for line in lines:
                if line.startswith(b"data:"):
                    until = time.monotonic() + self._timeout
                yield line.rstrip(b"\r").decode(errors="replace")
            if time.monotonic() > until:
                raise self._late()
        yield rest.rstrip(b"\r").decode(errors="replace")

    def _parsed(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            hint = "is videollm.endpoint the base URL of an OpenAI-compatible server? It usually ends in /v1"
            said = self._clean(body[:1000].decode(errors="replace"))
            raise EngineFailed(
                f"{self.where.shown} answered with something that is not JSON", said, hint=hint
            ) from error

    def _refused(self, response: httpx.Response) -> EngineError:
        status = response.status_code
        if response.is_redirect:
            target = _without_secrets(response.headers.get("location", ""))
            hint = "set videollm.endpoint to the address that it names, if you trust that"
            return Refused(f"{self.where.shown} sends us elsewhere", target, status=status, said="", hint=hint)
        said = _message(self._body_of_error(response))
        shown = self._clean(said) or None
        if status in (401, 403):
            hint = f"put a valid key into the environment variable {self._variable} (setting videollm.key names it)"
            return EngineUnavailable(f"{self.where.shown} does not let us in ({status})", shown, hint=hint)
        return Refused(
            f"{self.where.shown} refuses ({status})", shown, status=status, said=said, hint=_hint(status, said)
        )

    def _body_of_error(self, response: httpx.Response) -> bytes:
        try:
            return self._body(response, 1 << 16)
        except EngineFailed:
            return b""  # the status alone says enough

    def _clean(self, text: str) -> str:
        """A server's text, short, in one line and without our key, which some servers repeat."""
        for secret in (self._key, self.where.user or ""):
            text = text.replace(secret, "***") if len(secret) > 3 else text
        text = " ".join(text[: 20 * _SAID].split())
        return text if len(text) <= _SAID else text[:_SAID] + "…"

    def _not_packed(self, response: httpx.Response) -> None:
        packing = response.headers.get("content-encoding", "identity")
        if packing != "identity":
            raise EngineFailed(f"{self.where.shown} packs its answers though it was asked not to", packing)

    def _late(self) -> EngineFailed:
        hint = "raise videollm.timeout, or show less: lower videollm.frames or videollm.pixels"
        return EngineFailed(f"no answer within {self._timeout:g} s from {self.where.shown}", hint=hint)

    def _too_large(self) -> EngineFailed:
        return EngineFailed(f"{self.where.shown} answered with more than {_LARGEST >> 20} MB", hint="see its log")


def _hint(status: int, said: str) -> str | None:
    if status in _AGAIN:
        return "the server is busy: try again later"
    if status == 413 or (status in (400, 422) and re.search("context|too (long|many|large)|at most", said, re.I)):
        return "show less: lower videollm.frames or videollm.pixels"
    return "see the server's log" if status >= 500 else None


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait before asking again, by ``Retry-After``; None where that is longer than we wait."""
    asked = headers.get("retry-after", "1").strip()
    try:
        seconds = float(asked)
    except ValueError:
        try:
            moment = parsedate_to_datetime(asked)
        except ValueError:
            return 1.0
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if seconds <= _LONGEST_WAIT else None


def _events(lines: Iterator[str]) -> Iterator[str]:
    """The data of each server-sent event; an event that the end of the stream cuts off counts where it is complete."""
    held: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            held.append(line[5:].removeprefix(" "))
        elif not line and held:
            yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)


def _message(body: bytes) -> str:
    """What a server says about an error: the message inside its JSON, wherever these servers put it, else the text."""
    text = body.decode(errors="replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for _ in range(3):
        if isinstance(found, dict):
            inner = next((found[k] for k in ("error", "message", "detail") if found.get(k)), None)
            found = text if inner is None else inner
    return found if isinstance(found, str) else text


def _without_secrets(url: str) -> str:
    try:
        return address(url).shown
    except ValueError:
        return "an address that is not one"
