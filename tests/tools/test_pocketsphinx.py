"""The bundled recogniser: what it hears, and that its process never hangs, lingers or takes the program with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.sounds import NO_SPEECH, RATE, SENTENCES, load, speech
from vagent.configs import Settings
from vagent.configs import load as load_settings
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools.speech import _sphinx_worker, pocketsphinx
from vagent.tools.speech.pocketsphinx import PocketSphinx

FERRY = speech()[int(6.5 * RATE) : int(10.3 * RATE)]


@pytest.fixture(scope="module")
def engine() -> Iterator[PocketSphinx]:
    engine = PocketSphinx(load_settings(env={}))
    yield engine
    engine.close()


def in_language(language: str | None) -> Settings:
    return load_settings({"speech": {"language": language}}, env={})


class TestHearing:
    def test_a_sentence_with_the_times_of_its_words(self, engine: PocketSphinx) -> None:
        (said,) = engine.transcribe(FERRY, 106.5)
        assert said.text == SENTENCES[1][2]
        assert [w.text for w in said.words] == said.text.split()
        assert (said.confidence, said.language) == (None, "en")
        assert said.span.start == said.words[0].span.start == pytest.approx(106.8, abs=0.15)
        assert said.span.end == said.words[-1].span.end == pytest.approx(109.9, abs=0.15)
        assert all(a.span.end <= b.span.start + 0.011 for a, b in pairwise(said.words))
        passengers = said.words[4].span
        assert 108.2 < passengers.start < passengers.end < 109.3

    def test_most_words_of_the_longer_sentence(self, engine: PocketSphinx) -> None:
        (said,) = engine.transcribe(speech()[int(0.4 * RATE) : int(5.3 * RATE)], 0.4)
        truth = SENTENCES[0][2].split()
        assert len(set(truth) & set(said.text.split())) >= 0.8 * len(set(truth))

    @pytest.mark.parametrize("name", NO_SPEECH)
    def test_nothing_where_nobody_speaks(self, engine: PocketSphinx, name: str) -> None:
        assert engine.transcribe(NO_SPEECH[name](1.0), 0.0) == []

    @pytest.mark.parametrize("count", [0, 1, 400])
    def test_hardly_any_audio(self, engine: PocketSphinx, count: int) -> None:
        assert engine.transcribe(np.zeros(count, np.int16), 5.0) == []

    def test_the_same_sound_gives_the_same_words_whatever_came_before(self, engine: PocketSphinx) -> None:
        first = engine.transcribe(FERRY, 0.0)
        engine.transcribe(NO_SPEECH["sine"](2), 0.0)
        assert engine.transcribe(FERRY, 0.0) == first

    def test_threads_are_served_side_by_side(self, engine: PocketSphinx) -> None:
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda start: engine.transcribe(FERRY, start), [0.0, 100.0]))
        assert [said.text for (said,) in found] == [SENTENCES[1][2]] * 2
        assert [said.span.start // 100 for (said,) in found] == [0, 1]

    def test_real_speech_and_music(self, engine: PocketSphinx, media: Path) -> None:
        (said,) = engine.transcribe(load(media / "jfk.flac")[int(8.1 * RATE) :], 8.1)
        assert "your country" in said.text
        music = load(media / "big_buck_bunny_0_30.webm")
        assert engine.transcribe(music[8 * RATE : 11 * RATE], 0.0) == []

    def test_fillers_and_variants_are_no_words(self) -> None:
        heard = ["<s>", "the(2)", "<sil>", "[NOISE]", "++BREATH++", "boat", "</s>"]
        parts = [SimpleNamespace(word=w, start_frame=10 * i, end_frame=10 * i + 9) for i, w in enumerate(heard)]
        decoder = SimpleNamespace(
            reinit_feat=lambda: None,
            start_utt=lambda: None,
            process_raw=lambda samples, full_utt: None,
            end_utt=lambda: None,
            hyp=lambda: "the boat",
            seg=lambda: parts,
        )
        assert _sphinx_worker.words(decoder, b"") == [("the", 0.1, 0.2), ("boat", 0.5, 0.6)]

    @pytest.mark.parametrize(
        ("heard", "seconds"),
        [
            (["and", "the"], 4.0),  # words that are too rare
            (["a"] * 30, 3.0),  # too many
            ([], 2.0),
        ],
    )
    def test_what_music_sounds_like_is_dropped(
        self, monkeypatch: pytest.MonkeyPatch, engine: PocketSphinx, heard: list[str], seconds: float
    ) -> None:
        monkeypatch.setattr(engine, "_hear", lambda samples: [(w, i / 10, i / 10 + 0.1) for i, w in enumerate(heard)])
        assert engine.transcribe(np.zeros(int(seconds * RATE), np.int16), 0.0) == []

    def test_a_word_that_lasts_for_seconds_is_dropped(
        self, monkeypatch: pytest.MonkeyPatch, engine: PocketSphinx
    ) -> None:
        heard = [("so", 0.0, 0.3), ("langley", 0.3, 2.4), ("and", 2.4, 2.7), ("so", 2.7, 3.0), ("on", 3.0, 4.0)]
        monkeypatch.setattr(engine, "_hear", lambda samples: heard + [("it", 0.0, 0.1)] * 3)
        (said,) = engine.transcribe(np.zeros(4 * RATE, np.int16), 0.0)
        assert "langley" not in said.text


class TestCheck:
    @pytest.mark.parametrize("language", [None, "en", "eng", "en-GB", "EN_us", "und"])
    def test_english_or_unknown_is_fine(self, language: str | None) -> None:
        assert PocketSphinx.check(in_language(language)).ready

    @pytest.mark.parametrize("language", ["de", "deu", "ja", "enm"])
    def test_another_language_is_refused(self, language: str) -> None:
        status = PocketSphinx.check(in_language(language))
        assert not status.ready
        assert language in status.reason

    def test_a_missing_package_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pocketsphinx, "find_spec", lambda name: None)
        status = PocketSphinx.check(in_language(None))
        assert not status.ready
        assert status.fix is not None
        assert "pip install" in status.fix


WORKER = """
import json, os, sys, time
def say(message):
    sys.stdout.write(json.dumps(message) + "\\n"); sys.stdout.flush()
