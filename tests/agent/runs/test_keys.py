"""One key for the same call however it is written, another for every other call."""

from __future__ import annotations

import copy
from collections import OrderedDict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vagent.agent.runs.keys import call_key, digest, shaping
from vagent.configs import load
from vagent.tools.chat import Message, Tool, ToolCall

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
PICTURES = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=3, max_side=4))
VALUES = st.recursive(
    SCALARS | PICTURES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def rewritten(value: Any) -> Any:
    """The same value, written in another way."""
    if isinstance(value, np.ndarray):
        return np.asfortranarray(np.repeat(value, 2, axis=-1))[..., ::2]
    if isinstance(value, dict):
        return MappingProxyType(OrderedDict((key, rewritten(value[key])) for key in reversed(list(value))))
    if isinstance(value, list):
        return tuple(rewritten(item) for item in value)
    if isinstance(value, bytes):
        return bytearray(value)
    if isinstance(value, float):
        return np.float64(value)
    return copy.deepcopy(value)


def same(one: Any, other: Any) -> bool:
    """Equal in value and in type."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and bool((one == other).all())
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@given(VALUES)
def test_the_way_of_writing_makes_no_difference(value: Any) -> None:
    assert digest(rewritten(value)) == digest(value)


@given(VALUES, VALUES)
def test_two_values_have_one_digest_only_where_they_are_the_same(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"ab", ["bytes", digest(b"ab")]),
        ({"a": 1}, ["map", [["a", 1]]]),
        ({"a": 1}, [["a", 1]]),
        ([], {}),
        ([[], []], [[[]]]),
        (np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8)),
        (np.zeros(4, np.uint8), np.zeros(2, np.uint16)),
        (1, True),
        (1, 1.0),
        ("1", 1),
        (Message("user", "a"), {"role": "user", "text": "a", "calls": [], "call": None}),
        (Message("user", "a"), Message("system", "a")),
        ("\ud800", "\\ud800"),
    ],
)
def test_no_value_looks_like_another(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)


def test_minus_nought_is_nought_and_narrow_numbers_count_by_value() -> None:
    assert digest(-0.0) == digest(0.0)
    assert digest(np.float32(0.5)) == digest(0.5)
    assert digest(np.int64(3)) == digest(3)


@pytest.mark.parametrize("value", [object(), Path("a"), {1: 2}, {"a", "b"}, np.array([object()]), Message])
def test_what_nobody_has_thought_about_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be known"):
        digest(value)


PICTURE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
TOOL = Tool("look", "Look.", {"type": "object", "properties": {"at": {"type": "number"}}})
CALL: dict[str, Any] = {
    "engine": "fake 1",
    "method": "answer",
    "settings": {"tokens": 256, "pixels": 1000},
    "inputs": {
        "frames": [(1.0, PICTURE), (2.0, PICTURE)],
        "prompt": "What is seen?",
        "letters": ["A", "B"],
        "messages": [Message("user", "hello", (ToolCall("1", "look", "{}"),))],
        "tools": [TOOL],
        "schema": {"type": "string"},
    },
}


def changed_picture() -> np.ndarray:
    picture = PICTURE.copy()
    picture[1, 3, 2] += 1
    return picture


def changed(**parts: Any) -> dict[str, Any]:
    return {**CALL, "inputs": {**CALL["inputs"], **parts}}


@pytest.mark.parametrize(
    "call",
    [
        {**CALL, "engine": "fake 2"},
        {**CALL, "method": "caption"},
        {**CALL, "settings": {"tokens": 255, "pixels": 1000}},
        {**CALL, "settings": {"tokens": 256}},
        changed(frames=[(1.0, PICTURE), (2.0, changed_picture())]),
        changed(frames=[(1.0, PICTURE), (2.5, PICTURE)]),
        changed(frames=[(1.0, PICTURE)]),
        changed(prompt="What is seen? "),
        changed(letters=["B", "A"]),
        changed(messages=[Message("user", "hello", (ToolCall("1", "look", "{ }"),))]),
        changed(messages=[Message("user", "hello")]),
        changed(messages=[Message("tool", "hello", call="1")]),
        changed(tools=[Tool("look", "Look!", TOOL.parameters)]),
        changed(tools=[]),
        changed(schema=None),
    ],
)
def test_every_part_of_a_call_changes_its_key(call: dict[str, Any]) -> None:
    assert call_key(**call) != call_key(**CALL)
    assert call_key(**copy.deepcopy(call)) == call_key(**call)


def test_settings_that_say_how_long_to_wait_or_who_asks_do_not_count() -> None:
    def key(**changes: Any) -> dict[str, Any]:
        return shaping(load({"videollm": changes}, env={}).videollm, "cpu")

    plain = key()
    assert key(timeout=5, key="OTHER_KEY") == plain
    assert key(tokens=7) != plain
    assert key(precision="bf16") != plain
    assert key(pixels=2048) != plain
    assert key(frames=3) != plain
    assert key(endpoint="http://localhost:1/v1") != plain
    assert key(model="m", endpoint="http://localhost:1/v1") == key(model="m")
    assert shaping(load({}, env={}).videollm, "cuda") != plain
    assert shaping(None, "cpu") == {"device": "cpu"}
