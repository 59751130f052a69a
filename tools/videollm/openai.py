"""Any OpenAI-compatible server that takes pictures: vLLM, SGLang, llama.cpp, Ollama, LM Studio, OpenAI itself.

Pictures go as JPEG in the request itself, each behind its time as text: every one of these servers takes that form.
``videollm.send: video`` sends one small MP4 instead, for servers that take ``video_url`` (vLLM, SGLang).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, ClassVar

from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools.engines import Status
from vagent.tools.videollm import Frames, VideoLanguageModel
from vagent.tools.videollm import endpoint_replies as replies
from vagent.tools.videollm.endpoint import Address, Endpoint, Refused, address
from vagent.tools.videollm.thoughts import pieces_without_thoughts, without_thoughts

_WAY = 1  # counts up when the same model is asked in another way, so that clips are described anew
_SET_IT = "set videollm.endpoint, for instance VAGENT_VIDEOLLM_ENDPOINT=http://localhost:8000/v1"
_TOGETHER = 4  # requests at once; a server that can do fewer makes the others wait
_LIKELIEST = (20, 5)  # how many words with probabilities are asked for; some servers give fewer
_LISTED = 20  # models that a message lists


class OpenAIVideoLLM(VideoLanguageModel):
    """Asks a server that speaks OpenAI's protocol; ready as soon as ``videollm.endpoint`` is set.

    May be used from several threads.
    """

    name: ClassVar[str] = "openai"
    weak: ClassVar[bool] = False
    scores: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._lock = Lock()
        self._endpoint: Endpoint | None = None
        self._model = settings.videollm.model
        self._learned: frozenset[str] = frozenset()

    @property
    def revision(self) -> str:
        """Engine, the way it asks, and the model by the name that was set: the server is not asked which one it runs,
        and may move elsewhere with it. Where no name was set, the server stands for the model."""
        where = _where(self.settings)
        host = where.host if isinstance(where, Address) else "nowhere"
        return f"{self.name} {_WAY} {self.settings.videollm.model or f'the only model at {host}'}"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether a server was set, and whether it may be asked. It is not asked here: that would take seconds."""
        where = _where(settings)
        return where if isinstance(where, Status) else Status(True, f"videollm.endpoint is {where.shown}")

    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        """What the server's model says about ``frames``; see ``VideoLanguageModel``.

        Raises:
            EngineUnavailable: no server there, it does not let us in, or does not have the model.
            EngineFailed: it refused, broke off, or did not answer in time.
        """
        reply = self._ask(self._body(frames, prompt, tokens))
        choice = replies.choice(reply)
        text = without_thoughts(replies.text(choice.get("message")))
        if not text and choice.get("finish_reason") == "length":
            raise EngineFailed("the model came to no answer", hint="raise videollm.tokens, or turn its thinking off")
        return text

    def stream(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> Iterator[str]:
        """The answer in pieces as they come; closing the iterator closes the connection, which stops the model.

        Raises:
            EngineUnavailable, EngineFailed: as ``answer``; also in the middle.
        """
        yield from pieces_without_thoughts(self._pieces(self._body(frames, prompt, tokens)))

    def score_choices(self, frames: Frames, prompt: str, letters: Sequence[str]) -> list[float]:
        """Log-probabilities of the letters as the first word. A letter that is not among the likeliest words is given
        the least of theirs. A server that gives no probabilities is taken by the letter it answers with.

        Raises:
            EngineUnavailable: as ``answer``.
            EngineFailed: as ``answer``, or the model would answer with none of the letters.
        """
        return replies.scores(replies.choice(self._scored(self._body(frames, prompt, 1))), letters)

    def caption(self, clips: Sequence[Frames], prompts: Sequence[str], *, tokens: int | None = None) -> list[str]:
        """One description a clip, in order; a few requests at once.

        Raises:
            EngineUnavailable, EngineFailed: as ``answer``; what has not begun is then not asked any more.
        """
        pairs = list(zip(clips, prompts, strict=True))
        with ThreadPoolExecutor(_TOGETHER, "vagent-endpoint") as pool:
            jobs = [pool.submit(self.answer, frames, prompt, tokens=tokens) for frames, prompt in pairs]
            try:
                return [job.result() for job in jobs]
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Let go of the connections; the next call makes new ones."""
        with self._lock:
            if self._endpoint is not None:
                self._endpoint.close()

    def _server(self) -> Endpoint:
        with self._lock:
            if self._endpoint is None:
                where, wanted = _where(self.settings), self.settings.videollm
                if isinstance(where, Status):
                    raise EngineUnavailable(
                        f"videollm engine {self.name} cannot run here: {where.reason}", hint=where.fix
                    )
                key = os.environ.get(wanted.key)
                self._endpoint = Endpoint(where, key=key, variable=wanted.key, timeout=wanted.timeout)
            return self._endpoint

    def _body(self, frames: Frames, prompt: str, tokens: int | None) -> dict[str, Any]:
        from vagent.tools.videollm.endpoint_pictures import content

        return {
            "model": self._model or self._only_model(),
            "messages": [{"role": "user", "content": content(frames, prompt, self.settings.videollm)}],
            "max_tokens": tokens or self.settings.videollm.tokens,
            "temperature": 0,
            # A model that thinks would spend all its tokens on that. Servers that cannot turn it off ignore this.
            "chat_template_kwargs": {"enable_thinking": False},
        }

    def _only_model(self) -> str:
        names = self._models()
        if len(names) != 1:
            what = "several models; which one is to look" if names else "no model; load one there, or say which"
            hint = f"set videollm.model to the one of {self._server().where.shown} that takes pictures"
            raise EngineUnavailable(f"the server has {what}", allowed=names[:_LISTED] or None, hint=hint)
        self._model = names[0]
        return names[0]

    def _models(self) -> list[str]:
        reply = self._server().json("GET", "models")
        rows = reply.get("data") if isinstance(reply, dict) else None
        names = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return [name for name in names if isinstance(name, str) and name]

    def _ask(self, body: dict[str, Any]) -> Any:
        server = self._server()
        while True:
            body, known = _adapted(body, self._learned), self._learned
            try:
                return server.json("POST", "chat/completions", body)
            except Refused as error:
                self._learn(error, body, known)

    def _scored(self, body: dict[str, Any]) -> Any:
        """The reply with the likeliest first words: as many as the server gives, or none where it gives none."""
        for count in _LIKELIEST:
            try:
                return self._ask(body | {"logprobs": True, "top_logprobs": count})
            except Refused as error:
                if "logprobs" not in error.said:
                    raise
        self._learned |= {"logprobs", "top_logprobs"}
        return self._ask(body)

    def _pieces(self, body: dict[str, Any]) -> Iterator[str]:
        """The text of each event, up to the one that says that the answer is complete."""
        server = self._server()
        while True:
            body, known = _adapted(body | {"stream": True}, self._learned), self._learned
            try:
                yield from replies.streamed(server.events("chat/completions", body), server.where.shown)
                return
            except Refused as error:  # only before the first piece
                self._learn(error, body, known)

    def _learn(self, error: Refused, body: Mapping[str, Any], known: frozenset[str]) -> None:
        """Remember what this server does not understand, so that the same request without it can be tried.

        Raises:
            EngineUnavailable: it does not have the model.
            Refused: it is about something else.
        """
        new = _not_understood(error, body) - known
        if new:
            self._learned |= new
            return
        if error.status == 404:
            raise self._no_such_model(error, body) from error
        if error.status in (400, 413, 422) and self.settings.videollm.send == "video":
            hint = "if it takes no video, set videollm.send to images"
            raise Refused(error.what, error.value, status=error.status, said=error.said, hint=hint) from error
        raise error

    def _no_such_model(self, error: Refused, body: Mapping[str, Any]) -> EngineUnavailable:
        where = self._server().where.shown
        try:
            names = self._models()
        except Refused:
            hint = "the base URL of an OpenAI-compatible server usually ends in /v1"
            return EngineUnavailable(f"there is nothing to ask at {where} (404)", hint=hint)
        allowed = [name for name in names if name != body["model"]][:_LISTED]
        hint = "set videollm.model to one that takes pictures"
        return EngineUnavailable(f"{where} does not have the model", body["model"], allowed=allowed or None, hint=hint)


def _where(settings: Settings) -> Address | Status:
    """The server, or why it cannot be asked."""
    wanted = settings.videollm
    if not wanted.endpoint:
        return Status(False, "no server is set", _SET_IT)
    try:
        where = address(wanted.endpoint)
    except ValueError as error:
        return Status(False, f"videollm.endpoint is not the URL of a server: {error}", _SET_IT)
    if settings.offline and not where.local:
        fix = "run the server on this machine, or set offline to false"
        return Status(False, f"offline is set, and {where.shown} is another machine", fix)
    return where


def _adapted(body: dict[str, Any], learned: frozenset[str]) -> dict[str, Any]:
    """The request without what the server does not understand."""
    kept = {key: value for key, value in body.items() if key not in learned}
    if "max_tokens" in learned and "max_tokens" in body:
        kept["max_completion_tokens"] = body["max_tokens"]
    return kept


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
    }
    return frozenset(key for key, refused in signs.items() if refused and key in body)
