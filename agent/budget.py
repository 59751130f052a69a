"""What one question may cost: steps, looks, pictures, seconds and tokens, as the settings say. Enforced here, whatever
a driver asks for.
"""

from __future__ import annotations

from time import perf_counter

from vagent.agent.state import Context, State


def spent_out(state: State, context: Context) -> str:
    """Which budget is spent, in words; empty while there is something left of each."""
    limit, steps = context.index.settings.agent, state.get("steps", [])
    if len(steps) >= limit.steps:
        return f"The step limit of {limit.steps} was reached."
    if seconds_left(context) <= 0:
        return f"The time limit of {limit.seconds:g} seconds was reached."
    if tokens(state) >= limit.tokens:
        return f"The limit of {limit.tokens} tokens was reached."
    return ""


def seconds_left(context: Context) -> float:
    """Seconds that the question may still take."""
    return context.index.settings.agent.seconds - (perf_counter() - context.started)


def tokens(state: State) -> int:
    """Tokens that models have read and written for the question."""
    return sum(step.tokens for step in state.get("steps", []))


def looks_left(state: State, context: Context) -> int:
    """How often a video-LLM may still look."""
    return context.index.settings.agent.looks - len(state.get("looks", []))


def pictures_left(state: State, context: Context) -> int:
    """How many pictures may still be shown in all."""
    return context.index.settings.agent.pictures - sum(look.frames for look in state.get("looks", []))
