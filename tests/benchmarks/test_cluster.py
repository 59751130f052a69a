"""The benchmark of what the head of a cluster can take in, at a size at which it takes seconds."""

import json
from pathlib import Path

import pytest

from benchmarks import cluster


def test_films_arrive_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures.json"
    sizes = ["--films", "2", "--hours", "0.02", "--rows", "1000", "--ships", "1"]
    assert cluster.main([*sizes, "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert figures["rows"] == 20
    assert 72 * 15_500 < figures["parcel"] / 2 < 1.1 * 72 * 15_500 + 100_000, "each picture is sent once"
    assert figures["parcels"] == 6
    assert "films a day on one core" in capsys.readouterr().out
