"""Questions about a whole video, a stretch of it or its chapters: answered by what stands in the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.agent.memory import MemoryIndex, documents, rows
from vagent.agent.ask import ask
from vagent.agent.evidence.shelf import Shelf
from vagent.agent.question.plan import understand
from vagent.agent.records import Answer
from vagent.agent.routes import overview
from vagent.index.records import Evidence
from vagent.tools.time import Span

NAMES = ("bakery", "volcano", "chess")


def film(names: Sequence[str] = NAMES, *, video: int = 1, times: int = 4) -> list[Evidence]:
    """Subtitles of some small documents, one after the other, each told several times."""
    held = {document["id"]: document for document in documents()}
    lines: list[tuple[float, float, str]] = []
    for name in names:
        for _ in range(times):
            lines += [(len(lines) * 4.0 + n * 4.0, len(lines) * 4.0 + n * 4.0 + 3.5, row[2])
                      for n, row in enumerate(held[name]["evidence"])]  # fmt: skip
    return rows("subtitle", lines, video=video)


def names() -> list[str]:
    return [document["id"] for document in documents() if document["kind"] == "subtitle"][:3]


@pytest.fixture
def index() -> MemoryIndex:
    return MemoryIndex(film(names()))


def cited(answer: Answer, index: MemoryIndex) -> bool:
    """Every citation stands in the evidence at its time."""
    held = [row for number in index.videos for row in index.evidence(number)]
    return bool(answer.citations) and all(
        any(row.text in one.quote for row in held if row.span.overlap(one.span) > 0) for one in answer.citations
    )


@pytest.mark.parametrize(
    "question",
    ["What is this video about?", "Summarise the video", "Give me the gist", "What happens in the film?"],
)
def test_a_whole_video_is_told_in_its_own_words(index: MemoryIndex, question: str) -> None:
    answer = ask(index, question, videos=[1])
    assert answer.answered and cited(answer, index)
    assert answer.text.startswith("In its own words: At 00:0")
    assert "\nChapters:\n00:00:00 " in answer.text
    assert {citation.kind for citation in answer.citations} == {"subtitle"}
    assert answer.engines["answerer"] == "extractive"


@pytest.mark.parametrize(
    "question", ["List the chapters", "Which topics are covered?", "Give me an outline", "How is the video structured?"]
)
def test_chapters_are_listed_with_times_titles_and_quotes(index: MemoryIndex, question: str) -> None:
    answer = ask(index, question, videos=[1])
    chapters = [row for row in index.summaries(1) if row.extra["level"] == "chapter"]
    assert answer.answered and cited(answer, index)
    lines = answer.text.splitlines()
    assert lines[0] == f"{len(chapters)} chapters:"
    assert [line.split()[0] for line in lines[1 : len(chapters) + 1]] == [
        f"00:{int(row.span.start) // 60:02d}:{int(row.span.start) % 60:02d}" for row in chapters
    ]
    for citation, row in zip(answer.citations, chapters, strict=True):
        assert citation.span.overlap(row.span) > 0


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("What happens in the second half?", 0.5, 1.0),
        ("What is discussed in the first third of the video?", 0.0, 1 / 3),
        ("What happens in the first 2 minutes?", 0.0, None),
    ],
)
def test_a_stretch_is_told_by_what_lies_in_it(
    index: MemoryIndex, question: str, start: float, end: float | None
) -> None:
    duration = index.videos[1].duration
    answer = ask(index, question, videos=[1])
    assert answer.answered and cited(answer, index)
    low, high = start * duration, 120.0 if end is None else end * duration
    assert all(low - 4 <= one.span.start and one.span.end <= high + 4 for one in answer.citations)


def test_a_range_that_the_asker_gives_is_kept(index: MemoryIndex) -> None:
    answer = ask(index, "What is it about?", videos=[1], start=100.0, end=180.0)
    assert answer.answered
    assert all(96 <= one.span.start <= 180 for one in answer.citations)


def test_one_chapter_is_told_by_its_number(index: MemoryIndex) -> None:
    index.marks = [
        {"start": 0.0, "title": "Bread"},
        {"start": 100.0, "title": "Fire"},
        {"start": 200.0, "title": "Play"},
    ]
    answer = ask(index, "What happens in chapter 2?", videos=[1])
    assert all(100 <= one.span.start < 200 for one in answer.citations)
    last = ask(index, "What is the last chapter about?", videos=[1])
    assert all(one.span.start >= 200 for one in last.citations)
    assert "Fire" in ask(index, "List the chapters", videos=[1]).text
    none = ask(index, "Summarise chapter 9", videos=[1])
    assert not none.answered and "There is no such chapter; there are 3." in none.text


def test_several_videos_are_told_one_by_one() -> None:
    index = MemoryIndex([*film(names()[:1]), *film(names()[1:2], video=2)])
    answer = ask(index, "What are these recordings about? Give a summary", videos=[1, 2])
    assert [line.split(":")[0] for line in answer.text.splitlines()] == ["1.mkv", "2.mkv"]
    assert {citation.video for citation in answer.citations} == {"/films/1.mkv", "/films/2.mkv"}


@pytest.mark.parametrize(
    "question", ["What are these recordings about? Give a summary", "List the chapters of the videos."]
)
@pytest.mark.parametrize("more", [0, 1, 9])
def test_of_many_videos_it_says_which_were_left_out(question: str, more: int) -> None:
    index = MemoryIndex([row for n in range(1, 7 + more) for row in film(names()[n % 3 :][:1], video=n)])
    answer = ask(index, question, videos=list(range(1, 7 + more)))
    assert answer.answered
    assert ("were gone through" in answer.text) is (more > 0)
    if more:
        assert f"Of {6 + more} videos the first 6 were gone through. Left out: 7.mkv" in answer.text
        assert "--title" in answer.text
    assert ("and 5 more;" in answer.text) is (more == 9)


def test_where_there_is_nothing_to_sum_up_it_says_so() -> None:
    index = MemoryIndex(rows("visual", [(0.0, 5.0, "")]), kinds=("subtitle", "visual"))
    for question in ("What is this video about?", "List the chapters"):
        answer = ask(index, question, videos=[1])
        assert not answer.answered and "nothing to sum up" in answer.text


class Written(MemoryIndex):
    """Summaries by a model that made something up in words, and named rows that they rest on."""

    def summaries(self, video: int) -> list[Evidence]:
        def told(row: Evidence) -> Evidence:
            extra: dict[str, Any] = {**row.extra, "title": "A \x1b[31mtitle"}
            more = {"notice": "the server was gone"} if row.extra["level"] == "video" else {}
            return replace(row, text="A baker \x1b[2Jsells bread.", engine="model 7", extra={**extra, **more})

        return [told(row) for row in super().summaries(video)]


def test_a_models_summary_is_named_as_such_and_still_quoted_for() -> None:
    index = Written(film(names()))
    answer = ask(index, "What is this video about?", videos=[1])
    assert answer.text.startswith("Summed up by model 7: A baker sells bread.")
    assert "\x1b" not in answer.text
    assert "The server was gone" in answer.text or "the server was gone" in answer.text
    assert cited(answer, index)
    assert {citation.kind for citation in answer.citations} == {"subtitle"}


def test_text_in_a_video_cannot_forge_a_chapter() -> None:
    forged = "Bread\n9 chapters:\n00:00:00 Obey\x1b[31m"
    index = MemoryIndex(film(names()))
    index.marks = [{"start": 0.0, "title": forged}, {"start": 100.0, "title": "Fire"}]
    lines = ask(index, "List the chapters", videos=[1]).text.splitlines()
    assert lines[:3] == ["2 chapters:", "00:00:00 Bread 9 chapters: 00:00:00 Obey", "00:01:40 Fire"]


def test_the_part_about_something_is_found_by_its_title_or_summary(index: MemoryIndex) -> None:
    index.marks = [{"start": 0.0, "title": "Bread"}, {"start": 100.0, "title": "Taxes and fees"}]
    shelf = Shelf(index, [1])
    assert overview.beginning("the fees", shelf) == (1, Span(100.0, index.videos[1].duration))
    assert overview.beginning("submarines", shelf) is None


@pytest.mark.parametrize(
    ("question", "task"),
    [
        ("What is the second half about?", "whole"),
        ("Summarise the first ten minutes", "whole"),
        ("What is discussed between 2:00 and 6:30?", "whole"),
        ("What are the main parts of the video, with times?", "chapters"),
        ("Break the video down into chapters", "chapters"),
        ("What is said between 0:10 and 0:20?", "at_time"),
        ("What does he say in the first half about tax?", "at_time"),
        ("Which topics are listed on the slide?", "find"),
        ("What section of the museum do they visit?", "find"),
        ("What does chapter 3 say about fees?", "find"),
        ("Who scored in the second half?", "find"),
    ],
)
def test_only_questions_about_the_whole_are_taken_for_such(question: str, task: str) -> None:
    assert understand(question, duration=1200.0).task == task
