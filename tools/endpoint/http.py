"""Requests to one server: what is sent, what comes back, and what every way of failing means.

Nothing here knows what is asked. What a server says is text from a stranger: it is capped in size, never shown in full,
and cannot make us send the key elsewhere.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any

from vagent.errors import EngineError, EngineFailed, EngineUnavailable
from vagent.tools import deadline
from vagent.tools.endpoint.address import Address, without_secrets
from vagent.tools.engines import Sense

if TYPE_CHECKING:
    import httpx

_LARGEST = 8 << 20  # bytes of one reply; an answer of thousands of words has some ten thousand
_LONGEST_LINE = 1 << 20  # bytes of one line of a reply in pieces
_SAID = 200  # characters of a server's own message that an error repeats
_CONNECT = 10.0  # seconds to wait for a connection
_AGAIN = (429, 503)  # too many requests, too busy: worth a second try
_LONGEST_WAIT = 20.0  # seconds that a server may ask us to wait before that
_TOO_LONG = re.compile("context|too (long|many|large)|at most", re.I)


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
class Words:
    """What messages say that depends on who asks.

    Attributes:
        sense: the section of the settings that names the server.
        late: what to do beside raising the time-out when an answer comes too late.
        long: what to do when a request is too long for the server.
    """

    sense: Sense
    late: str
    long: str


class Endpoint:
    """Requests to one server; may be used from several threads.

    Args:
        where: the server.
        words: of whoever asks.
        key: its key, or None.
        variable: name of the environment variable the key comes from, for messages.
        timeout: seconds to wait for an answer, or for the next piece of one that comes in pieces.
    """

    def __init__(self, where: Address, words: Words, *, key: str | None, variable: str, timeout: float) -> None:
        self.where = where
        self._words = words
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
        left = deadline.left()
        patience = _Patience(self._timeout, max(left, 0.0) if left is not None and left < self._timeout else None)
        with self._open(method, path, body, patience) as response:
            return self._parsed(self._body(response, patience))

    def events(self, path: str, body: Mapping[str, Any], seconds: float | None = None) -> Iterator[Any]:
        """The events of a reply in pieces (server-sent events), or the whole reply of a server that sends it at once.
        Closing the iterator closes the connection.

        Args:
            seconds: time for the reply as a whole; None: the time-out holds for each piece.

        Raises:
            EngineUnavailable, Refused, EngineFailed: as ``json``; also in the middle.
        """
        patience = _Patience(self._timeout, seconds)
        with self._open("POST", path, body, patience) as response:
            if "event-stream" not in response.headers.get("content-type", ""):
                yield self._parsed(self._body(response, patience))
                return
            for data in _events(self._lines(response, patience)):
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
    def _open(
        self, method: str, path: str, body: Mapping[str, Any] | None, patience: _Patience
    ) -> Iterator[httpx.Response]:
        """The beginning of a reply without an error; asked a second time where the server is only busy."""
        import httpx

        content = None if body is None else json.dumps(body).encode()
        start_it = f"start it, or set {self._words.sense}.endpoint to where it is"
        try:
            for last in (False, True):
                timeout = httpx.Timeout(patience.left, connect=min(_CONNECT, patience.left))
                url = self.where.to(path)
                with self._http().stream(method, url, content=content, timeout=timeout) as response:
                    if response.is_success:
                        with patience.kept(response):
                            yield response
                        return
                    wait = None if last or response.status_code not in _AGAIN else _wait(response.headers)
                    if wait is None or (patience.whole and wait >= patience.left):
                        raise self._refused(response, patience)
                time.sleep(wait)
                patience.renew()
        except httpx.ConnectTimeout as error:
            raise EngineUnavailable("no server answers", self.where.shown, hint=start_it) from error
        except httpx.TimeoutException as error:
            raise self._late(patience) from error
        except (httpx.ConnectError, httpx.InvalidURL, UnicodeError) as error:  # the last: a name no machine can have
            why = self._clean(str(error)) or "no connection"
            raise EngineUnavailable(f"no server answers ({why})", self.where.shown, hint=start_it) from error
        except httpx.HTTPError as error:
            if patience.over:
                raise self._late(patience) from error
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

    def _body(self, response: httpx.Response, patience: _Patience, most: int = _LARGEST) -> bytes:
        """The whole reply.

        Raises:
            EngineFailed: it is too large, packed, or not complete in time.
        """
        self._not_packed(response)
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > most:
                raise self._too_large()
            self._in_time(patience)
        self._in_time(patience)
        return bytes(body)

    def _lines(self, response: httpx.Response, patience: _Patience) -> Iterator[str]:
        """Lines of a reply in pieces. Lines that say nothing do not count as a sign of life."""
        self._not_packed(response)
        size, rest = 0, b""
        for piece in response.iter_raw():
            size += len(piece)
            if size > _LARGEST:
                raise self._too_large()
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                raise self._too_large()
            for line in lines:
                if line.startswith(b"data:"):
                    patience.renew()
                yield line.rstrip(b"\r").decode(errors="replace")
            self._in_time(patience)
        self._in_time(patience)
        yield rest.rstrip(b"\r").decode(errors="replace")

    def _parsed(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            hint = (
                f"is {self._words.sense}.endpoint the base URL of an OpenAI-compatible server? It usually ends in /v1"
            )
            said = self._clean(body[:1000].decode(errors="replace"))
            raise EngineFailed(
                f"{self.where.shown} answered with something that is not JSON", said, hint=hint
            ) from error

    def _refused(self, response: httpx.Response, patience: _Patience) -> EngineError:
        status = response.status_code
        if response.is_redirect:
            target = without_secrets(response.headers.get("location", ""))
            hint = f"set {self._words.sense}.endpoint to the address that it names, if you trust that"
            return Refused(f"{self.where.shown} sends us elsewhere", target, status=status, said="", hint=hint)
        said = _message(self._body_of_error(response, patience))
        shown = self._clean(said) or None
        if status in (401, 403):
            named = f"{self._words.sense}.key"
            hint = f"put a valid key into the environment variable {self._variable} (setting {named} names it)"
            return EngineUnavailable(f"{self.where.shown} does not let us in ({status})", shown, hint=hint)
        return Refused(
            f"{self.where.shown} refuses ({status})", shown, status=status, said=said, hint=self._hint(status, said)
        )

    def _hint(self, status: int, said: str) -> str | None:
        if status in _AGAIN:
            return "the server is busy: try again later"
        if status == 413 or (status in (400, 422) and _TOO_LONG.search(said)):
            return self._words.long
        return "see the server's log" if status >= 500 else None

    def _body_of_error(self, response: httpx.Response, patience: _Patience) -> bytes:
        try:
            return self._body(response, patience, 1 << 16)
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

    def _in_time(self, patience: _Patience) -> None:
        if patience.over:
            raise self._late(patience)

    def _late(self, patience: _Patience) -> EngineFailed:
        hint = f"raise {self._words.sense}.timeout, or {self._words.late}"
        what = "no complete answer" if patience.whole else "no answer"
        return EngineFailed(f"{what} within {patience.seconds:.3g} s from {self.where.shown}", hint=hint)

    def _too_large(self) -> EngineFailed:
        return EngineFailed(f"{self.where.shown} answered with more than {_LARGEST >> 20} MB", hint="see its log")


class _Patience:
    """How long is waited for a reply.

    Args:
        timeout: seconds for each sign of life.
        seconds: seconds for the whole, which signs of life do not make longer; None: there is no such limit.
    """

    def __init__(self, timeout: float, seconds: float | None = None) -> None:
        self.whole = seconds is not None
        self.seconds = timeout if seconds is None else seconds
        self._until = time.monotonic() + self.seconds

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(0.001, self._until - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._until

    def renew(self) -> None:
        """There was a sign of life."""
        if not self.whole:
            self._until = time.monotonic() + self.seconds

    @contextmanager
    def kept(self, response: httpx.Response) -> Iterator[None]:
        """Ends the connection when the time for the whole is up: reading alone would wait as long again for a server
        that falls silent in the middle."""
        self.renew()
        line = response.extensions["network_stream"].get_extra_info("socket") if self.whole else None
        if line is None:
            yield
            return

        def end() -> None:
            with suppress(OSError):  # it ended by itself
                line.shutdown(socket.SHUT_RDWR)

        timer = Timer(self.left, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


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
