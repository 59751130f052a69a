"""Arguments of actions: their JSON schema for models, and checking what a driver gave."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema, create_model

from vagent.agent.actions.desk import Desk, Refused
from vagent.agent.state import Observation
from vagent.errors import TimeError
from vagent.tools.chat import Tool
from vagent.tools.safe import safe
from vagent.tools.time import parse_time

Action = Callable[..., Observation]
"""An action: its first parameter is the ``Desk``, the others are a driver's to choose; its docstring is the manual."""


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError('a time is "HH:MM:SS" or a number of seconds')
    if not isinstance(value, str):
        if not math.isfinite(value) or value < 0:
            raise ValueError("a time is a number of seconds from 0 on")
        return float(value)
    try:
        return parse_time(value)
    except TimeError as error:
        raise ValueError(str(error)) from error


Time = Annotated[float, BeforeValidator(_seconds), WithJsonSchema({"type": "string", "description": "HH:MM:SS"})]
"""Seconds; a driver may write ``"00:12:03"`` or a number of seconds."""


@cache
def tool(action: Action) -> Tool:
    """The action as a chat model sees it."""
    schema = _model(action).model_json_schema()
    return Tool(action.__name__, inspect.getdoc(action) or "", _plain(schema))


def bound(action: Action, arguments: Mapping[str, Any], desk: Desk) -> Callable[[], Observation]:
    """The action with its arguments, ready to be called.

    Raises:
        Refused: arguments that are missing, unknown or of the wrong kind; the message says which, and what is allowed.
    """
    try:
        checked = _model(action).model_validate(dict(arguments))
    except ValidationError as error:
        raise Refused(_told(action, error)) from error
    given = {name: getattr(checked, name) for name in checked.model_fields_set}
    return lambda: action(desk, **given)


@cache
def _model(action: Action) -> type[BaseModel]:
    hints = get_type_hints(action, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints[name], ... if p.default is inspect.Parameter.empty else p.default)
        for name, p in list(inspect.signature(action).parameters.items())[1:]
    }
    return create_model(action.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def _told(action: Action, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = safe(".".join(map(str, first["loc"])))[:60]
    allowed = ", ".join(_model(action).model_fields) or "none"
    if first["type"] == "extra_forbidden":
        return f"{action.__name__} has no argument {name!r}; allowed: {allowed}"
    seen = "" if first["type"] == "missing" else f", not {safe(repr(first['input']))[:80]}"
    return f"argument {name} of {action.__name__}: {first['msg'].lower()}{seen}; arguments: {allowed}"


def _plain(schema: Any) -> Any:
    """The schema without titles, which tell a model nothing."""
    if isinstance(schema, dict):
        return {k: _plain(v) for k, v in schema.items() if not (k == "title" and isinstance(v, str))}
    return [_plain(v) for v in schema] if isinstance(schema, list) else schema
