"""A small film for tests of the whole product: two cards of text, subtitles beside it, no sound."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tests.media_files import write_video

CARDS = ((0.0, 4.0, "PLATFORM NINE"), (4.0, 8.0, "CALL 555 0142"))
CUES = ((0.5, 2.5, "The night train to Lisbon leaves at a quarter to eight."), (4.5, 7.0, "Maria forgot her umbrella."))


def card(text: str) -> np.ndarray:
    image = Image.new("RGB", (640, 360), (20, 40, 90))
    ImageDraw.Draw(image).text((320, 180), text, fill="white", font=ImageFont.load_default(56), anchor="mm")
    return np.asarray(image)[:, :, ::-1].copy()


def stamp(seconds: float) -> str:
    return f"00:00:{seconds:06.3f}".replace(".", ",")


def write_film(path: Path) -> Path:
    """Eight seconds at 5 pictures a second, with an English sidecar."""
    pictures = {text: card(text) for _, _, text in CARDS}
    frames = [pictures[next(t for a, b, t in CARDS if a <= i / 5 < b)] for i in range(40)]
    write_video(path, frames, fps=5)
    cues = "\n".join(f"{n}\n{stamp(a)} --> {stamp(b)}\n{t}\n" for n, (a, b, t) in enumerate(CUES, 1))
    path.with_suffix(".en.srt").write_text(cues, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "train.mp4")


@pytest.fixture(autouse=True)
def _written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films that a test has written are whole: nothing waits to see whether they still grow."""
    monkeypatch.setenv("VAGENT_INDEX_SETTLE", "0")


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs a command as the entry point does, in this process."""
    from vagent.cli import main

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["vagent", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def indexed(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that holds the film; tests must not change it."""
    from vagent import Library

    folder = tmp_path_factory.mktemp("indexed")
    with Library(folder) as library:
        (report,) = library.add(film)
    assert report.error is None
    return folder
