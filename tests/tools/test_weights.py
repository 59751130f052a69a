"""Which models are known, which of them lie here completely, and what is said where one does not."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from vagent import configs
from vagent.configs import Settings
from vagent.errors import EngineUnavailable, SettingsError
from vagent.tools import engines, weights
from vagent.tools.engines import Status
from vagent.tools.weights import Need, catalog, hub, local, machine
from vagent.tools.weights.catalog import catalogue
from vagent.tools.weights.download import amount
from vagent.tools.weights.machine import Machine

GB = 10**9
LAPTOP = Machine(16 * GB, 0)


def tensors(numbers: int = 4) -> bytes:
    """A safetensors file with one tensor."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * numbers)


def write(folder: Path, **files: bytes | str) -> Path:
    """A folder with files; ``__`` in a name stands for a dot."""
    for name, content in files.items():
        path = folder / name.replace("__", ".").replace("_of_", "-of-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def model(folder: Path, numbers: int = 4) -> Path:
    return write(folder, config__json="{}", model__safetensors=tensors(numbers))


def sharded(folder: Path) -> Path:
    index = {"metadata": {}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    files = {"config__json": "{}", "model__safetensors__index__json": json.dumps(index)}
    return write(folder, **files, one__safetensors=tensors(), two__safetensors=tensors())


def cached(cache: Path, hub_id: str, commit: str = "a" * 40, reference: str | None = "main") -> Path:
    """A model in the hub's cache, as its own library leaves it there."""
    repo = cache / f"models--{hub_id.replace('/', '--')}"
    blobs = model(repo / "blobs")
    snapshot = repo / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for blob in blobs.iterdir():
        (snapshot / blob.name).symlink_to(f"../../blobs/{blob.name}")
    if reference:
        write(repo / "refs", **{reference: commit})
    return snapshot


def need(model: str | None = None, **values: Any) -> Need:
    given: dict[str, Any] = {"sense": "videollm", "engine": "transformers", "packages": (), **values}
    return Need(model=model, **given)


def settings_with(**values: Any) -> Settings:
    return configs.load(values, env={})


@pytest.fixture(autouse=True)
def laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of these tests has 16 GB and no card, wherever they run."""
    monkeypatch.setattr(machine, "_ram", lambda: LAPTOP.ram)
    monkeypatch.setattr(machine, "_cards", lambda: ())


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network may be asked, and nobody answers."""
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")


class TestCatalogue:
    def test_every_engine_that_needs_a_model_has_one_in_every_set(self) -> None:
        for one in catalogue().sets.values():
            assert set(one.models) == {"speech", "objects", "find", "sounds", "visual", "videollm"}

    def test_sets_fit_the_memory_that_they_are_for(self) -> None:
        for one in catalogue().sets.values():
            memory = one.memory or 8 * GB
            assert all(catalogue().models[name].memory < memory for name in one.models.values()), one.name

    def test_the_documentation_shows_the_sets(self) -> None:
        text = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
        for one in catalogue().sets.values():
            (row,) = (line for line in text.splitlines() if line.startswith(f"| `{one.name}` |"))
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            size = amount(sum(catalogue().models[name].size for name in one.models.values()))
            assert cells[2:] == [*one.models.values(), size]

    def test_every_engine_of_every_model_exists(self) -> None:
        for one in catalogue().models.values():
            assert set(one.engines) <= set(engines.names(one.sense)), one.name

    def test_hub_ids_are_there_once(self) -> None:
        ids = [one.hub for one in catalogue().models.values() if one.hub]
        assert len(ids) == len(set(ids))
        assert all(one.size < 10**12 and one.note and one.licence for one in catalogue().models.values())

    @pytest.mark.parametrize(
        ("card", "name"),
        [(0, "cpu"), (6, "cpu"), (8.6, "8gb"), (16, "8gb"), (25.7, "24gb"), (48, "24gb"), (85, "80gb")],
    )
    def test_the_set_is_the_one_for_the_cards_memory(self, card: float, name: str) -> None:
        assert catalogue().set_for(Machine(64 * GB, int(card * GB))).name == name

    def test_names_ids_and_pinned_revisions_are_told_apart(self) -> None:
        assert catalog.hub_id("whisper-base") == ("Systran/faster-whisper-base", "main")
        assert catalog.hub_id("org/name") == ("org/name", "main")
        assert catalog.hub_id("org/name@v1.0") == ("org/name", "v1.0")
        assert catalog.known("systran/Faster-Whisper-Base") == catalogue().models["whisper-base"]
        for odd in ("whisper", "a/b/c", "../name", "org/..", "/etc/passwd", "org/na me", "", "org/name@../x"):
            assert catalog.hub_id(odd) is None

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"colour": "red"}, "models.tiny.colour"),
            ({"size": 0}, "models.tiny.size"),
            ({"hub": "nonsense"}, "models.tiny.hub"),
            ({"sense": "smell"}, "models.tiny.sense"),
            ({"engines": []}, "models.tiny.engines"),
            ({"files": [{"url": "https://x.org/a.pt", "sha256": "0" * 64}]}, "either a hub id or files"),
            ({"hub": None, "files": [{"url": "http://x.org/a.pt", "sha256": "0" * 64}]}, "url"),
        ],
    )
    def test_mistakes_in_the_list_are_named(self, change: dict[str, Any], message: str) -> None:
        tiny = {
            "sense": "speech",
            "engines": ["e"],
            "hub": "o/n",
            "licence": "MIT",
            "size": 1,
            "memory": 1,
            "note": "x",
        }
        sets = {"cpu": {"title": "any", "memory": 0, "models": {"speech": "tiny"}}}
        assert catalog.parse(yaml.safe_dump({"models": {"tiny": tiny}, "sets": sets})).models["tiny"].role == "speech"
        with pytest.raises(SettingsError, match=message):
            catalog.parse(yaml.safe_dump({"models": {"tiny": {**tiny, **change}}, "sets": sets}))

    @pytest.mark.parametrize("text", ["", "[]", "models: 1\nsets: 2", "a: ["])
    def test_what_is_no_list_at_all_is_refused(self, text: str) -> None:
        with pytest.raises(SettingsError, match="the list of models is not valid"):
            catalog.parse(text)

    def test_a_set_must_hold_models_of_its_roles(self) -> None:
        text = "models: {}\nsets: {cpu: {title: any, memory: 0, models: {speech: gone}}}"
        with pytest.raises(SettingsError, match="gone is no model of the catalogue for speech"):
            catalog.parse(text)


