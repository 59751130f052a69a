"""The embedding model in the user's cache: made once, verified each time, never in the way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tools.test_exported import FILES, flip
from tests.tools.test_minilm import GOLDEN, TEXTS
from vagent import configs
from vagent.tools.embeddings import bert, exported, minilm
from vagent.tools.embeddings.minilm import MiniLM


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user's, where nothing has been exported."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vagent" / "embeddings"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of the package that are read from now on."""
    names: list[str] = []
    original = minilm._read

    def counting(name: str) -> bytes:
        names.append(name)
        return original(name)

    monkeypatch.setattr(minilm, "_read", counting)
    return names


def embedded() -> np.ndarray:
    """What a new process would make of the texts."""
    return MiniLM(configs.load({"threads": 1}, env={})).embed(TEXTS)


def folder(cache: Path) -> Path:
    (found,) = cache.iterdir()  # and nothing else, for instance of an export that was given up
    return found


def test_it_is_exported_once_and_gives_the_same_vectors(cache: Path, read: list[str]) -> None:
    first = embedded()
    assert sorted(path.name for path in folder(cache).iterdir()) == FILES
    assert read == ["tokenizer.json", "model.safetensors"]
    before = (folder(cache) / "numbers.bin").stat()
    second = embedded()
    assert read[2:] == ["tokenizer.json"]
    np.testing.assert_allclose(first[:, :6], GOLDEN, atol=1e-5)
    np.testing.assert_allclose(second, first, atol=1e-5)
    after = (folder(cache) / "numbers.bin").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_is_damaged_is_made_anew(cache: Path, read: list[str], caplog: pytest.LogCaptureFixture) -> None:
    expected = embedded()
    flip(folder(cache) / "numbers.bin")
    np.testing.assert_allclose(embedded(), expected, atol=1e-5)
    assert "is damaged or of another version; it is exported anew" in caplog.text
    del read[:]
    np.testing.assert_allclose(embedded(), expected, atol=1e-5)
    assert read == ["tokenizer.json"]
    assert sorted(path.name for path in folder(cache).iterdir()) == FILES


def test_a_cache_that_cannot_be_written_costs_time_only(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache.parent.parent.mkdir()
    cache.parent.write_text("a file where the folder should be")
    np.testing.assert_allclose(embedded()[:, :6], GOLDEN, atol=1e-5)
    assert "cannot be kept" in caplog.text


def test_a_full_disk_leaves_nothing_behind(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exported, "_hash", full)  # the last thing before the manifest
    np.testing.assert_allclose(embedded()[:, :6], GOLDEN, atol=1e-5)
    assert "No space left" in caplog.text
    assert list(cache.iterdir()) == []


def test_an_export_with_other_vectors_is_not_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def other(numbers: dict[str, np.ndarray]) -> dict[str, tuple[int, int]]:
        places = bert.layout(numbers)
        swapped = ("encoder.layer.0.attention.self.query.bias", "encoder.layer.0.attention.self.value.bias")
        return {**places, swapped[0]: places[swapped[1]], swapped[1]: places[swapped[0]]}

    monkeypatch.setattr(exported, "layout", other)
    np.testing.assert_allclose(embedded()[:, :6], GOLDEN, atol=1e-5)
    assert "gives other vectors than its weights" in caplog.text
    assert list(cache.iterdir()) == []


def test_processes_that_export_at_once_end_with_one(cache: Path) -> None:
    script = (
        "import sys; from vagent import configs; from vagent.tools.embeddings.minilm import MiniLM\n"
        "engine = MiniLM(configs.load({'threads': 1}, env={}))\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(engine.embed(['hello world'])[0, :6].tolist())"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [subprocess.Popen(command, text=True, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    for one in running:
        assert one.stdout.readline() == "ready\n"
    for one in running:
        one.stdin.write("\n")
        one.stdin.flush()
    for one in running:
        said, complaint = one.communicate()
        assert complaint == ""
        np.testing.assert_allclose(json.loads(said), GOLDEN[0], atol=1e-5)
    assert sorted(path.name for path in folder(cache).iterdir()) == FILES


def test_warming_loads_what_is_used_then(cache: Path, read: list[str]) -> None:
    engine = MiniLM(configs.load({"threads": 1}, env={}))
    engine.warm()
    np.testing.assert_allclose(engine.embed(TEXTS)[:, :6], GOLDEN, atol=1e-5)
    assert read == ["tokenizer.json", "model.safetensors"]


def test_its_runtime_keeps_no_list_of_what_it_ran(cache: Path) -> None:
    script = (
        "from vagent import configs; from vagent.tools.embeddings.minilm import MiniLM\n"
        "MiniLM(configs.load({'threads': 1}, env={})).embed(['hello'])"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert [path.name for path in cache.parent.parent.iterdir()] == ["vagent"]
