"""Chapters and scenes: they cover the video, their number follows its length, and a file's own marks win."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.index.summaries.documents import clips, errors, film, labels, topics
from vagent.index.records import Clip, Evidence, Shot
from vagent.index.summaries.material import Material, gather
from vagent.index.summaries.outline import Chapter, outline
from vagent.tools.time import Span


def material(rows: list[Evidence], duration: float, shots: list[Shot] | None = None) -> Material:
    return gather(rows, clips(duration), shots or [], duration, {})


def covers(chapters: list[Chapter], duration: float) -> bool:
    spans = [chapter.span for chapter in chapters]
    scenes = [scene for chapter in chapters for scene in chapter.scenes]
    return all(
        held[0].start == 0.0 and held[-1].end == duration and all(a.end == b.start for a, b in pairwise(held))
        for held in (spans, scenes)
    )


def test_chapters_begin_where_another_document_begins() -> None:
    parts = [document * 4 for document in topics()[:4]]
    rows, starts = film(parts)
    duration = rows[-1].span.end
    found = [chapter.span.start for chapter in outline(material(rows, duration), [])]
    blocks = range(0, int(duration), 4)
    truth, ours = (labels([int(b // 4) for b in bounds if b > 0], len(blocks)) for bounds in (starts, found))
    pk, difference = errors(truth, ours)
    assert pk <= 0.1
    assert difference <= 0.1


def test_a_short_video_has_few_chapters_and_a_film_more() -> None:
    numbers = {}
    for minutes in (0.4, 3, 20, 120):
        lines = [f"{document[n % len(document)]}" for document in topics() * 99 for n in range(9)]
        rows, _ = film([lines[: int(minutes * 15)]])
        numbers[minutes] = len(outline(material(rows, minutes * 60), []))
    assert numbers[0.4] == 1
    assert 1 <= numbers[3] <= 4
    assert 3 <= numbers[20] <= 9
    assert 8 <= numbers[120] <= 20


def test_what_says_nothing_is_one_chapter() -> None:
    (chapter,) = outline(material([], 1200.0), [])
    assert (chapter.span, chapter.title) == (Span(0.0, 1200.0), "")
    assert outline(material([], 0.0), []) == []


def test_a_slide_that_comes_up_is_a_place_to_cut() -> None:
    words = "the of and to in is it on at by".split()
    rows = [
        Evidence(1, Span(n * 4.0, n * 4.0 + 3), "subtitle", f"{words[n % 10]} thing{n % 3}", id=n) for n in range(60)
    ]
    held = [["Second part", 0.9, 0.1, 0.1, 0.9, 0.25]]
    small = [["detail", 0.9, 0.1, 0.6, 0.9, 0.65]]
    rows.append(Evidence(1, Span(120.5, 130.0), "screen_text", "Second part", extra={"lines": held}, id=99))
    rows.append(Evidence(1, Span(10.0, 20.0), "screen_text", "detail", extra={"lines": small * 3}, id=98))
    found = outline(material(rows, 240.0), [])
    assert len(found) == 1 or 120.0 in [chapter.span.start for chapter in found]


MARKS = [
    {"start": 0.0, "end": 50.0, "title": "The harbour"},
    {"start": 50.0, "end": 55.0, "title": "Chapter 2"},
    {"start": 55.0, "end": 300.0, "title": "The\x1b[31m lighthouse"},
]


def test_the_files_own_chapters_win() -> None:
    rows, _ = film([document * 3 for document in topics()[:3]])
    found = outline(material(rows, 300.0), MARKS)
    assert [(c.span.start, c.span.end, c.title, c.bare) for c in found] == [
        (0.0, 50.0, "The harbour", False),
        (50.0, 55.0, "Chapter 2", True),
        (55.0, 300.0, "The lighthouse", False),
    ]
    assert covers(found, 300.0)
    assert len(found[2].scenes) == 4


@pytest.mark.parametrize(
    ("marks", "starts"),
    [
        ([{"start": 0.0, "end": 300.0, "title": "All"}], None),
        ([{"start": 20.0, "title": "A"}, {"start": 90.0, "title": "B"}], [0.0, 20.0, 90.0]),
        ([{"start": 0.0, "title": "A"}, {"start": 0.2, "title": "B"}, {"start": 90.0, "title": "C"}], [0.0, 90.0]),
        ([{"start": 0.0, "title": "A"}, {"start": 400.0, "title": "B"}], None),
    ],
)
def test_marks_that_make_no_sense_are_left_out(marks: list[dict[str, object]], starts: list[float] | None) -> None:
    rows, _ = film([topics()[0] * 9])
    found = outline(material(rows, 300.0), marks)
    assert [c.span.start for c in found] == starts if starts else not any(c.title for c in found)


@given(
    duration=st.floats(0.1, 900),
    marks=st.lists(st.floats(0, 1000), max_size=5),
    bounds=st.lists(st.floats(0.1, 890), max_size=30),
    lines=st.integers(0, 80),
)
@settings(max_examples=60, deadline=None)
def test_chapters_and_scenes_cover_any_video(
    duration: float, marks: list[float], bounds: list[float], lines: int
) -> None:
    edges = sorted({0.0, duration, *(b for b in bounds if b < duration)})
    held = [Clip(Span(a, b), n) for n, (a, b) in enumerate(pairwise(edges), 1)]
    rows, _ = film([[line for document in topics() for line in document][:lines]])
    shots = [Shot(Span(a, b), "cut") for a, b in pairwise(edges)]
    found = outline(gather(rows, held, shots, duration, {}), [{"start": m, "title": ""} for m in sorted(marks)])
    assert covers(found, duration)
