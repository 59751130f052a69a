"""The benchmark of starting, with one run of each command."""

import json
from pathlib import Path

import pytest

from benchmarks import startup


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    everything = startup.commands

    def without_torch(library: Path) -> dict[str, object]:
        return {name: command for name, command in everything(library).items() if name != "torch"}

    monkeypatch.setattr(startup, "commands", without_torch)
    out = tmp_path / "figures.json"
    assert startup.main(["--seconds", "520", "--runs", "1", "--json", str(out)]) == 0
    found = json.loads(out.read_text())["commands"]
    assert {"python", "import vagent", "--help", "list", "search", "ask", "ask, first ever"} <= set(found)
    assert found["python"]["ratio"]["python"] == 1.0
    assert found["ask"]["ratio"]["python"] > found["--help"]["ratio"]["python"] > 1.0
    assert "ask, first ever" in capsys.readouterr().out
