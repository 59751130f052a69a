"""The steps of a question as they are done, on stderr, for people who wait at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from vagent import _cycles
from vagent._render import safe
from vagent.agent.records import Answer, Event, Started, Step
from vagent.tools.time import format_time

_LONG = 60  # characters of one argument that are shown


def watched(events: Iterable[Event], *, shown: bool) -> Answer:
    """The answer that a stream of events ends with; until then its steps are listed, when ``shown``."""
    begun = _begun(events)
    if not shown:
        return next(event for event in begun if isinstance(event, Answer))
    from rich.console import Console
    from rich.markup import escape

    console = Console(file=sys.stderr, highlight=False)
    with console.status("understanding the question") as status:
        for event in begun:
            if isinstance(event, Started):
                status.update(escape(called(event.action, event.arguments)))
            elif isinstance(event, Step):
                console.print(f"[dim]{escape(line(event))}[/dim]", soft_wrap=True)
                status.update("thinking")
            else:
                return event
    raise AssertionError("a stream ends with an answer")


def _begun(events: Iterable[Event]) -> Iterator[Event]:
    """The same events; from the first on it is models that take the time."""
    for event in events:
        _cycles.lasting()
        yield event


def line(step: Step) -> str:
    """One step: what was asked for, what came of it, and what it cost."""
    cost = [f"{step.seconds:.1f} s"]
    cost += [f"{step.frames} pictures"] if step.frames else []
    cost += [f"{step.tokens} tokens"] if step.tokens else []
    return f"  {called(step.action, step.arguments)}: {safe(step.result)} ({', '.join(cost)})"


def called(action: str, arguments: Any) -> str:
    """An action with its arguments, in words."""
    given = dict(arguments)
    span = ""
    if isinstance(given.get("start"), int | float) and isinstance(given.get("end"), int | float):
        span = f" {format_time(given.pop('start'))}-{format_time(given.pop('end'))}"
    told = [_short(value) for name, value in given.items() if isinstance(value, str) and name != "kinds"]
    return " ".join([safe(action) + span, *told])


def _short(text: str) -> str:
    flat = safe(text)
    return f"“{flat if len(flat) <= _LONG else flat[:_LONG] + '…'}”"
