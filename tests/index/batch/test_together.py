"""Real `vagent index` processes: two on one folder, told to stop, on a disk that is full or closed."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.index.batch import faulty
from vagent import configs
from vagent.index.library import VideoLibrary

OFF = ("speech", "text", "embeddings", "sounds", "objects", "visual")


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Eight short films, each different."""
    for number in range(8):
        faulty.film(tmp_path / "films" / f"{number}.mp4", seconds=20, mark=number)
    return tmp_path / "films"


# Root may write anywhere; without these two capabilities it may not.
RIGHTS = "-dac_override,-dac_read_search"
LIKE_ANYBODY = ("setpriv", f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}") if os.getuid() == 0 else ()


def start(
    films: Path,
    library: Path,
    *more: str,
    off: tuple[str, ...] = OFF,
    through: tuple[str, ...] = (),
    **given: Any,
) -> subprocess.Popen[str]:
    command = [
        *through,
        sys.executable,
        "-m",
        "vagent.cli",
        "index",
        str(films),
        "--library",
        str(library),
        "--json",
        *more,
    ]
    for sense in off:
        command += ["--engine", f"{sense}=off"]
    environment = {**os.environ, "VAGENT_THREADS": "1", "VAGENT_INDEX_SETTLE": "0"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **given
    )


def reports(process: subprocess.Popen[str]) -> tuple[dict[str, str], str]:
    """What a process said of each file, and what it complained of."""
    out, err = process.communicate(timeout=120)
    return {Path(one["video"]).name: one["status"] for one in map(json.loads, out.splitlines())}, err


def opened(folder: Path) -> VideoLibrary:
    return VideoLibrary(configs.load({"library": str(folder), "engines": dict.fromkeys(OFF, "off")}, env={}))


def test_two_processes_on_one_folder_share_the_work(films: Path, tmp_path: Path) -> None:
    both = [start(films, tmp_path / "library") for _ in range(2)]
    done = [reports(process) for process in both]
    assert [process.returncode for process in both] == [0, 0], done
    names = sorted(path.name for path in films.iterdir())
    indexed = [sorted(name for name, status in said.items() if status == "indexed") for said, _ in done]
    assert sorted(indexed[0] + indexed[1]) == names  # each by one of them, and none by both
    assert {status for said, _ in done for status in said.values()} <= {"indexed", "unchanged", "busy"}
    library = opened(tmp_path / "library")
    try:
        assert [video.complete for video in library.videos()] == [True] * len(names)
        assert library.store._rows("SELECT * FROM leases") == []
    finally:
        library.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_ends_within_moments_leaves_no_process_and_goes_on(
    films: Path, tmp_path: Path, number: signal.Signals
) -> None:
    for path in list(films.iterdir())[1:]:
        path.unlink()
    faulty.film(films / "long.mp4", seconds=600)
    process = start(films, tmp_path / "library", off=OFF[:1] + OFF[2:])
    workers = wait_for_work(process, tmp_path / "library")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)  # a second to stop in; a busy machine takes longer
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("vagent: stopped; what was done so far is kept")
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []
    said, _ = reports(start(films, tmp_path / "library", off=OFF))
    assert set(said.values()) <= {"indexed", "unchanged"}


def wait_for_work(process: subprocess.Popen[str], library: Path) -> list[psutil.Process]:
    """Until a video is in the library, and so in work; the worker processes."""
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        if list(library.glob("locks/*.lock")):
            return psutil.Process(process.pid).children(recursive=True)
        time.sleep(0.05)
    raise AssertionError(process.communicate()[1])


def test_a_full_disk_ends_the_run_with_one_line_and_keeps_the_rest(films: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    opened(library).close()
    room = (library / "library.db").stat().st_size + 60_000

    def fill() -> None:  # files cannot grow beyond this, as on a disk that is full
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    process = start(films, library, "--workers", "2", preexec_fn=fill)
    said, err = reports(process)
    assert process.returncode == 1
    assert len(said) < 8
    lines = err.strip().splitlines()
    assert len([line for line in lines if line.startswith("vagent: ")]) == 1, err
    assert "free space" in lines[-1] or "cannot be written" in lines[-1]
    assert "Traceback" not in err
    kept = opened(library)
    try:
        kept.store.verify()
        assert kept.problems() == []  # no film is to blame
        done = sum(video.complete for video in kept.videos())
        assert done >= sum(status == "indexed" for status in said.values())
    finally:
        kept.close()
    after, _ = reports(start(films, library))
    assert set(after.values()) <= {"indexed", "unchanged"}
    assert len(after) == 8


@pytest.mark.skipif(bool(LIKE_ANYBODY) and shutil.which("setpriv") is None, reason="root may write anywhere")
def test_a_library_that_cannot_be_written_is_an_error_in_one_line(films: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    opened(library).close()
    for path in (library, *library.iterdir()):
        path.chmod(0o555 if path.is_dir() else 0o444)
    process = start(films, library, through=LIKE_ANYBODY)
    said, err = reports(process)
    assert (process.returncode, said) == (1, {})
    (line,) = err.splitlines()
    assert line.startswith("vagent: the library cannot be written")
