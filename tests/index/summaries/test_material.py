"""Evidence as sentences: joined across rows, cut within them, each with its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vagent.index.records import Clip, Evidence, Kind
from vagent.index.summaries.material import Material, gather
from vagent.tools.time import Span


def row(number: int, start: float, end: float, text: str, kind: Kind = "subtitle", **more: Any) -> Evidence:
    return Evidence(1, Span(start, end), kind, text, engine="test", id=number, **more)


def material(rows: Sequence[Evidence], duration: float = 100.0, vectors: Any = None) -> Material:
    return gather(rows, [Clip(Span(0.0, duration), 1)], [], duration, vectors or {})


def texts(rows: Sequence[Evidence], duration: float = 100.0) -> list[str]:
    return [sentence.text for sentence in material(rows, duration).sentences]


def slide(number: int, start: float, end: float, *lines: tuple[str, float, float]) -> Evidence:
    """On-screen text from (line, top, height)."""
    held = [[text, 0.9, 0.1, top, 0.9, top + height] for text, top, height in lines]
    return row(number, start, end, "\n".join(text for text, _, _ in lines), "screen_text", extra={"lines": held})


def test_a_sentence_runs_over_rows_and_a_row_holds_several() -> None:
    rows = [row(1, 0, 2, "The baker"), row(2, 2, 4, "pays the bill. He leaves. But"), row(3, 4, 6, "she stays.")]
    found = material(rows).sentences
    assert [s.text for s in found] == ["The baker pays the bill.", "He leaves.", "But she stays."]
    assert [s.rows for s in found] == [(1, 2), (2,), (2, 3)]
    assert found[0].span == Span(0, 4)
    assert found[0].words == ("baker", "pai", "bill")  # as full-text search stems them


def test_a_pause_ends_a_sentence() -> None:
    assert texts([row(1, 0, 2, "One"), row(2, 20, 22, "two."), row(3, 22, 23, "Three.")]) == ["One", "two.", "Three."]


def test_without_punctuation_pauses_and_lengths_part_sentences() -> None:
    rows = [row(n, n * 2.0, n * 2.0 + 2, f"word{n} and then some more") for n in range(1, 7)]
    rows.append(row(7, 30, 31, "after a long pause"))
    found = texts(rows)
    assert found[-1] == "after a long pause"
    assert all(5 <= len(text.split()) <= 16 for text in found[:-1])


def test_noises_and_controls_are_no_words() -> None:
    rows = [row(1, 0, 1, "[music]"), row(2, 1, 2, "♪ ♪"), row(3, 2, 4, "(laughs) Hello\x1b[31m there.")]
    assert texts(rows) == ["Hello there."]


def test_speech_counts_where_there_are_no_subtitles() -> None:
    rows = [
        row(1, 10, 14, "The written line."),
        row(2, 11, 13, "the ridden lion", "speech", weak=True),
        row(3, 40, 44, "only heard", "speech", weak=True),
    ]
    found = material(rows).sentences
    assert [(s.text, s.weak) for s in found] == [("The written line.", False), ("only heard", True)]


def test_what_stands_on_the_screen_all_the_time_tells_nothing() -> None:
    logo = [slide(n, n * 20.0, n * 20.0 + 18, ("CHANNEL 5", 0.05, 0.05)) for n in range(5)]
    slides = [slide(10 + n, n * 25.0, n * 25.0 + 20, (f"Point {n}", 0.1, 0.1), ("more", 0.5, 0.05)) for n in range(3)]
    assert texts([*logo, *slides]) == ["Point 0 / more", "Point 1 / more", "Point 2 / more"]
    assert texts(logo) == ["CHANNEL 5"] * 5


def test_a_heading_is_high_and_stands_at_the_top() -> None:
    slides = [
        slide(1, 0, 9, ("Harbour report", 0.1, 0.12), ("first point", 0.4, 0.05), ("second point", 0.5, 0.05)),
        slide(2, 10, 19, ("small", 0.1, 0.05), ("HUGE FOOT", 0.8, 0.2)),
    ]
    headings = [s.heading for s in material(slides).sentences]
    assert headings[0] is not None and headings[0].text == "Harbour report"
    assert headings[1] is None


def test_what_stands_all_the_time_says_how_high_type_usually_is() -> None:
    logo = [slide(n, n * 20.0, n * 20.0 + 18, ("CHANNEL 5", 0.05, 0.12)) for n in range(5)]
    slides = [slide(10 + n, n * 25.0, n * 25.0 + 20, (f"Point {n}", 0.1, 0.1), ("more", 0.5, 0.05)) for n in range(3)]
    assert [s.heading is not None for s in material(slides).sentences] == [True] * 3
    assert [s.heading for s in material([*logo, *slides]).sentences] == [None] * 3


def test_a_sentence_means_what_its_rows_mean() -> None:
    vectors = {1: np.array([1, 0], np.float32), 2: np.array([0, 1], np.float32)}
    rows = [row(1, 0, 2, "The baker"), row(2, 2, 4, "pays."), row(3, 4, 6, "Nobody knows.")]
    first, second = material(rows, vectors=vectors).sentences.directions()
    assert first is not None and np.allclose(first, [0.5**0.5, 0.5**0.5])
    assert second is None


def test_things_and_sounds_are_labels() -> None:
    rows = [row(1, 0, 9, "car", "objects"), row(2, 5, 6, "Laughter", "sound"), row(3, 0, 9, "", "visual")]
    found = material(rows)
    assert not found.sentences
    assert [(label.text, label.words) for label in found.labels] == [("car", ("car",)), ("Laughter", ("laughter",))]


@given(
    st.lists(
        st.tuples(
            st.floats(0, 90), st.floats(0, 9), st.text(max_size=40), st.sampled_from(["subtitle", "speech", "caption"])
        ),
        max_size=12,
    )
)
@settings(max_examples=80, deadline=None)
def test_any_text_gives_sentences_in_order_that_are_safe_to_show(held: list[tuple[float, float, str, Kind]]) -> None:
    rows = [row(n, s, s + d, text, kind) for n, (s, d, text, kind) in enumerate(sorted(held, key=lambda h: h[0]), 1)]
    found = material(rows)
    by_id = {r.id: r for r in rows}
    assert [s.span for s in found.sentences] == sorted(s.span for s in found.sentences)
    for sentence in found.sentences:
        assert sentence.text and all(c.isprintable() for c in sentence.text)
        assert sentence.rows and all(sentence.span.start <= by_id[r].span.start for r in sentence.rows)
        assert all(by_id[r].span.end <= sentence.span.end for r in sentence.rows)
    halves = [Span(0.0, 50.0), Span(50.0, 100.0)]
    assert sum(len(found.within(half)) for half in halves) == len(found.sentences)
