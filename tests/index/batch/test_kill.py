"""A real `vagent index` on a folder, killed at random moments: what it leaves goes on to what was never interrupted."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.media_files import tone, write_video
from vagent import configs
from vagent.index.library import VideoLibrary
from vagent.index.store import Store

ENVIRONMENT = {"VAGENT_MEDIA_CHECKPOINT": "5", "VAGENT_THREADS": "1", "VAGENT_INDEX_SETTLE": "0"}
FILMS = {
    "harbour": ("HARBOUR", "LIGHTHOUSE", "NIGHT FERRY"),
    "market": ("MARKET SQUARE", "FRESH BREAD", "CLOSED AT NOON"),
}


def card(text: str, colour: tuple[int, int, int]) -> np.ndarray:
    image = Image.new("RGB", (480, 270), colour)
    ImageDraw.Draw(image).text((240, 135), text, fill="white", font=ImageFont.load_default(40), anchor="mm")
    return np.asarray(image)[:, :, ::-1].copy()


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films of 15 seconds: three cards of text each, lines spoken beside them, a tone."""
    folder = tmp_path_factory.mktemp("killed")
    for name, words in FILMS.items():
        cards = [card(word, (30 + 60 * i, 90 - 30 * i, 40 + len(name))) for i, word in enumerate(words)]
        write_video(folder / f"{name}.mkv", lambda i, cards=cards: cards[i // 25], count=75, fps=5, audio=tone(15))
        cues = [f"{i + 1}\n00:00:{5 * i + 1:02},000 --> 00:00:{5 * i + 4:02},000\nHere is the {word.lower()}.\n"
                for i, word in enumerate(words)]  # fmt: skip
        (folder / f"{name}.en.srt").write_text("\n".join(cues), encoding="utf-8")
    return folder


def start(films: Path, library: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "vagent.cli", "index", str(films), "--library", str(library), "--workers", "1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env={**os.environ, **ENVIRONMENT}, **quiet)  # type: ignore[call-overload, no-any-return]


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the batch and all its workers at one moment, as a power cut does."""
    with suppress(psutil.NoSuchProcess):
        for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
    process.wait(30)


def contents(folder: Path) -> dict[str, Any]:
    """All that a library holds, but row numbers and the time of day."""
    held: dict[str, Any] = {}
    with closing(VideoLibrary(configs.load({"library": str(folder), "threads": 1}, env={}))) as opened:
        opened.store.verify()
        rows = {row.id: row for row in opened.store.evidence()}
        vectors: dict[int, list[bytes]] = {number: [] for number in rows}
        for model in sorted(opened.store.embedding_models()):
            for ids, found in opened.store.vectors(model):
                for number, vector in zip(ids, found, strict=True):
                    vectors[int(number)].append(vector.tobytes())
        for video in opened.videos():
            evidence = [row for row in rows.values() if row.video == video.id]
            held[Path(video.path).name] = {
                "evidence": [(r.kind, r.span, r.text, r.confidence, r.engine, str(dict(r.extra))) for r in evidence],
                "vectors": [vectors[row.id] for row in evidence],
                "shots": opened.shots(video.id),
                "clips": [clip.span for clip in opened.clips(video.id)],
                "state": (video.fingerprint, video.duration, video.complete, video.gaps),
                "pictures": opened.pictures(video.id, np.arange(0, 15, 0.2).tolist()),
                "stages": sorted(opened.store.stages(video.id)),
            }
        held["found"] = [
            (Path(moment.video.path).name, moment.span, [hit.evidence.text for hit in moment.hits])
            for query in ("lighthouse", "something to eat", "when does it close")
            for moment in opened.search(query)
        ]
        assert opened.store._rows("SELECT * FROM leases") == []
    return held


def whole_rows(folder: Path) -> None:
    """What a search that runs meanwhile may see: nothing that is not whole."""
    if (folder / "library.db").exists():
        with Store(folder) as store:
            store.verify()
            for video in store.videos():
                done = {name for name, stage in store.stages(video.id).items() if stage.status == "done"}
                assert not video.complete or {"subtitles", "clips", "text"} <= done


def killed_and_gone_on(films: Path, folder: Path, kills: int, lasts: float, expected: dict[str, Any]) -> None:
    """Kill runs at random moments, each time going on where the last stopped; a library that is whole is compared."""
    chance = random.Random(kills)
    killed = made = 0
    while killed < kills:
        library = folder / f"library {made}"
        process = start(films, library)
        time.sleep(chance.uniform(0.3, 0.95) * lasts)
        if process.poll() is None:
            kill(process)
            killed += 1
            whole_rows(library)
        else:
            assert process.returncode == 0
            assert contents(library) == expected
            made += 1
    process = start(films, folder / f"library {made}")
    assert process.wait(120) == 0
    assert contents(folder / f"library {made}") == expected


@pytest.fixture(scope="session")
def uninterrupted(films: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[float, dict[str, Any]]:
    """Seconds that a run takes, and what the library holds after it."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    begun = time.monotonic()
    assert start(films, folder).wait(120) == 0
    lasts = time.monotonic() - begun
    held = contents(folder)
    assert [len(held[f"{name}.mkv"]["evidence"]) for name in FILMS] == [6, 6]
    assert all(held[f"{name}.mkv"]["state"][2] for name in FILMS)
    return lasts, held


def test_a_killed_run_goes_on(films: Path, uninterrupted: tuple[float, dict[str, Any]], tmp_path: Path) -> None:
    lasts, expected = uninterrupted
    killed_and_gone_on(films, tmp_path, 2, lasts, expected)


@pytest.mark.slow
def test_killed_at_many_moments_nothing_is_lost_or_doubled(
    films: Path, uninterrupted: tuple[float, dict[str, Any]], tmp_path: Path
) -> None:
    lasts, expected = uninterrupted
    killed_and_gone_on(films, tmp_path, 26, lasts, expected)
