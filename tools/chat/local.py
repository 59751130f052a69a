"""Chat models that run in this process, through transformers.

A model whose chat template knows tools calls them as it was taught. Any other is held to JSON of the choice, token by
token, so that what it writes is always a call that can be read. Nothing is drawn by chance.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from vagent.errors import EngineError, EngineFailed
from vagent.tools import device
from vagent.tools.chat import ChatModel, Message, Reply, Tool, ToolCall
from vagent.tools.chat.calls import call_id, name_and_arguments
from vagent.tools.chat.choosing import choice_schema, choosing, in_words, settled, shaped
from vagent.tools.chat.constrain import Constraint, Grammar
from vagent.tools.chat.templates import Template
from vagent.tools.chat.wire import tools_to
from vagent.tools.thoughts import without_thoughts

_UNTAUGHT = "the chat model was not taught to call tools: it chooses by JSON that it is held to"


@dataclass
class Speaker:
    """A model in memory that writes text.

    Attributes:
        encode: makes of a prompt what goes into the model, on its device.
        context: tokens that it can read and write together.
        template: how messages become a prompt.
    """

    model: Any
    tokenizer: Any
    encode: Callable[[str], Any]
    context: int
    template: Template

    @cached_property
    def ends(self) -> list[int]:
        """Tokens that end a reply."""
        given = self.model.generation_config.eos_token_id
        found = [given] if isinstance(given, int) else list(given or ())
        own = self.tokenizer.eos_token_id
        return found if own is None or own in found else [*found, own]

    @cached_property
    def grammar(self) -> Grammar:
        """What holds it to JSON."""
        return Grammar(self.tokenizer, self.model.config.get_text_config().vocab_size, self.ends)


@dataclass(frozen=True, slots=True)
class _Said:
    """What a model wrote: its tokens, and how many it had read."""

    tokens: list[int]
    read: int


class LocalChat(ChatModel):
    """What all local chat models share. May be used from several threads: they take turns."""

    @abstractmethod
    def turn(self) -> AbstractContextManager[Speaker]:
        """The model for one reply, ours alone meanwhile; it is loaded at the first use.

        Raises:
            EngineUnavailable: it is not here or cannot run here.
            EngineFailed: it cannot be loaded.
        """

    @property
    @abstractmethod
    def section(self) -> str:
        """The section of the settings that says which model it is."""

    def reply(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        schema: Mapping[str, Any] | None = None,
        tokens: int | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """The model's next message; see ``ChatModel``. The time does not run while it loads, or answers others.

        Raises:
            EngineUnavailable: it is not here or cannot run here.
            EngineFailed: it broke, was not ready in time, cannot do what is asked, or the messages are longer than it
                can read.
        """
        if tools and schema is not None:
            raise ValueError("either tools or a schema, not both")
        first = sum(len(message.calls) for message in messages)
        room, limit = tokens or self.settings.chat.tokens, seconds or self.settings.chat.timeout
        with self.turn() as speaker:
            if tools and self._native(speaker):
                prompt = speaker.template.render(messages, tools)
                said = self._said(speaker, prompt, room, limit)
                return _called(speaker, prompt, said, tools, first)
            wanted = choice_schema(tools) if tools else schema
            if wanted is None:
                knows = speaker.template.tools and self.settings.chat.tools != "json"
                talk = messages if knows else in_words(messages)
            else:
                talk = choosing(messages, tools) if tools else shaped(messages, wanted)
            constraint = None if wanted is None else speaker.grammar.follow(wanted)
            said = self._said(speaker, speaker.template.render(talk), room, limit, constraint)
            if constraint is None:
                text = _bare(speaker, without_thoughts(_whole(speaker, said)))
            else:
                constraint.take(said.tokens)
                text = constraint.text()
            reply = _reply(speaker, said, text)
        return settled(reply, tools=bool(tools), schema=schema is not None, by_json=True, first=first)

    def _native(self, speaker: Speaker) -> bool:
        """Whether the model calls tools as it was taught."""
        ways, knows = self.settings.chat.tools, speaker.template.tools
        if ways == "native" and not knows:
            raise EngineFailed("the model's chat template knows no tools", self.revision, hint="set chat.tools to auto")
        if ways == "auto" and not knows and _UNTAUGHT not in self.notices:
            self.notices.append(_UNTAUGHT)
        return knows and ways != "json"

    def _said(
        self, speaker: Speaker, prompt: str, room: int, seconds: float, constraint: Constraint | None = None
    ) -> _Said:
        import torch

        deadline = _Deadline(seconds)
        try:
            with torch.inference_mode():
                said = _generated(speaker, prompt, room, deadline, constraint)
        except EngineError:
            raise
        except Exception as error:
            if not device.out_of_memory(error):
                raise EngineFailed(f"the chat model broke ({type(error).__name__}: {error})", self.revision) from error
        else:
            if deadline.over and not _ended(speaker, said):
                hint = "raise chat.timeout, or take a smaller model"
                raise EngineFailed(f"no complete answer within {seconds:.3g} s", self.revision, hint=hint)
            return said
        # Behind the block: the error itself holds on to what filled the memory.
        device.release(speaker.model.device)
        hint = f"set {self.section}.precision to 4bit, take a smaller {self.section}.model, or ask about less"
        raise EngineFailed("memory ran out", self.revision, hint=hint)


class _Deadline:
    """Ends a generation when its time is up."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self.over = False

    def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        self.over = time.monotonic() >= self._until
        return torch.full((ids.shape[0],), self.over, dtype=torch.bool, device=ids.device)


