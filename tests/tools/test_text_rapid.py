"""The bundled recogniser on drawn pictures: what it must read, and what it must leave alone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.text_pictures import page, read_all
from vagent.configs import load as load_settings
from vagent.errors import EngineFailed
from vagent.tools.text import Image, TextLine
from vagent.tools.text import rapid as module
from vagent.tools.text.detector import Detector
from vagent.tools.text.moments import Moments
from vagent.tools.text.rapid import RapidText
from vagent.tools.text.tracks import TextReader

DATA = Path(__file__).parent.parent / "data"
SETTINGS = load_settings(env={})


@pytest.fixture(scope="module")
def engine() -> RapidText:
    return RapidText(SETTINGS)


def read(engine: RapidText, image: Image, *, fine: bool = False) -> list[TextLine]:
    return [line for lines in engine.recognise(image, engine.detect(image, fine=fine)) for line in lines]


def texts(lines: Sequence[TextLine]) -> list[str]:
    return [line.text for line in lines if line.confidence > 0.8]


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("text_chinese.png", ["北京大学", "人工智能导论", "第三讲：机器学习"]),
        ("text_japanese.png", ["こんにちは世界", "東京タワーの高さ", "カメラを持っています"]),
        (
            "text_accents.png",
            ["Café Müller, Zürich", "Señor Ibáñez à l'hôtel", "Kraków, Gdańsk", "Smørrebrød på fjellet"],
        ),
    ],
)
def test_scripts_and_accents(engine: RapidText, name: str, truth: list[str]) -> None:
    assert texts(read(engine, cv2.imread(str(DATA / name)))) == truth


def test_small_type_in_a_small_picture_keeps_its_spaces(engine: RapidText) -> None:
    lines = ["Christian Berger, University of Basel", "Randy Keller, Space Center", "Pamela Hill, David Bright"]
    image = page([(t, (12, 30 + 16 * i), 11) for i, t in enumerate(lines)], (320, 240), (0, 0, 0), (255, 255, 255))
    assert texts(read(engine, image)) == lines


def test_where_and_in_which_order(engine: RapidText) -> None:
    left = [(f"Left column {n}", (30, 120 + 34 * i), 20) for i, n in enumerate(("one", "two", "three", "four"))]
    right = [(f"Right side {n}", (380, 120 + 40 * i), 20) for i, n in enumerate(("one", "two", "three"))]
    found = read(engine, page([("A title over both columns", (120, 20), 30), *left, *right]))
    assert texts(found) == ["A title over both columns", *(t for t, _, _ in left), *(t for t, _, _ in right)]
    assert found[1].box == pytest.approx((30 / 640, 122 / 360, 180 / 640, 142 / 360), abs=0.02)


@pytest.mark.parametrize("degrees", [-14, 9, 20])
def test_tilted_text_is_cut_out_along_its_tilt(engine: RapidText, degrees: float) -> None:
    image = page([("RUE DE LONDRES", (170, 160), 36)], turned=degrees)
    assert "".join(texts(read(engine, image))).replace(" ", "") == "RUEDELONDRES"


def test_mirrored_text_is_read_as_it_was_meant(engine: RapidText) -> None:
    image = page([("FIXTURE", (150, 150), 60)], ink=(20, 20, 20), ground=(230, 230, 225))
    assert texts(read(engine, np.ascontiguousarray(image[:, ::-1]))) == ["FIXTURE"]


def test_a_title_set_tight_is_two_lines(engine: RapidText) -> None:
    image = page([("Big Buck", (140, 90), 90), ("BUNNY", (140, 156), 90)])
    assert len(engine.detect(image)) == 1
    assert [t.strip('"') for t in texts(read(engine, image))] == ["Big Buck", "BUNNY"]


def test_a_finer_look_finds_smaller_type(engine: RapidText) -> None:
    rng = np.random.default_rng(3)
    image = page([("the smallest footnote of the page", (700, 640), 9)], (1280, 720), (150, 150, 150), (90, 100, 90))
    image = np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    assert "smallest" not in " ".join(texts(read(engine, image)))
    assert "smallest" in " ".join(texts(read(engine, image, fine=True)))


@pytest.mark.parametrize("shape", [(360, 640, 3), (2000, 60, 3), (40, 1900, 3), (2, 2, 3), (1, 50, 3)])
def test_an_empty_picture_has_no_text_whatever_its_shape(engine: RapidText, shape: tuple[int, ...]) -> None:
    assert read(engine, np.full(shape, 120, np.uint8)) == []


def test_two_threads_read_what_one_reads(engine: RapidText) -> None:
    images = [page([(f"Slide number {n}", (100, 100), 40)]) for n in ("one", "two", "three", "four")]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda i: read(engine, i), images)) == [read(engine, i) for i in images]


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (64, 4)])
def test_half_of_the_cores_read_a_picture_and_four_at_most(cores: int, threads: int) -> None:
    assert RapidText(load_settings({"threads": cores}, env={}))._threads == threads


def test_many_threads_read_what_one_reads(engine: RapidText) -> None:
    image = page(
        [("The harbour", (60, 60), 44), ("at night, in five pictures", (60, 140), 26), ("12 May", (420, 300), 18)]
    )
    other = RapidText(load_settings({"threads": 8}, env={}))
    assert len(read(engine, image)) == 3
    assert read(other, image) == read(engine, image)


def test_what_was_closed_reads_the_same_again() -> None:
    engine, image = RapidText(SETTINGS), page([("The harbour", (60, 60), 44)])
    before = read(engine, image)
    engine.close()
    assert engine._loaded is None
    assert read(engine, image) == before
    assert texts(before) == ["The harbour"]


def test_a_recogniser_that_breaks_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("out of memory")

    engine = RapidText(SETTINGS)
    monkeypatch.setattr(Detector, "quads", broken)
    with pytest.raises(EngineFailed, match=r"text recognition broke.*out of memory.*text=off"):
        engine.detect(page([]))


def test_lost_weights_are_noticed_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MODELS", ("not_there.onnx",))
    status = RapidText.check(SETTINGS)
    assert not status.ready
    assert status.fix == "pip install --force-reinstall rapidocr"


def test_a_slide_that_builds_up_end_to_end(engine: RapidText) -> None:
    """Eight frames a second; bullets at 2.5 and 4.25 s, a cut at 6.5 s."""
    title = ("You will learn about", (40, 30), 40)
    bullets = [("Mapping and analysis", (60, 120), 28), ("How to make a good map", (60, 180), 28)]
    pages = [page([title]), page([title, bullets[0]]), page([title, *bullets]), page([("The end", (220, 150), 60)])]
    moments = Moments()
    frames = [(i / 8, pages[sum(i / 8 >= t for t in (2.5, 4.25, 6.5))]) for i in range(72)]
    found = read_all(TextReader(engine, SETTINGS.text, 1.0, moments), frames, 9.0, moments=moments)
    assert [(s.text, s.span.start, s.span.end) for s in found] == [
        ("You will learn about", 0, 6.5),
        ("Mapping and analysis", 2.5, 6.5),
        ("How to make a good map", 4.25, 6.5),
        ("The end", 6.5, 9),
    ]
    assert found[1].block == ("You will learn about", "Mapping and analysis", "How to make a good map")
