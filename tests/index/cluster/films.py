"""Films for tests of clusters, an engine that takes its time over them and keeps a log, and what a library holds."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import engine_package
from tests.index.batch.test_kill import contents as held_by
from tests.media_files import picture, tone, write_video
from vagent import configs
from vagent.index.library import VideoLibrary
from vagent.index.video.pipeline import Report

ENGINE = '''
import os, signal, time

from vagent.tools.engines import Status
from vagent.tools.text import Region, TextLine


class Patient:
    """Reads a word that follows from how blue a picture is, and notes each picture. Red ones crash its process."""

    name = "patient"
    weak = False
    revision = "patient 1"

    def __init__(self, settings):
        pass

    @classmethod
    def check(cls, settings):
        return Status(True, "always here")

    def detect(self, image, *, fine=False, where=None):
        blue, green, red = image.reshape(-1, 3).mean(axis=0)
        if red > 150 > green:
            os.kill(os.getpid(), signal.SIGSEGV)
        with open(os.environ["PATIENT_LOG"], "a") as log:
            log.write(f"{blue / 8:.0f} {green / 8:.0f} {os.environ.get('RAY_RAYLET_PID')}\\n")
        time.sleep(float(os.environ["PATIENT_SECONDS"]))
        return [Region.upright((0.1, 0.1, 0.9, 0.9))]

    def recognise(self, image, regions):
        blue, green, red = image.reshape(-1, 3).mean(axis=0)
        letter = "abcdefghijklmnopqrstuvwxyzABCDEF"[int(blue / 8 + 0.5)]
        word = "" if letter not in "bip" else "lighthouse" if green < 70 else "harbour"
        return [[TextLine(region.box, f"{letter * 4} {word}".strip(), 0.9)] for region in regions]
'''
SECONDS = 20


def install(folder: Path, patch: pytest.MonkeyPatch, seconds: float) -> Path:
    """Make the engine known to this process and to all that it starts; returns its log."""
    engine_package.install(folder, patch, "patient", ENGINE)
    patch.setenv("PATIENT_LOG", str(folder / "log"))
    patch.setenv("PATIENT_SECONDS", str(seconds))
    return folder / "log"


def forget() -> None:
    """Undo what ``install`` leaves in this process."""
    engine_package.forget("patient")


def film(path: Path, green: int, seconds: int = SECONDS, *, red: int = 30) -> Path:
    """A film with another picture each second, a tone, and subtitles beside it; each ``green`` is a film of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [picture((8 * (1 + (second * 7) % 30), green, red)) for second in range(seconds) for _ in range(5)]
    write_video(path, frames, fps=5, audio=tone(seconds, 300 + green))
    said = "Something to eat." if green < 70 else "The ferry has gone."
    cue = f"1\n00:00:01,000 --> 00:00:04,000\n{said}\n"
    path.with_suffix(".en.srt").write_text(f"{cue}\n2\n00:00:12,000 --> 00:00:15,000\nClosed at {green}.\n")
    return path


def settings(library: Path, **more: Any) -> configs.Settings:
    """Small tasks that ship often."""
    given = {
        "library": str(library),
        "threads": 1,
        "engines": {"text": "patient", "speech": "off", "sounds": "off", "objects": "off", "visual": "off"},
        "media": {"checkpoint": 5},
        "index": {"settle": 0, "least_patience": 60, "patience": 0.001},
        "cluster": {"cpus": 1, "ship": 0.5, **more.pop("cluster", {})},
        **more,
    }
    return configs.load(given, env={})


def local(films: Path, library: Path, **more: Any) -> dict[str, Any]:
    """What a library holds after a run on one machine."""
    with pytest.MonkeyPatch.context() as patch, closing(VideoLibrary(settings(library, **more))) as opened:
        patch.setenv("PATIENT_SECONDS", "0")  # nobody looks on
        opened.add(films, workers=1)
    return contents(library)


def contents(library: Path) -> dict[str, Any]:
    """All that a library holds, but row numbers and the time of day, and what is found by words. What is found besides
    is equally far from the query, and comes in the order of row numbers."""
    held = held_by(library)
    with closing(VideoLibrary(settings(library))) as opened:
        held["found"] = [
            (Path(moment.video.path).name, text)
            for query in ("lighthouse", "harbour", "something to eat", "ferry", "closed")
            for moment in opened.search(query)
            for text in sorted(hit.evidence.text for hit in moment.hits)
            if set(query.split()) & set(text.lower().rstrip(".").split())
        ]
    held["found"].sort()
    return held


def statuses(reports: list[Report]) -> dict[str, str]:
    """By the name of the file."""
    return {report.path.rpartition("/")[2]: report.status for report in reports}


def read(log: Path) -> Counter[str]:
    """How often each picture was read."""
    return Counter(line.rpartition(" ")[0] for line in log.read_text().splitlines())


def reader(log: Path, green: int) -> int:
    """The raylet on whose node a film was read last."""
    last = [line.split() for line in log.read_text().splitlines() if line.split()[1] == f"{green / 8:.0f}"][-1]
    return int(last[2])
