"""The example of an engine in a package of its own, with its model in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.media_files import write_video
from tests.openai_server import plain
from vagent.configs import load as load_settings
from vagent.errors import EngineFailed, EngineUnavailable

SOURCE = Path(__file__).parents[2] / "examples" / "engines" / "process"
WORKERS = SOURCE / "workers"
FRAMES = [(10.0, plain("red")), (20.0, plain("blue")), (30.0, plain("green"))]
TOLD = "red at 00:00:10.0, blue at 00:00:20.0, green at 00:00:30.0"


def module(file: Path) -> Any:
    """A Python file as a module, without touching where modules are looked for."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def command(*parts: object) -> str:
    return shlex.join([sys.executable, *map(str, parts)])


COLOURS = command(WORKERS / "worker.py", WORKERS / "colours.py")
Make = Callable[..., Any]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes an engine with a command; all are closed in the end."""
    made: list[Any] = []

    def engine(started: str, **values: Any) -> Any:
        monkeypatch.setenv("VAGENT_PROCESS_COMMAND", started)
        settings = load_settings({"videollm": {"timeout": 20.0} | values}, env={})
        made.append(module(SOURCE / "vagent_process.py").ProcessVideoLLM(settings))
        return made[-1]

    yield engine
    for one in made:
        one.close()


@pytest.fixture
def recipe(tmp_path: Path, make: Make) -> Make:
    """Makes an engine whose worker runs a recipe given as the body of ``answer``."""

    def engine(body: str, before: str = "pass", **values: Any) -> Any:
        file = tmp_path / "recipe.py"
        file.write_text(
            f"import os, sys, time\ndef load():\n    {before}\n"
            f"    def answer(pictures, times, prompt, tokens):\n        {body}\n    return answer\n"
        )
        return make(command(WORKERS / "worker.py", file), **values)

    return engine


def running(engine: Any) -> int:
    """The worker's process number."""
    return int(engine._worker._process.pid)


def failing(engine: Any) -> str:
    with pytest.raises(EngineFailed) as error:
        engine.answer(FRAMES, "?")
    assert "\n" not in str(error.value)
    return str(error.value)


class TestWorker:
    def test_it_sees_the_true_colours_in_order_with_their_times(self, make: Make) -> None:
        engine = make(COLOURS)
        assert engine.answer(FRAMES, "?") == TOLD
        first = running(engine)
        assert engine.answer(FRAMES[::-1], "?") == TOLD
        assert running(engine) == first

    def test_arguments_reach_the_recipe(self, make: Make) -> None:
        assert make(COLOURS + " yellow blue").answer(FRAMES[:2], "?") == "yellow at 00:00:10.0, blue at 00:00:20.0"

    def test_what_it_is_asked(self, recipe: Make) -> None:
        engine = recipe("return repr((times, prompt, tokens, [os.path.basename(p) for p in pictures]))", frames=2)
        assert engine.answer(FRAMES, 'say "é\n"', tokens=5) == repr(
            ([10.0, 30.0], 'say "é\n"', 5, ["0000.jpg", "0001.jpg"])
        )
        assert engine.answer([], "?") == repr(([], "?", 256, []))

    def test_pictures_are_gone_afterwards(self, recipe: Make) -> None:
        file = Path(recipe("return pictures[0] if os.path.isfile(pictures[0]) else 'none'").answer(FRAMES, "?"))
        assert file.suffix == ".jpg"
        assert not file.parent.exists()

    def test_what_libraries_print_is_no_answer(self, recipe: Make) -> None:
        engine = recipe("print('50 %'); os.system('echo child'); return sys.stdin.read() + 'ok'", "print('loading')")
        assert engine.answer(FRAMES, "?") == "ok"

    def test_much_noise_does_not_stop_it(self, recipe: Make) -> None:
        assert recipe("sys.stderr.write('x' * 3_000_000); return 'ok'").answer(FRAMES, "?") == "ok"

    def test_captions_and_streams_come_from_answers(self, make: Make) -> None:
        engine = make(COLOURS)
        assert engine.caption([FRAMES[:1], FRAMES[1:2]], ["?", "?"]) == ["red at 00:00:10.0", "blue at 00:00:20.0"]
        assert list(engine.stream(FRAMES, "?")) == [TOLD]

    def test_threads_ask_one_worker_one_after_the_other(self, make: Make) -> None:
        engine, found = make(COLOURS), {}

        def ask(number: int) -> None:
            found[number] = engine.answer([(float(number), plain("green"))], "?")

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == {i: f"green at 00:00:0{i}.0" for i in range(4)}


