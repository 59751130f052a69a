"""From a small picture to the parts of a large one: nothing written may be passed over, and textless pictures must be
cheap.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.text_pictures import page
from vagent.tools.text import Box, Image, Places
from vagent.tools.text.detector import Area, Detector, Part, _goes_on, _wider, parts
from vagent.tools.text.layout import overlap
from vagent.tools.text.rapid import _MODELS, _weights

DATA = Path(__file__).parent.parent / "data"
SIZE = 480, 270

Map = NDArray[np.bool_]


class Counting(Detector):
    """A detector that notes the sizes of the pictures that its network saw."""

    def __init__(self) -> None:
        path = _weights(_MODELS[0])
        assert path is not None
        super().__init__(path)
        self.seen: list[tuple[int, int]] = []

    def _map(self, picture: Image) -> NDArray[np.float32]:
        self.seen.append((picture.shape[1], picture.shape[0]))
        return super()._map(picture)

    def boxes(self, image: Image, side: int, where: Places | None = None) -> list[Box]:
        self.seen.clear()
        return [_box(quad) for quad in self.quads(image, side, where)]

    def all_boxes(self, image: Image, size: tuple[int, int]) -> list[Box]:
        """Without the look at a small picture."""
        return [_box(quad) for quad in self._whole(image, size)]

    @property
    def pixels(self) -> int:
        return sum(width * height for width, height in self.seen)


@pytest.fixture(scope="module")
def detector() -> Counting:
    return Counting()


def _box(quad: NDArray[np.float64]) -> Box:
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _maybe(*places: tuple[int, int, int, int], size: tuple[int, int] = (320, 192)) -> Map:
    """A small picture in which something may be written in some rectangles: left, top, right, bottom."""
    found = np.zeros((size[1], size[0]), np.bool_)
    for left, top, right, bottom in places:
        found[top:bottom, left:right] = True
    return found


class TestParts:
    def test_nothing_is_worth_no_look(self) -> None:
        assert parts(_maybe(), SIZE) == []

    def test_a_line_is_looked_at_with_room_around_it(self) -> None:
        # 100..220 x 160..164 of 320 x 192 is 150..330 x 225..230.6 of 480 x 270: 48 and 16 pixels more, made to fit.
        assert parts(_maybe((100, 160, 220, 164)), SIZE) == [Part((96, 196, 384, 260), (102, 209, 378, 247))]

    def test_lines_far_apart_are_two_parts_and_close_ones_one(self) -> None:
        far = parts(_maybe((20, 10, 60, 14), (200, 170, 300, 174)), SIZE)
        close = parts(_maybe((20, 100, 60, 104), (100, 112, 300, 116)), SIZE)
        assert far is not None
        assert close is not None
        assert [p.counts for p in far] == [(0, 0, 138, 36), (252, 223, 480, 261)]
        assert [p.counts for p in close] == [(0, 125, 480, 179)]

    def test_a_picture_full_of_text_is_looked_at_as_a_whole(self) -> None:
        assert parts(_maybe((10, 10, 310, 180)), SIZE) is None

    def test_only_lines_of_which_a_part_is_asked_for_are_looked_at_but_these_whole(self) -> None:
        maybe = _maybe((20, 10, 300, 14), (20, 100, 300, 104))
        where = np.zeros((180, 320), np.bool_)
        where[90:100, 290:300] = True
        found = parts(maybe, SIZE, where)
        assert found is not None
        assert [p.counts for p in found] == [(0, 125, 480, 162)]
        assert parts(maybe, SIZE, np.zeros((180, 320), np.bool_)) == []

    @given(
        places=st.lists(st.tuples(*[st.integers(0, 319), st.integers(0, 191), st.integers(1, 90), st.integers(1, 30)])),
        size=st.sampled_from([(480, 270), (640, 640), (270, 480), (960, 540), (500, 33)]),
    )
    def test_whatever_may_be_written_is_looked_at_once(
        self, places: list[tuple[int, int, int, int]], size: tuple[int, int]
    ) -> None:
        maybe = _maybe(*((x, y, x + w, y + h) for x, y, w, h in places))
        found = parts(maybe, size)
        if found is None:
            return
        for part in found:
            for axis in (0, 1):
                first, last = part.shown[axis], part.shown[axis + 2]
                assert 0 <= first <= part.counts[axis] < part.counts[axis + 2] <= last <= size[axis]
                assert (last - first) % 32 == 0 or (first, last) == (0, size[axis])
        for y, x in np.argwhere(maybe)[:: max(1, int(maybe.sum()) // 200)]:
            right, down = (x + 0.5) * size[0] / 320, (y + 0.5) * size[1] / 192
            left, top, behind, below = np.array([p.counts for p in found]).T
            assert np.sum((left <= right) & (right < behind) & (top <= down) & (down < below)) == 1


@pytest.mark.parametrize(
    ("line", "edges"),
    [
        ((110, 60, 250, 80), ""),
        ((97, 60, 250, 80), "left"),
        ((110, 60, 287, 80), "right"),
        ((110, 60, 250, 94), "bottom"),
        ((96, 60, 288, 96), "left right bottom"),
        ((110, 1, 250, 20), ""),
    ],
)
def test_a_line_that_reaches_an_edge_within_the_picture_goes_on(line: Area, edges: str) -> None:
    part = Part((96, 0, 288, 96), (100, 0, 280, 90))
    wanted = tuple(edge in edges for edge in ("left", "top", "right", "bottom"))
    assert _goes_on(_quad(*line), part, SIZE) == wanted
    assert not any(_goes_on(_quad(*line)[:0], part, SIZE))


def test_a_part_is_made_wider_until_it_holds_its_line(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Area] = []

    def within(_: Detector, image: Image, size: tuple[int, int], part: Part) -> NDArray[np.float64]:
        looked.append(part.shown)
        left, top, right, bottom = part.shown
        seen = _quad(max(left, 40), max(top, 100), min(right, end), min(bottom, 120))
        return seen / size if part.shown[1] > 50 else seen[:0]

    monkeypatch.setattr(Detector, "_within", within)
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    other, part = Part((0, 0, 96, 32), (0, 0, 90, 30)), Part((32, 96, 128, 128), (36, 98, 124, 126))
    end = 150
    seen = detector._seen(image, SIZE, [other, part])
    assert looked == [other.shown, part.shown, (32, 96, 192, 128)]  # what held its lines is not looked at again
    assert seen is not None
    assert [one.shown for one in seen] == [other.shown, (32, 96, 192, 128)]
    assert (seen[Part((32, 96, 192, 128), (36, 98, 188, 126))] * SIZE).max() == 150

    end = 10_000  # as long as the picture: all of it is looked at
    assert detector._seen(image, SIZE, [part]) is None
    assert detector._seen(image, SIZE, None) is None


@given(
    area=st.tuples(st.integers(0, 400), st.integers(0, 200), st.integers(1, 80), st.integers(1, 70)).map(
        lambda a: (a[0], a[1], a[0] + a[2], a[1] + a[3])
    ),
    edges=st.tuples(*[st.booleans()] * 4),
)
def test_a_wider_area_has_more_where_it_was_asked_for(area: Area, edges: tuple[bool, bool, bool, bool]) -> None:
    wider = _wider(area, edges, SIZE)
    for edge, (before, now) in enumerate(zip(area, wider, strict=True)):
        limit = (0, 0, *SIZE)[edge]
        assert now == limit or abs(now - before) >= 64 * edges[edge]
        assert (now == before) or edges[edge]
        assert (now <= before) if edge < 2 else (now >= before)


def _quad(left: float, top: float, right: float, bottom: float) -> NDArray[np.float64]:
    return np.array([[(left, top), (right, top), (right, bottom), (left, bottom)]], np.float64)


@st.composite
def written(draw: st.DrawFn) -> tuple[Image, Box]:
    """A picture with one line of some script, size, contrast and place, on plain, shaded or grainy ground."""
    size = draw(st.sampled_from([(1280, 720), (640, 360), (720, 1280), (320, 240), (1920, 800)]))
    longest = max(size)
    ground = draw(st.integers(0, 255))
    contrast = draw(st.integers(70, 200)) * draw(st.sampled_from([-1, 1]))
    ink = ground + contrast if 0 <= ground + contrast <= 255 else ground - contrast
    ink = min(255, max(0, ink))
    height = draw(st.integers(max(14, longest // 44), longest // 10))
    script = draw(st.sampled_from(["latin", "plotter", "digits", "chinese", "japanese", "accents"]))
    mask = _line(script, height)
    if mask.shape[1] > 0.9 * size[0]:
        scale = 0.9 * size[0] / mask.shape[1]
        mask = cv2.resize(mask, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rows, columns = mask.shape
    left = draw(st.integers(size[0] // 50, size[0] - columns))
    top = draw(st.integers(size[1] // 50, size[1] - rows))
    picture = np.full((size[1], size[0]), float(ground))
    if draw(st.booleans()):
        picture += np.linspace(-20, 20, size[0])
    place = picture[top : top + rows, left : left + columns]
    place += (ink - ground) * (mask / 255.0)
    picture += np.random.default_rng(draw(st.integers(0, 9))).normal(0, draw(st.sampled_from([0, 4])), picture.shape)
    grey = np.clip(picture, 0, 255).astype(np.uint8)
    box = left / size[0], top / size[1], (left + columns) / size[0], (top + rows) / size[1]
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), box


def _line(script: str, height: int) -> NDArray[np.uint8]:
    """Ink of one line, 255 where it is full."""
    if script in ("chinese", "japanese", "accents"):
        grey = cv2.imread(str(DATA / f"text_{script}.png"), cv2.IMREAD_GRAYSCALE)
        ink = np.asarray(255 - grey if np.median(grey) > 127 else grey, np.uint8)
        rows = np.flatnonzero((ink > 100).any(axis=1))
        last = rows[np.append(np.flatnonzero(np.diff(rows) > 6), len(rows) - 1)[0]] + 1
        ink = ink[rows[0] : last]
    elif script == "plotter":
        ink = np.zeros((60, 700), np.uint8)
        cv2.putText(ink, "Departures: platform 7", (10, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (255,), 3, cv2.LINE_AA)
    else:
        text = {"latin": "Software Engineer", "digits": "12:45 - 2019"}[script]
        ink = page([(text, (10, 10), height)], (height * 14, height * 2), (255,) * 3, (0,) * 3)[:, :, 0]
        rows = np.flatnonzero((ink > 100).any(axis=1))
        ink = ink[rows[0] : rows[-1] + 1]
    columns = np.flatnonzero((ink > 100).any(axis=0))
    ink = ink[:, columns[0] : columns[-1] + 1]
    scale = height / ink.shape[0]
    return np.asarray(cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def textless(number: int, size: tuple[int, int]) -> Image:
    """A picture without text: clouds, ellipses, a crowd of discs, grass, stripes, grain."""
    random = np.random.default_rng(number)
    width, height = size
    picture = np.full((height, width, 3), random.integers(60, 200, 3), np.float32)
    for step in (height // 4, height // 16):
        coarse = random.normal(0, 20, (height // step + 2, width // step + 2, 3)).astype(np.float32)
        picture += cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    kind = number % 5
    for _ in range({1: 60, 2: 400, 3: 900}.get(kind, 0)):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        colour = tuple(float(c) for c in random.integers(20, 235, 3))
        if kind == 3:
            end = x + int(random.integers(-12, 12)), y - int(random.integers(20, 90))
            cv2.line(picture, (x, y), end, colour, 2, cv2.LINE_AA)
        else:
            most = height // 8 if kind == 1 else height // 30
            half = tuple(int(random.integers(most // 4, most)) for _ in range(2))
            cv2.ellipse(picture, (x, y), half, float(random.integers(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    if kind == 4:
        picture += 40 * np.sign(np.sin(np.arange(width) / 15.0))[None, :, None].astype(np.float32)
    picture += random.normal(0, 6, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


class TestFromCoarseToFine:
    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(written(), st.sampled_from([480, 640]))
    def test_what_a_look_at_the_whole_finds_is_found(
        self, detector: Counting, drawn: tuple[Image, Box], side: int
    ) -> None:
        image, truth = drawn
        scale = side / max(image.shape)
        size = round(image.shape[1] * scale), round(image.shape[0] * scale)
        there = [box for box in detector.all_boxes(image, size) if overlap(box, truth) > 0.3]
        found = detector.boxes(image, side)
        for box in there:
            assert max((overlap(box, other) for other in found), default=0.0) > 0.5, (box, found)

    @pytest.mark.parametrize(("side", "seldom", "share"), [(480, 6, 0.96), (640, 6, 0.77)])
    def test_pictures_without_text_cost_less(self, detector: Counting, side: int, seldom: int, share: float) -> None:
        whole = looked = again = 0
        for number in range(10):
            detector.boxes(textless(number, (1280, 720)), side)
            looked += detector.pixels
            again += len(detector.seen) > 1
            whole += side * round(side * 9 / 16)
        assert again == seldom
        assert looked / whole == pytest.approx(share, abs=0.05)

    def test_a_burned_line_costs_a_band(self, detector: Counting) -> None:
        image = textless(1, (1280, 720))
        line = page([("The line at the foot of the picture", (330, 630), 36)], (1280, 720), (255,) * 3, (0,) * 3)
        (box,) = detector.boxes(np.maximum(image, line), 640)
        assert box == pytest.approx((0.255, 0.88, 0.677, 0.935), abs=0.02)
        assert detector.seen[0] == (320, 192)
        assert sum(w * h for w, h in detector.seen[1:]) < 0.25 * 640 * 360

    @pytest.mark.parametrize("size", [(3840, 2160), (720, 1280), (64, 64), (1000, 40), (40, 1000), (2, 2)])
    def test_any_shape_will_do(self, detector: Counting, size: tuple[int, int]) -> None:
        assert detector.boxes(np.full((size[1], size[0], 3), 120, np.uint8), 640) == []

    def test_type_of_many_sizes_in_a_portrait_picture(self, detector: Counting) -> None:
        lines = [("small type", (40, 60), 30), ("larger", (200, 500), 90), ("BIG", (120, 900), 260)]
        found = detector.boxes(page(lines, (720, 1280)), 640)
        assert [round(box[1] * 1280) for box in sorted(found, key=lambda b: b[1])] == pytest.approx(
            [66, 515, 950], abs=30
        )

    def test_where_nothing_is_asked_for_nothing_is_looked_at(self, detector: Counting) -> None:
        image = page([("above", (60, 40), 40), ("below", (60, 300), 40)])
        nowhere = np.zeros((180, 320), np.bool_)
        assert detector.boxes(image, 640, nowhere) == []
        assert detector.seen == []
        low = nowhere.copy()
        low[140:] = True
        (box,) = detector.boxes(image, 640, low)
        assert box[1] > 0.75
        assert detector.seen[0][1] < 192

    def test_blurred_type_that_a_part_does_not_show_is_found_in_the_whole(self, detector: Counting) -> None:
        image = page([("(PLACE) SUR UN POINT", (40, 60), 20)], (320, 180), (215, 205, 190), (120, 100, 80))
        image = cv2.GaussianBlur(image, (0, 0), 2.0)
        (box,) = detector.boxes(image, 640)
        assert box == pytest.approx((0.12, 0.33, 0.79, 0.47), abs=0.02)
        assert detector.seen[-1] == (640, 352)
        assert len(detector.seen) == 3
