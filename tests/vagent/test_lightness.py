"""What is not needed is not loaded, nobody is asked who need not be, and what is needed is loaded once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tools.test_engine_contracts import overrides_for
from vagent.configs import load
from vagent.tools import engines
from vagent.tools.embeddings.minilm import MiniLM
from vagent.tools.engines import SENSES, Sense

ROOT = Path(__file__).parents[2]
MODELS = (
    "torch torchvision transformers sentence_transformers accelerate ultralytics easyocr whisper faster_whisper "
    "ctranslate2 huggingface_hub scipy"
).split()
"""What runs models from a hub: seconds to load, and hundreds of megabytes."""

CLUSTER = ("ray", "fsspec")
"""What only --ray needs."""

HEAVY = (
    *MODELS,
    *CLUSTER,
    *"numpy cv2 av faiss langgraph langchain_core httpx onnxruntime rapidocr tokenizers".split(),
)

INDEXING = (
    "vagent.index.video.pipeline",
    "vagent.index.batch.run",
    "vagent.index.bundle.importing",
    "onnx",
    "cv2",
    "av",
)
"""What only making or moving an index needs."""

ANSWERING = ("vagent.agent.ask", "vagent.agent.graph", "langgraph", "langchain_core", "langsmith")
"""What only an answer needs."""

UNUSED = ("langsmith.types.run", "langgraph_sdk.client", "websockets")
"""What LangGraph imports by itself for those who use its server, and LangSmith's."""

PROGRAM = """
import json, sys
from tests.engine_loading import block_network, wanted
block_network()
names, arguments = json.loads(sys.argv[1]), sys.argv[2:]
out, sys.stdout = sys.stdout, sys.stderr
code = 0
if arguments:
    sys.argv = ["vagent", *arguments]
    from vagent.cli import main
    try:
        main()
    except SystemExit as stop:
        code = stop.code or 0
else:
    import vagent
print(json.dumps({"code": code, "loaded": [n for n in names if n in sys.modules], "network": wanted}), file=out)
"""


def environment() -> dict[str, str]:
    """The environment of the test, but for what keeps libraries off the network: here that is ours to do."""
    paths = os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])
    return {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "0"}


def loaded(*arguments: object, watched: tuple[str, ...] | list[str] = (*MODELS, *CLUSTER)) -> list[str]:
    """Which of some modules a command of vagent loads, without a network that it could reach; it must not try."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(watched), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["code"], found["network"]) == (0, []), done.stderr
    names: list[str] = found["loaded"]
    return names


class TestModules:
    def test_importing_loads_nothing_heavy(self) -> None:
        assert loaded(watched=HEAVY) == []

    @pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["ask", "--help"], ["models", "pull", "--help"]])
    def test_help_loads_nothing_heavy(self, arguments: list[str]) -> None:
        assert loaded(*arguments, watched=HEAVY) == []

    @pytest.mark.parametrize("arguments", [["models", "list"], ["models", "pull", "--dry-run"], ["config", "show"]])
    def test_looking_at_models_loads_none(self, arguments: list[str]) -> None:
        assert loaded(*arguments, watched=HEAVY) == []

    def test_the_doctor_loads_none(self) -> None:
        command = [sys.executable, "-c", PROGRAM, json.dumps(MODELS), "doctor"]
        given = {**environment(), "VAGENT_OFFLINE": "1"}  # else it asks whether the hub answers, and may
        done = subprocess.run(command, capture_output=True, text=True, env=given, check=True)
        assert json.loads(done.stdout) == {"code": 0, "loaded": [], "network": []}

    def test_indexing_quickly_loads_no_models_of_torch(self, film: Path, tmp_path: Path) -> None:
        video = tmp_path / film.name  # without its subtitles: speech recognition is looked for
        shutil.copy(film, video)
        assert loaded("index", video, "--preset", "quick", "--library", tmp_path / "library") == []

    @pytest.mark.parametrize(
        ("arguments", "watched"),
        [
            (["list"], (*(name for name in HEAVY if name != "numpy"), *INDEXING, *ANSWERING)),
            (["search", "umbrella"], (*MODELS, *INDEXING, *ANSWERING)),
            (["ask", "Who forgot her umbrella?"], (*MODELS, *INDEXING, *UNUSED)),
        ],
        ids=["list", "search", "ask"],
    )
    def test_an_index_is_read_without_what_is_not_needed(
        self, arguments: list[str], watched: tuple[str, ...], indexed: Path
    ) -> None:
        MiniLM(load(env={})).embed(["exported now, if it was not before"])
        assert loaded(*arguments, "--library", indexed, watched=watched) == []


def engines_here() -> list[tuple[Sense, str]]:
    """All engines but the one whose model is on a server: it is nothing without a network."""
    return [(sense, name) for sense in SENSES for name in engines.names(sense) if name != "openai"]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Sense, str], dict[str, Any]]:
    """What each engine that can run here did, in one process without a network."""
    asked = []
    for sense, name in engines_here():
        given = overrides_for(sense, name)
        settings = load({"device": "cpu", **given, "engines": {sense: name}, "offline": True}, env={})
        if engines.check(sense, name, settings).ready:
            asked.append({"sense": sense, "name": name, "settings": given})
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine_loading"],
        input=json.dumps(asked, default=str),
        capture_output=True,
        text=True,
        env={**environment(), "HOME": str(tmp_path_factory.mktemp("home")), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    return {(one["sense"], one["name"]): result for one, result in zip(asked, results, strict=True)}


@pytest.mark.timeout(900)  # the first of them imports everything that there is
@pytest.mark.parametrize(("sense", "name"), engines_here())
class TestEngines:
    def outcome(self, outcomes: dict[tuple[Sense, str], dict[str, Any]], sense: Sense, name: str) -> dict[str, Any]:
        if (sense, name) not in outcomes:
            pytest.skip(f"{name} cannot run here")
        return outcomes[sense, name]

    def test_offline_it_works_and_asks_nobody(self, sense: Sense, name: str, outcomes: Any) -> None:
        found = self.outcome(outcomes, sense, name)
        assert (found["error"], found["network"]) == (None, [])

    def test_two_threads_load_its_model_once(self, sense: Sense, name: str, outcomes: Any) -> None:
        found = self.outcome(outcomes, sense, name)
        assert found["together"] == found["alone"] > 0
