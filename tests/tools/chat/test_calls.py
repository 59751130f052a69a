"""Calls as models write them into their text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.tools.chat.calls import json_in, object_of, read, write, written
from vagent.tools.chat.choosing import chosen

ARGUMENTS = {"query": "a <b> {c} [d]", "most": 3}
TEXT = json.dumps(ARGUMENTS)


@pytest.mark.parametrize(
    ("text", "rest", "calls"),
    [
        (f'<tool_call>\n{{"name": "search", "arguments": {TEXT}}}\n</tool_call>', "", [("search", ARGUMENTS)]),
        (
            f'Let me see.\n<tool_call>{{"name": "search", "arguments": {TEXT}}}</tool_call>\n'
            '<tool_call>{"name": "overview", "arguments": {}}</tool_call>',
            "Let me see.",
            [("search", ARGUMENTS), ("overview", {})],
        ),
        (f'<tool_call>{{"name": "search", "arguments": {TEXT}}}', "", [("search", ARGUMENTS)]),
        (
            "<tool_call>\n<function=search>\n<parameter=query>\nwho\npays\n</parameter>\n<parameter=most>\n3\n"
            "</parameter>\n</function>\n</tool_call>",
            "",
            [("search", {"query": "who\npays", "most": 3})],
        ),
        ("I look.<function=overview></function>", "I look.", [("overview", {})]),
        (f'[TOOL_CALLS] [{{"name": "search", "arguments": {TEXT}}}]', "", [("search", ARGUMENTS)]),
        (
            f'Well.[TOOL_CALLS][{{"name": "search", "arguments": {TEXT}}}, {{"name": "overview", "arguments": {{}}}}]',
            "Well.",
            [("search", ARGUMENTS), ("overview", {})],
        ),
        (f"[TOOL_CALLS]search{TEXT}", "", [("search", ARGUMENTS)]),
        (
            f"[TOOL_CALLS]search[ARGS]{TEXT}[TOOL_CALLS]overview[ARGS]{{}}",
            "",
            [("search", ARGUMENTS), ("overview", {})],
        ),
        (f'{{"name": "search", "parameters": {TEXT}}}', "", [("search", ARGUMENTS)]),
        (f'<|python_tag|>{{"name": "search", "parameters": {TEXT}}}', "", [("search", ARGUMENTS)]),
        (
            f'{{"name": "search", "parameters": {TEXT}}}; {{"name": "overview", "parameters": {{}}}}',
            "",
            [("search", ARGUMENTS), ("overview", {})],
        ),
        (
            f'<tool_call>{{"function": {{"name": "search", "arguments": {TEXT}}}}}</tool_call>',
            "",
            [("search", ARGUMENTS)],
        ),
    ],
)
def test_every_format(text: str, rest: str, calls: list[tuple[str, dict[str, object]]]) -> None:
    found_rest, found = written(text, 4)
    assert [(call.name, json.loads(call.arguments)) for call in found] == calls
    assert [call.id for call in found] == [f"call{4 + i:05d}" for i in range(len(calls))]
    assert found_rest == rest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Anna pays.",
        'The label says {"name": "search", "arguments": {}}.',  # quoted, not called
        '{"name": "Anna", "age": 3}',
        '{"name": "search", "parameters": {}} or so',
        "[1, 2]",
        "{",
        "<tool_call>",
        "<function=>",
    ],
)
def test_what_is_no_call(text: str) -> None:
    assert written(text, 0) == (text, ())


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ('<tool_call>{"name": "search", "arguments": {"query": "a', "", '{"name": "search", "arguments": {"query": "a'),
        ('[TOOL_CALLS] [{"name": "search", "arguments": {"que', "", '[{"name": "search", "arguments": {"que'),
        ('[TOOL_CALLS]search[ARGS]{"que', "search", '{"que'),
        ("<function=search>\n<parameter=query>\nwho", "search", '{"query": "who"}'),
        ('<tool_call>{"nom": "search"}</tool_call>', "", "{}"),
    ],
)
def test_one_that_is_broken_comes_back_as_it_stands(text: str, name: str, arguments: str) -> None:
    _, (call,) = written(text, 0)
    assert (call.name, call.arguments) == (name, arguments)


@given(
    st.lists(
        st.sampled_from(
            "<tool_call> </tool_call> <function=a> </function> <parameter=q> </parameter> [TOOL_CALLS] [ARGS] { } [ ] "
            '"name" "arguments" : , "a" search <|python_tag|> 1 \n \ud800'.split(" ")
        ),
        max_size=20,
    )
)
def test_any_text_is_read_without_harm(parts: list[str]) -> None:
    rest, calls = written("".join(parts), 0)
    assert len(rest) <= len("".join(parts))
    for call in calls:
        assert isinstance(object_of(call.arguments), dict)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_what_is_written_can_be_read_and_sent(value: object) -> None:
    write(value).encode()
    json.dumps(object_of(write(value)), allow_nan=False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('Sure:\n```json\n{"a": {"b": "}"}}\n```\n{"c": 2}', '{"a": {"b": "}"}}'),
        ('{oops {"a": 1}', '{"a": 1}'),
        ("{" * 100_000, None),
        ("no", None),
        ('{"a": 1', None),
    ],
)
def test_json_between_words(text: str, found: str | None) -> None:
    assert json_in(text) == found


def test_numbers_without_end_are_text() -> None:
    assert read("[1e999, -Infinity, NaN, 1.5]") == ["1e999", "-Infinity", "NaN", 1.5]


@pytest.mark.parametrize(
    ("text", "call"),
    [
        (f'{{"tool": "search", "arguments": {TEXT}}}', ("search", ARGUMENTS)),
        (f'I choose {{"name": "search", "parameters": {TEXT}}}.', ("search", ARGUMENTS)),
        ('{"tool": "overview"}', ("overview", {})),
    ],
)
def test_a_choice_by_json(text: str, call: tuple[str, object]) -> None:
    found = chosen(text, 2)
    assert found is not None
    assert (found.id, found.name, json.loads(found.arguments)) == ("call00002", *call)


@pytest.mark.parametrize("text", ["", "search", '{"arguments": {}}', '["search"]', '{"tool": 5}'])
def test_no_choice_by_json(text: str) -> None:
    assert chosen(text, 0) is None
