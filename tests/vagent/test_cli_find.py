"""``--find``: things by description, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.media_files import write_video
from tests.models.blobs import COLOURS, plugged_in
from tests.vagent.conftest import Outcome

Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds: something green stands there, something red crosses the picture from the third to the seventh."""

    def frame(number: int) -> np.ndarray:
        time = number / 5
        image = np.full((180, 320, 3), 120, np.uint8)
        image[120:160, 20:60] = COLOURS["green"]
        if 3 <= time < 7:
            left = round(20 + 20 * (time - 3))
            image[30:70, left : left + 40] = COLOURS["red"]
        return image

    return write_video(tmp_path_factory.mktemp("crossing") / "crossing.mp4", frame, count=50, fps=5)


def test_what_is_described_is_found_and_can_be_searched_for(
    run: Run, crossing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with a preset that leaves objects out."""
    with plugged_in(monkeypatch):
        place: tuple[object, ...] = ("--library", tmp_path)
        place += tuple(part for sense in ("text", "embeddings") for part in ("--engine", f"{sense}=off"))
        done = run("index", crossing, "--preset", "quick", *place, "--json", "--find", "a red umbrella")
        assert done.code == 0
        report = json.loads(done.out)
        assert report["counts"]["objects"] == 3  # red, green and the red umbrella
        assert report["engines"]["objects"] == "blobs 1"
        done = run("search", "red umbrella", "--kind", "objects", *place, "--json")
        (moment, *_) = json.loads(done.out)["moments"]
        assert moment["evidence"][0]["text"] == "a red umbrella"
        assert (moment["start"], moment["end"]) == (pytest.approx(3, abs=2), pytest.approx(7, abs=2))
        # Another description later: the same command finds it too.
        done = run("search", crossing, "green chair", "--find", "a green chair", *place, "--json")
        assert json.loads(done.out)["moments"][0]["evidence"][0]["text"] == "a green chair"


def test_without_a_model_for_it_the_command_says_at_once_what_helps(run: Run, crossing: Path, tmp_path: Path) -> None:
    for command in (("index", crossing), ("ask", crossing, "Where is it?"), ("search", crossing, "umbrella")):
        done = run(*command, "--library", tmp_path / "none", "--find", "a red umbrella")
        assert (done.code, done.out) == (1, "")
        assert "a red umbrella" in done.err
        assert "vagent models pull" in done.err
        assert len(done.err.strip().splitlines()) == 1


def test_what_is_no_description_is_refused(run: Run, crossing: Path, tmp_path: Path) -> None:
    done = run("index", crossing, "--library", tmp_path, "--find", "...")
    assert done.code == 1
    assert "objects.find" in done.err
