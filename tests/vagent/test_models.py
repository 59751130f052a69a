"""`vagent models` and what `vagent doctor` says of models, against a hub of the test's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hub_server import Hub, Repo, serve
from tests.models import visual
from tests.tools.test_weights import GB, model, tensors
from tests.vagent.conftest import Outcome
from vagent import _fetching
from vagent.tools.weights import machine
from vagent.tools.weights.catalog import catalogue
from vagent.tools.weights.download import Fetching

Run = Callable[..., Outcome]
DETECTOR = "PekingU/rtdetr_v2_r18vd"


@pytest.fixture(autouse=True)
def laptop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with 16 GB and no card, and a folder for its models."""
    monkeypatch.setattr(machine, "_ram", lambda: 16 * GB)
    monkeypatch.setattr(machine, "_cards", lambda: ())
    monkeypatch.setenv("VAGENT_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has every model of the set for this machine, each a few bytes long."""
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with serve() as one:
        for name in catalogue().sets["cpu"].models.values():
            known = catalogue().models[name]
            speech = {"config.json": b"{}", "model.bin": b"ct2" * 2000, "tokenizer.json": b"{}", "vocabulary.txt": b""}
            others = {"config.json": b"{}", "model.safetensors": tensors(2000)}
            one.repos[known.hub or ""] = Repo(dict(speech if known.sense == "speech" else others))
        monkeypatch.setenv("HF_ENDPOINT", one.url)
        yield one


def rows(outcome: Outcome) -> list[dict[str, object]]:
    assert outcome.code == 0, outcome.err
    found: list[dict[str, object]] = json.loads(outcome.out)
    return found


class TestList:
    def test_it_holds_what_is_known_and_marks_what_is_here(self, run: Run, laptop: Path) -> None:
        there = model(laptop / "qwen3.5-0.8b")
        found = {row["model"]: row for row in rows(run("models", "list", "--json"))}
        assert set(catalogue().models) < set(found)
        assert found["qwen3.5-0.8b"] == {
            "sense": "videollm",
            "role": "videollm",
            "model": "qwen3.5-0.8b",
            "hub": "Qwen/Qwen3.5-0.8B",
            "engines": ["transformers"],
            "size": 1_800_000_000,
            "licence": "Apache-2.0",
            "note": catalogue().models["qwen3.5-0.8b"].note,
            "recommended": True,
            "path": str(there),
        }
        assert (found["owlv2-base"]["sense"], found["owlv2-base"]["role"]) == ("objects", "find")
        assert (found["qwen3.8-27b"]["path"], found["qwen3.8-27b"]["recommended"]) == (None, False)
        bundled = found["all-MiniLM-L6-v2"]
        assert Path(str(bundled["path"])).is_dir()
        assert (bundled["sense"], bundled["licence"], bundled["note"]) == (
            "embeddings",
            "Apache-2.0",
            "comes with vagent",
        )

    def test_without_a_command_it_lists(self, run: Run) -> None:
        assert run("models", "--json") == run("models", "list", "--json")
        assert run("models") == run("models", "list")

    def test_people_see_a_table_for_their_machine(self, run: Run, laptop: Path) -> None:
        model(laptop / "owlv2-base")
        lines = run("models", "list", "find").out.splitlines()
        assert lines[0].startswith("This machine has 16 GB of memory and no graphics card for models; set cpu suits it")
        assert lines[2:5] == [
            "find",
            "  * here  owlv2-base             622 MB  Apache-2.0    finds small things; 960 x 960 pixels a picture",
            f"            {laptop / 'owlv2-base'}",
        ]
        assert lines[5].split()[:3] == ["grounding-dino-tiny", "690", "MB"]

    def test_models_of_the_users_own_are_among_them(self, run: Run, laptop: Path) -> None:
        model(laptop / "mine")
        model(laptop / ".hidden")
        (laptop / "notes").mkdir()
        own = [row for row in rows(run("models", "--json")) if row["role"] == ""]
        assert [(row["model"], row["path"]) for row in own] == [("mine", str(laptop / "mine"))]

    def test_a_sense_that_is_none_is_refused(self, run: Run) -> None:
        done = run("models", "list", "smell")
        assert (done.code, done.out) == (1, "")
        assert "no models are for this: 'smell'; allowed: speech, text, objects, find" in done.err


class TestPull:
    def test_without_a_name_it_fetches_what_suits_the_machine(self, run: Run, server: Hub, laptop: Path) -> None:
        done = run("models", "pull")
        assert done.code == 0, done.err
        names = list(catalogue().sets["cpu"].models.values())
        assert [line.split()[:2] for line in done.out.splitlines()] == [["here", name] for name in names]
        assert done.err.splitlines()[:2] == ["6 of 6 models to fetch, about 4.5 GB", "  whisper-base  148 MB"]
        assert "fetching whisper-base (6.0 kB)" in done.err
        assert run("models", "pull", "--dry-run", "--json").code == 0
        assert all(row["status"] == "here" for row in rows(run("models", "pull", "--dry-run", "--json")))
        server.requests.clear()
        assert run("models", "pull").err.splitlines()[0] == "0 of 6 models to fetch"
        assert not server.asked("/resolve/")

    @pytest.mark.parametrize(
        ("asked", "names"),
        [
            (["objects"], ["rtdetr-r18"]),
            (["find", "sounds"], ["owlv2-base", "ast-audioset"]),
            (["embeddings"], ["e5-small"]),
            (["rtdetr-r18", DETECTOR, "objects"], ["rtdetr-r18"]),
            (["8gb"], list(catalogue().sets["8gb"].models.values())),
            (["org/other@v1"], ["org/other@v1"]),
        ],
    )
    def test_models_senses_and_sets_can_be_named(self, run: Run, asked: list[str], names: list[str]) -> None:
        planned = rows(run("models", "pull", *asked, "--dry-run", "--json"))
        assert [row["model"] for row in planned] == names
        assert {row["status"] for row in planned} == {"to fetch"}

    def test_a_dry_run_tells_sizes_and_asks_nobody(self, run: Run, server: Hub, laptop: Path) -> None:
        model(laptop / "rtdetr-r18")
        done = run("models", "pull", "objects", "find", "--dry-run")
        assert done.out.splitlines() == [
            f"here      rtdetr-r18  81 MB  {laptop / 'rtdetr-r18'}",
            "to fetch  owlv2-base  622 MB  google/owlv2-base-patch16-ensemble",
        ]
        assert server.requests == []

    def test_one_that_cannot_be_had_does_not_keep_the_others_away(self, run: Run, server: Hub, laptop: Path) -> None:
        server.repos[DETECTOR].gated = True
        done = run("models", "pull", "rtdetr-r18", "owlv2-base", "--json")
        assert done.code == 1
        failed, fetched = json.loads(done.out)
        assert (failed["status"], fetched["status"]) == ("failed", "here")
        assert "hf auth login" in failed["error"]
        assert fetched["path"] == str(laptop / "google--owlv2-base-patch16-ensemble")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["pull", "gramophone"], "unknown model: 'gramophone'"),
            (["pull", "rtdetr-r81"], "near: rtdetr-r18"),
            (["pull", "text"], "no model is known for this: 'text'"),
            (["pull", "objects"], "rtdetr-r18 cannot be fetched: offline is set"),
            (["path", "gramophone"], "unknown model"),
            (["path", "rtdetr-r18"], "rtdetr-r18 is not on this machine; vagent models pull rtdetr-r18"),
        ],
    )
    def test_what_cannot_be_done_costs_one_line(self, run: Run, arguments: list[str], message: str) -> None:
        done = run("models", *arguments)
        assert (done.code, done.out) == (1, "")
        last = done.err.splitlines()[-1]
        assert last.startswith("vagent: ") and message in last

    def test_what_runs_a_model_may_still_have_to_be_installed(
        self, run: Run, server: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from vagent import _models
        from vagent.tools.engines import Status

        assert "needs:" not in run("models", "pull", "visual").err
        lacks = Status(False, "rare not installed", "pip install 'vagent[rare]'")
        monkeypatch.setattr(_models, "check", lambda *_: lacks)
        assert "notice: siglip2-base needs: pip install 'vagent[rare]'\n" in run("models", "pull", "visual").err

    def test_a_hub_out_of_reach_is_said_within_two_seconds(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
        begin = time.monotonic()
        done = run("models", "pull")
        assert time.monotonic() - begin < 60
        assert done.code == 1
        assert done.err.count("cannot be reached") == 1

    def test_ctrl_c_keeps_what_came_and_the_next_run_goes_on(self, server: Hub, laptop: Path) -> None:
        server.repos[DETECTOR].files["model.safetensors"] = tensors(200_000)
        server.pace = 0.005
        command = [sys.executable, "-m", "vagent.cli", "models", "pull", "rtdetr-r18"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        part = laptop / ".incomplete" / "PekingU--rtdetr_v2_r18vd" / "model.safetensors.incomplete"
        stopped = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        until = time.monotonic() + 30
        while not (part.is_file() and part.stat().st_size > 50_000) and time.monotonic() < until:
            time.sleep(0.02)
        stopped.send_signal(signal.SIGINT)
        out, err = stopped.communicate(timeout=30)
        assert (stopped.returncode, out) == (130, "")
        assert "Traceback" not in err
        kept = part.stat().st_size
        assert kept > 50_000
        server.pace = 0.0
        server.requests.clear()
        again = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        assert again.stdout.startswith("here")
        (request,) = server.asked("/stored/")
        assert request.headers["range"] == f"bytes={kept}-"


class TestPath:
    def test_it_prints_folders(self, run: Run, laptop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert run("models", "path").out == f"{laptop}\n"
        there = model(laptop / "Qwen" / "Qwen3.5-0.8B")
        assert run("models", "path", "qwen3.5-0.8b").out == f"{there}\n"
        assert Path(run("models", "path", "all-MiniLM-L6-v2").out.strip()).is_dir()
        monkeypatch.delenv("VAGENT_MODELS")
        monkeypatch.setenv("HF_HOME", "/somewhere")
        assert run("models", "path").out == "/somewhere/hub\n"


class TestDoctor:
    def test_it_tells_the_machine_its_set_and_the_commands(self, run: Run, laptop: Path) -> None:
        found = json.loads(run("doctor", "--json").out)
        assert found["machine"] == {
            "memory": 16 * GB,
            "card": 0,
            "set": "cpu",
            "title": "a laptop without a graphics card",
            "size": sum(catalogue().models[name].size for name in catalogue().sets["cpu"].models.values()),
        }
        assert found["hub"] == "not asked: offline is set"
        assert f"the folder of models is not there: {laptop}" in found["problems"]
        senses = {sense["sense"]: sense for sense in found["senses"]}
        assert any("siglip2-base" in line for line in senses["visual"]["better"])
        assert "set cpu suits it" in run("doctor").out

    def test_it_says_whether_the_hub_answers(
        self, run: Run, server: Hub, laptop: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        laptop.mkdir()
        found = json.loads(run("doctor", "--json").out)
        assert found["hub"] == "127.0.0.1 can be reached"
        senses = {sense["sense"]: sense for sense in found["senses"]}
        assert any(line.endswith("vagent models pull siglip2-base") for line in senses["visual"]["better"])
        assert not [problem for problem in found["problems"] if "models" in problem]
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
        begin = time.monotonic()
        assert "127.0.0.1 cannot be reached" in json.loads(run("doctor", "--json").out)["hub"]
        assert time.monotonic() - begin < 60


class TestFirstUse:
    def test_an_engine_asked_for_by_name_fetches_its_model_and_says_so(
        self, run: Run, server: Hub, laptop: Path, film: Path, tmp_path: Path
    ) -> None:
        tiny = visual.folder("siglip2")
        files = {path.relative_to(tiny).as_posix(): path.read_bytes() for path in tiny.rglob("*") if path.is_file()}
        server.repos["google/siglip2-base-patch16-224"] = Repo(files)
        library = ("--library", tmp_path / "library", "--engine", "text=off")
        assert run("index", film, *library).code == 0
        assert server.requests == []  # auto fetches nothing
        done = run("index", film, *library, "--engine", "visual=transformers")
        assert done.code == 0, done.err
        assert "fetching siglip2-base (" in done.err
        assert (laptop / "google--siglip2-base-patch16-224" / "config.json").is_file()
        server.requests.clear()
        again = run("index", film, *library, "--engine", "visual=transformers")
        assert again.out.splitlines()[-1] == "1 unchanged"  # the index names the model that it was made with
        assert server.requests == []

    def test_one_whose_model_does_not_come_ends_in_one_line(
        self, run: Run, server: Hub, film: Path, tmp_path: Path
    ) -> None:
        del server.repos["google/siglip2-base-patch16-224"]
        done = run("index", film, "--library", tmp_path / "library", "--engine", "visual=transformers")
        assert done.code == 1
        assert "there is no model google/siglip2-base-patch16-224 on 127.0.0.1" in done.err + done.out
        assert "Traceback" not in done.err


class TestProgress:
    def test_without_a_terminal_lines_are_plain(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = iter([0.0, 1.0, 20.0, 21.0])
        monkeypatch.setattr(_fetching.time, "monotonic", lambda: next(clock))
        with _fetching.bar() as told:
            assert told is not None
            for done in (0, 100, 400 * 10**6, 500 * 10**6):
                told(Fetching("a\x1b[31m", "model.safetensors", done, 10**9))
        assert capsys.readouterr().err.splitlines() == [
            "fetching a\\x1b[31m (1.0 GB)",
            "  400 MB of 1.0 GB, about 00:00:30 left",
        ]

    def test_on_a_terminal_there_is_a_bar(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from tests.vagent.test_indexing import Terminal

        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "100")
        with _fetching.bar() as told:
            assert told is not None
            told(Fetching("tiny", "model.safetensors", 250 * 10**6, 10**9))
            told(Fetching("other", "model.safetensors", 0, 10**9))
        assert "other" in terminal.text
        assert "GB" in terminal.text

    def test_programs_see_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        with _fetching.bar(enabled=False) as told:
            assert told is not None
            told(Fetching("tiny", "model.safetensors", 1, 2))
        assert capsys.readouterr() == ("", "")
