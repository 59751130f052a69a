"""Fetching models from a hub: against a server that speaks the hub's API, and that does wrong what servers do wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.hub_server import Hub, Repo, git, serve, sha256
from tests.tools.test_weights import need, tensors
from vagent import configs
from vagent.configs import Settings
from vagent.errors import EngineFailed, EngineUnavailable, SettingsError, StorageError
from vagent.tools import weights
from vagent.tools.engines import Status
from vagent.tools.weights import catalog, download, hub, local
from vagent.tools.weights.catalog import WebFile, catalogue
from vagent.tools.weights.download import Fetching, fetch

NAME = "org/tiny"
FILES = {
    "config.json": b'{"model_type": "tiny"}',
    "model.safetensors": tensors(60_000),
    "tokenizer.json": b"{" + b" " * 6000 + b"}",
    "1_Pooling/config.json": b"{}",
    "LICENSE": b"Do what you like.",
    "empty.txt": b"",
    # what must not be fetched
    "README.md": b"# Tiny",
    ".gitattributes": b"*",
    "modeling_tiny.py": b"print('hello')",
    "pytorch_model.bin": b"pickle" * 1000,
    "weights.pt": b"pickle",
    "onnx/model.onnx": b"onnx",
    "onnx/config.json": b"{}",
    "model.fp16.safetensors": tensors(10),
}
FETCHED = ["1_Pooling/config.json", "LICENSE", "config.json", "empty.txt", "model.safetensors", "tokenizer.json"]
WEIGHTS = "model.safetensors"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model, and an environment that points there."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(download, "_PAUSE", 0.01)
    with serve() as one:
        one.repos[NAME] = Repo(dict(FILES))
        monkeypatch.setenv("HF_ENDPOINT", one.url)
        yield one


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(params=["cache", "folder"])
def settings(request: pytest.FixtureRequest, cache: Path, tmp_path: Path) -> Settings:
    """Both places where models may go."""
    return settings_for(tmp_path / "models" if request.param == "folder" else None)


def settings_for(models: Path | None, **values: Any) -> Settings:
    return configs.load({"models": str(models) if models else None, **values}, env={})


def held(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def wanted(server: Hub) -> dict[str, bytes]:
    return {path: server.repos[NAME].files[path] for path in FETCHED}


class TestFetching:
    def test_what_is_needed_comes_and_nothing_else(self, server: Hub, settings: Settings) -> None:
        told: list[Fetching] = []
        folder = fetch(NAME, settings, told.append)
        assert held(folder) == wanted(server)
        assert weights.locate(need(NAME), settings) == folder
        total = sum(len(FILES[path]) for path in FETCHED)
        assert (told[-1].done, told[-1].total) == (total, total)
        assert all(a.done <= b.done <= total for a, b in pairwise(told))
        assert {one.model for one in told} == {NAME}

    def test_a_second_time_only_the_listing_is_asked_for(self, server: Hub, settings: Settings) -> None:
        folder = fetch(NAME, settings)
        server.requests.clear()
        assert fetch(NAME, settings) == folder
        assert [request.path.split("/")[1] for request in server.requests] == ["api"] * len(server.requests)

    def test_what_changed_on_the_hub_is_fetched_and_the_rest_kept(self, server: Hub, settings: Settings) -> None:
        fetch(NAME, settings)
        server.repos[NAME].files["config.json"] = b'{"model_type": "new"}_'
        server.requests.clear()
        folder = fetch(NAME, settings)
        assert held(folder) == wanted(server)
        assert len(server.asked("/resolve/")) == 1

    def test_a_damaged_file_is_fetched_again(self, server: Hub, tmp_path: Path) -> None:
        settings = settings_for(tmp_path)
        folder = fetch(NAME, settings)
        (folder / WEIGHTS).write_bytes(b"x" * len(FILES[WEIGHTS]))
        assert held(fetch(NAME, settings)) == wanted(server)

    def test_engines_fetch_what_they_need_where_that_is_allowed(self, server: Hub, settings: Settings) -> None:
        told: list[Fetching] = []
        allowed = settings.model_copy(update={"download": "auto"})
        state = weights.status(need(NAME), allowed)
        assert state == Status(True, f"{NAME} will be fetched when it is needed", fetch=NAME)
        with download.watch(told.append):
            folder = weights.folder(need(NAME), allowed)
        assert held(folder) == wanted(server)
        assert told[-1].done == told[-1].total
        server.requests.clear()
        assert weights.folder(need(NAME), allowed) == folder
        assert server.requests == []

    def test_engines_fetch_nothing_where_it_is_not(self, server: Hub, settings: Settings) -> None:
        with pytest.raises(EngineUnavailable, match=f"vagent models pull {NAME}"):
            weights.folder(need(NAME), settings)
        offline = settings.model_copy(update={"offline": True, "download": "auto"})
        with pytest.raises(EngineUnavailable, match="offline is set"):
            weights.folder(need(NAME), offline)
        with pytest.raises(EngineUnavailable, match="offline is set"):
            fetch(NAME, offline)
        assert server.requests == []

    def test_two_who_want_a_model_at_once_fetch_it_once(self, server: Hub, settings: Settings) -> None:
        server.pace = 0.002
        found: list[Path] = []
        threads = [threading.Thread(target=lambda: found.append(fetch(NAME, settings))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(found)) == 1 and len(found) == 3
        assert held(found[0]) == wanted(server)
        assert len(server.asked(f"/stored/{NAME}/{WEIGHTS}")) == 1

    def test_a_pinned_revision_is_that_commit(self, server: Hub, cache: Path) -> None:
        commit = server.repos[NAME].commit
        folder = fetch(f"{NAME}@{commit}", settings_for(None))
        assert folder.name == commit
        assert not (folder.parent.parent / "refs").exists()
        with pytest.raises(EngineUnavailable, match="no such revision"):
            fetch(f"{NAME}@v9", settings_for(None))

    def test_a_name_that_is_nothing_is_told_before_anything_is_asked(self, server: Hub) -> None:
        with pytest.raises(SettingsError, match=r"unknown model: 'gramophone'.*vagent models list"):
            fetch("gramophone", settings_for(None))
        assert server.requests == []

    def test_models_in_ctranslate2s_format_come_with_their_weights(self, server: Hub, settings: Settings) -> None:
        files = {"config.json": b"{}", "model.bin": b"ct2" * 3000, "tokenizer.json": b"{}", "vocabulary.txt": b"a"}
        server.repos[NAME] = Repo({**files, "README.md": b""})
        assert held(fetch(NAME, settings)) == files

    def test_a_model_without_weights_that_vagent_loads_is_refused(self, server: Hub, settings: Settings) -> None:
        server.repos[NAME] = Repo({"config.json": b"{}", "pytorch_model.bin": b"pickle"})
        with pytest.raises(EngineUnavailable, match="has no weights that vagent loads; safetensors are needed"):
            fetch(NAME, settings)

    def test_code_comes_only_with_a_model_that_is_trusted(self, server: Hub, tmp_path: Path) -> None:
        folder = fetch(NAME, settings_for(tmp_path, trust=[NAME]))
        assert sorted(held(folder)) == sorted([*FETCHED, "modeling_tiny.py"])

    def test_names_that_lead_out_of_the_folder_are_left_out(
        self, server: Hub, settings: Settings, tmp_path: Path
    ) -> None:
        for name in ("../evil.json", "/etc/evil.json", "a/../../evil.json", "C:\\evil.json", "a//evil.json"):
            server.repos[NAME].files[name] = b"evil"
        assert held(fetch(NAME, settings)) == wanted(server)
        assert not [path for path in tmp_path.rglob("*evil*") if path.is_file()]


class TestInterruption:
    @pytest.mark.parametrize("cut", [0, 1, 100_000, len(FILES[WEIGHTS]) - 1])
    def test_a_cut_line_is_taken_up_where_it_broke(self, cut: int, server: Hub, settings: Settings) -> None:
        server.cuts[WEIGHTS] = cut
        assert held(fetch(NAME, settings)) == wanted(server)
        first, second = server.asked(f"/stored/{NAME}/{WEIGHTS}")
        assert "range" not in first.headers
        assert second.headers.get("range") == (f"bytes={cut}-" if cut else None)

    def test_another_run_goes_on_where_one_was_killed(self, server: Hub, settings: Settings) -> None:
        class Killed(BaseException): ...

        def killed(given: Fetching) -> None:
            if given.file == WEIGHTS and given.done > 100_000:
                raise Killed

        server.pace = 0.0005
        with pytest.raises(Killed):
            fetch(NAME, settings, killed)
        assert weights.locate(need(NAME), settings) is None
        server.pace = 0.0
        server.requests.clear()
        assert held(fetch(NAME, settings)) == wanted(server)
        (request,) = server.asked(f"/stored/{NAME}/{WEIGHTS}")
        assert int(request.headers["range"].removeprefix("bytes=").rstrip("-")) > 50_000
        assert not server.asked("LICENSE")  # what was complete is not asked for again

    def test_a_run_killed_at_the_very_end_leaves_nothing_that_looks_complete(
        self, server: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException): ...

        def last(real: Any) -> Any:
            def placed(self: Path, other: Any) -> Any:
                if self.parent.name in (server.repos[NAME].commit, "org--tiny") and self.name == "config.json":
                    raise Killed
                return real(self, other)

            return placed

        monkeypatch.setattr(Path, "symlink_to", last(Path.symlink_to))
        monkeypatch.setattr(Path, "replace", last(Path.replace))
        with pytest.raises(Killed):
            fetch(NAME, settings)
        placed = {path.name for path in (settings.models or Path("/none")).glob("org--tiny/*")}
        placed |= {path.name for path in local.hub_cache().glob("*/snapshots/*/*")}
        assert placed == {"1_Pooling", *(name for name in FETCHED if "/" not in name)} - {"config.json"}
        assert weights.locate(need(NAME), settings) is None

    def test_a_server_that_only_sends_whole_files_is_put_up_with(self, server: Hub, settings: Settings) -> None:
        server.cuts[WEIGHTS], server.ranges = 100_000, False
        assert held(fetch(NAME, settings)) == wanted(server)

    def test_a_busy_server_is_asked_again(self, server: Hub, settings: Settings) -> None:
        server.busy[WEIGHTS] = 2
        assert held(fetch(NAME, settings)) == wanted(server)

    def test_a_server_that_stays_busy_is_given_up(self, server: Hub, settings: Settings) -> None:
        server.busy[WEIGHTS] = 99
        with pytest.raises(EngineUnavailable, match=r"broke off \(HTTP 503\); run the same command again"):
            fetch(NAME, settings)
        assert weights.locate(need(NAME), settings) is None

    def test_a_beginning_that_is_none_is_thrown_away(self, server: Hub, cache: Path) -> None:
        """Another program may have left a file of the same name that is no beginning of this one."""
        blobs = cache / "models--org--tiny" / "blobs"
        blobs.mkdir(parents=True)
        (blobs / f"{sha256(FILES[WEIGHTS])}.incomplete").write_bytes(b"\0" * 1000)
        assert held(fetch(NAME, settings_for(None))) == wanted(server)


class TestWrongAnswers:
    @pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
    def test_other_bytes_are_refused_and_not_kept(self, name: str, server: Hub, settings: Settings) -> None:
        server.lies[name] = b"x" * len(FILES[name])
        with pytest.raises(EngineFailed, match=f"{name} of {NAME} is not the file that it should be: its hash is"):
            fetch(NAME, settings)
        assert weights.locate(need(NAME), settings) is None
        server.lies.clear()
        assert held(fetch(NAME, settings)) == wanted(server)

    def test_a_file_that_is_too_long_is_refused(self, server: Hub, settings: Settings) -> None:
        server.lies[WEIGHTS] = FILES[WEIGHTS] + b"more"
        with pytest.raises(EngineFailed, match=r"model\.safetensors of org/tiny is longer than the hub says"):
            fetch(NAME, settings)
        server.lies.clear()
        assert held(fetch(NAME, settings)) == wanted(server)

    def test_a_file_that_is_too_short_is_given_up(self, server: Hub, settings: Settings) -> None:
        server.lies[WEIGHTS] = FILES[WEIGHTS][:-10]
        with pytest.raises(EngineUnavailable, match="broke off"):
            fetch(NAME, settings)
        assert weights.locate(need(NAME), settings) is None

    def test_a_gated_model_tells_how_to_get_it(self, server: Hub, settings: Settings) -> None:
        server.repos[NAME].gated = True
        with pytest.raises(
            EngineUnavailable, match=rf"accept its terms at {server.url}/{NAME}, then run: hf auth login"
        ):
            fetch(NAME, settings)

    def test_the_users_token_opens_it_and_goes_to_nobody_else(
        self, server: Hub, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.repos[NAME].gated = True
        home = tmp_path / "hf"
        home.mkdir()
        (home / "token").write_text("let-me-in\n")
        monkeypatch.setenv("HF_HOME", str(home))
        assert held(fetch(NAME, settings)) == wanted(server)
        assert server.asked("/stored/")
        for request in server.requests:
            expected = "Bearer let-me-in" if request.host == "127.0.0.1" else None
            assert request.headers.get("authorization") == expected
        monkeypatch.setenv("HF_TOKEN", "wrong")
        server.repos[NAME].files["config.json"] = b"{ }"
        with pytest.raises(EngineUnavailable, match="HTTP 403"):
            fetch(NAME, settings)

    def test_a_model_that_is_not_there_is_told(self, server: Hub, settings: Settings) -> None:
        with pytest.raises(EngineUnavailable, match=r"there is no model org/gone on 127\.0\.0\.1"):
            fetch("org/gone", settings)

    def test_a_server_that_says_nothing_is_given_up_soon(self, server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        assert hub._ANSWER <= 5  # seconds: soon
        monkeypatch.setattr(hub, "_ANSWER", 0.5)
        server.silent = True
        begin = time.monotonic()
        with pytest.raises(EngineUnavailable, match=r"127\.0\.0\.1 does not answer; HF_ENDPOINT is set"):
            fetch(NAME, settings_for(None))
        assert time.monotonic() - begin < 20

    def test_silence_within_a_file_is_given_up_too(
        self, server: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "0.2")
        server.pace = 2.0
        with pytest.raises(EngineUnavailable, match=r"broke off \(127\.0\.0\.1 fell silent\)"):
            fetch(NAME, settings, lambda given: setattr(server, "silent", given.done > 0))

    def test_nobody_there_is_known_within_two_seconds(
        self, server: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
        begin = time.monotonic()
        with pytest.raises(EngineUnavailable, match=r"127\.0\.0\.1 cannot be reached; where it can be reached run"):
            fetch(NAME, settings)
        assert time.monotonic() - begin < 60

    @pytest.mark.parametrize("answer", [b"<html>log in to the hotel's network</html>", b"[]", b'{"sha": "../.."}'])
    def test_answers_that_make_no_sense_are_told(
        self, answer: bytes, server: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.repos["the/web"] = Repo({f"api/models/{NAME}/revision/main": answer})
        monkeypatch.setenv("HF_ENDPOINT", f"{server.url}/web")
        with pytest.raises(EngineUnavailable, match=r"127\.0\.0\.1"):
            fetch(NAME, settings)


class TestDisk:
    def test_no_room_is_told_before_anything_is_fetched(
        self, server: Hub, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = type("Usage", (), {"free": 10_000})
        monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
        with pytest.raises(StorageError, match=r"no room for org/tiny: 246 kB are missing of it, 10 kB are free"):
            fetch(NAME, settings)
        assert not server.asked("/resolve/")

    def test_a_place_that_cannot_be_written_is_told(self, server: Hub, tmp_path: Path) -> None:
        (tmp_path / "models").write_text("a file, not a folder")
        with pytest.raises(StorageError, match="org/tiny cannot be written"):
            fetch(NAME, settings_for(tmp_path / "models"))


class TestFilesOfTheWeb:
    @pytest.fixture
    def small(self, server: Hub, monkeypatch: pytest.MonkeyPatch) -> bytes:
        """openai-whisper's tiny model, with another content and at another address."""
        content = b"pt" * 50_000
        server.repos["the/web"] = Repo({"tiny.pt": content})
        real = catalogue().models["openai-whisper-tiny"]
        file = WebFile.model_construct(
            url=f"{server.url.replace('127.0.0.1', 'localhost')}/web/tiny.pt", sha256=sha256(content)
        )
        models = {**catalogue().models, real.name: real.model_copy(update={"files": (file,)})}
        fake = catalogue().model_copy(update={"models": models})
        monkeypatch.setattr(catalog, "catalogue", lambda: fake)
        return content

    @pytest.mark.parametrize("folder", [True, False])
    def test_they_come_to_a_folder_of_their_own(
        self, folder: bool, small: bytes, server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "let-me-in")
        settings = settings_for(tmp_path if folder else None)
        server.cuts["tiny.pt"] = 1000
        there = fetch("openai-whisper-tiny", settings)
        assert held(there) == {"tiny.pt": small}
        assert all("authorization" not in request.headers for request in server.requests)
        asked = need("openai-whisper-tiny", sense="speech", engine="openai-whisper", files=("*.pt",))
        assert weights.locate(asked, settings) == there
        assert weights.locate(need(sense="speech", engine="openai-whisper", files=("*.pt",)), settings) == there
        server.requests.clear()
        fetch("openai-whisper-tiny", settings)
        assert server.requests == []

    def test_their_hash_is_checked(self, small: bytes, server: Hub, tmp_path: Path) -> None:
        server.lies["tiny.pt"] = b"x" * len(small)
        with pytest.raises(EngineFailed, match="its hash is"):
            fetch("openai-whisper-tiny", settings_for(tmp_path))
        assert local.find("openai-whisper-tiny", ("*.pt",), settings_for(tmp_path)).path is None


