"""What becomes of a Ray that is late, or that nobody has started."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from vagent.errors import EngineUnavailable
from vagent.index.cluster.reaching import connected, left

LATE = "#!/bin/sh\necho started >> {log}\n{then}exec sleep 1000\n"  # a process of Ray that never gets anywhere


def program(folder: Path, then: str = "") -> tuple[str, Path]:
    """A program that stands for one of Ray's, and the log of its starts."""
    file, log = folder / "late", folder / "starts"
    file.write_text(LATE.format(log=log, then=then.format(log=log)))
    file.chmod(0o755)
    return str(file), log


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # its password would lie in the home of the first test
    before = set(psutil.Process().children(recursive=True))
    yield
    _, alive = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - before, timeout=20)
    assert alive == []


def test_what_never_comes_up_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from ray._private import services

    late, log = program(tmp_path)
    monkeypatch.setattr(services, "GCS_SERVER_EXECUTABLE", late)
    monkeypatch.setenv("RAY_gcs_server_port_wait_time_s", "1")
    with pytest.raises(EngineUnavailable, match="Ray cannot be started on this machine") as told:
        connected("local")
    assert "ray start --head" in str(told.value)
    assert "\n" not in str(told.value)
    assert len(log.read_text().split()) == 3, "it was tried a few times"
    assert caplog.text.count("is started again") == 2


def test_a_program_of_nonsense_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._private import services

    monkeypatch.setattr(services, "GCS_SERVER_EXECUTABLE", str(tmp_path / "missing"))
    with pytest.raises(EngineUnavailable, match="FileNotFoundError"):
        connected("local")


@pytest.mark.slow
def test_a_node_that_is_late_is_started_anew(  # half a minute, which Ray waits for the first one
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from ray._private import services

    second = f'test $(wc -l < {{log}}) -lt 2 || exec "{services.RAYLET_EXECUTABLE}" "$@"\n'
    late, _ = program(tmp_path, second)
    monkeypatch.setattr(services, "RAYLET_EXECUTABLE", late)
    with caplog.at_level(logging.WARNING, logger="vagent"):
        ray, ours = connected("local")
    try:
        assert ours
        assert ray.cluster_resources()["CPU"] >= 1
        assert "The current node timed out during startup" in caplog.text
    finally:
        left(ray)


def test_where_nobody_listens_that_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
    with pytest.raises(EngineUnavailable, match="is it running") as told:
        connected(address)
    assert "ConnectionRefusedError" in str(told.value)
    monkeypatch.setenv("RAY_ADDRESS", address)
    for given in (None, "auto"):
        with pytest.raises(EngineUnavailable, match=f"'{address}'.*is it running"):
            connected(given)
    monkeypatch.setenv("RAY_ADDRESS", "ray://somewhere:10001")
    with pytest.raises(EngineUnavailable, match="ray job submit"):
        connected(None)
