"""From a crop to a text: what the recogniser makes of single lines of any width."""

from __future__ import annotations

import numpy as np
import pytest

from tests.text_pictures import page
from vagent.tools.text.rapid import _MODELS, _weights
from vagent.tools.text.recogniser import Recogniser, spaced


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    weights = _weights(_MODELS[1])
    assert weights is not None
    return Recogniser(weights)


@pytest.mark.parametrize("text", ["7", "Go", "No 12", "EXIT", "14:05", "WE ARE", "Platform 9", "The harbour at night"])
@pytest.mark.parametrize("size", [14, 24, 60])
def test_lines_of_any_width_and_height_are_read(recogniser: Recogniser, text: str, size: int) -> None:
    width = int(size * (0.62 * len(text) + 0.9))
    found = recogniser.read(page([(text, (size // 3, size // 6), size)], (width, round(size * 1.5))))
    assert found.text == text
    assert found.confidence > 0.8


def test_what_is_too_small_or_says_nothing_is_no_text(recogniser: Recogniser) -> None:
    for size in ((1, 40), (40, 1), (48, 600)):
        found = recogniser.read(np.full((*size, 3), 90, np.uint8))
        assert (found.text, found.confidence) == ("", 0.0)


def test_a_line_longer_than_any_is_squeezed(recogniser: Recogniser) -> None:
    assert recogniser.read(np.full((2, 2000, 3), 90, np.uint8)).text == ""


def test_glued_words_are_parted_where_the_picture_shows_a_gap() -> None:
    assert spaced("BigBuck", [3, 5, 7, 11, 14, 17, 19]) == "Big Buck"
    assert spaced("SwissRe", [2, 5, 7, 9, 11, 13, 15]) == "SwissRe"
    assert spaced("Heck,David", [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]) == "Heck, David"
    assert spaced("1,000", [2, 4, 6, 8, 10]) == "1,000"
    assert spaced("ok Go", [2, 4, 9, 11]) == "ok Go"
    assert spaced("ab", []) == "ab"


@pytest.mark.parametrize(
    ("said", "read"), [("Music by·Ida", "Music by Ida"), ("col·lecció", "col·lecció"), ("马克·吐温", "马克·吐温")]
)
def test_dirt_between_two_words_is_no_dot(said: str, read: str) -> None:
    assert spaced(said, []) == read
