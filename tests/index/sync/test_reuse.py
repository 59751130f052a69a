"""Clips that another video shows too take over its descriptions, and no other clip does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.index.sync.films import FPS, QUICK, Scene, library, pictures, sound, write
from tests.media_files import write_video
from vagent import configs
from vagent.index.library import VideoLibrary
from vagent.index.records import Clip, Evidence
from vagent.index.sync import reuse
from vagent.tools import engines
from vagent.tools.engines import Status
from vagent.tools.time import Span
from vagent.tools.videollm import Frames, VideoLanguageModel

FILM = [Scene(1000 + number, 6.0) for number in range(10)]  # two make a clip
OTHERS = [Scene(6000 + number, 6.0) for number in range(2)]
KNOWN = [*FILM, *OTHERS]


class Guide(VideoLanguageModel):
    """Names the scenes that it is shown, and counts the clips that it looked at."""

    name = "guide"
    looked: ClassVar[int] = 0
    version: ClassVar[int] = 1
    thumbnails: ClassVar[dict[int, list[np.ndarray]]] = {}

    @property
    def revision(self) -> str:
        return f"guide {self.version}"

    @classmethod
    def check(cls, settings: configs.Settings) -> Status:
        return Status(True, "always here")

    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        type(self).looked += 1
        named = list(dict.fromkeys(self._scene(image) for _, image in frames))
        return f"It shows the numbers {named}."

    def _scene(self, image: np.ndarray) -> int:
        small = _small(image)
        away = {seed: min(float(np.abs(small - one).mean()) for one in held) for seed, held in self.thumbnails.items()}
        return min(away, key=lambda seed: away[seed])


def _small(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (16, 9), interpolation=cv2.INTER_AREA).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def _guide() -> Iterator[None]:
    for scene in KNOWN:
        Guide.thumbnails[scene.seed] = [_small(image) for image in pictures([scene])[::5]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(engines.ENGINES["videollm"], "guide", f"{__name__}:Guide")  # type: ignore[attr-defined]
        engines._table.cache_clear()
        yield
    engines._table.cache_clear()


@pytest.fixture(autouse=True)
def _counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guide, "looked", 0)


def described(folder: Path, **overrides: Any) -> AbstractContextManager[VideoLibrary]:
    chosen = {**QUICK["engines"], "videollm": "guide"}
    captions = {"use": True, **overrides.pop("captions", {})}
    return library(folder, engines=chosen, captions=captions, **overrides)


def rows(opened: VideoLibrary, path: Path) -> list[Evidence]:
    (video,) = opened.find(path)
    return opened.evidence(video.id, kinds=["caption"])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film; beside it lies a library that has described it."""
    folder = tmp_path_factory.mktemp("first")
    film = write(folder / "first.mp4", FILM)
    with described(folder / "library") as opened:
        opened.add(film)
    return film


def known(first: Path, folder: Path) -> Path:
    """A copy of the library that has described the film."""
    shutil.copytree(first.parent / "library", folder / "library")
    return folder / "library"


CUTS: dict[str, list[Scene]] = {
    "removed": [*FILM[:4], *FILM[6:]],
    "inserted": [*FILM[:6], *OTHERS, *FILM[6:]],
    "replaced": [*FILM[:2], *OTHERS, *FILM[4:]],
}


@pytest.mark.parametrize("cut", CUTS)
def test_what_is_taken_over_is_what_would_be_seen(cut: str, first: Path, tmp_path: Path) -> None:
    second = write(tmp_path / "second.mp4", CUTS[cut])
    with described(known(first, tmp_path)) as opened:
        (report,) = opened.add(second, relink="never")
        found, looked = rows(opened, second), Guide.looked
        source = opened.find(first)[0].fingerprint
    taken = [row for row in found if "taken_from" in row.extra]
    assert len(taken) + looked == len(found)
    assert len(taken) >= 3
    for row in found:
        assert row.text == f"It shows the numbers {named(CUTS[cut], row.span)}."
    assert {row.extra["taken_from"]["video"] for row in taken} == {source}
    assert {(row.engine, row.weak) for row in found} == {("guide 1", False)}
    assert any(f"clips show what {first} shows" in notice for notice in report.notices)


def named(film: list[Scene], span: Span) -> list[int]:
    """The scenes of a film that are seen in a stretch of it."""
    ends = list(accumulate(scene.seconds for scene in film))
    shown = zip(film, [0.0, *ends], ends, strict=False)
    return [scene.seed for scene, start, end in shown if Span(start, end).overlap(span) > 0.5]


def clips_taken(first: Path, second: Path, folder: Path, **given: Any) -> int:
    """How many clips of a second film take over the descriptions of a first one."""
    with described(known(first, folder), **given) as opened:
        opened.add(second, relink="never")
        return sum("taken_from" in row.extra for row in rows(opened, second))


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("second") / "second.mp4", CUTS["removed"])


