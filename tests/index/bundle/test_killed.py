"""An import that is killed leaves a whole library, and the next one goes on."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.index.bundle.samples import content, film, write
from vagent.index.bundle.exporting import export_library
from vagent.index.bundle.importing import import_library
from vagent.index.store import Store

PROGRAM = """
import sys
from pathlib import Path
from vagent.index.bundle.importing import import_library
import_library(Path(sys.argv[1]), Path(sys.argv[2]), lambda step: print(step.phase, step.done, flush=True))
"""
FILMS = 40


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    write(folder / "a", [film(f"film {number}", summary=True) for number in range(FILMS)])
    export_library(folder / "a", folder / "bundle")
    return folder


@pytest.mark.parametrize("kills", [6, pytest.param(16, marks=pytest.mark.slow)])
def test_killed_at_any_moment(kills: int, source: Path, tmp_path: Path) -> None:
    whole, bundle, target = content(source / "a"), source / "bundle", tmp_path / "library"
    chance = random.Random(kills)
    seen = set()
    for _ in range(kills):
        command = [sys.executable, "-c", PROGRAM, str(target), str(bundle)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(chance.randrange(2 * FILMS)):  # verifying tells one line a film, merging another
            process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.01))
        process.kill()
        process.wait()
        process.stdout.close()
        if (target / "library.db").is_file():
            with Store(target) as store:
                store.verify()
            # No half video: each is either as it was at the other end, or not there.
            there = content(target)
            assert there == {name: whole[name] for name in there}
            seen.add(len(there))
    import_library(target, bundle)
    assert content(target) == whole
    assert not (target / "incoming").exists()
    assert seen - {0, FILMS}, "no import was killed in the middle"
