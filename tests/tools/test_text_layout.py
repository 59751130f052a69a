"""Reading order and blocks: places as a layout artist would set them, and properties over any places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vagent.tools.text import Box, Region, TextLine
from vagent.tools.text.layout import apart, around, blocks, inside, overlap, reading_order
from vagent.tools.text.spans import joined
from vagent.tools.time import Span

WIDE = 16 / 9


def at(left: float, top: float, width: float = 0.3, height: float = 0.05) -> Box:
    return left, top, left + width, top + height


def places() -> st.SearchStrategy[Box]:
    corner = st.floats(0, 0.9)
    return st.builds(
        lambda x, y, w, h: (x, y, x + w, y + h), corner, corner, st.floats(0.01, 0.1), st.floats(0.01, 0.1)
    )


class TestReadingOrder:
    def test_lines_from_the_top(self) -> None:
        assert reading_order([at(0.1, 0.5), at(0.1, 0.1), at(0.1, 0.3)], WIDE) == [1, 2, 0]

    def test_pieces_of_one_row_from_the_left_although_they_stand_a_little_askew(self) -> None:
        assert reading_order([at(0.5, 0.102), at(0.1, 0.11), at(0.85, 0.1, 0.1)], WIDE) == [1, 0, 2]

    def test_lines_set_so_tight_that_they_overlap(self) -> None:
        assert reading_order([at(0.1, 0.25, 0.4, 0.2), at(0.12, 0.15, 0.5, 0.2)], WIDE) == [1, 0]

    def test_columns_one_after_the_other(self) -> None:
        left = [at(0.05, y) for y in (0.2, 0.27, 0.34, 0.41)]
        right = [at(0.6, y) for y in (0.22, 0.31, 0.4)]
        assert reading_order([*right, *left], WIDE) == [3, 4, 5, 6, 0, 1, 2]

    def test_a_title_before_the_columns_under_it_wherever_it_stands(self) -> None:
        left = [at(0.05, y) for y in (0.2, 0.26, 0.32, 0.38)]
        right = [at(0.6, y) for y in (0.2, 0.26, 0.32)]
        order = reading_order([*left, *right, at(0.6, 0.05)], WIDE)
        assert order == [7, 0, 1, 2, 3, 4, 5, 6]

    def test_a_title_and_a_footer_across_the_columns(self) -> None:
        left = [at(0.05, 0.33 + 0.095 * i) for i in range(4)]
        right = [at(0.6, 0.33 + 0.11 * i) for i in range(3)]
        boxes = [at(0.1, 0.92, 0.8), *right, *left, at(0.1, 0.1, 0.8)]
        assert reading_order(boxes, WIDE) == [8, 4, 5, 6, 7, 1, 2, 3, 0]

    def test_columns_with_wide_and_unequal_spacing(self) -> None:
        left = [at(0.05, 0.33 + 0.095 * i) for i in range(4)]
        right = [at(0.6, 0.33 + 0.11 * i) for i in range(3)]
        assert reading_order([*right, *left], WIDE) == [3, 4, 5, 6, 0, 1, 2]

    def test_a_table_row_by_row(self) -> None:
        cells = [at(x, y, 0.2) for y in (0.1, 0.2, 0.3) for x in (0.1, 0.6)]
        assert reading_order(cells, WIDE) == [0, 1, 2, 3, 4, 5]

    def test_a_timetable_whose_cells_stand_at_unequal_distances_row_by_row(self) -> None:
        rows = [0.3, 0.42, 0.54, 0.66]
        times, places_, piers = ([at(x, y, w) for y in rows] for x, w in ((0.15, 0.1), (0.27, 0.2), (0.7, 0.1)))
        title = at(0.15, 0.12, 0.5, 0.08)
        cells = [title, *times, *places_, *piers]
        assert reading_order(cells, WIDE) == [0, 1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12]
        lines = [TextLine(box, str(i), 1.0) for i, box in enumerate(cells)]
        text = joined(Span(0.0, 1.0), [lines[i] for i in reading_order(cells, WIDE)]).text
        assert text == "0\n1 5 9\n2 6 10\n3 7 11\n4 8 12"

    @given(st.lists(places(), max_size=12))
    def test_every_line_is_read_once(self, boxes: list[Box]) -> None:
        assert sorted(reading_order(boxes, WIDE)) == list(range(len(boxes)))


class TestBlocks:
    def test_a_name_and_its_role_belong_together(self) -> None:
        assert blocks([at(0.1, 0.75), at(0.1, 0.82, 0.5)], WIDE) == [[0, 1]]

    def test_a_logo_in_the_corner_and_a_subtitle_do_not(self) -> None:
        assert blocks([at(0.3, 0.9), at(0.9, 0.03, 0.08)], WIDE) == [[1], [0]]

    def test_a_slide_is_one_block_in_reading_order(self) -> None:
        bullets = [at(0.1, y, 0.6) for y in (0.3, 0.45, 0.6)]
        assert blocks([bullets[2], at(0.2, 0.1), bullets[0], bullets[1]], WIDE) == [[1, 2, 3, 0]]

    @given(st.lists(places(), max_size=12))
    def test_every_line_is_in_one_block(self, boxes: list[Box]) -> None:
        assert sorted(i for group in blocks(boxes, WIDE) for i in group) == list(range(len(boxes)))


class TestBoxes:
    def test_overlap_and_inside(self) -> None:
        a, b = (0.0, 0.0, 0.2, 0.2), (0.1, 0.0, 0.3, 0.2)
        assert overlap(a, b) == pytest.approx(1 / 3)
        assert inside(a, b) == pytest.approx(1 / 2)
        assert overlap(a, (0.5, 0.5, 0.6, 0.6)) == 0
        assert overlap((0.1, 0.1, 0.1, 0.1), (0.1, 0.1, 0.1, 0.1)) == 0

    def test_distances_are_in_heights_of_the_picture(self) -> None:
        assert apart((0.0, 0.0, 0.1, 0.1), (0.3, 0.0, 0.4, 0.1), 2.0) == pytest.approx(0.4)
        assert apart((0.0, 0.0, 0.1, 0.1), (0.0, 0.6, 0.1, 0.7), 2.0) == pytest.approx(0.5)

    def test_a_tilted_region_has_an_upright_box(self) -> None:
        assert Region(((0.2, 0.1), (0.5, 0.2), (0.4, 0.4), (0.1, 0.3))).box == (0.1, 0.1, 0.5, 0.4)
        assert Region.upright((0.1, 0.2, 0.3, 0.4)).box == (0.1, 0.2, 0.3, 0.4)
        assert around([(0.1, 0.2, 0.3, 0.4), (0.0, 0.3, 0.2, 0.9)]) == (0.0, 0.2, 0.3, 0.9)