class TestTheHubsOwnLibrary:
    """It must agree with us: about our server, so that these tests mean something, and about our cache."""

    @staticmethod
    def run(program: str, **environment: str) -> Any:
        given = {**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_XET": "1", **environment}
        command = [sys.executable, "-W", "ignore", "-c", f"import json\nimport huggingface_hub as hub\n{program}"]
        done = subprocess.run(command, capture_output=True, text=True, env=given, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def test_it_fetches_from_our_server_what_we_fetch(self, server: Hub, tmp_path: Path) -> None:
        program = f"print(json.dumps(hub.snapshot_download({NAME!r}, allow_patterns={FETCHED!r})))"
        folder = self.run(program, HF_HUB_CACHE=str(tmp_path / "theirs"))
        assert held(Path(folder)) == wanted(server)

    def test_it_finds_what_we_fetched(self, server: Hub, cache: Path) -> None:
        folder = fetch(NAME, settings_for(None))
        program = (
            f"print(json.dumps([hub.snapshot_download({NAME!r}, local_files_only=True),"
            f" hub.try_to_load_from_cache({NAME!r}, {WEIGHTS!r}),"
            " [len(hub.scan_cache_dir().repos), len(hub.scan_cache_dir().warnings)]]))"
        )
        found = self.run(program, HF_HUB_CACHE=str(cache), HF_HUB_OFFLINE="1")
        assert found == [str(folder), str(folder / WEIGHTS), [1, 0]]

    def test_we_find_what_it_fetched_and_fetch_nothing_again(self, server: Hub, cache: Path) -> None:
        program = f"print(json.dumps(hub.snapshot_download({NAME!r}, allow_patterns={FETCHED!r})))"
        folder = self.run(program, HF_HUB_CACHE=str(cache))
        server.requests.clear()
        assert weights.locate(need(NAME), settings_for(None)) == Path(folder)
        assert fetch(NAME, settings_for(None)) == Path(folder)
        assert not server.asked("/resolve/")


def test_the_hash_of_git_is_gits() -> None:
    assert git(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert hub.Remote("a", "b", 1, None, git(b"")).blob == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
