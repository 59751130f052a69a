"""What a model is allowed to write under a schema always becomes JSON of that schema, whatever it writes."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

pytest.importorskip("transformers", reason="transformers is not installed")

from tests.models.videollm import tokenizer
from vagent.errors import EngineFailed
from vagent.tools.chat.constrain import Constraint, Grammar

SCHEMAS: dict[str, dict[str, Any]] = {
    "anything": {},
    "text": {"type": "string", "maxLength": 9},
    "number": {"type": "number"},
    "list": {"type": "array", "items": {"type": "string"}, "minItems": 2},
    "object": {
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "most": {"type": "integer", "minimum": 3},
            "times": {"type": "array", "items": {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$"}},
            "kind": {"enum": ["speech", "text", None]},
            "share": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        },
        "required": ["query", "most", "kind"],
        "additionalProperties": False,
    },
    "choice": {
        "anyOf": [
            {
                "type": "object",
                "properties": {"tool": {"enum": [name]}, "arguments": {"$ref": f"#/$defs/{name}"}},
                "required": ["tool", "arguments"],
                "additionalProperties": False,
            }
            for name in ("search", "finish")
        ],
        "$defs": {
            "search": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
            "finish": {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]},
        },
    },
}


@cache
def grammar() -> tuple[Any, Grammar]:
    words = tokenizer(("<tool_call>",))
    return words, Grammar(words, len(words) + 30, [words.eos_token_id, words.pad_token_id])


def wandering(constraint: Constraint, seed: int, steps: int) -> list[int]:
    """Tokens of a model that takes any of those that are allowed."""
    words, chance = grammar()[0], np.random.default_rng(seed)
    written: list[int] = []
    for _ in range(steps):
        constraint.take(written)
        token = int(chance.choice(np.flatnonzero(constraint._allowed())))
        written.append(token)
        if token in (words.eos_token_id, words.pad_token_id):
            break
    return written


@pytest.mark.parametrize("name", SCHEMAS)
@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(0, 150))
@examples(max_examples=25, deadline=None)
def test_wherever_it_stops_it_is_json_of_the_schema(name: str, seed: int, steps: int) -> None:
    constraint = grammar()[1].follow(SCHEMAS[name])
    constraint.take(wandering(constraint, seed, steps))
    jsonschema.validate(json.loads(constraint.text()), SCHEMAS[name])


def test_only_what_is_allowed_stays_possible() -> None:
    import torch

    words, held = grammar()
    constraint = held.follow({"enum": ["yes", "no"]})
    prompt = torch.tensor([[5, 6, 7]])
    scores = torch.zeros(1, len(words) + 30)
    first = {words.decode([i]) for i in range(len(words)) if constraint(prompt, scores)[0, i] == 0}
    assert first == {'"'}
    written = torch.cat([prompt, torch.tensor([words.encode('"n')])], 1)
    assert {words.decode([i]) for i in range(len(words)) if constraint(written, scores)[0, i] == 0} == {"o"}
    assert constraint.text() == '"no"'
    assert bool((scores == 0).all())


def test_the_end_is_allowed_where_it_is_one() -> None:
    import torch

    words, held = grammar()
    constraint = held.follow({"enum": [True]})
    prompt = torch.tensor([[5]])
    constraint(prompt, torch.zeros(1, len(words)))
    written = torch.tensor([[5, *words.encode("true")]])
    allowed = constraint(written, torch.zeros(1, len(words)))[0] == 0
    assert set(allowed.nonzero().flatten().tolist()) == {words.eos_token_id, words.pad_token_id}


def test_what_was_not_allowed_is_an_error() -> None:
    words, held = grammar()
    with pytest.raises(EngineFailed, match="left the JSON"):
        held.follow({"type": "boolean"}).take(words.encode("maybe"))


def test_a_schema_that_cannot_be_followed_is_an_error_in_one_line() -> None:
    with pytest.raises(EngineFailed, match="no model can be held to this JSON schema") as error:
        grammar()[1].follow({"type": "object", "not": {"required": ["a"]}, "uniqueItems": True})
    assert "\n" not in str(error.value)


def test_a_tokenizer_of_another_kind_is_an_error_that_says_what_to_do() -> None:
    class Slow:
        def __len__(self) -> int:
            return 5

    with pytest.raises(EngineFailed, match=r"set chat\.tools to native"):
        Grammar(Slow(), 5, [0])
