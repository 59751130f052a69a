"""An engine of another package that breaks worker processes for real, told to by the colour of what it sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import engine_package
from tests.media_files import picture, write_video

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

    def detect(self, image, *, fine=False, where=None):
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
    engine_package.install(folder, monkeypatch, "faulty", ENGINE)


def forget() -> None:
    """Undo what ``install`` leaves in this process."""
    engine_package.forget("faulty")


def film(path: Path, kind: str = "plain", seconds: int = 4, mark: int = 0) -> Path:
    """A film of one colour; ``mark`` makes two of a kind differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [picture(COLOURS[kind], (64, 48)) for _ in range(seconds * 5)]
    frames[-1] = picture((90, 90, 60 + 15 * mark), (64, 48))
    return write_video(path, frames, fps=5)
