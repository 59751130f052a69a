from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.errors import TimeError
from vagent.tools.time import Span, format_time, parse_time

seconds = st.floats(0, 1e6, allow_nan=False)
spans = st.tuples(seconds, seconds).map(lambda pair: Span(min(pair), max(pair)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("95", 95.0),
        (95, 95.0),
        (0.25, 0.25),
        ("95.5", 95.5),
        ("95,5 s", 95.5),
        ("1:35", 95.0),
        ("0:01:35.5", 95.5),
        ("90:00", 5400.0),
        ("100:00:00", 360000.0),
        ("1h2m3s", 3723.0),
        ("2m", 120.0),
        ("2 min 5 s", 125.0),
        ("  00:00:07.25 ", 7.25),
    ],
)
def test_what_a_person_writes_is_read(text: str | float, value: float) -> None:
    assert parse_time(text) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
    "text", ["", "abc", "-5", "1:75", "1:60:00", "1:2:3:4", "nan", "inf", -1, math.nan, math.inf, "1:35x"]
)
def test_what_is_no_time_is_refused(text: str | float) -> None:
    with pytest.raises(TimeError, match="allowed: seconds"):
        parse_time(text)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 0, "00:00:00"),
        (59.999, 0, "00:00:59"),
        (59.999, 1, "00:00:59.9"),
        (0.29, 2, "00:00:00.29"),
        (3723.5, 1, "01:02:03.5"),
        (360000, 0, "100:00:00"),
    ],
)
def test_times_are_printed_rounded_down(value: float, decimals: int, text: str) -> None:
    assert format_time(value, decimals) == text


@given(st.integers(0, 10**9))
def test_printing_and_reading_agree(milliseconds: int) -> None:
    assert parse_time(format_time(milliseconds / 1000, 3)) == pytest.approx(milliseconds / 1000, abs=1e-6)


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (2, 1), (0, math.inf), (math.nan, 1)])
def test_a_span_is_a_stretch_of_time(start: float, end: float) -> None:
    with pytest.raises(TimeError):
        Span(start, end)


@given(spans, spans)
def test_spans_relate_the_same_way_round(a: Span, b: Span) -> None:
    assert a.overlap(b) == b.overlap(a) <= min(a.duration, b.duration)
    assert a.gap(b) == b.gap(a)
    assert a.touches(b) == (a.gap(b) == 0)
    assert a.union(b).overlap(a) == a.duration
    assert a.clamp(b).start >= b.start
    assert a.clamp(b).end <= b.end
