"""What an index of real videos holds, where they are at hand: their cuts, and what is written in them.

``python -m benchmarks.compare`` tells row by row what a change has changed; this tells whether it still is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from benchmarks.cinema import Line
from benchmarks.truth import f1, recall
from vagent import configs
from vagent.index.library import VideoLibrary

CUTS: Mapping[str, Sequence[float]] = {
    "elephantsdream_3audio_3subs.mkv": (11.04, 16.08, 24.29),
    "wildlife_test_video.mp4": (4.20, 7.14, 11.81, 17.32, 20.85, 24.62),
}
WRITTEN: Mapping[str, Sequence[Line]] = {
    "googlework_short.mp4": (
        Line(10.5, 12.5, "Google France"),
        Line(13.3, 15.2, "RUE DE LONDRES"),
        Line(18.9, 21.1, "GOOGLE PARIS"),
        Line(21.6, 24.5, "CARLO Vice President"),
        Line(29.5, 32.5, "OMAR Software Engineer"),
    ),
    "lecture_eth_scene-change.mov": (
        Line(0.0, 12.0, "Land and Vegetation Institute for Atmospheric and Climate Science"),
        Line(12.0, 20.0, "Acknowledgements"),
    ),
    "chrome_clay.mp4": (Line(22.1, 26.6, "Open a new browser"),),
}


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["standard", "quick"])
def test_cuts_and_texts_of_real_videos(preset: str, media: Path, tmp_path: Path) -> None:
    settings = {"preset": preset, "library": str(tmp_path), "engines": {"speech": "off", "visual": "off"}}
    library = VideoLibrary(configs.load(settings, env={}))
    try:
        for name, cuts in CUTS.items():
            (report,) = library.add(media / name)
            assert report.video is not None
            found = [shot.span.start for shot in library.shots(report.video.id)][1:]
            assert f1(found, cuts) > 0.9, (name, found)
        for name, written in WRITTEN.items():
            (report,) = library.add(media / name)
            assert report.video is not None
            rows = library.evidence(report.video.id, kinds=["screen_text"])
            texts = [(row.span.start, row.span.end, row.text) for row in rows]
            assert recall(texts, written) > 0.9, (name, texts)
    finally:
        library.close()
