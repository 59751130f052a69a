"""Actions: what a driver may ask for, what comes of it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.memory import MemoryIndex, minilm, rows
from vagent.agent.actions import ACTIONS, carry_out, tools
from vagent.agent.actions.desk import Desk
from vagent.agent.question.plan import understand
from vagent.agent.records import Step
from vagent.agent.state import Call, Claim, Context, State
from vagent.index.records import Video


class Nobody:
    name = "nobody"

    def next(self, state: State, context: Context) -> Any:
        raise AssertionError


@pytest.fixture(scope="module")
def index() -> MemoryIndex:
    held = rows("subtitle", [(1.0, 3.0, "The baker pays the bill."), (40.0, 42.0, "The bill is paid. Good night.")])
    held += rows("objects", [(5.0, 9.0, "dog"), (20.0, 22.0, "dog"), (21.0, 30.0, "red car")])
    held += rows("subtitle", [(2.0, 4.0, "Another film, another bill.")], video=2)
    videos = {n: Video(n, f"f{n}", f"/films/{n}\x1b[31m.mkv", 60.0, complete=True) for n in (1, 2)}
    return MemoryIndex(held, videos, embedder=minilm())


def desk(index: MemoryIndex, **state: Any) -> Desk:
    question = "Who pays the bill?"
    given: State = {"question": question, "asked": question, "plan": understand(question), "videos": (1, 2), **state}  # type: ignore[typeddict-item]
    return Desk(given, Context(index, Nobody()))


def test_every_action_has_a_manual_and_a_schema_without_handles(index: MemoryIndex) -> None:
    listed = {tool.name: tool for tool in tools(Context(index, Nobody(), videollm=object()))}  # type: ignore[arg-type]
    assert list(listed) == ["overview", "search", "transcript", "look", "find_objects", "count", "finish"]
    for tool in listed.values():
        assert len(tool.description) > 40
        assert tool.parameters["type"] == "object"
        assert tool.parameters["additionalProperties"] is False
        assert "desk" not in tool.parameters["properties"]
        assert not {"path", "library", "engine"} & set(tool.parameters["properties"])
    assert listed["search"].parameters["required"] == ["query"]


def test_without_a_model_that_sees_there_is_no_look(index: MemoryIndex) -> None:
    assert "look" not in [tool.name for tool in tools(Context(index, Nobody()))]
    seen = carry_out(Call("look", {"start": 0, "end": 5, "question": "What?"}), desk(index))
    assert seen.result.startswith("not possible: nothing here can look")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (Call("delete_library"), "there is no action 'delete_library'; allowed: overview, search"),
        (Call("search"), "argument query of search: field required; arguments: query, kinds"),
        (Call("search", {"query": "bill", "path": "/etc"}), "search has no argument 'path'; allowed: query"),
        (Call("search", {"query": "bill", "kinds": ["smell"]}), "argument kinds.0 of search: input should be"),
        (Call("search", {"query": "?!"}), "the query has no words"),
        (Call("search", {"query": "bill", "video": 9}), "there is no video 9; allowed: 1 to 2"),
        (Call("transcript", {"start": "soon", "end": 5}), "argument start of transcript"),
        (Call("transcript", {"start": 50, "end": 40}), "the stretch 00:00:50.0 to 00:00:40.0 holds nothing"),
        (Call("transcript", {"start": 500, "end": 600}), "allowed: 00:00:00.0 to 00:01:00.0"),
        (Call("transcript", {"start": float("nan"), "end": 5}), "argument start of transcript"),
        (Call("transcript", {"start": True, "end": 5}), "argument start of transcript"),
        (Call("search", problem="the arguments are not JSON"), "the arguments are not JSON"),
        (Call("\x1b[2Jdrop", {}), "there is no action 'drop'"),
    ],
)
def test_what_makes_no_sense_is_told_and_not_done(index: MemoryIndex, call: Call, told: str) -> None:
    seen = carry_out(call, desk(index))
    assert told in seen.text
    assert seen.result.startswith("not possible: ")
    assert seen.result.isprintable()
    assert not seen.moments


@settings(deadline=None)
@given(
    name=st.sampled_from([*ACTIONS, "", "eval"]),
    arguments=st.dictionaries(
        st.sampled_from(["query", "start", "end", "video", "what", "question", "description", "kinds", "x"]),
        st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
                     lambda inner: st.lists(inner, max_size=3), max_leaves=5),
        max_size=5,
    ),
)  # fmt: skip
def test_no_arguments_break_an_action(index: MemoryIndex, name: str, arguments: dict[str, Any]) -> None:
    seen = carry_out(Call(name, arguments), desk(index))
    assert seen.result.isprintable()
    for moment in seen.moments:
        assert 0 <= moment.span.start <= moment.span.end <= 60.0


def test_a_search_lists_evidence_with_labels(index: MemoryIndex) -> None:
    seen = carry_out(Call("search", {"query": "pays the bill", "video": 1}), desk(index))
    assert "[e1] video 1 00:00:01.0-00:00:03.0 subtitle: The baker pays the bill." in seen.text
    assert 1 in seen.shown
    assert {m.video for m in seen.moments} == {1}


def test_a_transcript_keeps_to_the_stretch_that_the_question_may_use(index: MemoryIndex) -> None:
    seen = carry_out(Call("transcript", {"start": "0:00", "end": "1:00"}), desk(index, end=10.0))
    assert seen.shown == (1, 3)
    assert "Good night" not in seen.text


def test_things_are_found_where_they_were_followed(index: MemoryIndex) -> None:
    seen = carry_out(Call("find_objects", {"description": "dog"}), desk(index))
    assert seen.result.startswith("2 detected")
    assert [(m.span.start, m.span.end) for m in seen.moments[:2]] == [(5.0, 9.0), (20.0, 22.0)]
    assert carry_out(Call("find_objects", {"description": "dog", "end": 10}), desk(index)).result.startswith("1 ")


def test_of_many_videos_things_are_looked_for_where_search_finds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    held = [row for n in range(1, 41) for row in rows("objects", [(5.0, 9.0, "cat" if n % 13 else "dog")], video=n)]
    videos = {n: Video(n, f"f{n}", f"/films/{n}.mkv", 60.0, complete=True) for n in range(1, 41)}
    many = MemoryIndex(held, videos, embedder=minilm())
    read: list[int] = []
    evidence = MemoryIndex.evidence

    def noted(self: MemoryIndex, video: int, span: Any = None, kinds: Any = None) -> Any:
        if kinds == ["objects"]:
            read.append(video)
        return evidence(self, video, span, kinds)

    monkeypatch.setattr(MemoryIndex, "evidence", noted)
    seen = carry_out(Call("find_objects", {"description": "dog"}), desk(many, videos=tuple(videos)))
    assert seen.result.startswith("3 detected")
    assert [m.video for m in seen.moments[:3]] == [13, 26, 39]
    assert "Of 40 videos the 32 that search found were gone through" in seen.text
    assert len(read) == 40 + 32  # the search of these tests reads all of them itself


def test_a_count_goes_through_everything_and_tells_what_it_went_over(index: MemoryIndex) -> None:
    seen = carry_out(Call("count", {"what": "bill"}), desk(index))
    assert seen.result.startswith("3 places: 00:00:01")
    assert "Video 1, 00:00:00-00:01:00: gone over by objects and subtitles." in seen.text


def test_an_overview_shows_names_without_letting_them_steer_a_terminal(index: MemoryIndex) -> None:
    seen = carry_out(Call("overview", {}), desk(index))
    assert "Video 1: 00:01:00.0 long; the index holds objects and subtitles." in seen.text
    assert "\x1b" not in seen.text


def test_an_overview_of_one_video_tells_its_chapters_and_what_they_rest_on(index: MemoryIndex) -> None:
    seen = carry_out(Call("overview", {}), desk(index, videos=(1,)))
    (line,) = [line for line in seen.text.splitlines() if line.startswith("00:00:00-")]
    assert "[e" in line and "The baker pays the bill." in line
    assert set(seen.shown) >= {1}
    file = desk(index, videos=(1,), plan=understand("What is the resolution of the video?"))
    assert "Its chapters" not in carry_out(Call("overview", {}), file).text
    assert "Its chapters" not in carry_out(Call("overview", {}), desk(index)).text


def test_finish_hands_over_a_claim(index: MemoryIndex) -> None:
    seen = carry_out(Call("finish", {"answer": " The baker. ", "evidence": ["e1"]}), desk(index))
    assert seen.answer == Claim(True, "The baker.", ("e1",))
    assert carry_out(Call("finish", {"answered": False}), desk(index)).answer == Claim(False, "")


def test_the_third_same_call_gets_a_nudge(index: MemoryIndex) -> None:
    call = Call("search", {"query": "bill"})
    steps = [Step("search", {"query": "bill"}, "1 moments", 0.1)] * 2
    assert "Choose another action" in carry_out(call, desk(index, steps=steps)).text
    other = [Step("search", {"query": "bills"}, "1 moments", 0.1), steps[0]]
    assert "Choose another action" not in carry_out(call, desk(index, steps=other)).text
