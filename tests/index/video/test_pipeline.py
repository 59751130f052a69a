"""The whole index stage over small real files, with the embedded engines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.crashes import Crash, crash_at
from tests.media_files import AudioTrack, SubtitleTrack, write_video
from vagent import configs
from vagent.errors import EngineUnavailable
from vagent.index.library import VideoLibrary
from vagent.index.pictures import Pictures
from vagent.index.stages.text import TextStage
from vagent.index.store import Store
from vagent.index.sync.marks import STAGE as MARK
from vagent.tools.embeddings.minilm import MiniLM
from vagent.tools.engines import Engines
from vagent.tools.media.hardware import DEVICES, obstacle

WORDS = ("HARBOUR", "LIGHTHOUSE", "MARKET SQUARE", "RAILWAY")  # each is on the screen for five seconds


def card(text: str, colour: tuple[int, int, int]) -> np.ndarray:
    image = Image.new("RGB", (640, 360), colour)
    ImageDraw.Draw(image).text((320, 180), text, fill="white", font=ImageFont.load_default(56), anchor="mm")
    return np.asarray(image)[:, :, ::-1].copy()


def speech(data: Path) -> np.ndarray:
    from vagent.tools.media.probe import pick, probe
    from vagent.tools.media.reader import read

    info = probe(data)
    settings = configs.load(env={})
    blocks: list[Any] = list(read(info, settings, video=None, audio=pick(info, "audio")))
    return np.concatenate([block.samples for block in blocks])


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds: four cards of text, one sentence spoken at 1 s and again at 12 s."""
    said = speech(Path(__file__).parents[2] / "data" / "speech.flac")[: 5 * 16_000]
    sound = np.zeros(20 * 16_000, dtype=np.int16)
    for at in (1, 12):
        sound[at * 16_000 : at * 16_000 + len(said)] = said
    cards = [card(word, (30 + 50 * i, 90 - 20 * i, 40)) for i, word in enumerate(WORDS)]
    path = tmp_path_factory.mktemp("pipeline") / "film.mkv"
    return write_video(path, lambda i: cards[i // 25], count=100, fps=5, audio=sound)


@contextmanager
def library(folder: Path, **overrides: Any) -> Iterator[VideoLibrary]:
    given = {
        "library": str(folder),
        "threads": 1,
        "media": {"checkpoint": 5, "sample_fps": 2},
        "index": {"settle": 0},  # a film that was just written is whole
        **overrides,
    }
    opened = VideoLibrary(configs.load(given, env={}))
    try:
        yield opened
    finally:
        opened.close()


def contents(opened: VideoLibrary) -> dict[str, Any]:
    """All that a library holds of its one video, but row numbers and the time of day."""
    (video,) = opened.videos()
    rows = opened.evidence(video.id)
    return {
        "evidence": [(r.kind, r.span, r.text, r.confidence, r.weak, r.engine, str(dict(r.extra))) for r in rows],
        "shots": opened.shots(video.id),
        "clips": [clip.span for clip in opened.clips(video.id)],
        "duration": video.duration,
        "complete": video.complete,
        "pictures": opened.pictures(video.id, np.arange(0, 20, 0.1).tolist()),
        "vectors": sum(len(ids) for m in opened.store.embedding_models() for ids, _ in opened.store.vectors(m)),
        "found": [(m.span, [h.evidence.text for h in m.hits]) for m in opened.search("lighthouse")],
    }


@pytest.fixture(scope="session")
def whole(film: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an index that was never interrupted holds."""
    with library(tmp_path_factory.mktemp("whole")) as opened:
        (report,) = opened.add(film)
        assert report.error is None
        assert report.status == "indexed"
        return contents(opened)


def test_every_sense_finds_what_is_there_when_it_is_there(whole: dict[str, Any]) -> None:
    shown = [(span, text) for kind, span, text, *_ in whole["evidence"] if kind == "screen_text"]
    assert [text for _, text in shown] == list(WORDS)
    for number, (span, _) in enumerate(shown):
        assert span.start == pytest.approx(5 * number, abs=0.21)
        assert span.end == pytest.approx(5 * number + 5, abs=0.21)
    said = [(span, text, weak) for kind, span, text, _, weak, *_ in whole["evidence"] if kind == "speech"]
    assert [span.start for span, *_ in said] == pytest.approx([1.5, 12.5], abs=0.5)
    assert all("lighthouse" in text and weak for _, text, weak in said)
    assert whole["duration"] == pytest.approx(20, abs=0.21)
    assert [round(shot.span.start, 1) for shot in whole["shots"]] == [0, 5, 10, 15]
    assert whole["clips"][0].start == 0
    assert whole["clips"][-1].end == whole["duration"]
    assert whole["vectors"] >= len(whole["evidence"])
    assert len(whole["pictures"]) == 40
    assert whole["complete"]


@pytest.mark.parametrize("checkpoint", [7, pytest.param(1000, marks=pytest.mark.slow)])
def test_how_often_work_is_committed_makes_no_difference(
    checkpoint: int, film: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    with library(tmp_path, media={"checkpoint": checkpoint, "sample_fps": 2}) as opened:
        opened.add(film)
        assert contents(opened) == whole


def test_what_is_still_on_the_screen_can_be_found_while_indexing_goes_on(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cards change every five seconds, marks lie at 7 and 14: each time a card is on the screen."""
    seen: list[list[tuple[str, float, bool]]] = []
    mark = TextStage.mark

    def watched(stage: TextStage, time: float) -> None:
        mark(stage, time)
        rows = stage.job.store.evidence(stage.job.video.id, kinds=["screen_text"])
        seen.append([(row.text, round(row.span.end), bool(row.extra.get("open"))) for row in rows])

    monkeypatch.setattr(TextStage, "mark", watched)
    with library(tmp_path, engines={"speech": "off"}, media={"checkpoint": 7, "sample_fps": 2}) as opened:
        opened.add(film)
        assert not any(row.extra.get("open") for row in opened.evidence(opened.videos()[0].id))
    assert seen[0] == [("HARBOUR", 5, False), ("LIGHTHOUSE", 7, True)]
    assert seen[1] == [("HARBOUR", 5, False), ("LIGHTHOUSE", 10, False), ("MARKET SQUARE", 14, True)]


@pytest.mark.parametrize("count", [4, 15, *(pytest.param(count, marks=pytest.mark.slow) for count in (1, 7, 11, 19))])
def test_an_interrupted_index_ends_as_if_it_never_was(
    count: int, film: Path, whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library(tmp_path) as opened:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "set_stage", crash_at(count, Store.set_stage))
            with pytest.raises(Crash):
                opened.add(film)
        assert not opened.videos()[0].complete
    with library(tmp_path) as opened:
        (report,) = opened.add(film)
        assert report.status == "indexed"
        assert contents(opened) == whole


def test_a_killed_process_leaves_an_index_that_goes_on(film: Path, whole: dict[str, Any], tmp_path: Path) -> None:
    environment = {**os.environ, "VAGENT_MEDIA_CHECKPOINT": "5", "VAGENT_MEDIA_SAMPLE_FPS": "2", "VAGENT_THREADS": "1"}
    command = [sys.executable, "-m", "vagent.cli", "index", str(film), "--library", str(tmp_path)]
    for committed in (1, 2):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_cursor(tmp_path, 5.0 * committed, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with library(tmp_path) as opened:
        opened.add(film)
        assert contents(opened) == whole


def wait_for_cursor(folder: Path, cursor: float, process: subprocess.Popen[bytes]) -> None:
    """Until some stage has committed that far, or the process is through."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if (folder / "library.db").exists():
            store = Store(folder)
            stages = [s for video in store.videos() for s in store.stages(video.id).values()]
            store.close()
            if any(stage.cursor >= cursor for stage in stages):
                return
        time.sleep(0.05)


def test_only_what_a_setting_changes_is_done_again(film: Path, tmp_path: Path) -> None:
    with library(tmp_path) as opened:
        opened.add(film)
        before = opened.store.stages(opened.videos()[0].id)
        assert opened.add(film)[0].status == "unchanged"
    with library(tmp_path, text={"min_confidence": 0.99}) as opened:
        assert opened.add(film)[0].status == "indexed"
        after = opened.store.stages(opened.videos()[0].id)
    changed = {name for name in after if after[name].fingerprint != before[name].fingerprint}
    assert changed == {"text", MARK}


def test_an_index_that_is_being_remade_is_not_complete(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {"engines": {"speech": "off"}}
    with library(tmp_path, **quick) as opened:
        opened.add(film)
        assert opened.videos()[0].complete
    with library(tmp_path, **quick, text={"min_confidence": 0.99}) as opened:
        monkeypatch.setattr(Store, "set_stage", crash_at(1, Store.set_stage))
        with pytest.raises(Crash):
            opened.add(film)
        assert not opened.videos()[0].complete


def test_good_subtitles_make_recognition_needless(tmp_path: Path) -> None:
    cues = [(float(i), i + 0.8, f"line number {i}") for i in range(8)]
    sound = np.random.default_rng(0).integers(-9000, 9000, 8 * 16_000).astype(np.int16)
    film = write_video(
        tmp_path / "film.mkv",
        [card("", (9, 9, 9))] * 16,
        fps=2,
        audio=sound,
        subtitles=SubtitleTrack(cues, language="eng"),
    )
    with library(tmp_path / "library") as opened:
        (report,) = opened.add(film)
        assert report.counts == {"subtitle": 8}
        assert "speech" not in report.engines
        assert opened.store.stage(report.video.id, "speech") is None  # type: ignore[union-attr]
    with library(tmp_path / "library", speech={"when": "always"}) as opened:
        opened.add(film)
        assert opened.store.stage(opened.videos()[0].id, "speech").status == "done"  # type: ignore[union-attr]


def test_embedded_subtitles_may_go_on_after_the_picture_and_others_may_not(tmp_path: Path) -> None:
    pictures = [card("", (9, 9, 9))] * 10
    inside = write_video(tmp_path / "inside.mkv", pictures, fps=5, subtitles=SubtitleTrack([(1.0, 6.0, "to the end")]))
    beside = write_video(tmp_path / "beside.mp4", pictures, fps=5)
    (tmp_path / "beside.srt").write_text("1\n00:00:01,000 --> 00:00:06,000\nof another cut\n", encoding="utf-8")
    with library(tmp_path / "library", engines={"text": "off", "speech": "off"}) as opened:
        durations = [report.video.duration for report in opened.add([inside, beside]) if report.video]
    assert durations == pytest.approx([6.0, 2.0], abs=0.01)


def test_speech_in_a_language_without_recogniser_is_only_located(film: Path, tmp_path: Path) -> None:
    said = speech(Path(__file__).parents[2] / "data" / "speech.flac")[: 5 * 16_000]
    path = write_video(tmp_path / "es.mkv", audio=AudioTrack(said, language="spa"))
    with library(tmp_path / "library") as opened:
        (report,) = opened.add(path)
        assert any("not recognised" in notice and "pocketsphinx" in notice for notice in report.notices)
        assert report.counts == {}
        (searched,) = opened.searched([report.video.id])  # type: ignore[union-attr]
        assert searched.kinds == ()


def test_a_truncated_file_is_indexed_as_far_as_it_goes(film: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(film.read_bytes()[: int(film.stat().st_size * 0.6)])
    with library(tmp_path / "library", index={"unfinished": 0}) as opened:
        (report,) = opened.add(cut)
        assert report.error is None
        assert report.video is not None
        assert 5 < report.video.duration < 19
        assert report.video.gaps
        assert any("nothing decodes from" in notice for notice in report.notices)


def test_a_card_that_cannot_be_used_is_told_and_the_film_is_indexed_all_the_same(film: Path, tmp_path: Path) -> None:
    device = next(device for device in DEVICES if obstacle(device) is not None)
    with library(tmp_path, media={"hwaccel": device}, engines={"speech": "off", "text": "off"}) as opened:
        (report,) = opened.add(film)
        assert report.error is None
        assert [notice for notice in report.notices if f"media.hwaccel: {device} cannot decode it" in notice]
        assert "decoding" not in report.engines
        assert len(opened.shots(report.video.id)) == len(WORDS)  # type: ignore[union-attr]


def test_one_bad_file_does_not_stop_the_others(film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"")
    (folder / "b.mp4").write_text("no video")
    (folder / "c.mkv").symlink_to(film)
    with library(tmp_path / "library", engines={"text": "off", "speech": "off"}, index={"unfinished": 0}) as opened:
        reports = opened.add(folder)
        assert [report.status for report in reports] == ["quarantined", "quarantined", "indexed"]
        assert [report.status for report in opened.add(folder)] == ["quarantined", "quarantined", "unchanged"]


def test_a_renamed_file_is_the_same_video_and_two_of_one_name_are_two(film: Path, tmp_path: Path) -> None:
    quick = {"engines": {"text": "off", "speech": "off"}}
    first, second = tmp_path / "a" / "clip.mkv", tmp_path / "b" / "clip.mkv"
    for path in (first, second):
        path.parent.mkdir()
    first.write_bytes(film.read_bytes())
    write_video(second, [card("OTHER", (0, 0, 0))] * 5, fps=5)
    with library(tmp_path / "library", **quick) as opened:
        opened.add([first, second])
        assert len(opened.videos()) == 2
        moved = first.rename(tmp_path / "moved.mkv")
        assert opened.add(moved)[0].status == "unchanged"
        assert len(opened.videos()) == 2
        assert opened.find(moved)[0].path == str(moved)


def test_pictures_that_were_deleted_do_not_break_the_library(film: Path, tmp_path: Path) -> None:
    with library(tmp_path, engines={"text": "off", "speech": "off"}) as opened:
        (report,) = opened.add(film)
        assert report.video is not None
        Pictures(tmp_path / "frames", report.video.fingerprint).remove()
        assert opened.pictures(report.video.id, [1.0]) == []


@pytest.mark.parametrize("written", [True, False])
def test_the_embedding_is_loaded_while_the_pass_ends_where_there_is_something_to_embed(
    written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    for sort, method in ((MiniLM, "warm"), (MiniLM, "embed"), (TextStage, "finish")):
        real = getattr(sort, method)

        def noted(self: Any, *given: Any, real: Any = real, name: str = method) -> Any:
            begun.append(name)
            return real(self, *given)

        monkeypatch.setattr(sort, method, noted)
    film = write_video(tmp_path / "film.mkv", lambda i: card("", (40, 90, 40)), count=10, fps=5)
    if written:
        film.with_suffix(".srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nMind the gap\n")
    with library(tmp_path / "library") as opened:
        opened.add(film)
    assert sorted(begun) == (["embed", "finish", "warm"] if written else ["finish"])
    assert not written or begun[-1] == "embed"


def test_an_embedding_that_cannot_be_loaded_leaves_what_the_pass_has_found(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Engines, sense: Any, *given: Any) -> Any:
        if sense == "embeddings":
            raise EngineUnavailable("gone")
        return real(self, sense, *given)

    real = Engines.get
    monkeypatch.setattr(Engines, "get", broken)
    with library(tmp_path / "library") as opened:
        (report,) = opened.add(film)
        assert isinstance(report.error, EngineUnavailable)
        (video,) = opened.videos()
        stages = opened.store.stages(video.id)
        assert all(stages[name].status == "done" for name in ("text", "speech", "shots", "clips"))


def test_engines_are_made_once(settings: configs.Settings) -> None:
    engines = Engines(settings)
    assert engines.get("text")[1] is engines.get("text")[1]
    engines.close()