say({"ready": True})
while len(header := sys.stdin.buffer.read(4)) == 4:
    sys.stdin.buffer.read(int.from_bytes(header, "little"))
    BEHAVIOUR
    say({"words": [["ferry", 0.0, 0.5]]})
"""


@pytest.fixture
def stand_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> Iterator[tuple[PocketSphinx, Path]]:
    """An engine whose worker is a small script; write what it does with a question into the file beside."""
    behaviour = tmp_path / "behaviour.py"
    behaviour.write_text("")
    script = tmp_path / "worker.py"
    script.write_text(WORKER.replace("BEHAVIOUR", f"exec(open({str(behaviour)!r}).read())"))
    monkeypatch.setattr(pocketsphinx, "_command", lambda: [sys.executable, str(script)])
    engine = PocketSphinx(settings.model_copy(update={"threads": 2}))
    yield engine, behaviour
    engine.close()


def ask(engine: PocketSphinx) -> str:
    (said,) = engine.transcribe(np.zeros(RATE // 2, np.int16), 0.0)
    return said.text


def worker(engine: PocketSphinx) -> pocketsphinx._Worker:
    """The process that one caller after the other gets."""
    found = engine._lanes[0]._worker
    assert found is not None
    return found


class TestProcess:
    def test_one_process_serves_many_questions(self, stand_in: tuple[PocketSphinx, Path]) -> None:
        engine, _ = stand_in
        ask(engine)
        pid = worker(engine)._process.pid
        assert [ask(engine) for _ in range(3)] == ["ferry"] * 3
        assert worker(engine)._process.pid == pid
        assert all(lane._worker is None for lane in engine._lanes[1:])

    def test_callers_wait_for_a_process_rather_than_start_another(
        self, stand_in: tuple[PocketSphinx, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine, _ = stand_in
        monkeypatch.setattr(pocketsphinx, "_PATIENCE", 60)
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(ask, [engine] * 12)) == ["ferry"] * 12
        assert [lane.runs for lane in engine._lanes] == [True, False]

    def test_each_of_several_callers_has_a_process_where_that_takes_long(
        self, stand_in: tuple[PocketSphinx, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine, behaviour = stand_in
        monkeypatch.setattr(pocketsphinx, "_PATIENCE", 0.1)
        # Each waits until the other has been asked too: one process for both would wait for ever.
        behaviour.write_text(
            f"open({str(tmp_path)!r} + f'/asked {{os.getpid()}}', 'w').close()\n"
            f"while sum(name.startswith('asked') for name in os.listdir({str(tmp_path)!r})) < 2: time.sleep(0.01)"
        )
        assert engine.callers == 2
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(ask, [engine] * 2)) == ["ferry"] * 2
        behaviour.write_text("")
        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(ask, [engine] * 12)) == ["ferry"] * 12

    def test_a_process_that_died_is_replaced(
        self, stand_in: tuple[PocketSphinx, Path], caplog: pytest.LogCaptureFixture
    ) -> None:
        engine, _ = stand_in
        ask(engine)
        worker(engine)._process.kill()
        worker(engine)._process.wait()
        assert ask(engine) == "ferry"
        assert "starting another" in caplog.text

    def test_one_that_dies_every_time_is_an_error_with_its_last_words(
        self, stand_in: tuple[PocketSphinx, Path]
    ) -> None:
        engine, behaviour = stand_in
        behaviour.write_text("sys.exit('no such model')")
        with pytest.raises(EngineFailed, match="pocketsphinx's process broke: no such model"):
            ask(engine)
        behaviour.write_text("os._exit(7)")
        with pytest.raises(EngineFailed, match="exit status 7"):
            ask(engine)
        behaviour.write_text("")
        assert ask(engine) == "ferry"

    def test_one_that_hangs_is_given_up(
        self, stand_in: tuple[PocketSphinx, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine, behaviour = stand_in
        ask(engine)
        monkeypatch.setattr(pocketsphinx, "_START_LIMIT", 0.2)
        monkeypatch.setattr(pocketsphinx, "_SLOW", 0.1)
        behaviour.write_text("time.sleep(100)")
        with pytest.raises(EngineFailed, match="no answer within"):
            ask(engine)
        assert engine._lanes[0]._worker is None

    @pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
    def test_one_that_reads_nothing_is_given_up(
        self, stand_in: tuple[PocketSphinx, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine, _ = stand_in
        ask(engine)
        os.kill(worker(engine)._process.pid, signal.SIGSTOP)
        monkeypatch.setattr(pocketsphinx, "_START_LIMIT", 0.2)
        monkeypatch.setattr(pocketsphinx, "_SLOW", 0.0)
        with pytest.raises(EngineFailed, match="no answer within"):
            engine.transcribe(np.zeros(RATE * 60, np.int16), 0.0)  # much more than a pipe holds

    def test_an_error_that_it_reports_is_raised(self, stand_in: tuple[PocketSphinx, Path]) -> None:
        engine, behaviour = stand_in
        behaviour.write_text("say({'error': 'bad frame'})")
        with pytest.raises(EngineFailed, match="bad frame"):
            ask(engine)

    def test_an_interrupt_leaves_no_stale_answer(
        self, stand_in: tuple[PocketSphinx, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine, _ = stand_in
        ask(engine)
        running = worker(engine)
        with monkeypatch.context() as patch:
            patch.setattr(running, "_answer", lambda message, limit: signal.raise_signal(signal.SIGINT))
            with pytest.raises(KeyboardInterrupt):
                ask(engine)
        assert running._process.poll() is not None
        assert ask(engine) == "ferry"

    def test_close_ends_the_process_and_may_be_repeated(self, stand_in: tuple[PocketSphinx, Path]) -> None:
        engine, _ = stand_in
        ask(engine)
        process = worker(engine)._process
        engine.close()
        engine.close()
        assert process.poll() is not None
        assert ask(engine) == "ferry"

    def test_close_waits_for_nobody_and_what_is_heard_then_fails(
        self, stand_in: tuple[PocketSphinx, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        engine, behaviour = stand_in
        asked = tmp_path / "asked"
        behaviour.write_text(f"open({str(asked)!r}, 'w').close(); time.sleep(100)")
        with ThreadPoolExecutor(3) as pool:  # more than there are processes
            calls = [pool.submit(ask, engine) for _ in range(3)]
            while not asked.exists():
                time.sleep(0.01)
            engine.close()
            for call in calls:
                with pytest.raises(EngineUnavailable, match="was closed"):
                    call.result(timeout=20)
        assert "starting another" not in caplog.text
        behaviour.write_text("")
        assert ask(engine) == "ferry"

    def test_the_process_ends_with_the_engine(self, stand_in: tuple[PocketSphinx, Path], settings: Settings) -> None:
        engine = PocketSphinx(settings)
        ask(engine)
        process = worker(engine)._process
        del engine
        assert process.poll() is not None

    def test_a_fork_leaves_it_alone(self, stand_in: tuple[PocketSphinx, Path], monkeypatch: pytest.MonkeyPatch) -> None:
        engine, _ = stand_in
        ask(engine)
        running = worker(engine)
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            running.end()
            assert not running.is_ours
        assert running._process.poll() is None


PROGRAM = """
import signal, sys
import numpy as np
from vagent.configs import load
from vagent.tools.speech.pocketsphinx import PocketSphinx
engine = PocketSphinx(load(env={}))
engine.transcribe(np.zeros(8000, np.int16), 0.0)
print(engine._lanes[0]._worker._process.pid, flush=True)
"""


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
class TestProgram:
    @contextmanager
    def run(self, more: str) -> Iterator[subprocess.Popen[str]]:
        paths = os.pathsep.join(p for p in sys.path if p)
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM + textwrap.dedent(more)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": paths},
        ) as program:
            try:
                yield program
            finally:
                program.kill()

    def test_the_end_of_the_program_ends_the_worker(self) -> None:
        with self.run("") as program:
            output, errors = program.communicate(timeout=60)
        assert (program.returncode, errors) == (0, "")
        assert not is_running(int(output))

    def test_control_c_is_quiet_and_ends_the_worker(self) -> None:
        more = """
            try:
                print("ready", flush=True)
                signal.pause()
            except KeyboardInterrupt:
                assert engine._lanes[0]._worker._process.poll() is None
                print("stopped")
            """
        with self.run(more) as program:
            assert program.stdout is not None
            pid = int(program.stdout.readline())
            assert program.stdout.readline() == "ready\n"
            assert os.getpgid(pid) != program.pid  # what a terminal interrupts is the group
            os.killpg(program.pid, signal.SIGINT)
            output, errors = program.communicate(timeout=60)
        assert (program.returncode, output, errors) == (0, "stopped\n", "")
        assert not is_running(pid)
