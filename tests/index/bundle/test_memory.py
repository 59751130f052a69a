"""Exporting and importing take the memory of a few rows, whatever a video holds."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.index.bundle.samples import mark
from vagent.index.bundle.exporting import export_library
from vagent.index.bundle.importing import import_library
from vagent.index.pictures import Pictures
from vagent.index.records import Evidence
from vagent.index.store import Store
from vagent.tools.time import Span

ROWS, DIMENSION = 6000, 384


def library(folder: Path, rows: int) -> Path:
    """One video: at 6000 rows 4.6 MB of vectors, 6 MB of pictures and 1.2 MB of text."""
    chance = np.random.default_rng(0)
    with Store(folder) as store:
        video = store.add_video(mark("a"), "/a.mp4", 1, 2, 2.0 * rows, {})
        for first in range(0, rows, 500):
            lines = [Evidence(video.id, Span(at, at + 1), "speech", f"{at} " * 40) for at in range(first, first + 500)]
            ids = store.add_evidence(lines)
            store.put_vectors("m", ids, chance.standard_normal((500, DIMENSION)).astype(np.float32))
        store.set_stage(video.id, "speech", "s", "done")
        store.set_stage(video.id, "pictures", "s", "done")
    jpegs = ((float(at), b"\xff\xd8" + chance.bytes(1000)) for at in range(rows))
    Pictures(folder / "frames", mark("a")).add(jpegs)
    return folder


def peak(work: Callable[[], object]) -> int:
    """The most bytes that Python held at once."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_what_a_video_holds(tmp_path: Path) -> None:
    sizes = {}
    for rows in (ROWS // 6, ROWS):
        folder = library(tmp_path / str(rows), rows)
        bundle, target = tmp_path / f"{rows}.tar.zst", tmp_path / f"{rows} again"
        sizes[rows] = [
            peak(lambda folder=folder, bundle=bundle: export_library(folder, bundle)),  # type: ignore[misc]
            peak(lambda target=target, bundle=bundle: import_library(target, bundle)),  # type: ignore[misc]
            peak(lambda target=target, bundle=bundle: import_library(target, bundle)),  # type: ignore[misc]
        ]
    few, many = sizes.values()
    assert all(after < before + (1 << 20) for before, after in zip(few, many, strict=True)), sizes
    assert max(many) < 8 << 20
