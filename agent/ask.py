"""Ask a question of indexed videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from vagent.agent.drivers.llm import LLM
from vagent.agent.drivers.policy import Policy
from vagent.agent.evidence.index import Index
from vagent.agent.light import put_off
from vagent.agent.look import Looker
from vagent.agent.records import Answer, Event, Started
from vagent.agent.state import Call, Context, Driver
from vagent.configs import Settings
from vagent.errors import EngineUnavailable, QuestionError
from vagent.tools.chat import ChatModel
from vagent.tools.engines import Choice

if TYPE_CHECKING:
    from vagent.agent.chats import Thread
    from vagent.agent.graph import Graph

_CHOICES = 26  # options, one a letter


def ask(
    index: Index,
    question: str,
    *,
    videos: Sequence[int],
    choices: Sequence[str] | None = None,
    start: float | None = None,
    end: float | None = None,
    videollm: Looker | None = None,
    chat: ChatModel | None = None,
    driver: Driver | None = None,
    thread: Thread | None = None,
) -> Answer:
    """The answer to one question, with the moments that prove it.

    Args:
        index: the library.
        videos: row numbers of the videos asked.
        choices: options, with or without their letters; one is chosen by evidence, or none.
        start, end: seconds; nothing outside is used.
        videollm: an engine that can look at pictures; None: the one that the index's settings choose, if any.
        chat: a chat model for the driver that asks one; None: the one that the index's settings choose, if any.
        driver: what chooses the steps; None: the one that the settings choose.
        thread: the chat that the question belongs to; None: it stands by itself.

    Raises:
        QuestionError: an empty or oversized question, no videos, or options that cannot be told apart.
        EngineUnavailable: the settings want a chat model to choose the steps, and none can run here.
    """
    events = stream(
        index, question, videos=videos, choices=choices, start=start, end=end, videollm=videollm, chat=chat,
        driver=driver, thread=thread,
    )  # fmt: skip
    return next(event for event in events if isinstance(event, Answer))


def stream(
    index: Index,
    question: str,
    *,
    videos: Sequence[int],
    choices: Sequence[str] | None = None,
    start: float | None = None,
    end: float | None = None,
    videollm: Looker | None = None,
    chat: ChatModel | None = None,
    driver: Driver | None = None,
    thread: Thread | None = None,
) -> Iterator[Event]:
    """As ``ask``, but each step is told as it begins and given as it is done, and the answer comes last. The question
    is checked at once. Closing the iterator ends the question; a chat is then as if it had not been asked.
    """
    asked, options = checked(question, choices, index.settings)
    if not videos:
        raise QuestionError("there is no video to ask", hint="index one first: vagent index FILE")
    if videollm is None:
        _, videollm = index.engines.get("videollm")
    if driver is None:
        driver, chat = chosen(index, chat)
    context = Context(index, driver, videollm, chat)
    given = {"asked": asked, "choices": options, "videos": tuple(videos), "start": start, "end": end}
    return _events(given, context, thread)


def _events(given: dict[str, Any], context: Context, thread: Thread | None) -> Iterator[Event]:
    put_off()
    from langgraph.types import Overwrite
    from langsmith import tracing_context

    from vagent.agent.graph import build, limit

    graph: Graph = build(None if thread is None else thread.checkpointer)
    config: dict[str, Any] = {"recursion_limit": limit(context.index.settings.agent.steps)}
    if thread is not None:
        config["configurable"] = {"thread_id": thread.id}
    # A chat's last question left its own behind.
    given |= {key: Overwrite([]) for key in ("moments", "looks", "shown", "messages", "steps")}
    # Nothing is kept of a question that was not answered: the checkpoint is written at its end.
    durability = None if thread is None else "exit"
    updates = graph.stream(given, config, context=context, stream_mode="updates", durability=durability)  # type: ignore[call-overload]
    spent: dict[str, float] = {}
    while True:
        # Tracing would send questions and evidence to a server when the user's environment happens to ask for it.
        with tracing_context(enabled=False):
            update = next(updates, None)
        if update is None:
            return
        for change in (change for change in update.values() if change):
            for step in change.get("steps", []):
                spent[step.action] = spent.get(step.action, 0.0) + step.seconds
                yield step
            if "steps" not in change and isinstance(call := change.get("call"), Call) and call.name != "finish":
                yield Started(call.name, dict(call.arguments))
            if "answer" in change:
                yield replace(change["answer"], seconds={**spent, "total": perf_counter() - context.started})


def chosen(index: Index, chat: ChatModel | None = None) -> tuple[Driver, ChatModel | None]:
    """The driver that the settings choose, and the chat model that it asks.

    Args:
        chat: the model; None: the one that the settings choose, if any.

    Raises:
        EngineUnavailable: the settings want a chat model to choose the steps, and none can run here.
    """
    wanted = index.settings.agent.driver
    if wanted == "policy":
        return Policy(), None
    if chat is None:
        choice, chat = index.engines.get("chat")
        check_chat(choice, index.settings)
    return (Policy(), None) if chat is None else (LLM(), chat)


def check_chat(choice: Choice, settings: Settings) -> None:
    """Find out whether the driver that the settings ask for has the chat model that it needs.

    Raises:
        EngineUnavailable: it has none; the message says what would give it one.
    """
    if settings.agent.driver == "llm" and choice.engine is None:
        fixes = dict.fromkeys(status.fix for status in choice.passed_over.values() if status.fix)
        what = f"the driver llm needs a chat model: {choice.reason}"
        raise EngineUnavailable(what, hint="; or ".join([*fixes, "let rules choose the steps: --driver policy"]))


def checked(question: str, choices: Sequence[str] | None, settings: Settings) -> tuple[str, tuple[str, ...]]:
    """The question and its options, tidied.

    Raises:
        QuestionError: an empty or oversized question, or options that cannot be told apart.
    """
    if not isinstance(question, str):
        raise QuestionError("the question is no text", question, allowed="a question in words")
    if isinstance(choices, str) or not all(isinstance(choice, str) for choice in choices or ()):
        raise QuestionError("the options are no list of texts", choices, allowed='["red", "blue"]')
    asked = " ".join(question.split())
    longest = settings.agent.question_length
    if not any(c.isalnum() for c in asked):
        raise QuestionError("the question is empty", question, allowed="a question in words")
    if len(asked) > longest:
        raise QuestionError("the question is too long", f"{len(asked)} characters", allowed=f"up to {longest}")
    options = tuple(" ".join(choice.split()) for choice in choices or ())
    if len(options) == 1 or len(options) > _CHOICES:
        raise QuestionError("multiple choice needs several options", len(options), allowed=f"2 to {_CHOICES}")
    if any(not option for option in options):
        raise QuestionError("an option is empty", allowed="options with text")
    if len({option.casefold() for option in options}) < len(options):
        raise QuestionError("two options are the same", ", ".join(options))
    return asked, options