class TestFailures:
    def test_an_error_of_the_model_is_told_and_the_worker_stays(self, recipe: Make) -> None:
        engine = recipe("return 'ok' if prompt == 'good' else 1 / 0")
        assert "ZeroDivisionError: division by zero" in failing(engine)
        first = running(engine)
        assert engine.answer(FRAMES, "good") == "ok"
        assert running(engine) == first

    def test_a_worker_that_dies_is_told_with_its_last_words_and_started_again(self, recipe: Make) -> None:
        engine = recipe("return 'ok' if prompt == 'good' else (print('CUDA error', file=sys.stderr), os._exit(3))")
        told = failing(engine)
        assert "it ended (exit code 3): 'CUDA error'" in told
        assert engine.answer(FRAMES, "good") == "ok"

    def test_one_that_was_killed_between_questions_is_started_again(self, make: Make) -> None:
        engine = make(COLOURS)
        assert engine.answer(FRAMES, "?") == TOLD
        first = running(engine)
        engine._worker._process.kill()
        engine._worker._process.wait()
        assert engine.answer(FRAMES, "?") == TOLD
        assert running(engine) != first

    def test_one_that_takes_too_long_is_ended(self, recipe: Make) -> None:
        engine = recipe("time.sleep(60 if prompt == '?' else 0); return 'ok'", timeout=0.5)
        begin = time.monotonic()
        assert "no answer within 0.5 s; raise videollm.timeout" in failing(engine)
        assert time.monotonic() - begin < 10
        assert engine.answer(FRAMES, "quick") == "ok"

    def test_one_that_is_never_ready_is_ended(self, recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VAGENT_PROCESS_LOADING", "0.3")
        assert "it was not ready within 0.3 s" in failing(recipe("return ''", "time.sleep(60)"))
        monkeypatch.setenv("VAGENT_PROCESS_LOADING", "long")
        with pytest.raises(EngineUnavailable, match="not a number of seconds: 'long'"):
            recipe("return ''").answer(FRAMES, "?")

    def test_a_model_that_cannot_be_loaded(self, recipe: Make) -> None:
        told = failing(recipe("return ''", "import no_such_repository"))
        assert "it ended (exit code 1): \"ModuleNotFoundError: No module named 'no_such_repository'\"" in told

    @pytest.mark.parametrize(
        ("said", "message"),
        [
            ("print('Loading weights...')", "instead of one line of JSON"),
            ("print('[1]')", "instead of one line of JSON"),
            ("print('[' * 100000)", "instead of one line of JSON"),
            ("print('{}')", "did not say that it is ready"),
            ("print('x' * 3000000)", "instead of one line of JSON"),
            ('print(\'{"ready": true}\'); input(); print(\'{"id": 99, "text": "old"}\')', "answered another question"),
            ('print(\'{"ready": true}\'); input(); print(\'{"id": 1, "text": 5}\')', "without a text"),
            (
                "print('{\"ready\": true}'); input(); sys.stdout.buffer.write(b'\\xff\\n')",
                "instead of one line of JSON",
            ),
            ("print('{\"ready\": true}'); input(); print('{\"id\": 1', end='')", "instead of one line of JSON"),
            ("print('{\"ready\": true}'); input()", "it ended (exit code 0)"),
            ("print('{\"ready\": true}'); sys.stdin.close()", "it ended (exit code 0)"),
        ],
    )
    def test_one_that_speaks_something_else(self, make: Make, tmp_path: Path, said: str, message: str) -> None:
        file = tmp_path / "odd.py"
        file.write_text(f"import sys\n{said}\nsys.stdout.flush()\n")
        assert message in failing(make(command("-u", file)))

    @pytest.mark.parametrize(
        ("started", "reason"), [("", "is not set"), ("'", "is not set"), ("/no/such x", "no program")]
    )
    def test_a_command_that_cannot_be_run(self, make: Make, started: str, reason: str) -> None:
        engine = make(started)
        status = engine.check(engine.settings)
        assert not status.ready
        assert reason in status.reason
        assert "VAGENT_PROCESS_COMMAND" in (status.fix or "")
        with pytest.raises(EngineUnavailable):
            engine.answer(FRAMES, "?")

    def test_closing_ends_the_worker_and_a_question_starts_it_again(self, make: Make) -> None:
        engine = make(COLOURS)
        engine.answer(FRAMES, "?")
        process = engine._worker._process
        engine.close()
        engine.close()
        assert process.returncode == 0
        assert engine.answer(FRAMES, "?") == TOLD

    def test_the_other_environment_is_not_disturbed_by_ours(
        self, recipe: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PYTHONPATH", "/ours")
        assert recipe("return os.environ.get('PYTHONPATH', 'none')").answer(FRAMES, "?") == "none"

    def test_the_revision_tells_one_command_from_another(self, make: Make) -> None:
        one, other = make(COLOURS).revision, make(COLOURS + " red").revision
        assert one.startswith("process 1.0 colours.py ")
        assert one != other


class TestRecipes:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("<frame 0/100> <frame 99/100>", "00:00:10.0 00:00:30.0"),
            ("from <frame 25/101> on", "from 00:00:15.0 on"),
            ("<frame 500/100>", "00:00:30.0"),
            ("<frame 3/1> <frame 3/0>", "00:00:10.0 00:00:10.0"),
            ("<frame x/100> <frame 1>", "<frame x/100> <frame 1>"),
        ],
    )
    def test_frame_numbers_become_times_of_the_video(self, recipe: Make, text: str, told: str) -> None:
        engine = recipe("return prompt")
        assert engine.answer(FRAMES, text) == told

    @pytest.mark.parametrize(
        ("said", "marked"),
        [
            ("From 10 to 35, a man runs.", "From <frame 10/100> to <frame 35/100>, a man runs."),
            ("In frames 05-09 a dog", "In frames <frame 05/100>-<frame 09/100> a dog"),
            ("between 1 and 2; frame 99.", "between <frame 1/100> and <frame 2/100>; frame <frame 99/100>."),
            ("3 dogs run from 1990 to 2000", "3 dogs run from 1990 to 2000"),
        ],
    )
    def test_vtimellm_numbers_are_marked(self, said: str, marked: str) -> None:
        assert module(WORKERS / "for_vtimellm.py").marked(said) == marked

    def test_vtimellm_sees_the_picture_nearest_to_each_of_its_moments(self) -> None:
        nearest = module(WORKERS / "for_vtimellm.py").nearest
        found = nearest([10.0, 11.0, 30.0])
        assert len(found) == 100
        assert found == sorted(found)
        assert [found.count(i) for i in range(3)] == [3, 49, 48]
        assert nearest([5.0]) == [0] * 100

    @pytest.mark.parametrize("recent", [True, False])
    def test_videollama2_is_called_as_its_repository_is(
        self, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recent: bool
    ) -> None:
        """Against a stand-in with the signatures of the repository, at both of its interfaces."""
        (tmp_path / "videollama2.py").write_text(STAND_IN + (RECENT if recent else OLD))
        started = command("-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv.pop(0); "
                          "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')",
                          WORKERS / "worker.py", WORKERS / "for_videollama2.py", "a/model")  # fmt: skip
        told = make(started).answer(FRAMES, "What <video>?", tokens=7)
        names = ["0000.jpg"] * 2 + ["0001.jpg"] * 1 + ["0002.jpg"] * 2
        assert json.loads(told) == ["a/model", names, "What (video)?", 7 if recent else None]


