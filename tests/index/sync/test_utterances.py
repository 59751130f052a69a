"""Speech that another video is proved to hold is taken over from it, and everything else is recognised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.index.sync.films import FPS, QUICK, Scene, library, pictures
from tests.media_files import write_video
from tests.sounds import RATE, speech
from vagent import configs
from vagent.index.bundle.exporting import export_library
from vagent.index.bundle.importing import import_library
from vagent.index.library import VideoLibrary
from vagent.index.records import Evidence
from vagent.index.video.job import Progress
from vagent.tools import engines
from vagent.tools.engines import Status
from vagent.tools.speech import Utterance, Word
from vagent.tools.time import Span

FILM = [Scene(2000 + number, 5.0) for number in range(16)]
SAID = (3.0, 21.0, 41.0, 62.0)  # when the sentences begin


class Scribe:
    """Writes down when it heard how much."""

    name = "scribe"
    weak = False
    version = 1
    calls: ClassVar[list[float]] = []

    def __init__(self, settings: configs.Settings) -> None:
        self.settings = settings

    @property
    def revision(self) -> str:
        return f"scribe {self.version}"

    @classmethod
    def check(cls, settings: configs.Settings) -> Status:
        return Status(True, "always here")

    def transcribe(self, samples: NDArray[np.int16], start: float) -> Sequence[Utterance]:
        self.calls.append(start)
        span = Span(start, start + len(samples) / RATE)
        loud = round(float(np.abs(samples.astype(np.float64)).mean()) / 100)
        return [Utterance(span, f"as loud as {loud}", words=(Word(Span(start, start + 0.5), "as"),))]


@pytest.fixture(autouse=True)
def _scribe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(engines.ENGINES["speech"], "scribe", f"{__name__}:Scribe")  # type: ignore[attr-defined]
    engines._table.cache_clear()
    Scribe.calls = []
    yield
    engines._table.cache_clear()


def voices(gains: Sequence[float] = (1.0, 0.5, 0.8, 0.6), backwards: Sequence[int] = ()) -> NDArray[np.int16]:
    """The sound of the film: two sentences four times, each time as loud as is told; some of them another's words."""
    sound = np.random.default_rng(3).normal(0, 12, 80 * RATE)
    said = speech()[: 11 * RATE].astype(np.float64)
    for number, (at, gain) in enumerate(zip(SAID, gains, strict=True)):
        words = said[::-1] if number in backwards else said
        begin = round(at * RATE)
        sound[begin : begin + len(words)] += gain * words
    return np.clip(sound, -32768, 32767).astype(np.int16)


def without(sound: NDArray[np.int16], start: float, end: float) -> NDArray[np.int16]:
    return np.concatenate([sound[: round(start * RATE)], sound[round(end * RATE) :]])


def write(path: Path, film: Sequence[Scene], sound: NDArray[np.int16]) -> Path:
    return write_video(path, pictures(film), fps=FPS, audio=sound)


def opened(folder: Path, **overrides: Any) -> Any:
    chosen = {**QUICK["engines"], "speech": "scribe"}
    return library(folder, engines=chosen, media={"checkpoint": 20}, **overrides)


def lines(held: VideoLibrary, path: Path) -> list[Evidence]:
    (video,) = held.find(path)
    return held.evidence(video.id, kinds=["speech"])