def _generated(speaker: Speaker, prompt: str, room: int, deadline: _Deadline, constraint: Constraint | None) -> _Said:
    from transformers import LogitsProcessorList, StoppingCriteriaList

    made = speaker.encode(prompt)
    read = made["input_ids"].shape[1]
    if read >= speaker.context:
        allowed, hint = f"{speaker.context} tokens", "ask about less, or take a model with a longer context"
        raise EngineFailed(
            "the messages are longer than the model can read", f"{read} tokens", allowed=allowed, hint=hint
        )
    out = speaker.model.generate(
        **made,
        max_new_tokens=min(room, speaker.context - read),
        do_sample=False,
        num_beams=1,
        use_cache=True,
        stopping_criteria=StoppingCriteriaList([deadline]),
        logits_processor=LogitsProcessorList([] if constraint is None else [constraint]),
    )
    return _Said(out[0, read:].tolist(), read)


def _ended(speaker: Speaker, said: _Said) -> bool:
    """Whether the model itself ended its reply."""
    return bool(said.tokens) and said.tokens[-1] in speaker.ends


def _reply(speaker: Speaker, said: _Said, text: str) -> Reply:
    cut = not _ended(speaker, said)
    return Reply(text, read=said.read, written=len(said.tokens), cut=cut)


def _whole(speaker: Speaker, said: _Said) -> str:
    """The text with the marks of thoughts and calls in it, which some tokenizers take for control tokens, but without
    its end."""
    tokens = said.tokens[:-1] if _ended(speaker, said) else said.tokens
    return str(speaker.tokenizer.decode(tokens, skip_special_tokens=False))


def _bare(speaker: Speaker, text: str) -> str:
    """A text without control tokens."""
    for mark in speaker.tokenizer.all_special_tokens:
        text = text.replace(mark, "")
    return text.strip()


def _called(speaker: Speaker, prompt: str, said: _Said, tools: Sequence[Tool], first: int) -> Reply:
    """The reply of a model that calls tools as it was taught."""
    whole = _whole(speaker, said)
    own = _by_its_own(speaker.tokenizer, whole, prompt, tools)
    if own is None:
        reply = _reply(speaker, said, without_thoughts(whole))
        reply = settled(reply, tools=True, schema=False, by_json=False, first=first)
    else:
        text, pairs = own
        calls = tuple(ToolCall(call_id(first + i), name, arguments) for i, (name, arguments) in enumerate(pairs))
        reply = replace(_reply(speaker, said, text), calls=calls)
    return replace(reply, text=_bare(speaker, reply.text))


def _by_its_own(
    tokenizer: Any, whole: str, prompt: str, tools: Sequence[Tool]
) -> tuple[str, list[tuple[str, str]]] | None:
    """Text and calls as the model's own template of replies reads them; None where it brings none, or cannot."""
    if getattr(tokenizer, "response_template", None) is None:
        return None
    try:
        found = tokenizer.parse_response(whole, prefix=prompt, tools=tools_to(tools))
        pairs = [name_and_arguments(call) for call in found.get("tool_calls") or ()]
        return without_thoughts(str(found.get("content") or "")), pairs
    except Exception:  # noqa: BLE001 - what it cannot read, for instance a call that was cut off, is read in our way
        return None
