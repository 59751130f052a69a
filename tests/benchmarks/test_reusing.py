"""The benchmark of what another cut takes over, at a small size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import reusing
from tests.index.sync.films import Scene, write


@pytest.mark.slow
def test_what_was_not_edited_is_taken_over_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = write(tmp_path / "film.mp4", [Scene(700 + n, 4.0) for n in range(15)], size=(320, 180), subtitles=False)
    other = write(tmp_path / "other.mp4", [Scene(900 + n, 4.0) for n in range(6)], subtitles=False)
    out = tmp_path / "found.json"
    given = [str(film), "--seconds", "60", "--others", str(film), str(other), "--json", str(out)]
    assert reusing.main(given) == 0
    assert "0 rows were taken over wrongly" in capsys.readouterr().out
    found = {one["edit"]: one for one in json.loads(out.read_text())["films"]}
    assert set(found) == {*reusing.EDITS, "another film"}
    assert found["same"]["taken"] == found["same"]["possible"] == found["same"]["clips"]
    for edit in ("head", "removed", "replaced"):
        assert 0 < found[edit]["taken"] <= found[edit]["possible"] <= found[edit]["clips"]
    assert found["replaced"]["possible"] < found["replaced"]["clips"]
