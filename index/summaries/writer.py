"""Summaries in the words of a chat model, checked against what it was given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from vagent.errors import EngineFailed
from vagent.index.summaries.grounds import grounded
from vagent.index.summaries.sentences import Sentence
from vagent.index.video.captions import tidy
from vagent.prompts import fill, marker
from vagent.tools.chat import ChatModel, Message
from vagent.tools.safe import safe
from vagent.tools.time import Span, format_time

ROOM = 12_000
"""Characters of material that one call is given; what has more is summed up in parts."""

_TOKENS = 2.0  # tokens that a word may take, on average
_BESIDE = 60  # tokens for the title and the form of the reply
_TITLE = 60  # characters of a title, at most
_SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "summary": {"type": "string"}},
    "required": ["title", "summary"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote about one part of a video; only what its material bears."""

    title: str
    text: str


@dataclass(slots=True)
class Writer:
    """Writes the summaries of one video.

    Args:
        model: what writes.
        words: longest summary.
        written: what was written before, by prompt; it is not asked for again.
        keep: told whenever something has been written, so that a stop costs one call at most.

    Attributes:
        notices: why summaries are not the model's, each once.
        failed: the model broke: nothing more is asked of it, and another run may try again.
    """

    model: ChatModel
    words: int
    written: dict[str, list[str]] = field(default_factory=dict)
    keep: Callable[[Mapping[str, list[str]]], object] = lambda written: None
    notices: list[str] = field(default_factory=list)
    failed: bool = False

    def of_lines(self, span: Span, sentences: Sequence[Sentence]) -> Written | None:
        """A summary of what was said, written or seen; None where there is none that the material bears."""
        evidence = lines(sentences)
        return self._ask("summary", span, evidence, {}) if evidence else None

    def of_parts(self, span: Span, parts: Sequence[tuple[Span, Written]], what: str) -> Written | None:
        """A summary of summaries."""
        evidence = "\n".join(f"[{format_time(part.start)}] {found.title}: {found.text}" for part, found in parts)
        return self._ask("summaries", span, evidence, {"what": what}) if evidence else None

    def _ask(self, name: str, span: Span, evidence: str, more: Mapping[str, str]) -> Written | None:
        if self.failed:
            return None
        prompt = fill(
            name,
            start=format_time(span.start),
            end=format_time(span.end),
            marker=marker(evidence),
            evidence=evidence,
            words=str(self.words),
            **more,
        )
        key = marker(prompt).split()[2]
        if key not in self.written:
            try:
                reply = self.model.reply(
                    [Message("user", prompt)], schema=_SCHEMA, tokens=round(self.words * _TOKENS) + _BESIDE
                )
            except EngineFailed as error:
                self.failed = True
                self._tell(f"summaries quote the video instead of a model's words: {error}")
                return None
            title, text = _read(reply.text)
            self.written[key] = [title, text]
            self.keep(self.written)
        title, text = self.written[key]
        return self._checked(title, text, span, evidence)

    def _checked(self, title: str, text: str, span: Span, evidence: str) -> Written | None:
        stretch = f"{format_time(span.start)} to {format_time(span.end)}"
        kept, left_out = grounded(tidy(text, self.words), f"{stretch}\n{evidence}")
        if not any(letter.isalnum() for letter in kept):
            why = left_out[0] if left_out else "it wrote nothing that can be read"
            self._tell(f"the summary from {stretch} quotes the video instead of the model's words: {why}")
            return None
        name, strange = grounded(safe(title)[:_TITLE].strip(" .\"'“”"), evidence)
        return Written("" if strange else name, kept)

    def _tell(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)


def lines(sentences: Sequence[Sentence]) -> str:
    """Sentences as a model reads them: a line each, with its time and sense."""
    return "\n".join(f"[{format_time(s.span.start)}] {s.kind}: {s.text}" for s in sentences)


def _read(reply: str) -> tuple[str, str]:
    """Title and summary of a reply; nothing where it is not what was asked for."""
    try:
        found = json.loads(reply)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    title, text = found.get("title"), found.get("summary")
    return (title if isinstance(title, str) else "", text if isinstance(text, str) else "")
