"""Video-LLMs through transformers: any checkpoint that takes a video, several pictures or one.

Frames go in decoded, with their true times. What does not fit into memory is shown smaller: first with fewer pixels,
then with fewer frames, and ``notices`` says so. The same question about the same frames has the same answer: nothing
is drawn by chance.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from importlib.metadata import version
from itertools import groupby
from typing import Any, ClassVar, TypeVar

from vagent.configs import Settings
from vagent.errors import EngineError, EngineFailed
from vagent.tools import deadline, device, weights
from vagent.tools.engines import Status
from vagent.tools.thoughts import pieces_without_thoughts, without_thoughts
from vagent.tools.videollm import Frames, VideoLanguageModel
from vagent.tools.videollm.budget import Budget, Size
from vagent.tools.videollm.choices import log_probabilities
from vagent.tools.videollm.held import Hold, need, status
from vagent.tools.videollm.inputs import Clip, clip, inputs, numbers
from vagent.tools.videollm.loading import Loaded
from vagent.tools.videollm.prefix import Prefix
from vagent.tools.videollm.streaming import Text, pieces

_T = TypeVar("_T")
_LESS = "set videollm.frames or videollm.pixels lower, videollm.precision to 4bit, or take a smaller videollm.model"


class _Short:
    """What an attempt gives that ran out of memory."""


class TransformersVideoLLM(VideoLanguageModel):
    """A local video-LLM. May be used from several threads: they take turns. The model loads at the first use."""

    name: ClassVar[str] = "transformers"
    weak: ClassVar[bool] = False
    scores: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._hold = Hold(settings)
        self._budget: Budget | None = None
        self._costs: dict[tuple[int, ...], tuple[int, int]] = {}
        self._prefix = Prefix()

    @property
    def revision(self) -> str:
        """Engine, version of transformers, model and the mark of its weights."""
        return f"{self.name} {version('transformers')} {weights.label(need(self.settings), self.settings)}"

    @classmethod
    def check(cls, settings: Settings) -> Status:
        """Whether the packages and the weights are here."""
        return status(settings)

    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        """What the model says about ``frames``; see ``VideoLanguageModel``.

        Raises:
            EngineUnavailable: the model is not here or cannot run here.
            EngineFailed: it broke, or not even the smallest picture fits into memory.
        """
        return self.caption([frames], [prompt], tokens=tokens)[0]

    def stream(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> Iterator[str]:
        """The answer in pieces as they come; closing the iterator stops the model.

        Raises:
            EngineUnavailable, EngineFailed: as ``answer``; also in the middle.
        """

        def run(said: Callable[[str], None], stop: threading.Event) -> None:
            begun = threading.Event()

            def say(text: str) -> None:
                begun.set()
                said(text)

            def act(loaded: Loaded, _: Clip, made: Any) -> None:
                if not stop.is_set():
                    self._generate(loaded, made, tokens, Text(loaded.processor.tokenizer, say), stop)

            with self._hold.turn():
                self._prefix.forget()
                # What was said cannot be taken back: only an answer that has not begun is tried again.
                self._fitting(frames, prompt, tokens, act, again=lambda: not begun.is_set())

        with closing(pieces(run)) as said:
            yield from pieces_without_thoughts(said)

    def score_choices(self, frames: Frames, prompt: str, letters: Sequence[str]) -> list[float]:
        """Log-probabilities of the letters as the answer's first word, normalised over the letters, in their order.

        What the model made of the pictures is kept until it is asked something else: further prompts about the same
        ones cost their words alone, and say what they would say without that.

        Raises:
            EngineUnavailable, EngineFailed: as ``answer``.
        """
        if not letters:
            return []

        def act(loaded: Loaded, one: Clip, made: Any) -> list[float]:
            return log_probabilities(loaded, one, made, letters, self._prefix)

        with self._hold.turn():
            return self._fitting(frames, prompt, 1, act)

    def caption(self, clips: Sequence[Frames], prompts: Sequence[str], *, tokens: int | None = None) -> list[str]:
        """One description a clip, in order. Clips of the same shape are looked at together, as many as memory allows;
        each is described as it would be alone.

        Raises:
            EngineUnavailable, EngineFailed: as ``answer``.
        """
        pairs = list(zip(clips, prompts, strict=True))
        if not pairs:
            return []
        answers: dict[int, str] = {}
        with self._hold.turn():
            self._prefix.forget()
            loaded, budget = self._model()
            made = [clip(loaded, frames, prompt, budget.size) for frames, prompt in pairs]
            order = sorted(range(len(pairs)), key=lambda i: (made[i].key, len(made[i].asked)))
            for _, group in groupby(order, key=lambda i: made[i].key):
                waiting = list(group)
                while waiting:
                    count = self._batch(loaded, [made[i] for i in waiting], tokens)
                    chosen, waiting = waiting[:count], waiting[count:]
                    said = self._together([pairs[i] for i in chosen], tokens)
                    answers |= zip(chosen, said, strict=True)
        return [answers[i] for i in range(len(pairs))]

    def close(self) -> None:
        """Let go of the model, when the call that runs has ended; the next use loads it again."""
        with self._hold.turn():
            self._budget = None
            self._costs.clear()
            self._prefix.forget()
        self._hold.close()

    def _model(self) -> tuple[Loaded, Budget]:
        """The model and what it can be shown. Called in our turn."""
        loaded = self._hold.loaded()
        if self._budget is None:
            wanted = self.settings.videollm
            self._budget = Budget(Size(wanted.frames, wanted.pixels), loaded.scalable)
        return loaded, self._budget

    def _batch(self, loaded: Loaded, clips: Sequence[Clip], tokens: int | None) -> int:
        """How many of the clips, from the first on, fit into memory together; at least one.

        Args:
            clips: all with the same key, the longest prompt last: each row of a batch is as long as the longest.
        """
        count, free = 1, _free(loaded)
        while count < len(clips):
            length, pixels = self._cost(loaded, clips[count])
            if not loaded.shape.fits(length + self._room(tokens), pixels, free // (count + 1)):
                break
            count += 1
        return count

    def _cost(self, loaded: Loaded, one: Clip) -> tuple[int, int]:
        """Tokens of a clip's prompt, and numbers of its pictures; counted once a shape."""
        words = len(loaded.processor.tokenizer(one.asked)["input_ids"])
        if one.key not in self._costs:
            made = self._attempt(loaded, lambda: inputs(loaded, [one]))
            if isinstance(made, _Short):
                return loaded.shape.context + 1, 0
            self._costs[one.key] = made["input_ids"].shape[1] - words, numbers(made)
        rest, pixels = self._costs[one.key]
        return rest + words, pixels

    def _together(self, pairs: Sequence[tuple[Frames, str]], tokens: int | None) -> list[str]:
        """Answers of one batch; where memory runs out, those of its halves."""
        loaded, budget = self._model()
        if len(pairs) == 1:
            frames, prompt = pairs[0]
            return self._fitting(frames, prompt, tokens, lambda loaded, _, made: self._generate(loaded, made, tokens))
        clips = [clip(loaded, frames, prompt, budget.size) for frames, prompt in pairs]
        together = self._attempt(loaded, lambda: self._generate(loaded, inputs(loaded, clips), tokens))
        if not isinstance(together, _Short):
            return together
        self._note("memory is short: the video-LLM looks at fewer clips at once, which takes longer")
        half = len(pairs) // 2
        return [*self._together(pairs[:half], tokens), *self._together(pairs[half:], tokens)]

    def _fitting(
        self,
        frames: Frames,
        prompt: str,
        tokens: int | None,
        act: Callable[[Loaded, Clip, Any], _T],
        again: Callable[[], bool] = lambda: True,
    ) -> _T:
        """What ``act`` makes of a prompt and as much of its frames as fits into memory and into the model's context.

        Args:
            again: whether it may be tried once more when memory has run out.
        """
        loaded, budget = self._model()
        size = budget.size
        while True:
            one = clip(loaded, frames, prompt, size)
            done = self._attempt(loaded, partial(self._once, loaded, budget, one, tokens, act))
            if isinstance(done, Size):
                size = done
            elif not isinstance(done, _Short):
                return done
            elif not again() or not budget.shrink(one.size):
                raise EngineFailed(f"memory ran out with {one.size}", self.revision, hint=_LESS)
            else:
                size = budget.size
            self._note(
                f"memory is short: the video-LLM is shown no more than {size} at once; {_LESS} to choose otherwise"
            )

    def _once(
        self, loaded: Loaded, budget: Budget, one: Clip, tokens: int | None, act: Callable[[Loaded, Clip, Any], _T]
    ) -> _T | Size:
        """One attempt; a size where it can be foreseen that only that fits."""
        made = inputs(loaded, [one])
        length = made["input_ids"].shape[1]
        if not loaded.shape.fits(length + self._room(tokens), numbers(made), _free(loaded)):
            smaller = budget.smaller(one.size)
            if smaller is not None:
                return smaller
            if length >= loaded.shape.context:
                most = f"{loaded.shape.context} tokens"
                raise EngineFailed("the prompt is longer than the model can read", f"{length} tokens", allowed=most)
        return act(loaded, one, made)

    def _generate(
        self,
        loaded: Loaded,
        made: Any,
        tokens: int | None,
        streamer: Text | None = None,
        stop: threading.Event | None = None,
    ) -> list[str]:
        from transformers import StoppingCriteriaList

        late = _Late()
        criteria = StoppingCriteriaList([late, *([_Stopped(stop)] if stop is not None else [])])
        out = loaded.model.generate(
            **made,
            max_new_tokens=self._room(tokens),
            do_sample=False,
            num_beams=1,
            use_cache=True,
            streamer=streamer,
            stopping_criteria=criteria,
        )
        self.spent += int(out.numel())
        if late.stopped:
            raise EngineFailed("the time for the answer was over before the model had ended it", self.revision)
        said = loaded.processor.tokenizer.batch_decode(out[:, made["input_ids"].shape[1] :], skip_special_tokens=True)
        return [without_thoughts(text) for text in said]

    def _attempt(self, loaded: Loaded, act: Callable[[], _T]) -> _T | _Short:
        """What ``act`` gives, or that memory ran out; everything else that breaks is an ``EngineFailed``."""
        import torch

        try:
            with torch.inference_mode():
                return act()
        except EngineError:
            raise
        except Exception as error:
            if not device.out_of_memory(error):
                why = f"{type(error).__name__}: {error}"
                raise EngineFailed(f"the video-LLM broke ({why})", self.revision) from error
        # Behind the block: the error itself holds on to what filled the memory.
        self._prefix.forget()
        device.release(loaded.where)
        return _Short()

    def _room(self, tokens: int | None) -> int:
        return tokens or self.settings.videollm.tokens

    def _note(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)


class _Late:
    """Ends a generation when the time of whoever asked is over."""

    def __init__(self) -> None:
        self.stopped = False

    def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        self.stopped = self.stopped or deadline.over()
        return torch.full((ids.shape[0],), self.stopped, dtype=torch.bool, device=ids.device)


class _Stopped:
    """Ends a generation when an event is set."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        return torch.full((ids.shape[0],), self._stop.is_set(), dtype=torch.bool, device=ids.device)


def _free(loaded: Loaded) -> int:
    """Bytes that a call may use: free ones, and those that torch keeps in reserve on a card."""
    import torch

    free = device.free_bytes(loaded.where)
    if loaded.where.type == "cuda":
        free += torch.cuda.memory_reserved(loaded.where) - torch.cuda.memory_allocated(loaded.where)
    return free
