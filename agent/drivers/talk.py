"""The conversation with a chat model: the prompts before it, and the room it may take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from vagent.agent.actions.desk import delimited
from vagent.agent.routes.choices import without_label
from vagent.agent.routes.lettered import lettered
from vagent.agent.state import Context, State, Turn
from vagent.prompts import fill
from vagent.tools.chat import Message
from vagent.tools.safe import quoted, safe
from vagent.tools.time import format_time

_VIDEOS = 12  # videos that are named; of more, the number is told
_TURNS = 6  # earlier questions of a chat that are told
_SAID = 400  # characters of an earlier answer
_LABEL = re.compile(r"^\[([el]\d+)\]", re.M)
_BYTES = 3  # of one token: a cautious guess, English has about four
_LATEST = 3000  # characters of the last observation, where even that is too much
_SMALL = 3.0  # billions of parameters below which a model gets the small prompt


def small(context: Context) -> bool:
    """Whether the chat model is known to be a small one, which few tools and a short prompt suit best."""
    billions = None if context.chat is None else context.chat.billions
    return billions is not None and billions < _SMALL


def opening(state: State, context: Context) -> list[Message]:
    """The messages that every request begins with: what the model is to do, and what is asked."""
    prompt = fill("driver_small" if small(context) else "driver", steps=str(context.index.settings.agent.steps))
    question = fill(
        "driver_question",
        videos=_videos(state, context),
        earlier=_earlier(state.get("turns", [])),
        question=_question(state),
        options=_options(state.get("choices", ())),
    )
    return [Message("system", prompt.strip()), Message("user", re.sub(r"\n{2,}", "\n\n", question).strip())]


def fitted(messages: Sequence[Message], tokens: int) -> list[Message]:
    """The conversation within so many tokens, as far as shortening what was observed before the last reply does it.

    The oldest observations go first; of each its first line and its labels are kept.
    """
    kept = list(messages)
    last = max((i for i, message in enumerate(kept) if message.role == "assistant"), default=0)
    for i, message in enumerate(kept[:last]):
        if _size(kept) <= tokens * _BYTES:
            break
        if message.role == "tool":
            kept[i] = replace(message, text=brief(message.text))
    return kept


def least(messages: Sequence[Message]) -> list[Message]:
    """The conversation as short as it can be and still make sense; the same one where nothing can be left out."""
    kept = fitted(messages, 0)
    return [
        replace(m, text=_cut(m.text)) if m.role == "tool" and len(m.text) > _LATEST else m for m in kept
    ]  # only the last observations are still so long


def brief(text: str) -> str:
    """An observation in short: its first line and the labels that stood in it."""
    labels = list(dict.fromkeys(_LABEL.findall(text)))
    lines = text.splitlines()
    if len(lines) <= 1 + bool(labels):
        return text
    told = f" Labels: {' '.join(labels)}." if labels else ""
    return f"{lines[0]}\n(Shortened.{told})"


def _cut(text: str) -> str:
    """The beginning of an observation, whole lines, with the marker lines around its evidence."""
    kept = text[:_LATEST].rsplit("\n", 1)[0]
    marks = [line for line in kept.splitlines() if line.startswith("=== evidence ")]
    closing = f"\n{marks[-1]}" if marks and marks.count(marks[-1]) % 2 else ""
    return f"{kept}{closing}\n(The rest was left out.)"


def _size(messages: Sequence[Message]) -> int:
    return sum(len(m.text.encode()) + sum(len(c.name) + len(c.arguments) + 40 for c in m.calls) for m in messages)


def _videos(state: State, context: Context) -> str:
    told = []
    for number, row in enumerate(state["videos"][:_VIDEOS], 1):
        video = context.index.video(row)
        name = safe(video.path.replace("\\", "/").rsplit("/", 1)[-1])
        told.append(f"video {number}: {format_time(video.duration)} long, {name}")
    rest = len(state["videos"]) - len(told)
    more = f"\nand {rest} more, up to video {len(state['videos'])}" if rest > 0 else ""
    start, end = state.get("start"), state.get("end")
    low = "" if start is None else f" from {format_time(start)}"
    high = "" if end is None else f" until {format_time(end)}"
    limits = f"\nOnly what happens{low}{high} may be used." if low or high else ""
    return delimited(told) + more + limits


def _question(state: State) -> str:
    asked, resolved = state["asked"], state["question"]
    return asked if resolved == asked else f"{asked}\n(That is: {resolved})"


def _options(choices: Sequence[str]) -> str:
    if not choices:
        return ""
    lines = [f"{letter}. {safe(without_label(choices[i]))}" for letter, i in lettered(choices)]
    return "\n".join(["Options:", *lines, "In finish, name one of them by its letter, or none when none is proven."])


def _earlier(turns: Sequence[Turn]) -> str:
    """What was asked and answered before, as material: answers quote the videos."""
    told = []
    for one in turns[-_TURNS:]:
        told += [f"Asked: {quoted(one.question, _SAID)}", f"Answered: {quoted(one.text, _SAID)}"]
    return f"\nEarlier in this chat:\n{delimited(told)}\n" if told else ""
