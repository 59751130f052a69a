"""What changed between frames: the gate, strokes of one line, and the moment of a change."""

from __future__ import annotations

import numpy as np
import pytest

from tests.text_pictures import page, signature
from vagent.tools.text import Box
from vagent.tools.text.gate import FrameGate, news, patch, shrunk, still
from vagent.tools.text.moments import Moments

NAME, WORD = ("Software Engineer", (60, 250), 32), ("Lantern", (60, 250), 32)
BOX: Box = (0.08, 0.68, 0.55, 0.82)
EMPTY = page([])


class TestGate:
    def test_the_first_frame_counts_and_the_same_again_does_not(self) -> None:
        gate = FrameGate(9.0)
        assert [gate.changed(f) for f in (EMPTY, EMPTY, page([NAME]), page([NAME]))] == [True, False, True, False]

    def test_slow_changes_add_up(self) -> None:
        gate = FrameGate(9.0)
        assert gate.changed(EMPTY)
        assert [gate.changed(EMPTY + np.uint8(n)) for n in (3, 6, 8, 10, 12)] == [False, False, False, True, False]

    def test_noise_is_no_change(self) -> None:
        rng = np.random.default_rng(0)
        gate = FrameGate(9.0)
        noisy = [np.clip(EMPTY + rng.normal(0, 8, EMPTY.shape), 0, 255).astype(np.uint8) for _ in range(4)]
        assert [gate.changed(f) for f in noisy] == [True, False, False, False]

    def test_a_gate_that_forgot_looks_again(self) -> None:
        gate = FrameGate(9.0)
        gate.changed(EMPTY)
        gate.reset()
        assert gate.changed(EMPTY)

    def test_it_tells_where(self) -> None:
        gate = FrameGate(9.0)
        assert gate.changes(shrunk(EMPTY)).all()
        rows, columns = np.nonzero(gate.changes(shrunk(page([NAME]))))
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (13, 14, 3, 15)

    def test_a_slow_change_beside_a_fast_one_adds_up_too(self) -> None:
        gate = FrameGate(9.0)
        gate.changed(EMPTY)
        places = []
        for n in range(1, 6):
            frame = EMPTY.copy()
            frame[:100, :200] += np.uint8(20 * n)
            frame[200:300, 400:600] += np.uint8(3 * n)
            places.append(gate.changes(shrunk(frame))[11, 22])
        assert places == [False, False, True, False, False]


class TestNews:
    def test_what_changed_with_what_is_around_it(self) -> None:
        blocks = np.zeros((18, 32), np.bool_)
        blocks[5, 7] = True
        found = news(blocks, [], [])
        assert found.shape == (180, 320)
        assert found.sum() == 30 * 30
        assert found[40:70, 60:90].all()

    def test_known_lines_are_none_and_wanted_places_are(self) -> None:
        assert not news(None, [(0.0, 0.0, 1.0, 1.0)], []).any()
        found = news(None, [(0.0, 0.0, 1.0, 0.5)], [(0.2, 0.1, 0.3, 0.2)])
        assert found[90:].all()
        assert found[:90].sum() == found[18:36, 64:96].sum() == 18 * 32
        assert not news(np.zeros((18, 32), np.bool_), [], []).any()


class TestPatch:
    def test_the_same_line_over_another_ground_is_still_there(self) -> None:
        assert still(patch(page([NAME]), BOX), patch(page([NAME], ground=(70, 40, 60)), BOX))

    def test_another_line_or_none_is_not(self) -> None:
        before = patch(page([NAME]), BOX)
        assert not still(before, patch(page([WORD]), BOX))
        assert not still(before, patch(EMPTY, BOX))
        assert patch(EMPTY, BOX) is None

    @pytest.mark.parametrize("box", [(0.5, 0.5, 0.5, 0.5), (1.2, 0.1, 1.5, 0.3), (-0.4, 0.1, 0.001, 0.3)])
    def test_a_box_without_size_in_the_picture_has_none(self, box: Box) -> None:
        assert patch(page([NAME]), box) is None

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("ITEM 1 OF 3: KAYAK", "ITEM 2 OF 3: KAYAK"),
            ("Page 13 of 40", "Page 18 of 40"),
            ("score 6 : 0", "score 8 : 0"),
            ("turn left now", "turn lift now"),
        ],
    )
    @pytest.mark.parametrize("size", [14, 20, 32])
    def test_one_letter_makes_another_line(self, one: str, other: str, size: int) -> None:
        rng = np.random.default_rng(2)
        box = (0.09, 250 / 360, 0.09 + size * len(one) * 0.6 / 640, (252 + 1.2 * size) / 360)
        pages = [page([(t, (60, 250), size)]) + rng.normal(0, 5, EMPTY.shape) for t in (one, one, other)]
        first, again, changed = (patch(np.clip(p, 0, 255).astype(np.uint8), box) for p in pages)
        assert still(first, again)
        assert not still(first, changed)


class TestMoments:
    def test_the_frame_from_which_on_it_is_there(self) -> None:
        moments = Moments()
        for i in range(31):
            moments.watch(i / 10, signature(page([NAME]) if i >= 17 else EMPTY))
        assert moments.changed(BOX, 1.0, 2.0) == pytest.approx(1.7)

    def test_a_fade_is_dated_within_it(self) -> None:
        moments = Moments()
        there = page([NAME]).astype(float)
        for i in range(21):
            share = min(1.0, max(0.0, (i - 6) / 8))
            moments.watch(i / 10, signature((EMPTY + share * (there - EMPTY)).astype(np.uint8)))
        assert 0.6 < moments.changed(BOX, 0.0, 2.0) < 1.4

    def test_without_a_visible_change_it_is_the_later_time(self) -> None:
        moments = Moments()
        for i in range(11):
            moments.watch(i / 10, signature(EMPTY))
        assert moments.changed(BOX, 0.0, 1.0) == 1.0
        assert Moments().changed(BOX, 0.0, 1.0) == 1.0

    def test_forgetting_keeps_the_frame_that_was_shown(self) -> None:
        moments = Moments()
        assert moments.earliest is None
        for i in range(11):
            moments.watch(i / 10, signature(EMPTY))
        moments.forget(0.55)
        assert moments.earliest == pytest.approx(0.5)

    def test_memory_is_bounded(self) -> None:
        moments = Moments()
        small = np.zeros((3, 2, 2), np.uint8)
        for i in range(200_000):
            moments.watch(i / 100, small)
        assert moments.earliest is not None
        assert moments.earliest > 1500
