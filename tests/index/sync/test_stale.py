"""What is out of date, told without decoding: it is what a run then does, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.index.sync.films import pictures, scenes
from tests.media_files import write_video
from tests.models.plain import VERSIONS, installed
from vagent import configs
from vagent.errors import EngineUnavailable
from vagent.index.library import VideoLibrary
from vagent.index.store import Store
from vagent.index.sync.stale import Standing, remembered, standings
from vagent.tools.media import decoding, reader
from vagent.tools.media.probe import pick, probe

SCENES = scenes(3, 5)
FOUND = ("clips", "embed", "objects", "pictures", "print of pictures", "print of sound", "shots", "sounds", "speech")
ALL = {*FOUND, "subtitles", "text", "visual", "captions", "summaries"}
PHASES = {"scan", "decode"}  # what costs are also noted for

# Which stages an engine's new version makes stale by itself, and which then follow.
OF_ENGINE: dict[str, tuple[set[str], set[str]]] = {
    "speech": ({"speech"}, {"clips", "captions", "embed", "summaries"}),
    "text": ({"text"}, {"embed", "summaries"}),
    "objects": ({"objects"}, {"embed", "summaries"}),
    "sounds": ({"sounds"}, {"embed", "summaries"}),
    "embeddings": ({"embed", "summaries"}, set()),
    "visual": ({"visual"}, set()),
    "videollm": ({"captions"}, {"embed", "summaries"}),
}


def spoken(data: Path) -> np.ndarray:
    info = probe(data)
    blocks: list[Any] = list(reader.read(info, configs.load(env={}), video=None, audio=pick(info, "audio")))
    return np.concatenate([block.samples for block in blocks])[: 5 * 16_000]


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of five scenes, in which a sentence is spoken; no subtitles."""
    shown = pictures(SCENES)
    sound = np.zeros(len(shown) * 1600, np.int16)
    said = spoken(Path(__file__).parents[2] / "data" / "speech.flac")
    sound[16_000 : 16_000 + len(said)] = said
    return write_video(tmp_path_factory.mktemp("stale") / "film.mkv", shown, fps=10, audio=sound)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with installed(monkeypatch):
        yield


def library(folder: Path, preset: str = "deep", **more: Any) -> VideoLibrary:
    given = {"library": str(folder), "threads": 1, "index": {"settle": 0}, "preset": preset, **more}
    return VideoLibrary(configs.load(given, env={}))


def run(folder: Path, film: Path, **given: Any) -> tuple[Standing | None, set[str]]:
    """What a look says before a run, and the stages that then ran."""
    opened = library(folder, **given)
    try:
        found = next(standings(opened.store, opened.engines, opened.videos()), None)
        before = len(opened.store.actuals())
        (report,) = opened.add(film)
        assert report.error is None
        ran = {actual.stage for actual in opened.store.actuals()[before:]} - PHASES
        (after,) = standings(opened.store, opened.engines, opened.videos())
        assert not after.stale, after
        return found, ran
    finally:
        opened.close()


def named(found: Standing | None) -> set[str]:
    assert found is not None and found.error is None
    return {due.stage for due in found.due}


def holds(found: Standing | None, ran: set[str]) -> None:
    """A look promised neither too much nor too little."""
    assert found is not None
    assert named(found) <= ran <= named(found) | set(found.follows)
    assert found.stale == bool(found.due or found.follows)


def test_each_preset_takes_more_senses(film: Path, tmp_path: Path) -> None:
    _, quick = run(tmp_path / "quick", film, preset="quick")
    _, standard = run(tmp_path / "standard", film, preset="standard")
    _, deep = run(tmp_path / "deep", film, preset="deep")
    assert quick == ALL - {"objects", "sounds", "visual", "captions", "summaries"}
    assert standard == ALL - {"captions", "summaries"}
    assert deep == ALL


