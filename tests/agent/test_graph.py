from __future__ import annotations

import langsmith.utils
import pytest

from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.agent.ask import ask, stream
from vagent.agent.check import check, stands
from vagent.agent.evidence.draft import Draft, Quote
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.look import Seen
from vagent.agent.looks import verdict
from vagent.agent.records import Answer, Started, Step
from vagent.agent.state import Call, Context, Decision, State
from vagent.configs import load
from vagent.tools.time import Span

SCAN = Call("count", {"what": "bill"})
FINISH = Call("finish")


def search(query: str) -> Call:
    return Call("search", {"query": query})


class Scripted:
    """A driver with a queue of calls; the last one is repeated."""

    name = "scripted"

    def __init__(self, *calls: Call) -> None:
        self.calls = list(calls)

    def next(self, state: State, context: Context) -> Decision:
        return Decision(self.calls.pop(0) if len(self.calls) > 1 else self.calls[0])


@pytest.fixture
def index() -> MemoryIndex:
    held = rows("subtitle", [(1.0, 3.0, "The baker pays the bill."), (4.0, 6.0, "Good night.")])
    return MemoryIndex(held, embedder=minilm())


def test_another_driver_drives_the_same_graph(index: MemoryIndex) -> None:
    driver = Scripted(search("baker"), SCAN, FINISH)
    answer = ask(index, "Who pays the bill?", videos=[1], driver=driver)
    assert [step.action for step in answer.steps] == ["search", "count"]
    assert answer.engines["driver"] == "scripted"
    assert answer.answered
    assert index.queries == ["baker"]


def test_the_step_limit_ends_in_an_answer_that_says_so(index: MemoryIndex) -> None:
    index.settings = load({"agent": {"steps": 4}}, env={})
    driver = Scripted(*[search(f"word {n}") for n in range(40)])
    answer = ask(index, "What colour is the car?", videos=[1], driver=driver)
    assert len(answer.steps) == 4
    assert not answer.answered
    assert "The step limit of 4 was reached." in answer.text


def test_the_third_same_call_in_a_row_is_not_carried_out(index: MemoryIndex) -> None:
    answer = ask(index, "What colour is the car?", videos=[1], driver=Scripted(search("the same")))
    assert [step.result for step in answer.steps[2:]] == ["the same call again, not carried out"] * 6
    assert index.queries == ["the same"] * 2
    assert not answer.answered


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"seconds": 1e-6}, "time limit"), ({"tokens": 1}, "limit of 1 tokens")],
)
def test_budgets_end_the_search(index: MemoryIndex, settings: dict[str, float], said: str) -> None:
    index.settings = load({"agent": settings}, env={})

    class Wordy(Scripted):
        def next(self, state: State, context: Context) -> Decision:
            return Decision(search(f"word {len(state['steps'])}"), tokens=7)

    answer = ask(index, "What colour is the car?", videos=[1], driver=Wordy())
    assert said in answer.text
    assert len(answer.steps) <= 1
    assert sum(step.tokens for step in answer.steps) == 7 * len(answer.steps)


def test_steps_are_told_as_they_begin_and_given_as_they_are_done(index: MemoryIndex) -> None:
    events = list(stream(index, "Who pays the bill?", videos=[1], driver=Scripted(search("baker"), SCAN, FINISH)))
    assert [type(event) for event in events] == [Started, Step, Started, Step, Answer]
    assert [e.action for e in events[:-1] if not isinstance(e, Answer)] == ["search", "search", "count", "count"]
    (told,) = [e.to_dict() for e in events if isinstance(e, Step) and e.action == "search"]
    assert told["frames"] == 0 and told["tokens"] == 0 and told["seconds"] >= 0


def test_when_nothing_is_found_other_words_are_tried_once(index: MemoryIndex) -> None:
    answer = ask(index, "What is the zebra eating?", videos=[1])
    assert not answer.answered
    assert [step.action for step in answer.steps][-1] == "count"
    assert len(index.queries) == len(set(index.queries)) >= 2


def test_tracing_stays_off_whatever_the_environment_says(index: MemoryIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool | str] = []

    class Watching(Scripted):
        def next(self, state: State, context: Context) -> Decision:
            seen.append(langsmith.utils.tracing_is_enabled())
            return super().next(state, context)

    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    langsmith.utils.get_env_var.cache_clear()
    try:
        assert langsmith.utils.tracing_is_enabled()
        assert ask(index, "Who pays the bill?", videos=[1], driver=Watching(SCAN, FINISH)).answered
        assert langsmith.utils.tracing_is_enabled()
    finally:
        langsmith.utils.get_env_var.cache_clear()
    assert seen == [False, False]


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
    found = verdict(looks)
    assert found is not None and found.seen.text == "a red car"
    assert found.share == pytest.approx(2 / 3)
    assert verdict([]) is None


@pytest.mark.parametrize(
    ("second", "confirmed", "probability"),
    [("the car looks red", True, 0.7), ("a green tractor", False, 0.4), ("", False, 0.4), (None, None, 0.5)],
)
def test_a_second_look_confirms_or_not(second: str | None, confirmed: bool | None, probability: float) -> None:
    looks = [Seen(1, Span(0, 5), "q", "a red car", 3)]
    looks += [] if second is None else [Seen(1, Span(1, 4), "q", second, 3, again=True)]
    found = verdict(looks)
    assert found is not None
    assert (found.confirmed, found.probability) == (confirmed, pytest.approx(probability))
