"""On-screen text of real videos, where they are at hand: the right words at the right times."""

from __future__ import annotations

from pathlib import Path

import pytest

from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.tools.media import Frame
from vagent.tools.media.probe import pick, probe
from vagent.tools.media.reader import read
from vagent.tools.text.moments import Moments
from vagent.tools.text.rapid import RapidText
from vagent.tools.text.spans import TextSpan, fold
from vagent.tools.text.tracks import TextReader

SETTINGS: Settings = load_settings(env={})
ENGINE = RapidText(SETTINGS)


def texts_of(path: Path, start: float = 0.0, until: float = 1e9) -> list[TextSpan]:
    info = probe(path)
    moments = Moments()
    reader = TextReader(ENGINE, SETTINGS.text, 1 / SETTINGS.media.sample_fps, moments)
    spans: list[TextSpan] = []
    end = start
    for item in read(info, SETTINGS, video=pick(info, "video"), audio=None, start=start):
        if not isinstance(item, Frame) or item.time >= until:
            break
        moments.watch(item.time, item.signature)
        if item.image is not None:
            spans += reader.feed(item.time, item.image)
        end = item.time
    return fold(spans + reader.finish(end))


def one(spans: list[TextSpan], words: str) -> TextSpan:
    found = [s for s in spans if words in s.text]
    assert found, f"{words!r} is not in {[s.text for s in spans]}"
    return found[0]


def test_captions_and_signs(media: Path) -> None:
    spans = texts_of(media / "googlework_short.mp4", 10.0)
    omar = one(spans, "OMAR")
    assert omar.text == "OMAR\nSoftware Engineer"
    assert (omar.span.start, omar.span.end) == pytest.approx((29.5, 32.5), abs=0.3)
    carlo = one(spans, "CARLO")
    assert carlo.text.split("\n")[1].startswith("Vice President")
    assert (carlo.span.start, carlo.span.end) == pytest.approx((21.6, 24.5), abs=0.3)
    street = one(spans, "DE LONDRES")
    assert street.text == "RUE\nDE LONDRES"
    assert one(spans, "PARIS").text == "GOOGLE\nPARIS"
    assert len(spans) < 12


def test_slides_of_tiny_type(media: Path) -> None:
    spans = texts_of(media / "lecture_eth_scene-change.mov")
    first, second = one(spans, "Land and Vegetation: Key players on the\nClimate Scene"), one(spans, "NASA/GSFC")
    assert first.text.split("\n")[2] == "Prof. Sonia I. Seneviratne"
    assert first.text.split("\n")[-1] == "Introduction Lecture, December 6, 2007"
    lines = second.text.split("\n")
    assert lines[0] == "Acknowledgements"
    assert "Randy Koster, NASA/GSFC" in lines
    # The left column is read before the right one.
    assert lines.index("Pamela Heck, David Bresch, SwissRe") < lines.index("Land-Climate Interactions Group:")
    assert first.span.end == second.span.start == pytest.approx(12, abs=0.6)
    assert len(spans) == 3  # the logo goes through both


def test_bullets_that_appear_one_by_one(media: Path) -> None:
    spans = texts_of(media / "lecture_gis_input_6.mp4", until=32.0)
    truth = {
        "You will learn about...": 0.0,
        "New ways to see and understand the world": 5.0,
        "Mapping and spatial analysis": 12.3,
        "How to make a good map": 21.0,
        "How to communicate your ideas": 24.3,
        "Using GIS software and data": 27.9,
    }
    assert {s.text: s.span.start for s in spans} == pytest.approx(truth, abs=0.6)
    assert [s.block for s in spans] == [tuple(truth)] * 6


def test_mirrored_handwriting(media: Path) -> None:
    spans = texts_of(media / "awesome_movie_with_subtitles.m4v")
    assert "AWESOME\nFIXTURE\nMOVIE" in [s.text for s in spans]


def test_small_text_over_changing_pictures_is_one_row(media: Path) -> None:
    spans = texts_of(media / "testvideo_fades.mp4", until=14.0)
    assert [s.text.split()[-1] for s in spans] == ["www.bcastell.com"]
    assert "2013 Brandon Castellano" in spans[0].text
    assert spans[0].span.start == pytest.approx(1.0, abs=0.3)


def test_a_film_without_text_has_none(media: Path) -> None:
    assert texts_of(media / "fishes.wmv") == []
