"""One OpenAI-compatible server with the model that is asked there, and what was learnt of its ways."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from vagent.configs import Settings
from vagent.errors import EngineUnavailable
from vagent.tools.endpoint.address import Address, address
from vagent.tools.endpoint.http import Endpoint, Refused, Words
from vagent.tools.engines import Status

_LISTED = 20  # models that a message lists
_PATH = "chat/completions"
_TOO_LONG = re.compile(
    r"context.?(length|size|window)|maximum context|max_model_len|\bn_ctx\b|too many (input )?tokens"
    r"|(prompt|input|messages?) (is|are) too (long|large)|exceeds? the (available|maximum|model'?s)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Use:
    """Who asks a server, and for what.

    Attributes:
        words: of the messages; the sense there names the section of the settings: ``endpoint``, ``model``, ``key`` and
            ``timeout``.
        task: what the model is to do.
        suits: what a model that suits does.
    """

    words: Words
    task: str
    suits: str


def where(use: Use, settings: Settings) -> Address | Status:
    """The server, or why it cannot be asked. It is not asked here: that would take seconds."""
    sense = use.words.sense
    endpoint = getattr(settings, sense).endpoint
    set_it = f"set {sense}.endpoint, for instance VAGENT_{sense.upper()}_ENDPOINT=http://localhost:8000/v1"
    if not endpoint:
        return Status(False, "no server is set", set_it)
    try:
        found = address(endpoint)
    except ValueError as error:
        return Status(False, f"{sense}.endpoint is not the URL of a server: {error}", set_it)
    if settings.offline and not found.local:
        fix = "run the server on this machine, or set offline to false"
        return Status(False, f"offline is set, and {found.shown} is another machine", fix)
    return found


def status(use: Use, settings: Settings) -> Status:
    """Whether a server was set, and whether it may be asked."""
    found = where(use, settings)
    return found if isinstance(found, Status) else Status(True, f"{use.words.sense}.endpoint is {found.shown}")


def title(use: Use, settings: Settings) -> str:
    """The model by the name that was set: the server is not asked which one it runs, and may move elsewhere with it.
    Where no name was set, the server stands for the model."""
    found = where(use, settings)
    host = found.host if isinstance(found, Address) else "nowhere"
    return getattr(settings, use.words.sense).model or f"the only model at {host}"


class Server:
    """Asks one model of one server; may be used from several threads. What the server does not understand is left out
    of requests from then on."""

    def __init__(self, use: Use, settings: Settings) -> None:
        self._use = use
        self._settings = settings
        self._wanted = getattr(settings, use.words.sense)
        self._lock = Lock()
        self._endpoint: Endpoint | None = None
        self._model: str | None = self._wanted.model
        self._learned: frozenset[str] = frozenset()

    @property
    def shown(self) -> str:
        """The server's address as messages may show it."""
        return self.endpoint().where.shown

    def endpoint(self) -> Endpoint:
        """The connection to the server.

        Raises:
            EngineUnavailable: no server was set, or it must not be asked.
        """
        with self._lock:
            if self._endpoint is None:
                found, words = where(self._use, self._settings), self._use.words
                if isinstance(found, Status):
                    what = f"{words.sense} engine openai cannot run here: {found.reason}"
                    raise EngineUnavailable(what, hint=found.fix)
                variable = self._wanted.key
                key, timeout = os.environ.get(variable), self._wanted.timeout
                self._endpoint = Endpoint(found, words, key=key, variable=variable, timeout=timeout)
            return self._endpoint

    def ask(self, body: Mapping[str, Any]) -> Any:
        """The whole reply to a request; its model is filled in here.

        Raises:
            EngineUnavailable: no server there, it does not let us in, or does not have the model.
            Refused: it answered with an error.
            EngineFailed: no reply in time, or none that is JSON.
        """
        while True:
            sent, known = self._adapted(body), self._learned
            try:
                return self.endpoint().json("POST", _PATH, sent)
            except Refused as error:
                self._learn(error, sent, known)

    def events(self, body: Mapping[str, Any], seconds: float | None = None) -> Generator[Any]:
        """The events of a reply in pieces, or the whole reply of a server that sends it at once.

        Args:
            seconds: time for the whole; None: the time-out of the settings holds for each piece.

        Raises:
            EngineUnavailable, Refused, EngineFailed: as ``ask``; EngineFailed also in the middle.
        """
        while True:
            sent, known = self._adapted({**body, "stream": True}), self._learned
            try:
                yield from self.endpoint().events(_PATH, sent, seconds)
                return
            except Refused as error:  # only before the first piece
                self._learn(error, sent, known)

    def leave_out(self, *parameters: str) -> None:
        """From now on requests go without some parameters."""
        self._learned |= set(parameters)

    def models(self) -> list[str]:
        """Names of the models that it lists.

        Raises:
            EngineUnavailable, Refused, EngineFailed: as ``ask``.
        """
        reply = self.endpoint().json("GET", "models")
        rows = reply.get("data") if isinstance(reply, dict) else None
        names = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return [name for name in names if isinstance(name, str) and name]

    def close(self) -> None:
        """Let go of the connections; the next request makes new ones."""
        with self._lock:
            if self._endpoint is not None:
                self._endpoint.close()

    def _adapted(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The request with its model and without what the server does not understand."""
        sent = {"model": self._model or self._only_model()}
        sent |= {key: value for key, value in body.items() if key not in self._learned}
        if "max_tokens" in self._learned and "max_tokens" in body:
            sent["max_completion_tokens"] = body["max_tokens"]
        return sent

    def _only_model(self) -> str:
        names = self.models()
        if len(names) != 1:
            several = f"several models; which one is to {self._use.task}"
            what = several if names else "no model; load one there, or say which"
            hint = f"set {self._use.words.sense}.model to the one of {self.shown} that {self._use.suits}"
            raise EngineUnavailable(f"the server has {what}", allowed=names[:_LISTED] or None, hint=hint)
        self._model = names[0]
        return names[0]

    def _learn(self, error: Refused, body: Mapping[str, Any], known: frozenset[str]) -> None:
        """Remember what this server does not understand, so that the same request without it can be tried.

        Raises:
            EngineUnavailable: it does not have the model.
            Refused: it is about something else.
        """
        new = frozenset() if says_too_long(error.said) else _not_understood(error, body) - known
        if new:
            self._learned |= new
            return
        if error.status == 404 and not ("tools" in body and "tool" in error.said.lower()):
            raise self._no_such_model(error, body) from error
        raise error

    def _no_such_model(self, error: Refused, body: Mapping[str, Any]) -> EngineUnavailable:
        shown, suits = self.shown, self._use.suits
        try:
            names = self.models()
        except Refused:
            hint = "the base URL of an OpenAI-compatible server usually ends in /v1"
            return EngineUnavailable(f"there is nothing to ask at {shown} (404)", hint=hint)
        allowed = [name for name in names if name != body["model"]][:_LISTED]
        hint = f"set {self._use.words.sense}.model to one that {suits}"
        return EngineUnavailable(f"{shown} does not have the model", body["model"], allowed=allowed or None, hint=hint)


def says_too_long(said: str) -> bool:
    """Whether a server says that a request is longer than its model can read."""
    return bool(_TOO_LONG.search(said))


def _not_understood(error: Refused, body: Mapping[str, Any]) -> frozenset[str]:
    """Parameters that a server says it does not take: OpenAI's newer models want another name for the length and no
    temperature, and strict servers refuse what is not OpenAI's own."""
    if error.status not in (400, 422):
        return frozenset()
    said = error.said
    signs = {
        "max_tokens": "max_completion_tokens" in said,
        "temperature": "temperature" in said,
        "chat_template_kwargs": "chat_template" in said,
        "stream_options": "stream_options" in said,
    }
    return frozenset(key for key, refused in signs.items() if refused and key in body)
