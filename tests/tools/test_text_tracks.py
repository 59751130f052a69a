"""Text followed over time: a scripted engine reads pictures whose lines are known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from tests.text_pictures import ScriptedEngine, line, read_all, signature
from vagent.configs import TextSettings
from vagent.configs import load as load_settings
from vagent.errors import LibraryError
from vagent.tools.text import Box, Image, TextLine
from vagent.tools.text.layout import overlap
from vagent.tools.text.moments import Moments
from vagent.tools.text.spans import TextSpan, fold, joined
from vagent.tools.text.tracks import TextReader
from vagent.tools.time import Span

SETTINGS: TextSettings = load_settings(env={}).text
TITLE: Box = (0.1, 0.1, 0.6, 0.18)
FIRST: Box = (0.1, 0.28, 0.7, 0.34)
SECOND: Box = (0.1, 0.4, 0.7, 0.46)
THIRD: Box = (0.1, 0.52, 0.7, 0.58)
CORNER: Box = (0.85, 0.92, 0.98, 0.98)

title, first = line("You will learn about", TITLE), line("Mapping and analysis", FIRST)
second, third = line("How to make a good map", SECOND), line("Using software", THIRD)
logo = line("ACME", CORNER)


def spans_of(
    shown: Sequence[Sequence[TextLine]],
    engine: ScriptedEngine | None = None,
    *,
    interval: float = 1.0,
    rate: int = 1,
    moments: Moments | None = None,
) -> list[TextSpan]:
    """What a reader makes of one list of lines a frame, ``rate`` frames a second."""
    engine = engine or ScriptedEngine()
    frames = [(i / rate, engine.frame(lines)) for i, lines in enumerate(shown)]
    reader = TextReader(engine, SETTINGS, interval, moments)
    return read_all(reader, frames, len(shown) / rate, interval, moments)


def told(spans: Sequence[TextSpan]) -> list[tuple[str, float, float]]:
    return [(s.text, s.span.start, s.span.end) for s in spans]


class TestTimes:
    def test_from_the_first_sample_that_shows_it_to_the_first_that_does_not(self) -> None:
        assert told(spans_of([[], [], [title], [title], [title], [], []])) == [(title.text, 2, 5)]

    def test_what_is_there_to_the_end_ends_with_the_video(self) -> None:
        assert told(spans_of([[], [title]])) == [(title.text, 1, 2)]

    def test_a_line_missed_once_is_one_appearance(self) -> None:
        assert told(spans_of([[title], [title], [], [title], [title], [], []])) == [(title.text, 0, 5)]

    def test_nothing_comes_out_before_it_is_sure_to_be_over(self) -> None:
        engine = ScriptedEngine()
        reader = TextReader(engine, SETTINGS, 1.0)
        shown = [[title], [title], [], [title], [], [], []]
        out = [told(reader.feed(float(i), engine.frame(lines))) for i, lines in enumerate(shown)]
        assert out == [[], [], [], [], [], [(title.text, 0, 4)], []]

    def test_a_text_that_comes_back_much_later_is_a_second_appearance(self) -> None:
        shown = [[title], *([[]] * 4), [title], []]
        assert told(spans_of(shown)) == [(title.text, 0, 1), (title.text, 5, 6)]

    def test_text_that_takes_the_place_of_another_ends_it_at_once(self) -> None:
        other = line("Load course outline", TITLE)
        assert told(spans_of([[title], [title], [other], [other]])) == [(title.text, 0, 2), (other.text, 2, 4)]

    def test_a_caption_shorter_than_two_samples_is_found(self) -> None:
        caption = line("Software Engineer", THIRD)
        shown = [[caption] if 22 <= i < 37 else [] for i in range(60)]
        assert told(spans_of(shown, rate=10)) == [(caption.text, 3, 4)]

    def test_signatures_make_times_exact_to_a_frame(self) -> None:
        caption = line("Software Engineer", THIRD)
        shown = [[caption] if 22 <= i < 37 else [] for i in range(60)]
        found = spans_of(shown, rate=10, moments=Moments())
        assert told(found) == [(caption.text, pytest.approx(2.2), pytest.approx(3.7))]


class TestBlocks:
    def test_lines_that_come_and_go_together_are_one_span_in_reading_order(self) -> None:
        found = spans_of([[], [second, title, first], [second, title, first], []])
        assert told(found) == [(f"{title.text}\n{first.text}\n{second.text}", 1, 3)]
        assert found[0].lines == (title, first, second)
        assert found[0].box == (0.1, 0.1, 0.7, 0.46)
        assert found[0].confidence == pytest.approx(0.99)
        assert found[0].block == ()

    def test_a_build_up_keeps_when_each_line_appeared_and_the_whole_block(self) -> None:
        stages = [[title], [title, first], [title, first, second], [title, first, second, third]]
        found = spans_of([lines for lines in stages for _ in range(3)] + [[], []])
        whole = (title.text, first.text, second.text, third.text)
        assert told(found) == [(text, 3 * i, 12) for i, text in enumerate(whole)]
        assert [s.block for s in found] == [whole] * 4

    def test_the_block_is_the_one_with_most_lines(self) -> None:
        found = spans_of([[title], [title, first, second], [title, first, second], [title], [title], []])
        assert told(found) == [(title.text, 0, 5), (f"{first.text}\n{second.text}", 1, 3)]
        assert [s.block for s in found] == [(title.text, first.text, second.text)] * 2

    def test_a_title_that_stays_while_its_bullets_change(self) -> None:
        found = spans_of([[title, first], [title, first], [title, second], [title, second], []])
        assert told(found) == [(title.text, 0, 4), (first.text, 0, 2), (second.text, 2, 4)]
        assert found[1].block == (title.text, first.text)

    def test_a_far_logo_is_a_span_of_its_own(self) -> None:
        found = spans_of([[logo], [logo], [title, logo], [title, logo], [logo], [logo]])
        assert told(found) == [(logo.text, 0, 6), (title.text, 2, 4)]
        assert not any(s.block for s in found)

    def test_a_footer_that_comes_and_goes_with_the_slide_belongs_to_it(self) -> None:
        footer = line("December 6, 2007", (0.1, 0.82, 0.4, 0.86))
        found = spans_of([[title, first, second, third, footer]] * 2 + [[logo]] * 3)
        assert found[0].text.split("\n")[-1] == footer.text


class TestReadings:
    def test_jitter_is_one_span_with_the_reading_that_won(self) -> None:
        engine = ScriptedEngine({"ITEM 1 OF 3": [("ITEM l OF 3", 0.7), ("ITEM1 OF 3", 0.7), ("ITEM 1 OF 3", 0.98)]})
        clock = [line(f"tick {name}", CORNER) for name in ("one", "two", "three", "four", "five")]
        found = [s for s in spans_of([[line("ITEM 1 OF 3", TITLE), c] for c in clock], engine) if s.box == TITLE]
        assert told(found) == [("ITEM 1 OF 3", 0, 5)]
        assert found[0].confidence == 0.98

    def test_numbers_that_differ_are_different_texts(self) -> None:
        shown = [[line(f"ITEM {n} OF 3: KAYAK", TITLE)] for n in (1, 1, 2, 2, 3, 3)]
        found = told(spans_of(shown))
        assert found == [(f"ITEM {n} OF 3: KAYAK", 2 * n - 2, 2 * n) for n in (1, 2, 3)]

    def test_a_reveal_caught_half_way_is_one_text(self) -> None:
        wide, narrow = (0.1, 0.5, 0.5, 0.58), (0.1, 0.5, 0.42, 0.58)
        shown = [[line("of our han", narrow)], [line("of our hands", wide)], [line("of our hands", wide)], [], []]
        assert told(spans_of(shown)) == [("of our hands", 0, 3)]

    def test_text_that_was_added_to_is_two_texts(self) -> None:
        words, more = "Open a new browser.", "Open a new browser. Chrome fast."
        # Six pixels a letter: what was there before stays as it was.
        short, long = (line(t, (0.1, 0.5, 0.1 + len(t) * 6 / 320, 0.58)) for t in (words, more))
        found = spans_of([[short], [short], [long], [long, logo], [long], [], []])
        assert [t for t in told(found) if t[0] != logo.text] == [(words, 0, 2), (more, 2, 5)]

    def test_moving_text_is_one_span(self) -> None:
        shown = [[line("Directed by Ada", (0.3, 0.8 - 0.12 * i, 0.7, 0.86 - 0.12 * i))] for i in range(6)]
        assert told(spans_of([*shown, [], []])) == [("Directed by Ada", 0, 6)]

    @pytest.mark.parametrize(
        ("text", "confidence", "times"),
        [("Marigold", 0.5, 4), ("—", 0.99, 4), ("mm", 0.8, 1), ("日", 0.99, 1), ("A", 0.8, 4), ("!.", 0.99, 3)],
    )
    def test_junk_is_dropped(self, text: str, confidence: float, times: int) -> None:
        assert spans_of([[], *([[line(text, TITLE, confidence)]] * times), []]) == []

    def test_a_line_that_was_detected_twice_is_one(self) -> None:
        engine = ScriptedEngine()
        again = line(title.text, (0.12, 0.11, 0.6, 0.19), 0.9)
        reader = TextReader(engine, SETTINGS, 1.0)
        spans = reader.feed(0.0, engine.frame([title], found=[title, again])) + reader.finish(1.0)
        assert told(spans) == [(title.text, 0, 1)]

    def test_lines_that_the_detector_joins_later_stay_what_they_were(self) -> None:
        engine = ScriptedEngine()
        one, other = line("RUE", (0.1, 0.1, 0.2, 0.2)), line("DE LONDRES", (0.22, 0.1, 0.5, 0.2))
        both = line("RUE DE LONDRES", (0.1, 0.1, 0.5, 0.2))
        clock = [line(f"tick {name}", CORNER) for name in ("one", "two", "three", "four")]
        frames = [
            engine.frame([one, other, c], found=[*(found or [one, other]), c])
            for c, found in zip(clock, (None, None, [both], [both]), strict=True)
        ]
        found = read_all(TextReader(engine, SETTINGS, 1.0), [(float(i), f) for i, f in enumerate(frames)], 4.0)
        assert [t for t in told(found) if "tick" not in t[0]] == [("RUE\nDE LONDRES", 0, 4)]

    def test_the_same_text_in_two_places_is_two_lines(self) -> None:
        shown = [[line("EXIT", (0.05, 0.1, 0.2, 0.16)), line("EXIT", (0.7, 0.8, 0.85, 0.86))]] * 3
        assert sorted(s.box for s in spans_of(shown)) == [(0.05, 0.1, 0.2, 0.16), (0.7, 0.8, 0.85, 0.86)]


class TestGoingOn:
    def test_what_is_there_so_far_is_told_without_an_end_to_it(self) -> None:
        engine = ScriptedEngine()
        reader = TextReader(engine, SETTINGS, 1.0)
        for i in range(3):
            reader.feed(float(i), engine.frame([title]))
        assert told(reader.so_far(2.5)) == [(title.text, 0, 2.5)]
        assert told(reader.feed(3.0, engine.frame([title])) + reader.finish(4.0)) == [(title.text, 0, 4)]

    def test_what_is_written_down_does_not_grow_with_the_film(self) -> None:
        engine = ScriptedEngine()
        reader = TextReader(engine, SETTINGS, 1.0)
        sizes = []
        for i in range(60):
            reader.feed(float(i), engine.frame([title, line(f"Slide number {i} of many", FIRST)]))
            sizes.append(len(reader.state["lines"]))
        assert max(sizes[30:]) == max(sizes[:30]) <= 6

    @pytest.mark.parametrize("damage", [{"lines": [{}]}, {"gate": [180, "AAAA"]}, {"last": "soon"}, {"shown": None}])
    def test_damaged_notes_are_refused(self, damage: dict[str, Any]) -> None:
        engine = ScriptedEngine()
        reader = TextReader(engine, SETTINGS, 1.0)
        reader.feed(0.0, engine.frame([title]))
        with pytest.raises(LibraryError, match="damaged"):
            TextReader(engine, SETTINGS, 1.0, state=reader.state | damage)


class TestWork:
    def test_what_stands_still_is_detected_twice_and_recognised_once(self) -> None:
        engine = ScriptedEngine()
        spans_of([[title, first]] * 20, engine)
        assert engine.detected == [False, True]
        assert engine.recognised == [title.text, first.text]

    def test_known_lines_are_not_looked_for_but_what_changed_is(self) -> None:
        engine = ScriptedEngine()
        corner = line("tick", CORNER)
        spans_of([[title], [title, corner], [title, corner]], engine)
        first, second, finely = engine.asked
        assert first is not None
        assert second is not None
        assert finely is not None
        assert first.all()
        left, top, right, bottom = (round(v * s) for v, s in zip(TITLE, (320, 180, 320, 180), strict=True))
        assert not second[top:bottom, left:right].any()
        assert second.mean() < 0.2
        x, y = (CORNER[0] + CORNER[2]) / 2 * 320, (CORNER[1] + CORNER[3]) / 2 * 180
        assert second[int(y), int(x)]
        assert finely.mean() > 0.8
        assert not finely[top:bottom, left:right].any()

    def test_a_line_that_is_no_longer_as_it_was_is_looked_for_in_its_place(self) -> None:
        engine = ScriptedEngine()
        spans_of([[title], [line("Load course outline", TITLE)]], engine)
        again = engine.asked[1]
        assert again is not None
        rows, columns = np.nonzero(again)
        assert rows.min() <= TITLE[1] * 180
        assert rows.max() >= TITLE[3] * 180 - 1
        assert columns.max() >= TITLE[2] * 320 - 1

    def test_a_line_that_is_not_sure_is_looked_at_again_where_nothing_changed(self) -> None:
        engine = ScriptedEngine({title.text: [(title.text, 0.7)] * 3})
        spans_of([[title], [title, line("tick", CORNER)]], engine)
        again = engine.asked[1]
        assert again is not None
        assert again[round(0.5 * (TITLE[1] + TITLE[3]) * 180), round(0.5 * (TITLE[0] + TITLE[2]) * 320)]

    def test_a_scene_is_looked_at_now_and_then_where_that_is_enough(self) -> None:
        engine = ScriptedEngine()
        reader = TextReader(engine, SETTINGS.model_copy(update={"every": 4.0}), 1.0, moments := Moments())
        clock = [line(f"tick {i}", CORNER) for i in range(14)]
        shown = [[first, second, third, clock[i], *([title] if 2 <= i < 9 else [])] for i in range(14)]
        frames = [(float(i), engine.frame(lines)) for i, lines in enumerate(shown)]
        found = [s for s in read_all(reader, frames, 14.0, moments=moments) if s.box == TITLE]
        assert len(engine.detected) == 4
        assert told(found) == [(title.text, 2, 9)]

    def test_another_picture_is_looked_at_at_once(self) -> None:
        engine = ScriptedEngine()
        reader = TextReader(engine, SETTINGS.model_copy(update={"every": 10.0}), 1.0)
        frames = [(float(i), engine.frame([title])) for i in range(4)]
        dark = [(float(i), 255 - engine.frame([first])) for i in range(4, 8)]
        for _, picture in dark:
            picture[0, 0] = 0, len(engine.frames) - 1, 0
        assert [text for text, *_ in told(read_all(reader, [*frames, *dark], 8.0))] == [title.text, first.text]
        assert len(engine.detected) == 2

    def test_a_line_that_is_still_there_is_not_recognised_again(self) -> None:
        engine = ScriptedEngine()
        others = [line(f"Slide number {i}", THIRD) for i in range(5)]
        spans_of([[title, other] for other in others], engine)
        assert engine.recognised.count(title.text) == 1

    def test_an_unsure_line_is_read_again_but_not_for_ever(self) -> None:
        engine = ScriptedEngine({title.text: [(title.text, 0.7)] * 10})
        spans_of([[title, line(f"Slide number {i}", THIRD)] for i in range(8)], engine)
        assert engine.recognised.count(title.text) == 3

    def test_a_place_where_nothing_is_readable_is_left_alone(self) -> None:
        engine = ScriptedEngine()
        spans_of([[line("|||", TITLE, 0.3), line(f"Slide number {i}", THIRD)] for i in range(8)], engine)
        assert engine.recognised.count("|||") == 3

    def test_the_pictures_are_left_as_they_are(self) -> None:
        engine = ScriptedEngine()
        frame = engine.frame([title])
        before = frame.copy()
        frame.setflags(write=False)
        TextReader(engine, SETTINGS, 1.0).feed(0.0, frame)
        assert np.array_equal(frame, before)

    def test_a_finished_reader_is_as_new(self) -> None:
        engine = ScriptedEngine()
        frame = engine.frame([title])
        reader = TextReader(engine, SETTINGS, 1.0)
        reader.feed(0.0, frame)
        assert told(reader.finish(1.0)) == [(title.text, 0, 1)]
        assert reader.finish(2.0) == []
        reader.feed(2.0, frame)
        assert told(reader.finish(3.0)) == [(title.text, 2, 3)]


WORDS = ("MARIGOLD", "Lantern light", "compass rose", "Software Engineer", "kayak", "北京大学导论", "Zürich Oerlikon")
PLACES: tuple[Box, ...] = (TITLE, (0.1, 0.45, 0.6, 0.53), (0.1, 0.8, 0.6, 0.88), CORNER)
"""So far apart that text which goes from one to another is not text that moved."""
Script = list[list[int | None]]


def scripts(samples: int = 12) -> st.SearchStrategy[Script]:
    """For each sample and place the number of a word, or nothing; words stay for a while."""
    stay = st.tuples(st.none() | st.integers(0, len(WORDS) - 1), st.integers(1, 4))
    places = st.lists(stay, min_size=samples, max_size=samples)
    column = places.map(lambda runs: [word for word, times in runs for _ in range(times)][:samples])
    return st.tuples(*[column] * len(PLACES)).map(lambda columns: [list(row) for row in zip(*columns, strict=True)])


def lines_of(script: Script) -> list[list[TextLine]]:
    return [[line(WORDS[w], p) for w, p in zip(row, PLACES, strict=True) if w is not None] for row in script]


def pieces(spans: Sequence[TextSpan]) -> list[tuple[str, Box, float, float]]:
    return sorted((one.text, one.box, s.span.start, s.span.end) for s in spans for one in s.lines)


def read_on(engine: ScriptedEngine, frames: Sequence[tuple[float, Image]], breaks: Sequence[int]) -> list[TextSpan]:
    """What comes out when the reading stops before some frames, and another reader goes on from what was written down;
    every second frame is a sample.
    """
    spans: list[TextSpan] = []
    state: str | None = None
    for last in [*sorted(breaks), len(frames)]:
        moments = Moments()
        reader = TextReader(engine, SETTINGS, 2 / 3, moments, state and json.loads(state))
        for number, (time, image) in enumerate(frames[:last]):
            if reader.since is None or time >= reader.since:
                moments.watch(time, signature(image))
                spans += reader.feed(time, image) if number % 2 == 0 else []
        state = json.dumps(reader.state)
    return spans + reader.finish(frames[-1][0] + 1 / 3)


class TestAnyScript:
    @budget(max_examples=40, deadline=None)
    @given(scripts())
    def test_nothing_is_lost_nothing_made_up_and_times_are_those_of_the_samples(self, script: Script) -> None:
        found = spans_of(lines_of(script))
        assert all(0 <= s.span.start < s.span.end <= len(script) for s in found)
        assert [s.span.start for s in found] == sorted(s.span.start for s in found)
        for text, box, start, end in pieces(found):
            place = PLACES.index(box)
            seen = [i for i in range(int(start), int(end)) if script[i][place] == WORDS.index(text)]
            assert seen[0] == start
            assert seen[-1] == end - 1
            assert len(seen) > (end - start) / 3
        for place, box in enumerate(PLACES):
            for i, row in enumerate(script):
                word = row[place]
                if word is not None:
                    assert any(t == WORDS[word] and b == box and s <= i < e for t, b, s, e in pieces(found))

    @budget(max_examples=40, deadline=None)
    @given(scripts(), st.lists(st.integers(1, 35), max_size=3))
    def test_a_reader_that_goes_on_finds_what_one_reader_finds(self, script: Script, breaks: list[int]) -> None:
        engine = ScriptedEngine()
        frames = [(i / 3, engine.frame(lines_of(script)[i // 3])) for i in range(3 * len(script))]
        whole = read_on(engine, frames, [])
        seen = len(engine.recognised)
        assert read_on(engine, frames, breaks) == whole
        assert len(engine.recognised) == 2 * seen

    @budget(max_examples=60, deadline=None)
    @given(scripts(8))
    def test_folding_again_changes_nothing_and_order_does_not_matter(self, script: Script) -> None:
        frames = [joined(Span(float(i), i + 1.0), lines) for i, lines in enumerate(lines_of(script)) if lines]
        once = fold(frames)
        assert fold(once) == once
        assert fold(frames[::-1]) == once
        assert {t for t, _, _, _ in pieces(once)} == {t for t, _, _, _ in pieces(frames)}


class TestFold:
    def test_a_block_read_anew_after_a_checkpoint_goes_on_as_the_lines_it_was(self) -> None:
        before = [
            TextSpan(Span(0, 60), title.text, 0.99, TITLE, (title,), (title.text, first.text)),
            TextSpan(Span(24.5, 60), first.text, 0.99, FIRST, (first,), (title.text, first.text)),
        ]
        after = joined(Span(60, 91.2), [title, first, second])
        found = fold([*before, after])
        assert told(found) == [(title.text, 0, 91.2), (first.text, 24.5, 91.2), (second.text, 60, 91.2)]
        assert [s.block for s in found] == [(title.text, first.text, second.text)] * 3

    def test_a_fragment_inside_a_longer_reading_is_dropped(self) -> None:
        long, short = line("RUE DE LONDRES", TITLE), line("RUE DE LON", (0.1, 0.1, 0.5, 0.18))
        assert fold([joined(Span(3, 4), [short]), joined(Span(0, 9), [long])]) == [joined(Span(0, 9), [long])]

    def test_the_same_text_elsewhere_or_later_stays(self) -> None:
        spans = [
            joined(Span(0, 2), [title]),
            joined(Span(2, 4), [line(title.text, CORNER)]),
            joined(Span(7, 9), [title]),
        ]
        assert fold(spans) == spans

    def test_a_wider_gap_may_be_asked_for(self) -> None:
        spans = [joined(Span(0, 2), [title]), joined(Span(5, 7), [title])]
        assert told(fold(spans, gap=3)) == [(title.text, 0, 7)]

    def test_what_is_stored_comes_back(self) -> None:
        span = TextSpan(
            Span(1, 2), "a\nb", 0.75, (0.1, 0.2, 0.3, 0.4), (line("a", TITLE), line("b", FIRST)), ("t", "a", "b")
        )
        assert TextSpan.from_extra(span.span, span.text, span.confidence, span.to_extra()) == span
        bare = joined(Span(1, 2), [title])
        assert set(bare.to_extra()) == {"box", "lines"}
        assert overlap(bare.box, TITLE) == 1