STAND_IN = """
import json, os
class Model:
    class config:
        num_frames = 5
def looked(paths):
    assert all(os.path.isfile(path) for path in paths)
    return [os.path.basename(path) for path in paths]
"""
RECENT = """
def model_init(model_path=None, **kwargs):
    Model.path = model_path
    return Model, {"image": None, "video": looked}, "tokenizer"
def mm_infer(image_or_video, instruct, model, tokenizer, modal="video", **kwargs):
    assert (tokenizer, modal, kwargs["do_sample"]) == ("tokenizer", "video", False)
    return json.dumps([model.path, image_or_video, instruct, kwargs["max_new_tokens"]])
"""
OLD = """
def model_init(model_path=None):
    Model.path = model_path
    return Model, looked, "tokenizer", "llama2"
def x_infer(video, question, model, tokenizer, mode="vanilla", do_sample=False, version="llama2"):
    assert (tokenizer, mode, version) == ("tokenizer", "vanilla", "llama2")
    return json.dumps([model.path, video, question, None])
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the example is installed in, as pip does it."""
    folder = tmp_path_factory.mktemp("installed")
    source = shutil.copytree(SOURCE, folder / "source")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    pip = [sys.executable, "-m", "pip", "install", *options, "--target", str(folder / "target"), str(source)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "target"


class TestInstalled:
    def run(self, installed: Path, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join([str(installed), *(p for p in sys.path if p)])
        return subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": paths} | environment,
        )  # fmt: skip

    def test_it_is_found_and_goes_first(self, installed: Path) -> None:
        program = """
from vagent.configs import load
from vagent.errors import EngineUnavailable
from vagent.tools import engines
print(*engines.names("videollm"))
print(engines.choose("videollm", load({"videollm": {"endpoint": "http://localhost/v1"}})).name)
try:
    print(engines.choose("videollm", load({"engines": {"videollm": "process"}})).name)
except EngineUnavailable as error:
    print(error)
"""
        done = self.run(installed, program)
        assert done.stderr == ""
        known, auto, named = done.stdout.splitlines()
        assert known.split()[:2] == ["process", "openai"]
        assert auto == "openai"
        assert named.startswith("videollm engine process cannot run here: VAGENT_PROCESS_COMMAND is not set")
        done = self.run(installed, program, VAGENT_PROCESS_COMMAND=COLOURS)
        assert done.stdout.splitlines()[1:] == ["process", "process"]

    def test_the_command_line_takes_it(self, installed: Path, tmp_path: Path) -> None:
        film = write_video(
            tmp_path / "film.mp4", [plain(n, (160, 120)) for n in ("red", "blue") for _ in "0123"], fps=2
        )
        arguments = ["ask", str(film), "Which colours can be seen in the picture?", "--json", "--engine",
                     "videollm=process", "--engine", "text=off", "--library", str(tmp_path / "library")]  # fmt: skip
        program = f"import sys; from vagent.cli import main; sys.argv[1:] = {arguments!r}; main()"
        done = self.run(installed, program, VAGENT_PROCESS_COMMAND=COLOURS)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer["engines"]["videollm"] == "process"
        assert "red at 00:00:00.0, red at 00:00:01.0, blue at 00:00:02.0, blue at 00:00:03.0" in answer["answer"]
