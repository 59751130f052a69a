"""What others do to a video between two steps of its import."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.index.bundle.samples import content, film, mark, write
from vagent.errors import BundleError, LibraryBusyError
from vagent.index.bundle import importing
from vagent.index.bundle.exporting import export_library
from vagent.index.bundle.importing import import_library
from vagent.index.bundle.manifest import Entry
from vagent.index.bundle.steps import BundleStep
from vagent.index.store import Lease, Store

Meanwhile = Callable[[Callable[[Store], None]], None]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write(tmp_path / "a", [film("a")])
    export_library(tmp_path / "a", tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Has something done to the library when it is known which pictures are to be taken."""
    real = importing.Merger.wants_pictures

    def arrange(work: Callable[[Store], None]) -> None:
        def then(library: importing.Merger, entry: Entry, *, here: bool) -> bool:
            wanted = real(library, entry, here=here)
            with Store(library.folder) as store:
                work(store)
            return wanted

        monkeypatch.setattr(importing.Merger, "wants_pictures", then)

    return arrange


def test_a_video_that_is_removed_is_not_merged_without_its_pictures(
    bundle: Path, tmp_path: Path, meanwhile: Meanwhile
) -> None:
    import_library(tmp_path / "b", bundle)
    meanwhile(lambda store: store.remove_video(1))
    with pytest.raises(LibraryBusyError, match="changed meanwhile"):
        import_library(tmp_path / "b", bundle)
    assert content(tmp_path / "b") == {}


def test_a_video_that_another_has_taken_over_is_left_to_them(
    bundle: Path, tmp_path: Path, meanwhile: Meanwhile
) -> None:
    meanwhile(lambda store: store.put_lease(Lease(mark("a"), "another", "elsewhere", 1, time.time() + 60)))
    with pytest.raises(LibraryBusyError, match="taken over"):
        import_library(tmp_path / "b", bundle)
    assert content(tmp_path / "b") == {}
    assert not list((tmp_path / "b" / "frames").glob("*"))


def test_a_bundle_that_changes_between_verifying_and_merging_is_found_out(bundle: Path, tmp_path: Path) -> None:
    def spoil(step: BundleStep) -> None:
        if step.phase == "verify":
            with bundle.open("r+b") as stream:
                stream.write(bytes(bundle.stat().st_size // 2))

    with pytest.raises(BundleError, match=r"damaged|missing"):
        import_library(tmp_path / "b", bundle, spoil)
    assert content(tmp_path / "b") == {}