class TestMachine:
    def test_the_memory_is_that_of_the_device_in_use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine, "_cards", lambda: (8 * GB, 24 * GB))
        assert machine.measure(settings_with()).card == 24 * GB
        assert machine.measure(settings_with(device="cuda:0")).usable == 8 * GB
        assert machine.measure(settings_with(device="cuda:7")).card == 0
        assert machine.measure(settings_with(device="cpu")) == LAPTOP
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        assert machine.measure(settings_with()).card == 0

    def test_the_drivers_program_is_believed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        program = tmp_path / "nvidia-smi"
        program.write_text("#!/bin/sh\necho 24564\necho 8188\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.setattr(machine, "_is_wsl", lambda: True)
        assert machine._cards.__wrapped__() == (24564 * 2**20, 8188 * 2**20)
        program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
        assert machine._cards.__wrapped__() == ()
        assert machine._ram.__wrapped__() > 10**8


class TestPlaces:
    @pytest.mark.parametrize(
        "place",
        ["qwen3.5-0.8b", "Qwen--Qwen3.5-0.8B", "Qwen/Qwen3.5-0.8B"],
    )
    @pytest.mark.parametrize("name", ["qwen3.5-0.8b", "Qwen/Qwen3.5-0.8B"])
    def test_the_users_folder_may_be_laid_out_in_several_ways(self, place: str, name: str, tmp_path: Path) -> None:
        there = model(tmp_path / place)
        assert weights.locate(need(name), settings_with(models=str(tmp_path))) == there

    def test_the_users_folder_may_be_a_hub_cache(self, tmp_path: Path) -> None:
        there = cached(tmp_path, "Qwen/Qwen3.5-0.8B")
        assert weights.locate(need("qwen3.5-0.8b"), settings_with(models=str(tmp_path))) == there

    def test_a_model_of_the_users_own_is_found_by_its_name(self, tmp_path: Path) -> None:
        there = model(tmp_path / "mine")
        assert weights.locate(need("mine"), settings_with(models=str(tmp_path))) == there
        assert weights.locate(need("other/mine"), settings_with(models=str(tmp_path))) is None

    @pytest.mark.parametrize(
        ("variable", "inside"), [("HF_HUB_CACHE", ""), ("HF_HOME", "hub"), ("XDG_CACHE_HOME", "huggingface/hub")]
    )
    def test_the_hubs_cache_is_where_its_variables_say(
        self, variable: str, inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there = cached(tmp_path / inside, "org/name")
        monkeypatch.setenv(variable, str(tmp_path))
        assert weights.locate(need("org/name"), settings_with()) == there

    def test_a_folder_is_taken_as_it_is_given(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        there = model(tmp_path / "some" / "folder")
        assert weights.locate(need(str(there)), settings_with()) == there
        monkeypatch.chdir(tmp_path)
        assert weights.locate(need("some/folder"), settings_with()) == Path("some/folder")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert weights.locate(need("~/some/folder"), settings_with()) == there

    def test_a_known_name_is_no_folder_that_happens_to_be_called_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model(tmp_path / "qwen3.5-0.8b")
        monkeypatch.chdir(tmp_path)
        assert weights.locate(need("qwen3.5-0.8b"), settings_with()) is None
        assert weights.locate(need("./qwen3.5-0.8b"), settings_with()) == Path("qwen3.5-0.8b")

    def test_the_revisions_snapshot_goes_before_newer_ones(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
        mine = cached(tmp_path, "org/name", "a" * 40)
        other = cached(tmp_path, "org/name", "b" * 40, reference=None)
        assert weights.locate(need("org/name"), settings_with()) == mine
        assert weights.locate(need(f"org/name@{'b' * 40}"), settings_with()) == other
        assert weights.locate(need(f"org/name@{'c' * 40}"), settings_with()) is None
        (mine / "config.json").unlink()
        assert weights.locate(need("org/name"), settings_with()) == other

    def test_looking_takes_milliseconds_and_no_library_of_the_hub(self, tmp_path: Path) -> None:
        program = (
            "import sys\nfrom vagent import configs\nfrom vagent.tools import weights\n"
            f"need = weights.Need('videollm', 'transformers', {str(sharded(tmp_path))!r})\n"
            "settings = configs.load(env={})\n"
            "assert weights.locate(need, settings) and weights.status(need, settings).ready\n"
            "print(*[m for m in ('torch', 'transformers', 'huggingface_hub', 'httpx', 'numpy') if m in sys.modules])\n"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert (done.stdout.strip(), done.stderr) == ("", "")
        begin = time.process_time()
        for _ in range(20):
            weights.status(need(str(tmp_path)), settings_with())
        assert (time.process_time() - begin) / 20 < 0.1


class TestCompleteness:
    def test_a_whole_model_is_whole(self, tmp_path: Path) -> None:
        assert local.missing(model(tmp_path / "a"), ("config.json",)) is None
        assert local.missing(sharded(tmp_path / "b"), ("config.json",)) is None
        assert local.missing(write(tmp_path / "c", model__bin="x"), ("model.bin",)) is None
        assert local.missing(write(tmp_path / "d", small__pt="x"), ("*.pt",)) is None
        nested = write(tmp_path / "e", modules__json="[]")
        model(nested / "0_Transformer")
        assert local.missing(nested, ("modules.json",)) is None

    @pytest.mark.parametrize(
        ("lost", "message"),
        [
            ("config.json", "config.json is missing"),
            ("two.safetensors", "two.safetensors is missing"),
            ("model.safetensors.index.json", None),
        ],
    )
    def test_a_file_that_is_not_there_is_named(self, lost: str, message: str | None, tmp_path: Path) -> None:
        folder = sharded(tmp_path)
        (folder / lost).unlink()
        assert local.missing(folder, ("config.json",)) == message

    @pytest.mark.parametrize("kept", [0, 7, 40, -1])
    def test_weights_that_are_cut_off_are_seen(self, kept: int, tmp_path: Path) -> None:
        folder = sharded(tmp_path)
        weight = folder / "two.safetensors"
        weight.write_bytes(weight.read_bytes()[:kept])
        assert local.missing(folder, ("config.json",)) == "two.safetensors is cut off or no safetensors file"
        named = ("config.json", "two.safetensors")  # naming the file does not spare it
        assert local.missing(folder, named) == "two.safetensors is cut off or no safetensors file"

    def test_links_to_nowhere_and_unfinished_downloads_are_seen(self, tmp_path: Path) -> None:
        folder = model(tmp_path)
        (folder / "tokenizer.json").symlink_to("gone")
        assert local.missing(folder, ("config.json",)) == "tokenizer.json leads nowhere"
        (folder / "tokenizer.json").unlink()
        (folder / "abc.incomplete").touch()
        assert local.missing(folder, ("config.json",)) == "a download into it was interrupted"

    def test_pickled_weights_are_no_weights(self, tmp_path: Path) -> None:
        folder = write(tmp_path, config__json="{}", pytorch_model__bin="x")
        problem = local.missing(folder, ("config.json",))
        assert problem is not None and "only pytorch_model.bin, which vagent does not load" in problem

    @pytest.mark.parametrize("index", ["", "[]", "{}", '{"weight_map": []}', "\xff"])
    def test_a_broken_index_is_no_index(self, index: str, tmp_path: Path) -> None:
        folder = model(tmp_path)
        write(folder, model__safetensors__index__json=index.encode("latin-1"))
        problem = local.missing(folder, ("config.json",))
        assert problem is not None and "model.safetensors.index.json cannot be read" in problem

    def test_a_partial_snapshot_is_not_taken_though_the_hubs_library_takes_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
        snapshot = cached(tmp_path, "org/name")
        (snapshot / "model.safetensors").unlink()
        program = (
            "from huggingface_hub import snapshot_download\n"
            "print(snapshot_download('org/name', local_files_only=True))\n"
        )
        environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
        )
        assert done.stdout.strip() == str(snapshot)
        assert weights.locate(need("org/name"), settings_with()) is None
        assert weights.status(need("org/name"), settings_with()) == Status(
            False,
            f"{snapshot} is not complete: no safetensors weights, and offline is set",
            "where it can be reached run: VAGENT_MODELS=DIR vagent models pull org/name; "
            "then copy that folder here and set VAGENT_MODELS=DIR",
        )


class TestChoosing:
    def test_nothing_here_recommends_the_one_for_this_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        state = weights.status(need(), settings_with())
        assert (state.ready, state.reason.partition(",")[0]) == (False, "qwen3.5-0.8b (1.8 GB) is not on this machine")
        monkeypatch.setattr(machine, "_cards", lambda: (85 * GB,))
        assert "qwen3.8-27b (56 GB)" in weights.status(need(), settings_with()).reason

    def test_the_one_for_this_machine_goes_before_larger_ones(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = settings_with(models=str(tmp_path))
        for name in ("smolvlm2-256m", "qwen3.5-4b", "qwen3.5-9b"):
            model(tmp_path / name)
        # None of the three is the recommended one; of 16 GB main memory a model may take 11.2.
        assert weights.locate(need(), settings) == tmp_path / "smolvlm2-256m"
        monkeypatch.setattr(machine, "_ram", lambda: 32 * GB)
        assert weights.locate(need(), settings) == tmp_path / "qwen3.5-9b"
        model(tmp_path / "qwen3.5-0.8b")
        assert weights.locate(need(), settings) == tmp_path / "qwen3.5-0.8b"
        assert weights.status(need(), settings) == Status(True, "qwen3.5-0.8b is on this machine")

    def test_a_model_too_large_is_better_than_none(self, tmp_path: Path) -> None:
        model(tmp_path / "qwen3.8-27b")
        assert weights.locate(need(), settings_with(models=str(tmp_path))) == tmp_path / "qwen3.8-27b"

    def test_what_looks_for_descriptions_is_a_model_of_its_own(self, tmp_path: Path) -> None:
        model(tmp_path / "owlv2-base")
        settings = settings_with(models=str(tmp_path))
        assert weights.locate(need(sense="objects"), settings) is None
        assert weights.locate(need(sense="objects", role="find"), settings) == tmp_path / "owlv2-base"


class TestStatus:
    def test_packages_come_first(self) -> None:
        asked = need("org/name", packages=("json", "no_such_package"), extra="whisper")
        assert weights.status(asked, settings_with()) == Status(
            False, "no_such_package not installed", "pip install 'vagent[whisper]'"
        )

    def test_auto_fetches_nothing_unless_allowed(self, unreachable: None) -> None:
        for given in ({}, {"download": "never", "engines": {"videollm": "transformers"}}):
            assert weights.status(need("org/name"), settings_with(**given)) == Status(
                False, "org/name is not on this machine", "vagent models pull org/name"
            )

    @pytest.mark.parametrize("given", [{"download": "auto"}, {"engines": {"videollm": "transformers"}}])
    def test_a_hub_out_of_reach_is_known_at_once_and_what_to_do_is_said(
        self, given: dict[str, Any], unreachable: None
    ) -> None:
        begin = time.monotonic()
        state = weights.status(need("qwen3.5-0.8b"), settings_with(**given))
        assert time.monotonic() - begin < 60
        assert state.reason == "qwen3.5-0.8b (1.8 GB) is not on this machine, and 127.0.0.1 cannot be reached"
        assert "VAGENT_MODELS=DIR vagent models pull qwen3.5-0.8b" in str(state.fix)
        with pytest.raises(EngineUnavailable, match=r"videollm engine transformers cannot run here: qwen3\.5-0\.8b"):
            weights.folder(need("qwen3.5-0.8b"), settings_with(**given))

    def test_an_engine_asked_for_by_name_fails_with_the_command(self, unreachable: None) -> None:
        settings = settings_with(engines={"visual": "transformers"})
        with pytest.raises(EngineUnavailable, match="vagent models pull siglip2-base"):
            engines.choose("visual", settings)

    def test_names_that_are_nothing_are_told(self) -> None:
        assert str(weights.status(need("qwen3.5-0.8"), settings_with()).fix).startswith("near: qwen3.5-0.8b, ")
        state = weights.status(need("gramophone"), settings_with())
        assert (state.ready, state.reason) == (False, "gramophone is no model and no folder")
        assert "no model is known" in weights.status(need(engine="mine"), settings_with()).reason

    def test_a_folder_that_is_no_model_is_told_with_what_it_lacks(self, tmp_path: Path) -> None:
        state = weights.status(need(str(tmp_path)), settings_with())
        assert state == Status(
            False,
            f"{tmp_path} is not complete: config.json is missing",
            "give a folder that holds config.json and the weights",
        )


class TestLabel:
    def test_it_is_the_same_wherever_the_model_lies(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        cached(tmp_path / "cache", "Qwen/Qwen3.5-0.8B")
        model(tmp_path / "models" / "qwen3.5-0.8b")
        write(tmp_path / "models" / "qwen3.5-0.8b", README__md="hello", pytorch_model__bin="the same again")
        labels = {
            weights.label(need(name), settings)
            for name in ("qwen3.5-0.8b", "Qwen/Qwen3.5-0.8B", None)
            for settings in (settings_with(), settings_with(models=str(tmp_path / "models")))
        }
        assert len(labels) == 1
        assert labels.pop().startswith("Qwen/Qwen3.5-0.8B ")

    def test_other_weights_have_another_label(self, tmp_path: Path) -> None:
        one, two = model(tmp_path / "one" / "m"), model(tmp_path / "two" / "m", numbers=5)
        first, second = (weights.label(need(str(folder)), settings_with()) for folder in (one, two))
        assert first.split()[0] == second.split()[0] == "m"
        assert first != second

    def test_what_is_not_here_has_its_bare_name(self) -> None:
        assert weights.label(need("org/name"), settings_with()) == "org/name"
        assert weights.label(need(engine="mine"), settings_with()) == "none"


class TestTrust:
    def test_code_runs_only_of_a_model_that_is_named(self, tmp_path: Path) -> None:
        folder = str(model(tmp_path / "mine"))
        assert not weights.trusted(need("org/name"), settings_with())
        assert not weights.trusted(need(None), settings_with(trust=["org/name"]))
        assert weights.trusted(need("org/name"), settings_with(trust=["org/name"]))
        assert weights.trusted(need("org/name@v2"), settings_with(trust=["org/name"]))
        assert weights.trusted(need("qwen3.5-2b"), settings_with(trust=["Qwen/Qwen3.5-2B"]))
        assert not weights.trusted(need("org/names"), settings_with(trust=["org/name"]))
        assert not weights.trusted(need("org/name"), settings_with(trust=["org", "org/", "name", "*"]))
        assert weights.trusted(need(folder), settings_with(trust=[folder]))
        assert not weights.trusted(need(folder), settings_with(trust=[str(tmp_path)]))


class TestReach:
    def test_it_is_asked_once(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        asked: list[tuple[str, int]] = []

        def connects(name: str, port: int) -> bool:
            asked.append((name, port))
            return False

        monkeypatch.setattr(hub, "_connects", connects)
        caplog.set_level("INFO", logger="vagent")
        assert [hub.reachable() for _ in range(3)] == [False] * 3
        assert asked == [("127.0.0.1", 9)]
        assert [record.getMessage() for record in caplog.records] == [
            "127.0.0.1 cannot be reached; engines are taken whose models are on this machine"
        ]

    @pytest.mark.parametrize(
        ("environment", "first"),
        [
            ({}, ("huggingface.co", 443)),
            ({"HF_ENDPOINT": "https://mirror.org/hf/"}, ("mirror.org", 443)),
            ({"HF_ENDPOINT": "http://mirror.org:8080"}, ("mirror.org", 8080)),
            ({"HTTPS_PROXY": "http://proxy:3128"}, ("proxy", 3128)),
            ({"https_proxy": "proxy:3128"}, ("proxy", 3128)),
            ({"ALL_PROXY": "socks5://proxy"}, ("proxy", 1080)),
            ({"HTTPS_PROXY": "http://proxy", "NO_PROXY": "huggingface.co"}, ("huggingface.co", 443)),
            ({"HTTP_PROXY": "http://proxy:3128"}, ("huggingface.co", 443)),
            ({"HTTPS_PROXY": "http://proxy:port"}, ("proxy", 80)),
        ],
    )
    def test_the_first_machine_on_the_way_is_asked(
        self, environment: dict[str, str], first: tuple[str, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert hub._first_hop() == first

    def test_a_name_that_takes_long_to_look_up_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        known = threading.Event()
        late: list[bool] = []

        def slow(*_: Any, **__: Any) -> None:
            late.append(not known.wait(60))
            raise OSError

        monkeypatch.setattr(hub.socket, "create_connection", slow)
        monkeypatch.setattr(hub, "_PROBE", 0.2)
        assert hub._connects("slow.example", 443) is False
        assert late == [], "nobody waited for it"
        known.set()