def taken(rows: Sequence[Evidence]) -> list[Evidence]:
    return [row for row in rows if "taken_from" in row.extra]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("first") / "first.mp4", FILM, voices())


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without ten seconds between the second and the third time, somewhat louder."""
    louder = (1.2 * without(voices(), 35, 37.5)).clip(-32768, 32767).astype(np.int16)
    shown = pictures(FILM)
    return write_video(
        tmp_path_factory.mktemp("second") / "second.mkv", [*shown[:350], *shown[375:]], fps=FPS, audio=louder
    )


def test_what_is_the_same_is_taken_over_at_its_times(first: Path, second: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "library") as held:
        held.add(first)
        before, source = lines(held, first), held.find(first)[0].fingerprint
        Scribe.calls.clear()
        (report,) = held.add(second, relink="never")
        found = lines(held, second)
    over = taken(found)
    assert len(over) >= len(before) / 2
    assert len(over) + len(Scribe.calls) == len(found) == len(before)
    for row, old in zip(found, before, strict=True):
        late = 0.0 if old.span.start < 35 else -2.5
        assert row.span.start == pytest.approx(old.span.start + late, abs=0.15)
        if row in over:
            assert row.text == old.text
            assert row.extra["taken_from"] == {"video": source, "start": old.span.start, "end": old.span.end}
            assert row.extra["words"][0][0] == pytest.approx(row.span.start, abs=0.01)
    assert {row.span.start < 35 for row in over} == {True, False}
    assert any(f"s of speech are those of {first}" in notice for notice in report.notices)


def test_other_words_are_recognised(first: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.mp4", FILM, voices(backwards=[1]))
    with opened(tmp_path / "library") as held:
        held.add(first)
        held.add(other)
        found = lines(held, other)
    assert taken(found)
    assert not [row for row in taken(found) if SAID[1] - 1 < row.span.start < SAID[1] + 12]
    assert [row for row in found if SAID[1] - 1 < row.span.start < SAID[1] + 12]


def test_one_word_that_was_bleeped_is_recognised(first: Path, tmp_path: Path) -> None:
    sound = voices()
    begin = round((SAID[2] + 1.5) * RATE)
    beep = 9000 * np.sin(np.arange(round(0.4 * RATE)) * 0.4)
    sound[begin : begin + len(beep)] = beep.astype(np.int16)
    other = write(tmp_path / "other.mp4", FILM, sound)
    with opened(tmp_path / "library") as held:
        held.add(first)
        held.add(other, relink="never")
        found = taken(lines(held, other))
    assert found
    assert not [row for row in found if row.span.overlap(Span(SAID[2] + 1.5, SAID[2] + 1.9))]


@pytest.mark.parametrize("other", [{"speech": {"pause": 0.5}}, {"sync": {"reuse": False}}, {}])
def test_another_engine_other_settings_and_a_switch_recognise_anew(
    other: dict[str, Any], first: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "library") as held:
        held.add(first)
    if not other:
        monkeypatch.setattr(Scribe, "version", 2)
    with opened(tmp_path / "library", **other) as held:
        held.add(second, relink="never")
        found = lines(held, second)
    assert found
    assert not taken(found)


def test_what_was_taken_over_outlives_its_source_and_travels(first: Path, second: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "library") as held:
        held.add(first)
        held.add(second, relink="never")
        over = taken(lines(held, second))
        held.remove(held.find(first)[0])
        assert taken(lines(held, second)) == over
        Scribe.calls.clear()
        (report,) = held.add(second, relink="never")
        assert (report.status, Scribe.calls) == ("unchanged", [])
        export_library(held.folder, tmp_path / "bundle.vagent")
    import_library(tmp_path / "other", tmp_path / "bundle.vagent")
    with opened(tmp_path / "other") as there:
        (video,) = there.videos()
        came = taken(there.evidence(video.id, kinds=["speech"]))
    assert [(row.span, row.text, row.extra) for row in came] == [(row.span, row.text, row.extra) for row in over]


def test_a_run_that_was_interrupted_goes_on_with_what_is_known(first: Path, second: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "scan" and progress.done > 45:
            raise KeyboardInterrupt

    with opened(tmp_path / "library") as held:
        held.add(first)
        with pytest.raises(KeyboardInterrupt):
            held.add(second, stop, relink="never")
        held.add(second, relink="never")
        found = lines(held, second)
        whole = lines(held, first)
    assert len(found) == len(whole)
    assert {row.span.start > 45 for row in taken(found)} == {True, False}
