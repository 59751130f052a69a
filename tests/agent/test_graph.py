from __future__ import annotations

import langsmith.utils
import pytest

from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.agent.actions import Action, Finish, Scan, Search, arguments
from vagent.agent.ask import ask
from vagent.agent.check import agreement, check, stands
from vagent.agent.evidence.draft import Draft, Quote
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.look import Seen
from vagent.agent.state import Context, State
from vagent.configs import load
from vagent.tools.time import Span


class Scripted:
    """A driver with a queue of actions; the last one is repeated."""

    name = "scripted"

    def __init__(self, *actions: Action) -> None:
        self.actions = list(actions)

    def next(self, state: State, context: Context) -> Action:
        return self.actions.pop(0) if len(self.actions) > 1 else self.actions[0]


@pytest.fixture
def index() -> MemoryIndex:
    held = rows("subtitle", [(1.0, 3.0, "The baker pays the bill."), (4.0, 6.0, "Good night.")])
    return MemoryIndex(held, embedder=minilm())


def test_another_driver_drives_the_same_graph(index: MemoryIndex) -> None:
    driver = Scripted(Search("baker"), Scan(), Finish())
    answer = ask(index, "Who pays the bill?", videos=[1], driver=driver)
    assert [step.action for step in answer.steps] == ["search", "scan"]
    assert answer.engines["driver"] == "scripted"
    assert answer.answered
    assert index.queries == ["baker"]


def test_the_step_limit_ends_in_an_answer_that_says_so(index: MemoryIndex) -> None:
    index.settings = load({"agent": {"steps": 4}}, env={})
    driver = Scripted(*[Search(f"word {n}") for n in range(40)])
    answer = ask(index, "What colour is the car?", videos=[1], driver=driver)
    assert len(answer.steps) == 4
    assert not answer.answered
    assert "The step limit was reached." in answer.text


def test_a_driver_that_repeats_itself_is_stopped(index: MemoryIndex) -> None:
    answer = ask(index, "What colour is the car?", videos=[1], driver=Scripted(Search("the same")))
    assert len(answer.steps) == 3
    assert "again and again" in answer.text


def test_when_nothing_is_found_other_words_are_tried_once(index: MemoryIndex) -> None:
    answer = ask(index, "What is the zebra eating?", videos=[1])
    assert not answer.answered
    assert [step.action for step in answer.steps][-1] == "scan"
    assert len(index.queries) == len(set(index.queries)) >= 2


def test_tracing_stays_off_whatever_the_environment_says(index: MemoryIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool | str] = []

    class Watching(Scripted):
        def next(self, state: State, context: Context) -> Action:
            seen.append(langsmith.utils.tracing_is_enabled())
            return super().next(state, context)

    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    langsmith.utils.get_env_var.cache_clear()
    try:
        assert langsmith.utils.tracing_is_enabled()
        assert ask(index, "Who pays the bill?", videos=[1], driver=Watching(Scan(), Finish())).answered
        assert langsmith.utils.tracing_is_enabled()
    finally:
        langsmith.utils.get_env_var.cache_clear()
    assert seen == [False, False]


def test_arguments_of_actions_are_json_values() -> None:
    assert arguments(Search("a", ("subtitle",), None, 3.0)) == {"query": "a", "kinds": ["subtitle"], "end": 3.0}
    assert arguments(Finish()) == {}


def quote_of(text: str, row: int = 1, start: float = 1.0) -> Quote:
    return Quote(1, Span(start, start + 2.0), "subtitle", text, (row,))


def test_a_quote_must_stand_in_the_evidence_at_its_time(index: MemoryIndex) -> None:
    shelf = Shelf(index, [1])
    assert stands(quote_of("The baker pays the bill."), shelf)
    assert stands(quote_of("baker pays"), shelf)
    assert not stands(quote_of("The butcher pays the bill."), shelf)
    assert not stands(quote_of("bill pays baker"), shelf)
    assert not stands(quote_of("The baker pays the bill.", start=20.0), shelf)
    assert not stands(quote_of("The baker pays the bill.", row=2), shelf)


def test_a_draft_whose_quote_is_not_there_fails(index: MemoryIndex) -> None:
    draft = Draft("The butcher pays.", None, (quote_of("The butcher pays the bill."),), 0.9)
    checked = check(draft, Shelf(index, [1]))
    assert checked.text == ""
    assert "does not stand in the evidence" in checked.missing


def test_agreement_is_between_looks() -> None:
    looks = [
        Seen(1, Span(i, i + 1), "q", text, 3) for i, text in enumerate(["a red car", "the car is red", "a cow", ""])
    ]
    best, share = agreement(looks)
    assert best is not None and best.text == "a red car"
    assert share == pytest.approx(2 / 3)
    assert agreement([]) == (None, 0.0)
