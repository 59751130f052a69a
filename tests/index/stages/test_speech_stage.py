"""The speech stage with an engine that hears several stretches at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.media_files import picture, write_video
from tests.sounds import RATE, speech
from vagent import configs
from vagent.errors import EngineFailed
from vagent.index.library import VideoLibrary
from vagent.tools import engines
from vagent.tools.engines import Status
from vagent.tools.speech import Stretch, Utterance
from vagent.tools.time import Span


class Clerk:
    """Writes down how long each stretch is; it hears thirty seconds at once and knows German from its first word."""

    name = "clerk"
    weak = False
    revision = "clerk 1"
    capacity = 30.0
    language: str | None = None
    calls: ClassVar[list[tuple[int, str | None]]] = []
    breaks: ClassVar[list[float]] = []

    def __init__(self, settings: configs.Settings) -> None:
        self.settings = settings

    @classmethod
    def check(cls, settings: configs.Settings) -> Status:
        return Status(True, "always here")

    def languages(self, samples: NDArray[np.int16]) -> Mapping[str, float]:
        return {"de": 0.9, "en": 0.1}

    def transcribe(self, samples: NDArray[np.int16], start: float) -> Sequence[Utterance]:
        return self.transcribe_many([(samples, start)])[0]

    def transcribe_many(self, stretches: Sequence[Stretch], language: str | None = None) -> list[list[Utterance]]:
        self.calls.append((len(stretches), language))
        if any(abs(start - broken) < 2 for _, start in stretches for broken in self.breaks):
            raise EngineFailed("the clerk fell asleep")
        return [
            [Utterance(Span(start, start + len(samples) / RATE), f"{len(samples)} samples", language=language,
                       translated_from="de")]
            for samples, start in stretches
        ]  # fmt: skip


@pytest.fixture(autouse=True)
def _clerk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(engines.ENGINES["speech"], "clerk", f"{__name__}:Clerk")  # type: ignore[attr-defined]
    engines._table.cache_clear()
    Clerk.calls, Clerk.breaks = [], []
    yield
    engines._table.cache_clear()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty seconds in which the same eleven are said at 2 and at 24."""
    said = speech()[: 11 * RATE]
    sound = np.zeros(40 * RATE, np.int16)
    for at in (2, 24):
        sound[at * RATE : at * RATE + len(said)] = said
    path = tmp_path_factory.mktemp("speech") / "film.mkv"
    return write_video(path, lambda _: picture((90, 90, 90)), count=80, fps=2, audio=sound)


def heard(folder: Path, film: Path, checkpoint: float = 60) -> tuple[list[Any], Any]:
    given = {
        "library": str(folder),
        "threads": 1,
        "engines": {"speech": "clerk", "text": "off", "embeddings": "off"},
        "media": {"checkpoint": checkpoint},
    }
    opened = VideoLibrary(configs.load(given, env={}))
    try:
        (report,) = opened.add(film)
        (video,) = opened.videos()
        rows = opened.evidence(video.id, kinds=["speech"])
        return [(r.span, r.text, dict(r.extra)) for r in rows], report
    finally:
        opened.close()


def test_stretches_are_heard_together_in_the_language_of_the_video(tmp_path: Path, film: Path) -> None:
    rows, _ = heard(tmp_path, film)
    assert len(rows) >= 4
    assert max(count for count, _ in Clerk.calls) > 1
    assert {language for _, language in Clerk.calls} == {"de"}
    assert all(extra["translated_from"] == "de" for _, _, extra in rows)
    early = [(span.start, text) for span, text, _ in rows if span.start < 20]
    late = [(span.start - 22, text) for span, text, _ in rows if span.start > 20]
    assert [start for start, _ in late] == pytest.approx([start for start, _ in early], abs=0.1)


def test_every_stretch_is_heard_once_wherever_the_marks_lie(tmp_path: Path, film: Path) -> None:
    whole, _ = heard(tmp_path / "whole", film)
    parts, _ = heard(tmp_path / "parts", film, checkpoint=5)
    assert [span.start for span, _, _ in parts] == pytest.approx([span.start for span, _, _ in whole], abs=0.1)


def test_a_stretch_that_breaks_the_engine_is_told(tmp_path: Path, film: Path) -> None:
    whole, _ = heard(tmp_path / "whole", film)
    Clerk.breaks = [whole[0][0].start]
    rows, report = heard(tmp_path / "broken", film)
    assert [row for row in whole if row not in rows] == [whole[0]]
    assert any("the clerk fell asleep" in notice for notice in report.notices)