def test_a_quick_library_is_deepened_by_what_is_missing(film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    # Pictures are taken as often as in the deeper presets here, so that nothing of the first run is done again.
    text = {"detect_side": 960, "every": 0}
    same = {"media": {"sample_fps": 2.0, "decode": "all"}, "text": text, "speech": {"when": "always"}}
    run(folder, film, preset="quick", **same)
    found, ran = run(folder, film, preset="deep", **same)
    holds(found, ran)
    assert named(found) == {"objects", "sounds", "visual", "captions", "summaries"}
    assert ran == named(found) | {"embed"}
    assert {due.why for due in found.due} == {"missing"}  # type: ignore[union-attr]


def test_deepening_samples_finer_and_leaves_what_does_not_depend_on_that(film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    run(folder, film, preset="quick")
    found, ran = run(folder, film, preset="deep")
    holds(found, ran)
    assert not ran & {"speech", "subtitles", "print of pictures", "print of sound"}
    whys = {due.stage: due.why for due in found.due}  # type: ignore[union-attr]
    assert whys["text"] == whys["pictures"] == "changed"
    assert whys["objects"] == whys["captions"] == "missing"


@pytest.mark.parametrize("sense", OF_ENGINE)
def test_another_version_of_an_engine_makes_stale_what_depends_on_it(sense: str, film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    run(folder, film)
    VERSIONS[sense] = 2
    found, ran = run(folder, film)
    holds(found, ran)
    due, follows = OF_ENGINE[sense]
    assert named(found) == due
    assert set(found.follows) == follows  # type: ignore[union-attr]
    assert {one.why for one in found.due} == {"changed"}  # type: ignore[union-attr]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.sampled_from(configs.PRESETS),
    after=st.sampled_from(configs.PRESETS),
    off=st.sets(st.sampled_from(["speech", "text", "sounds", "embeddings"]), max_size=2),
    changed=st.sets(st.sampled_from(sorted(OF_ENGINE)), max_size=2),
    text=st.sampled_from([480, 640]),
)
def test_what_a_look_says_is_what_a_run_does(
    film: Path,
    tmp_path_factory: pytest.TempPathFactory,
    before: str,
    after: str,
    off: set[str],
    changed: set[str],
    text: int,
) -> None:
    folder = tmp_path_factory.mktemp("library")
    VERSIONS.update(dict.fromkeys(VERSIONS, 1))
    run(folder, film, preset=before)
    VERSIONS.update(dict.fromkeys(changed, 2))
    more: Mapping[str, Any] = {"engines": dict.fromkeys(off, "off"), "text": {"detect_side": text}}
    holds(*run(folder, film, preset=after, **more))


def test_an_interrupted_run_goes_on(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, opened = tmp_path / "library", library(tmp_path / "library", media={"checkpoint": 5})
    commits: list[float] = []
    settle = Store.set_stage

    def stop(self: Store, video: int, stage: str, *given: Any) -> None:
        settle(self, video, stage, *given)
        if stage == "text" and len(given) > 2:
            commits.append(given[2])
            if given[2] >= 10:
                raise KeyboardInterrupt

    monkeypatch.setattr(Store, "set_stage", stop)
    with pytest.raises(KeyboardInterrupt):
        opened.add(film)
    monkeypatch.undo()
    opened.close()
    with installed(monkeypatch):
        found, ran = run(folder, film, media={"checkpoint": 5})
    holds(found, ran)
    (text,) = [due for due in found.due if due.stage == "text"]  # type: ignore[union-attr]
    assert (text.why, text.seconds) == ("unfinished", pytest.approx(12.5 - max(commits[:-1], default=0), abs=0.2))


def test_subtitles_that_come_to_lie_beside_a_film_are_noticed(tmp_path: Path, film: Path) -> None:
    mine = tmp_path / "film.mkv"
    mine.write_bytes(film.read_bytes())
    folder = tmp_path / "library"
    run(folder, mine, preset="quick")
    found, ran = run(folder, mine, preset="quick")
    assert found is not None and not found.stale and not ran
    mine.with_suffix(".srt").write_text("1\n00:00:01,000 --> 00:00:03,000\nGood evening.\n", encoding="utf-8")
    found, ran = run(folder, mine, preset="quick")
    holds(found, ran)
    assert named(found) == {"subtitles"}


def test_nothing_is_decoded_and_nothing_is_written(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "library"
    run(folder, film, preset="quick")
    opened = library(folder)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a look at what is stale decodes nothing")

    monkeypatch.setattr(decoding, "decode", refuse)
    changes = sum(1 for _ in opened.store._handle().connection.iterdump())
    (found,) = standings(opened.store, opened.engines, opened.videos())
    assert found.due
    assert sum(1 for _ in opened.store._handle().connection.iterdump()) == changes
    opened.close()


def test_what_cannot_be_told_says_why(film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    run(folder, film, preset="quick")
    opened = library(folder, preset="quick", engines={"speech": "faster-whisper"}, offline=True)
    (found,) = standings(opened.store, opened.engines, opened.videos())
    assert found.stale and isinstance(found.error, EngineUnavailable)
    opened.close()


def test_what_a_file_holds_is_remembered(film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    run(folder, film, preset="quick")
    opened = library(folder)
    (video,) = opened.videos()
    assert remembered(video) == probe(film)
    opened.close()
