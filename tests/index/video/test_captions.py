"""Captions of clips, by an engine that really looks at the pixels it is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media_files import SubtitleTrack, write_video
from vagent import configs
from vagent.errors import EngineFailed
from vagent.index.library import VideoLibrary
from vagent.index.pictures import inside
from vagent.index.video.captions import tidy
from vagent.tools import engines
from vagent.tools.engines import Status
from vagent.tools.time import Span
from vagent.tools.videollm import Frames, VideoLanguageModel

COLOURS = {"red": (40, 40, 220), "green": (40, 200, 40), "blue": (220, 60, 40), "white": (245, 245, 245)}  # BGR
LINES = [(1.0, 4.0, "The fire burns."), (11.0, 14.0, "Now the meadow.")]


class Painter(VideoLanguageModel):
    """Names the colour that fills the pictures, and breaks where it is told to."""

    name = "painter"
    calls: ClassVar[list[tuple[int, list[str]]]] = []
    breaks: ClassVar[dict[str, type[BaseException]]] = {}

    @property
    def revision(self) -> str:
        return "painter 1"

    @classmethod
    def check(cls, settings: configs.Settings) -> Status:
        return Status(True, "always here")

    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        means = [image.reshape(-1, 3).mean(axis=0) for _, image in frames]
        distances = {name: float(np.abs(np.mean(means, axis=0) - colour).sum()) for name, colour in COLOURS.items()}
        name = min(distances, key=lambda n: distances[n])
        if name in self.breaks:
            raise self.breaks[name]("the model broke")
        return f"A plain {name} field from {frames[0][0]:.1f} to {frames[-1][0]:.1f}."

    def caption(self, clips: Sequence[Frames], prompts: Sequence[str], *, tokens: int | None = None) -> list[str]:
        self.calls.append((len(clips), list(prompts)))
        return super().caption(clips, prompts, tokens=tokens)


@pytest.fixture(autouse=True)
def _painter(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(engines.ENGINES["videollm"], "painter", f"{__name__}:Painter")  # type: ignore[attr-defined]
    engines._table.cache_clear()
    Painter.calls, Painter.breaks = [], {}
    yield
    engines._table.cache_clear()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty seconds: red, green, blue, white, ten seconds each."""
    pictures = [np.full((180, 320, 3), colour, np.uint8) for colour in COLOURS.values()]
    track = SubtitleTrack(LINES)
    return write_video(
        tmp_path_factory.mktemp("captions") / "film.mkv",
        lambda i: pictures[i // 50],
        count=200,
        fps=5,
        subtitles=[track],
    )


def index(folder: Path, film: Path, **captions: Any) -> tuple[list[Any], Any]:
    given = {
        "library": str(folder),
        "threads": 1,
        "engines": {"videollm": "painter", "text": "off"},
        "captions": {"use": True, "batch": 2, **captions},
    }
    opened = VideoLibrary(configs.load(given, env={}))
    try:
        (report,) = opened.add(film)
        (video,) = opened.videos()
        rows = opened.evidence(video.id, kinds=["caption"])
        found = opened.search("blue field", kinds=["caption"], limit=1) if rows else []
        return [(r.span.start, r.span.end, r.text, r.engine) for r in rows], (report, found)
    finally:
        opened.close()


def test_each_clip_is_described_from_its_own_pictures(tmp_path: Path, film: Path) -> None:
    rows, (report, found) = index(tmp_path, film)
    assert [text.split()[2] for _, _, text, _ in rows] == list(COLOURS)
    assert [(start, end) for start, end, _, _ in rows] == [(0, 10), (10, 20), (20, 30), (30, 40)]
    for start, end, text, engine in rows:
        first, last = (float(x.strip(".")) for x in text.split()[-3::2])
        assert start <= first <= start + 1.5
        assert end - 2.5 <= last < end
        assert engine == "painter 1"
    assert [size for size, _ in Painter.calls] == [2, 2]
    assert report.counts["caption"] == 4
    assert report.engines["videollm"] == "painter 1"
    assert found[0].span.start == 20


def test_the_words_of_the_same_clip_stand_in_the_prompt(tmp_path: Path, film: Path) -> None:
    index(tmp_path, film)
    first, second, third, _ = [prompt for _, prompts in Painter.calls for prompt in prompts]
    assert "subtitle: The fire burns." in first and "meadow" not in first
    assert "subtitle: Now the meadow." in second and "fire" not in second
    assert "(none)" in third
    assert "from 00:00:20.0 to 00:00:30.0" in third


def test_a_second_run_describes_nothing_anew(tmp_path: Path, film: Path) -> None:
    rows, _ = index(tmp_path, film)
    Painter.calls.clear()
    again, (report, _) = index(tmp_path, film)
    assert (again, report.status, Painter.calls) == (rows, "unchanged", [])
    shorter, _ = index(tmp_path, film, words=5)
    assert all(len(text.split()) <= 6 for _, _, text, _ in shorter)


def test_a_killed_run_goes_on_with_the_next_batch(tmp_path: Path, film: Path) -> None:
    whole, _ = index(tmp_path / "whole", film)
    Painter.calls.clear()
    Painter.breaks = {"white": KeyboardInterrupt}
    with pytest.raises(KeyboardInterrupt):
        index(tmp_path / "cut", film)
    Painter.calls, Painter.breaks = [], {}
    rows, _ = index(tmp_path / "cut", film)
    assert rows == whole
    assert [size for size, _ in Painter.calls] == [2]


class Single(Painter):
    """Looks at one clip after the other."""

    seen: ClassVar[list[float]] = []
    caption = VideoLanguageModel.caption

    def answer(self, frames: Frames, prompt: str, *, tokens: int | None = None) -> str:
        self.seen.append(frames[0][0])
        return super().answer(frames, prompt, tokens=tokens)


def test_a_model_that_looks_at_one_clip_at_a_time_does_at_most_that_one_again(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(engines.ENGINES["videollm"], "painter", f"{__name__}:Single")  # type: ignore[attr-defined]
    engines._table.cache_clear()
    Painter.breaks = {"white": KeyboardInterrupt}
    with pytest.raises(KeyboardInterrupt):
        index(tmp_path, film, batch=4)
    begun = [time // 10 for time in Single.seen]
    assert begun == [0, 1, 2, 3]
    Painter.breaks = {}
    rows, _ = index(tmp_path, film, batch=4)
    assert [time // 10 for time in Single.seen[4:]] == [3]
    assert [text.split()[2] for _, _, text, _ in rows] == ["red", "green", "blue", "white"]


def test_a_clip_that_breaks_the_model_costs_only_itself(tmp_path: Path, film: Path) -> None:
    Painter.breaks = {"green": EngineFailed}
    rows, (report, _) = index(tmp_path, film)
    assert [text.split()[2] for _, _, text, _ in rows] == ["red", "blue", "white"]
    assert report.notices[-1] == "not described from 00:00:10.0 to 00:00:20.0: the model broke"


def test_a_model_that_always_breaks_is_told_and_tried_again(tmp_path: Path, film: Path) -> None:
    Painter.breaks = dict.fromkeys(COLOURS, EngineFailed)
    given = {
        "library": str(tmp_path),
        "engines": {"videollm": "painter", "text": "off"},
        "captions": {"use": True},
        "clips": {"window": 5, "longest": 6},
    }
    opened = VideoLibrary(configs.load(given, env={}))
    (report,) = opened.add(film)
    opened.close()
    assert report.status == "indexed"
    assert report.notices[-1] == "clips from 00:00:20.0 on were not described: the model broke"
    assert report.counts == {"subtitle": 2}
    Painter.breaks = {}
    opened = VideoLibrary(configs.load(given, env={}))
    (report,) = opened.add(film)
    opened.close()
    assert report.counts["caption"] == 4  # the first four broke the model and are not tried again


def test_nothing_is_described_unless_it_is_asked_for(tmp_path: Path, film: Path) -> None:
    rows, _ = index(tmp_path, film, use=False)
    assert (rows, Painter.calls) == ([], [])


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("  A dog\n runs. ", "A dog runs."),
        ("One two. Three four five six.", "One two."),
        ("one two three four five six", "one two three four five …"),
        ("A cat sits. A cat sits. A cat sits. A cat sits. Forever", "A cat sits."),
        ("no no no", "no no no"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("", ""),
    ],
)
def test_captions_are_tidied(said: str, kept: str) -> None:
    assert tidy(said, 5) == kept


@given(st.text(max_size=2000) | st.lists(st.sampled_from(["a ", "ab, ", "ab. ", "c"]), max_size=400).map("".join))
def test_a_tidied_caption_is_short_and_stays_as_it_is(said: str) -> None:
    kept = tidy(said, 12)
    assert len(kept.split()) <= 13
    assert tidy(kept.removesuffix(" …"), 12) == kept.removesuffix(" …")


@pytest.mark.parametrize(
    ("times", "taken"), [([3.0, 4.0, 5.0], [4.0, 5.0]), ([3.0, 3.5], [3.5]), ([], []), ([4.0, 6.0], [4.0])]
)
def test_pictures_from_before_a_stretch_are_left_out_where_there_are_others(
    times: list[float], taken: list[float]
) -> None:
    assert [time for time, _ in inside([(time, b"") for time in times], Span(4.0, 6.0))] == taken
