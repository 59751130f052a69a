from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vagent.tools.embeddings import bert, exported

SOURCE = "5" * 64
GRAPH = b"a graph"
NUMBERS = {"words": np.arange(2000, dtype=np.float32), "bias": np.ones((3, 4), np.float32)}
FILES = ["graph.onnx", "manifest.json", "numbers.bin"]


def flip(path: Path) -> None:
    """Change one bit of a file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_object(path: Path) -> None:
    path.write_text("[1, 2]")


def other_format(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": bert.FORMAT + 1}))


def other_weights(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "source": "0" * 64}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where an export shall be found; nothing is there yet."""
    return tmp_path / "cache" / "model-1"


def keep(folder: Path, check: Callable[[Path], object] = lambda _: None, **given: Any) -> None:
    exported.keep(folder, given.get("source", SOURCE), GRAPH, given.get("numbers", NUMBERS), check)


def held(folder: Path) -> dict[str, np.ndarray]:
    """The numbers as whoever maps the file finds them."""
    content = (folder / bert.NUMBERS).read_bytes()
    places = bert.layout(NUMBERS)
    return {name: np.frombuffer(content[start : start + size], np.float32) for name, (start, size) in places.items()}


def test_what_is_kept_is_found_as_it_was(folder: Path) -> None:
    assert exported.find(folder, SOURCE) is None
    keep(folder)
    found = exported.find(folder, SOURCE)
    assert found == folder / "graph.onnx"
    assert found.read_bytes() == GRAPH
    for name, values in held(folder).items():
        np.testing.assert_array_equal(values, NUMBERS[name].ravel())
    assert all(start % 4096 == 0 for start, _ in bert.layout(NUMBERS).values())
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_missing_export_is_no_reason_for_a_word(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert exported.find(folder, SOURCE) is None
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("numbers.bin", cut),
        ("numbers.bin", flip),
        ("numbers.bin", empty),
        ("numbers.bin", Path.unlink),
        ("graph.onnx", flip),
        ("graph.onnx", empty),
        ("graph.onnx", Path.unlink),
        ("manifest.json", cut),
        ("manifest.json", empty),
        ("manifest.json", no_object),
        ("manifest.json", other_format),
        ("manifest.json", other_weights),
        ("manifest.json", Path.unlink),
    ],
    ids=lambda given: given if isinstance(given, str) else given.__name__,
)
def test_what_is_not_whole_or_of_another_version_gives_way(
    name: str, damage: Callable[[Path], None], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(folder)
    damage(folder / name)
    assert exported.find(folder, SOURCE) is None
    assert ("exported anew" in caplog.text) == (damage is not Path.unlink)
    keep(folder)
    assert exported.find(folder, SOURCE) == folder / "graph.onnx"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_what_another_process_kept_meanwhile_stays(folder: Path) -> None:
    def meanwhile(_: Path) -> None:
        if not folder.exists():
            keep(folder)

    keep(folder, meanwhile)
    first = (folder / "numbers.bin").stat().st_ino
    keep(folder)
    assert (folder / "numbers.bin").stat().st_ino == first
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_whoever_has_it_open_keeps_what_he_has(folder: Path) -> None:
    keep(folder)
    before = np.memmap(folder / "numbers.bin", np.float32, "r")
    (folder / "manifest.json").unlink()
    keep(folder)
    np.testing.assert_array_equal(before[:2000], NUMBERS["words"])


def test_what_fails_its_check_is_not_kept(folder: Path) -> None:
    def refuse(graph: Path) -> None:
        assert graph.read_bytes() == GRAPH
        raise RuntimeError("it is not the same")

    with pytest.raises(RuntimeError, match="not the same"):
        keep(folder, refuse)
    assert list(folder.parent.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(OSError, match="cache"):
        keep(tmp_path / "cache" / "model-1")


def test_what_a_killed_process_left_is_deleted_later(folder: Path) -> None:
    old, young = folder.parent / ".model-1-old", folder.parent / ".model-1-young"
    for left in (old, young):
        left.mkdir(parents=True)
        (left / "numbers.bin").write_bytes(b"half")
    os.utime(old, times=(time.time() - 7200,) * 2)
    keep(folder)
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, young.name}
