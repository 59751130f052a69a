"""Any OpenAI-compatible server that takes pictures: vLLM, SGLang, llama.cpp, Ollama, LM Studio, OpenAI itself.

Pictures go as JPEG in the request itself, each behind its time as text: every one of these servers takes that form.
``videollm.send: video`` sends one small MP4 instead, for servers that take ``video_url`` (vLLM, SGLang).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ClassVar

from vagent.configs import Settings
from vagent.errors import EngineFailed
from vagent.tools.endpoint import replies
from vagent.tools.endpoint.http import Refused, Words
from vagent.tools.endpoint.server import Server, Use, status, title
from vagent.tools.engines import Status
from vagent.tools.thoughts import pieces_without_thoughts, without_thoughts
from vagent.tools.videollm import Frames, VideoLanguageModel
from vagent.tools.videollm.endpoint_scores import scores

_LESS = "show less: lower videollm.frames or videollm.pixels"
_USE = Use(Words("videollm", late=_LESS, long=_LESS), task="look", suits="takes pictures")
_WAY = 1  # counts up when the same model is asked in another way, so that clips are described anew
_TOGETHER = 4  # requests at once; a server that can do fewer makes the others wait
_LIKELIEST = (20, 5)  # how many words with probabilities are asked for; some servers give fewer


class OpenAIVideoLLM(VideoLanguageModel):
    """Asks a server that speaks OpenAI's protocol; ready as soon as ``videollm.endpoint`` is set.

    May be used from several threads.
    """

    name: ClassVar[str] = "openai"
    weak: ClassVar[bool] = False
    scores: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._server = Server(_USE, settings)

    @property
    def revision(self) -> str:
        """Engine, the way it asks, and the model by the name that was set, else the server."""
        return f"{self.name} {_WAY} {title(_USE, self.settings)}"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether a server was set, and whether it may be asked. It is not asked here: that would take seconds."""
        return status(_USE, settings)

    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        """What the server's model says about ``frames``; see ``VideoLanguageModel``.

        Raises:
            EngineUnavailable: no server there, it does not let us in, or does not have the model.
            EngineFailed: it refused, broke off, or did not answer in time.
        """
        with self._explained():
            reply = self._server.ask(self._body(frames, prompt, tokens))
        self.spent += replies.spent(reply)
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
        with self._explained():
            events = self._server.events(self._body(frames, prompt, tokens))
            yield from pieces_without_thoughts(replies.streamed(events, self._server.shown))

    def score_choices(self, frames: Frames, prompt: str, letters: Sequence[str]) -> list[float]:
        """Log-probabilities of the letters as the first word. A letter that is not among the likeliest words is given
        the least of theirs. A server that gives no probabilities is taken by the letter it answers with.

        Raises:
            EngineUnavailable: as ``answer``.
            EngineFailed: as ``answer``, or the model would answer with none of the letters.
        """
        with self._explained():
            return scores(replies.choice(self._scored(self._body(frames, prompt, 1))), letters)

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
        self._server.close()

    def _body(self, frames: Frames, prompt: str, tokens: int | None) -> dict[str, Any]:
        from vagent.tools.videollm.endpoint_pictures import content

        return {
            "messages": [{"role": "user", "content": content(frames, prompt, self.settings.videollm)}],
            "max_tokens": tokens or self.settings.videollm.tokens,
            "temperature": 0,
            # A model that thinks would spend all its tokens on that. Servers that cannot turn it off ignore this.
            "chat_template_kwargs": {"enable_thinking": False},
        }

    def _scored(self, body: dict[str, Any]) -> Any:
        """The reply with the likeliest first words: as many as the server gives, or none where it gives none."""
        for count in _LIKELIEST:
            try:
                return self._server.ask(body | {"logprobs": True, "top_logprobs": count})
            except Refused as error:
                if "logprobs" not in error.said:
                    raise
        self._server.leave_out("logprobs", "top_logprobs")
        return self._server.ask(body)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Says of a refused request what may help."""
        try:
            yield
        except Refused as error:
            if error.status not in (400, 413, 422) or self.settings.videollm.send != "video":
                raise
            hint = "if it takes no video, set videollm.send to images"
            raise Refused(error.what, error.value, status=error.status, said=error.said, hint=hint) from error
