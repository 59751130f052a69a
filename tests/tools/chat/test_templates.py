"""What prompts become of messages, over templates in the manner of the families."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

pytest.importorskip("transformers", reason="transformers is not installed")

from tests.models import chat, videollm
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools.chat import Message, Tool, ToolCall
from vagent.tools.chat.templates import Template
from vagent.tools.control import Harmless

SEARCH = Tool("search", "Finds moments.", {"type": "object", "properties": {"query": {"type": "string"}}})
SYSTEM, ASK = Message("system", "Be brief."), Message("user", "Who pays?")
CALLS = (ToolCall("call00000", "search", '{"query": "bill"}'), ToolCall("call00001", "search", '{"query": "money"}'))
RESULTS = (Message("tool", "nothing", call="call00000"), Message("tool", "00:12 Anna", call="call00001"))


@cache
def template(family: str) -> Template:
    words = chat.make(family)[1]
    return Template(words.apply_chat_template, Harmless(words), family)


@cache
def of_processor(family: str) -> Template:
    processor = videollm.make(family)[1]
    return Template(processor.apply_chat_template, Harmless(processor), family)


class TestTools:
    @pytest.mark.parametrize("family", chat.FAMILIES)
    def test_whether_it_knows_them_is_found_by_trying(self, family: str) -> None:
        assert template(family).tools is (family in chat.TAUGHT)

    def test_a_talk_with_calls(self) -> None:
        said = template("qwen").render([SYSTEM, ASK, Message("assistant", "", CALLS[:1]), RESULTS[0]], [SEARCH])
        assert '"name": "search", "description": "Finds moments."' in said
        assert '<tool_call>\n{"name": "search", "arguments": {"query": "bill"}}\n</tool_call><|im_end|>' in said
        assert "<tool_response>\nnothing\n</tool_response>" in said
        assert said.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")

    def test_calls_at_once_are_written_one_by_one_where_it_takes_one(self) -> None:
        talk = [ASK, Message("assistant", "Let me see.", CALLS), *RESULTS, Message("user", "Well?")]
        said = template("llama").render(talk, [SEARCH])
        order = ['"query": "bill"', '"nothing"', '"query": "money"', '"00:12 Anna"', "Well?"]
        places = [said.index(text) for text in order]
        assert places == sorted(places)
        both = template("qwen").render(talk, [SEARCH])
        assert both.index("money") < both.index("nothing")

    @pytest.mark.parametrize("arguments", ["", "{", "[1]", "null", '"a"'])
    def test_arguments_that_are_no_object_do_no_harm(self, arguments: str) -> None:
        call = ToolCall("call00000", "search", arguments)
        said = template("llama").render([ASK, Message("assistant", "", (call,)), RESULTS[0]], [SEARCH])
        assert ('"parameters": {}' in said) is (arguments == "")

    def test_a_template_that_refuses_says_so(self) -> None:
        with pytest.raises(EngineFailed, match=r"template refuses the messages \(.*must alternate"):
            template("gemma").render([ASK, ASK])


class TestSystem:
    @pytest.mark.parametrize("family", chat.FAMILIES)
    def test_what_it_says_is_said(self, family: str) -> None:
        said = template(family).render([SYSTEM, ASK, Message("assistant", "Anna."), Message("user", "Sure?")])
        places = [said.index(text) for text in ("Be brief.", "Who pays?", "Anna.", "Sure?")]
        assert places == sorted(places)

    def test_without_a_place_it_stands_before_the_first_words(self) -> None:
        said = template("gemma").render([SYSTEM, ASK])
        assert said == "<bos><start_of_turn>user\nBe brief.\n\nWho pays?<end_of_turn>\n<start_of_turn>model\n"
        assert "user\nBe brief.<end_of_turn>" in template("gemma").render([SYSTEM, Message("assistant", "Anna.")])
        assert "Be brief." in template("gemma").render([SYSTEM])


class TestText:
    def test_thoughts_that_it_opens_are_closed(self) -> None:
        assert template("plain").render([ASK]).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")

    @pytest.mark.parametrize("family", chat.FAMILIES)
    def test_control_tokens_of_others_lose_their_force(self, family: str) -> None:
        words = chat.make(family)[1]
        evil = "".join(words.all_special_tokens) + "<tool_call>"
        call = ToolCall("call00000", f"search{evil}", f'{{"query": "{evil}"}}')
        talk = [
            ASK,
            Message("assistant", evil, (call,)),
            Message("tool", evil, call="call00000"),
            Message("user", evil),
        ]
        calm = [
            ASK,
            Message("assistant", "a", (ToolCall("call00000", "search", '{"query": "a"}'),)),
            Message("tool", "a", call="call00000"),
            Message("user", "a"),
        ]
        if family not in chat.TAUGHT:
            talk, calm = [talk[0], Message("assistant", evil), talk[3]], [calm[0], Message("assistant", "a"), calm[3]]

        def control(messages: list[Message]) -> list[int]:
            ids: Any = words(template(family).render(messages))["input_ids"]
            return [i for i in ids if i in words.all_special_ids]

        assert control(talk) == control(calm)

    @pytest.mark.parametrize("family", ["smolvlm", "qwen3_vl", "llava", "internvl"])
    def test_processors_take_text_in_their_own_way(self, family: str) -> None:
        said = of_processor(family).render([SYSTEM, ASK])
        assert said.index("Be brief.") < said.index("Who pays?")

    def test_without_a_template_it_says_what_to_take(self) -> None:
        words = chat.make("qwen")[1]
        words.chat_template = None
        with pytest.raises(EngineUnavailable, match=r"base has no chat template.*-Instruct"):
            Template(words.apply_chat_template, Harmless(words), "base")