@pytest.mark.parametrize("other", [{"captions": {"words": 30}}, {"sync": {"reuse": False}}, {}])
def test_another_model_other_settings_and_a_switch_describe_anew(
    other: dict[str, Any], first: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not other:
        monkeypatch.setattr(Guide, "version", 2)
    assert clips_taken(first, second, tmp_path, **other) == 0


def test_a_description_that_speaks_of_times_stays_where_it_is(first: Path, second: Path, tmp_path: Path) -> None:
    folder = known(first, tmp_path)
    with described(folder) as opened:
        (video,) = opened.find(first)
        told = [replace(row, id=0, text=f"{row.text} It is 12 seconds long.") for row in rows(opened, first)]
        with opened.store.transaction():
            opened.store.clear(video.id, ["caption"])
            opened.store.add_evidence(told)
        opened.add(second, relink="never")
        assert not any("taken_from" in row.extra for row in rows(opened, second))


def test_an_offset_by_a_part_of_a_second_in_another_codec_and_size(first: Path, tmp_path: Path) -> None:
    head = Scene(9000, 2.3)
    options: dict[str, Any] = {"codec": "mpeg4", "size": (160, 90), "options": {"qscale": "2"}}
    second = write(tmp_path / "second.mkv", [head, *FILM], **options)
    with described(known(first, tmp_path)) as opened:
        opened.add(second, relink="never")
        taken = [row for row in rows(opened, second) if "taken_from" in row.extra]
    assert len(taken) >= 4
    for row in taken:
        assert row.span.start == pytest.approx(row.extra["taken_from"]["start"] + 2.3, abs=0.25)


def test_a_blink_of_other_pictures_is_told(first: Path, tmp_path: Path) -> None:
    """Between two pictures that are kept, with the sound that was there."""
    shown = pictures(CUTS["removed"])
    other = pictures([OTHERS[0]])
    for begin in range(3, len(shown) - FPS, FPS):
        shown[begin : begin + 5] = other[:5]
    second = write_video(tmp_path / "second.mp4", shown, fps=FPS, audio=sound(CUTS["removed"]))
    assert clips_taken(first, second, tmp_path) == 0


def test_without_sound_pictures_that_change_prove_it(tmp_path: Path) -> None:
    film = [Scene(3000 + number, 2.0) for number in range(20)]
    still = [image for number in range(3) for image in 12 * FPS * pictures([Scene(3100 + number, 0.1)])]
    for name, scenes in (("first", film), ("second", film[6:])):
        mute = write_video(tmp_path / f"{name}.mp4", [*pictures(scenes), *still], fps=FPS)
        with described(tmp_path / "library") as opened:
            opened.add(mute, relink="never")
            taken = [row.span for row in rows(opened, mute) if "taken_from" in row.extra]
    assert taken
    assert all(span.start < 28.0 for span in taken)  # of a still picture without sound it cannot be told


spans = st.lists(st.floats(1.5, 12.0), min_size=1, max_size=8).map(
    lambda lengths: [Span(a, b) for a, b in pairwise([0.0, *accumulate(lengths)])]
)


@given(spans, spans, st.sets(st.integers(0, 7)), st.lists(st.floats(0, 60), max_size=6))
def test_what_is_taken_over_covers_the_clips_that_are_not_described(
    cut: list[Span], found: list[Span], lost: set[int], shots: list[float]
) -> None:
    clips = [Clip(span, number) for number, span in enumerate(cut)]
    given = [Evidence(1, span, "caption", "seen") for n, span in enumerate(found) if n not in lost]
    taken = reuse._covering(given, [], clips, sorted(shots))
    for clip in clips:
        touching = sum(row.span.overlap(clip.span) for row in taken.rows)
        if clip.id in taken.clips:
            assert touching >= clip.span.duration - (len(lost) + 4) * reuse._EDGE  # of rows that barely touch it, too
        else:  # a description whose edges are nearly those of another clip is that clip's
            sure = [row.span for row in given if row.span.duration > 2 * reuse._EDGE]
            inside = [Span(span.start + reuse._EDGE, span.end - reuse._EDGE) for span in sure]
            assert sum(span.overlap(clip.span) for span in inside) < clip.span.duration
    for row in taken.rows:
        assert any(row.span.overlap(clip.span) > 0 for clip in clips if clip.id in taken.clips)


def drawn_over(image: np.ndarray) -> np.ndarray:
    """A thing in the picture that is too small for its hash."""
    drawn = image.copy()
    colour = (255, 255, 255) if image[45:55, 55:65].mean() < 128 else (0, 0, 0)
    cv2.circle(drawn, (60, 50), 9, colour, -1)
    return drawn


def pale(image: np.ndarray) -> np.ndarray:
    return np.asarray(0.7 * image + 50, np.uint8)


@pytest.mark.parametrize(
    ("look", "voices"),
    [
        pytest.param(None, None, id="mute"),
        pytest.param(None, 5, id="dubbed"),
        pytest.param(drawn_over, 0, id="drawn over"),
        pytest.param(pale, 0, id="pale"),
    ],
)
def test_what_sounds_or_looks_otherwise_is_described_anew(
    look: Callable[[np.ndarray], np.ndarray] | None, voices: int | None, first: Path, tmp_path: Path
) -> None:
    shown = [look(image) if look else image for image in pictures(CUTS["removed"])]
    heard = None if voices is None else sound([replace(scene, seed=scene.seed + voices) for scene in CUTS["removed"]])
    second = write_video(tmp_path / "second.mp4", shown, fps=FPS, audio=heard)
    assert clips_taken(first, second, tmp_path) == 0
