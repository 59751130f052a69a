"""Every test gets its own home, cache, settings file and a clean environment; real videos are optional."""

from __future__ import annotations

import functools
import gc
import logging
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from vagent import configs

ROOT = Path(__file__).parent.parent

# New examples are looked for at the desk; a check of somebody's change must not fail by the luck of the draw.
# No example is timed: the machine may have other things to do.
_UNHURRIED: dict[str, Any] = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("desk", **_UNHURRIED)
hypothesis.settings.register_profile("ci", **_UNHURRIED, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")


class _Imported:
    """What is imported stays to the end: engines that are closed need not go through all of it for cycles."""

    modules = 0

    def set_aside(self) -> None:
        """Leave out of the search what is there now, when much has been imported since the last time."""
        if len(sys.modules) > self.modules + 200:
            self.modules = len(sys.modules)
            gc.collect()
            gc.freeze()


_imported = _Imported()


def pytest_runtest_setup() -> None:
    _imported.set_aside()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # libraries complain of what is not freed in the end


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where exported embedding models are kept: 90 MB, so all tests but those about it share one."""
    return tmp_path_factory.mktemp("exports")


class _Hasty(sqlite3.Connection):
    """A connection that leaves it to the system when bytes reach the disk."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        with suppress(sqlite3.Error):  # a file that is none, or locked: whoever asks for it is told so
            self.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """No test cuts the power, so nothing waits until it would outlast that; processes that tests start and kill do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=_Hasty))
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory, exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "vagent").mkdir()
    (home / "vagent" / "embeddings").symlink_to(exports)
    for name in list(os.environ):
        if name.startswith(("VAGENT_", "HF_", "LANGSMITH_", "LANGCHAIN_")):
            monkeypatch.delenv(name)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def _no_error_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A test fails when vagent logged at ERROR without the test saying that it expects so (by clearing the log)."""
    yield
    errors = [r.getMessage() for r in caplog.get_records("call") if r.levelno >= logging.ERROR and "vagent" in r.name]
    assert not errors


@pytest.fixture
def settings(tmp_path: Path) -> configs.Settings:
    """The default settings with a library folder of the test's own."""
    return configs.load({"library": str(tmp_path / "library"), "threads": 1}, env={})


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real videos, where there is one: ``VAGENT_TEST_MEDIA``, or shared/media beside the checkout."""
    named = os.environ.get("VAGENT_TEST_MEDIA")
    folder = Path(named) if named else ROOT.parent / "shared" / "media"
    if not (folder / "MANIFEST.md").is_file():
        pytest.skip("no folder of real videos here: set VAGENT_TEST_MEDIA to one")
    return folder
