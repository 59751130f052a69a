"""An engine of another package that breaks worker processes for real, told to by the colour of what it sees."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.media_files import picture, write_video
from vagent.tools import engines

ENGINE = '''
import os, signal, time

from vagent.tools.engines import Status


class Faulty:
    """Reads nothing. Red pictures crash its process, green ones hang it, blue ones meet a defect."""

    name = "faulty"
    weak = False
    revision = "faulty 1"

    def __init__(self, settings):
        pass

    @classmethod
    def check(cls, settings):
        return Status(True, "always here")

    def detect(self, image, *, fine=False):
        blue, green, red = image.reshape(-1, 3).mean(axis=0)
        if red > 150 > green:
            os.kill(os.getpid(), signal.SIGSEGV)
        if green > 150 > red:
            time.sleep(3600)
        if blue > 150 > red:
            raise TypeError("a defect")
        return []

    def recognise(self, image, regions):
        return []
'''

COLOURS = {"plain": (90, 90, 90), "crash": (20, 20, 230), "hang": (20, 230, 20), "defect": (230, 20, 20)}  # BGR


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the engine known as an installed package would, to this process and to those that it starts."""
    (folder / "vagent_faulty.py").write_text(ENGINE)
    meta = folder / "vagent_faulty-1.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: vagent-faulty\nVersion: 1\n")
    (meta / "entry_points.txt").write_text("[vagent.engines]\ntext.faulty = vagent_faulty:Faulty\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    engines._table.cache_clear()


def forget() -> None:
    """Undo what ``install`` leaves in this process."""
    sys.modules.pop("vagent_faulty", None)
    engines._table.cache_clear()


def film(path: Path, kind: str = "plain", seconds: int = 4, mark: int = 0) -> Path:
    """A film of one colour; ``mark`` makes two of a kind differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [picture(COLOURS[kind], (64, 48)) for _ in range(seconds * 5)]
    frames[-1] = picture((90, 90, 60 + 15 * mark), (64, 48))
    return write_video(path, frames, fps=5)
